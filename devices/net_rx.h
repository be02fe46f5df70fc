/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_NET_RX_H
#define DEVICES_NET_RX_H

#include "devices/virtq.h"

/*
 * The receive buffers that a network card has borrowed from its driver: as many as the greatest
 * frame may need, so that a frame whose size nobody knows yet goes straight into guest memory.
 * What a frame does not use is kept for the next one.
 */

#define NET_RX_IOV_MAX 512 /* segments; a chain's worth is kept free for the next chain */

/* Buffers leave at the front and come at the back, and are moved to the front of the array now and
 * then, not for each frame. */

struct net_rx_buffer {
	uint32_t len; /* bytes */
	uint16_t head;
	uint16_t n; /* segments */
};

struct net_rx {
	struct iovec room_iov[NET_RX_IOV_MAX + 1]; /* one more, for the backend */
	struct net_rx_buffer room_buffer[NET_RX_IOV_MAX];
	struct iovec *iov; /* of what is borrowed, in order, inside @room_iov */
	struct net_rx_buffer *buffer; /* likewise */
	unsigned n_iov, n_buffers;
	size_t room; /* bytes in all */
};

/**
 * net_rx_borrow() - Make sure that there is room for a frame
 * @rx:     Zeroed or in use
 * @q:      The driver's receive queue
 * @want:   Bytes of the greatest frame, header included
 * @merge:  A frame may be spread over buffers; else each has one for itself
 *
 * Context: device thread of @q.
 * Return:  1 = there is, or all that the driver can offer at a time is here; 0 = the driver has to
 *          offer more; negative errno = the ring is broken.
 * Errors:  -EPROTO a buffer is not for writing, or too short for the header; those of virtq_next().
 */
int net_rx_borrow(struct net_rx *rx, struct virtq *q, size_t want, bool merge) MUST_CHECK;

/**
 * net_rx_give_back() - Hand a frame to the driver, in the first buffers, all at once
 * @rx:  Window that the frame was written to, from its beginning
 * @q:   The queue that the buffers came from
 * @len: Bytes of the frame, header included: NET_HEADER to @rx->room
 *
 * Fills in num_buffers of the header. Does not interrupt.
 * Context: device thread of @q.
 * Spec:    virtio 1.2 section 5.1.6.4.1
 */
void net_rx_give_back(struct net_rx *rx, struct virtq *q, size_t len);

/**
 * net_rx_forget() - The buffers are the driver's again, as after a reset
 * @rx: Any state
 */
void net_rx_forget(struct net_rx *rx);

#endif /* DEVICES_NET_RX_H */
