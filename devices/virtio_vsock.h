/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_VSOCK_H
#define DEVICES_VIRTIO_VSOCK_H

#include "devices/virtio_dev.h"

/*
 * virtio-vsock: streams between programs of the host and of the guest, over unix sockets, in the
 * way that Firecracker and cloud-hypervisor have made usual:
 *
 * - a client of the host connects to PATH, writes "CONNECT PORT\n", and reads "OK HOSTPORT\n" when
 *   a program of the guest has taken the connection; a refusal is an end of file;
 * - a program of the guest that connects to PORT of CID 2 gets to whoever listens at PATH_PORT.
 *
 * There is room for VIRTIO_VSOCK_CONNS_MAX connections, each with a buffer of a fixed size, and
 * for nothing else that a guest could make grow.
 */

#define VIRTIO_VSOCK_CONNS_MAX 512

struct virtio_vsock;

/* What the device lives on. */
struct virtio_vsock_setup {
	uint32_t cid; /* of the guest, 3 or above */
	int listener; /* from unixsock_listen(); the device's from now on, also if it is not made */
	int connector; /* for connector_ask(); outlives the device */
};

/**
 * virtio_vsock_new() - Make the device
 * @ret:   Set only on success
 * @setup: Copied
 * @loop:  Loop of the thread that serves it
 * @e:     Says why not
 *
 * Clients that connect before the guest's driver is up wait for it.
 * Context: set-up.
 * Return:  0; virtio_vsock_free() undoes it.
 * Errors:  -ENOMEM; those of virtio_dev_init() and loop_add().
 */
int virtio_vsock_new(struct virtio_vsock **ret, const struct virtio_vsock_setup *setup,
                     struct loop *loop, struct err *e) MUST_CHECK;

/**
 * virtio_vsock_free() - Close all connections and free the device
 * @v: May be NULL; its thread no longer runs
 */
void virtio_vsock_free(struct virtio_vsock *v);

/**
 * virtio_vsock_dev() - What the transport drives
 * @v: Device
 *
 * Return: Its common part; lives as long as @v.
 */
struct virtio_dev *virtio_vsock_dev(struct virtio_vsock *v);

#endif /* DEVICES_VIRTIO_VSOCK_H */
