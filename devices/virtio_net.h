/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "devices/net_backend.h"
#include "devices/virtio_dev.h"

/*
 * virtio-net: one network card of the guest. A frame goes between guest memory and the host's end
 * of the cable (net_backend.h) by one system call. A frame waits where it is until the other side
 * can take it: in the host's queue while the driver has no buffer, in the driver's ring while the
 * host's end is full.
 */

struct virtio_net;

struct virtio_net_setup {
	struct net_backend *backend; /* the device's from here on, also after an error */
	uint8_t mac[6];
	unsigned mtu; /* to tell the driver; 0: nothing */
	unsigned index; /* number of the card from 0: "net0" in messages */
	struct loop *loop; /* of the thread that serves it; not NULL */
};

/**
 * virtio_net_new() - Make a device of a backend
 * @ret: Set only on success
 * @s:   What it consists of
 * @e:   Says why not
 *
 * Context: set-up; allocates.
 * Return:  0; virtio_net_free() undoes it.
 * Errors:  -ENOMEM; those of virtio_dev_init() and loop_add().
 */
int virtio_net_new(struct virtio_net **ret, const struct virtio_net_setup *s,
                   struct err *e) MUST_CHECK;

/**
 * virtio_net_free() - Close the backend and free the device
 * @n: May be NULL; its thread no longer runs
 */
void virtio_net_free(struct virtio_net *n);

/**
 * virtio_net_dev() - What the transport drives
 * @n: Device; owns the result
 *
 * Return: Its common part.
 */
struct virtio_dev *virtio_net_dev(struct virtio_net *n);

/* Frames that came to nothing; those that the kernel's vhost moves are its own. */
struct virtio_net_counters {
	uint64_t refused; /* the guest's: no frame, or one that the host's end does not take */
	uint64_t lost; /* of both directions: there is no link, or the driver's buffer is too short
	                */
};

/**
 * virtio_net_counters() - What has been lost since the start
 * @n: Device; owns the result
 *
 * Context: any thread, by counter_get().
 * Return:  Its counters.
 */
const struct virtio_net_counters *virtio_net_counters(const struct virtio_net *n);

/**
 * virtio_net_set_link() - Plug the cable in, or pull it out
 * @n:  Device
 * @up: Whether the guest is to have a link
 *
 * The driver sees its carrier come or go. While there is no link, frames are lost in both
 * directions. The state is the operator's: a reset of the device does not change it.
 * Context: device thread.
 * Return:  0, also when it was so already; -EPIPE the host's end is gone, and no link can come
 *          back.
 * Spec:    virtio 1.2 section 5.1.4 (VIRTIO_NET_S_LINK_UP)
 */
int virtio_net_set_link(struct virtio_net *n, bool up) MUST_CHECK;

#endif /* DEVICES_VIRTIO_NET_H */
