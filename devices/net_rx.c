/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/net_rx.h"

#include "devices/net_backend.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

ABI_SIZE(struct virtio_net_hdr_v1, NET_HEADER);

static bool enough(const struct net_rx *rx, size_t want, bool merge)
{
	if (!merge)
		return rx->n_buffers > 0;
	return rx->room >= want || rx->n_iov > NET_RX_IOV_MAX - VIRTQ_IOV_MAX;
}

/* Begin at the front of the arrays again. */
static void rewind_window(struct net_rx *rx)
{
	if (rx->n_iov > 0)
		memmove(rx->room_iov, rx->iov, rx->n_iov * sizeof(rx->iov[0]));
	if (rx->n_buffers > 0)
		memmove(rx->room_buffer, rx->buffer, rx->n_buffers * sizeof(rx->buffer[0]));
	rx->iov = rx->room_iov;
	rx->buffer = rx->room_buffer;
}

/* Whether a chain of any length fits behind what is borrowed. */
static bool fits(const struct net_rx *rx)
{
	return rx->iov && rx->iov - rx->room_iov + rx->n_iov <= NET_RX_IOV_MAX - VIRTQ_IOV_MAX &&
	       rx->buffer - rx->room_buffer + rx->n_buffers < NET_RX_IOV_MAX;
}

/* Without merging a buffer must hold at least the header; with it no driver offers less either. */
static int add(struct net_rx *rx, const struct virtq_chain *c)
{
	if (c->out.left > 0 || c->in.left < NET_HEADER)
		return -EPROTO;
	if (!fits(rx))
		rewind_window(rx);
	memcpy(rx->iov + rx->n_iov, c->in.v, c->in.n * sizeof(rx->iov[0]));
	rx->buffer[rx->n_buffers++] = (struct net_rx_buffer){
		.len = (uint32_t)c->in.left,
		.head = c->head,
		.n = (uint16_t)c->in.n,
	};
	rx->n_iov += c->in.n;
	rx->room += c->in.left;
	return 0;
}

int net_rx_borrow(struct net_rx *rx, struct virtq *q, size_t want, bool merge)
{
	struct virtq_chain c;
	int r;

	while (!enough(rx, want, merge)) {
		r = virtq_next(q, &c);
		/* A driver whose whole ring has less room gets what fits. */
		if (r == 0)
			return rx->n_buffers > 0 && rx->n_buffers == q->size;
		if (r > 0)
			r = add(rx, &c);
		if (r < 0)
			return r;
	}
	return 1;
}

/* The first @n buffers are gone. */
static void shift(struct net_rx *rx, unsigned n)
{
	unsigned n_iov = 0;

	for (unsigned i = 0; i < n; i++) {
		n_iov += rx->buffer[i].n;
		rx->room -= rx->buffer[i].len;
	}
	rx->n_buffers -= n;
	rx->n_iov -= n_iov;
	rx->buffer += n;
	rx->iov += n_iov;
}

/* The header is in guest memory already: only its last field is known here. */
static void set_num_buffers(struct net_rx *rx, uint16_t n)
{
	const size_t at = offsetof(struct virtio_net_hdr_v1, num_buffers);
	struct iov_cur c = { .v = rx->iov, .n = rx->n_iov, .left = rx->room }, field;

	/* Neither can fail: the first buffer holds a whole header. */
	if (iov_split_tail(&c, rx->room - at, &field) == 0)
		(void)!iov_write(&field, &n, sizeof(n));
}

void net_rx_give_back(struct net_rx *rx, struct virtq *q, size_t len)
{
	size_t left = len;
	uint16_t n = 0;

	do {
		uint32_t here = rx->buffer[n].len < left ? rx->buffer[n].len : (uint32_t)left;

		virtq_fill(q, rx->buffer[n++].head, here);
		left -= here;
	} while (left > 0);
	set_num_buffers(rx, n);
	virtq_publish(q);
	shift(rx, n);
}

void net_rx_forget(struct net_rx *rx)
{
	rx->iov = rx->room_iov;
	rx->buffer = rx->room_buffer;
	rx->n_iov = 0;
	rx->n_buffers = 0;
	rx->room = 0;
}
