/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_NET_H
#define DEVICES_NET_H

#include "devices/virtio_net.h"
#include "vmm/config.h"

/* From what the user asked for to a network card. */

/**
 * net_new() - Open the host's end of a card and make a device of it
 * @ret:     Set only on success; virtio_net_free() undoes it
 * @cfg:     What the user asked for
 * @vm_name: The card's address follows from it and from @index; NULL: it is random
 * @index:   Number of the card from 0
 * @loop:    Loop of the thread that serves it
 * @e:       Says why not
 *
 * Context: set-up; blocks, allocates, may start a process.
 * Return:  0, or -errno.
 */
int net_new(struct virtio_net **ret, const struct config_net *cfg, const char *vm_name,
            unsigned index, struct loop *loop, struct err *e) MUST_CHECK;

/**
 * net_mac() - The address of a card that was not given one
 * @vm_name: Name of the VM
 * @index:   Number of the card
 * @ret:     Locally administered; the same for the same name and number
 */
void net_mac(const char *vm_name, unsigned index, uint8_t ret[6]);

#endif /* DEVICES_NET_H */
