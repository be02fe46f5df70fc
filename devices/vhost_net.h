/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VHOST_NET_H
#define DEVICES_VHOST_NET_H

#include "devices/vhost.h"

#define VHOST_NET_PATH "/dev/vhost-net"

/*
 * The kernel's vhost-net: a worker of the kernel's moves frames between the rings of a network card
 * and a tap. Vring 0 receives, vring 1 sends; a card of several pairs has one for each.
 */

/**
 * vhost_net_open() - Open the kernel's back-end for a tap
 * @ret: Set only on success; vhost_free() undoes it
 * @tap: Descriptor of a queue of a tap or macvtap, with frame headers of 12 bytes; outlives it
 * @e:   Says why not, and the remedy
 *
 * Context: set-up, before the process is isolated.
 * Return:  0, or -errno: -ENOENT the host has none, -EACCES not permitted, -EOPNOTSUPP too old.
 */
int vhost_net_open(struct vhost **ret, int tap, struct err *e) MUST_CHECK;

#endif /* DEVICES_VHOST_NET_H */
