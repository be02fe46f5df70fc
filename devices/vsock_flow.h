/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VSOCK_FLOW_H
#define DEVICES_VSOCK_FLOW_H

#include "devices/virtio_dev.h"
#include "devices/vsock_table.h"

#include <linux/virtio_vsock.h>

/*
 * The state of the vsock device, and what goes to the guest: packets that connections owe, data of
 * the host's, and ends. What comes from the guest is vsock_packet.h's, what comes from the host
 * virtio_vsock.c's. Everything here is for the device's thread.
 */

/* Queues: virtio 1.2 section 5.10.2. "Receive" is the driver's word. The event queue tells of a
 * move to another host, which there is none. */
#define VSOCK_FLOW_RECEIVE  0
#define VSOCK_FLOW_TRANSMIT 1
#define VSOCK_FLOW_QUEUES   3

#define VSOCK_FLOW_TURN     64 /* packets of one queue in one turn of the loop */
#define VSOCK_FLOW_SHUTDOWN (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)
#define VSOCK_FLOW_STRAYS   64

/* Packets that a connection owes to the guest, in the order in which they go. Data go between the
 * request and the end: there are some while conn->readable is set. */
enum {
	VSOCK_DUE_RESET = 1 << 0,
	VSOCK_DUE_REQUEST = 1 << 1,
	VSOCK_DUE_RESPONSE = 1 << 2,
	VSOCK_DUE_CREDIT = 1 << 3,
	VSOCK_DUE_MORE_CREDIT = 1 << 4, /* a question */
	VSOCK_DUE_SHUTDOWN = 1 << 5,
};

/* The ports of a packet that belonged to no connection. */
struct vsock_stray {
	uint32_t guest_port, host_port;
};

/* Everything is [role: on_dev]. */
struct virtio_vsock {
	struct virtio_dev base;
	struct virtio_vsock_config config;
	struct vsock_table table;
	struct loop_source listener, connector;
	bool listening; /* @listener is watched */
	struct vsock_conn *first, *last; /* those that have something for the guest */
	struct vsock_stray stray[VSOCK_FLOW_STRAYS]; /* to be answered by a reset; oldest first */
	unsigned n_strays;
	struct virtq_chain in; /* a buffer of the guest's for a packet */
	bool has_in;
	uint64_t last_cookie;
	uint32_t last_port; /* of ours, for a connection of the host's */
};

/**
 * vsock_flow_owner() - The device that a connection belongs to
 * @c: Any slot
 */
static inline struct virtio_vsock *vsock_flow_owner(const struct vsock_conn *c)
{
	return container_of(c->table, struct virtio_vsock, table);
}

/**
 * vsock_flow_list() - See whether a connection has something for the guest
 * @c: In use
 *
 * If so it gets its turn: vsock_flow_deliver() after a batch.
 */
void vsock_flow_list(struct vsock_conn *c);

/**
 * vsock_flow_listen() - Whether clients of the host are taken
 * @v:  Device
 * @on: What shall be
 */
void vsock_flow_listen(struct virtio_vsock *v, bool on);

/**
 * vsock_flow_open() - Both sides have agreed
 * @c: With a socket
 */
static inline void vsock_flow_open(struct vsock_conn *c)
{
	c->state = VSOCK_OPEN;
	c->readable = true; /* what came before was not looked at */
}

/**
 * vsock_flow_release() - The slot can be used anew
 * @c: Any state
 *
 * If it is in the list, it is found free there, or in use again.
 */
void vsock_flow_release(struct vsock_conn *c);

/**
 * vsock_flow_abort() - Close the host's side, and have the guest hear of it
 * @c: Any state in use
 */
void vsock_flow_abort(struct vsock_conn *c);

/**
 * vsock_flow_stray() - Answer a packet of no connection by a reset
 * @v: Device
 * @h: Of the packet
 *
 * More than the guest reads are dropped: it made them faster than it reads the answers.
 */
void vsock_flow_stray(struct virtio_vsock *v, const struct virtio_vsock_hdr *h);

/**
 * vsock_flow_took() - Bytes of the guest's have gone to the host, or cannot
 * @c: With a socket
 * @r: 0, or -errno: the host takes no more
 *
 * Tells the guest of credit, and carries out an end that waited for the bytes.
 */
void vsock_flow_took(struct vsock_conn *c, int r);

/**
 * vsock_flow_kick() - Serve the receive queue
 * @v: Device
 *
 * Return: 0, or -errno when the ring is broken.
 */
int vsock_flow_kick(struct virtio_vsock *v) MUST_CHECK;

/**
 * vsock_flow_deliver() - Give the guest what has been listed, as far as it lends buffers
 * @v: Device
 */
void vsock_flow_deliver(struct virtio_vsock *v);

/**
 * vsock_flow_forget() - End every connection without a word to the guest
 * @v: Device; its rings are no more
 */
void vsock_flow_forget(struct virtio_vsock *v);

#endif /* DEVICES_VSOCK_FLOW_H */
