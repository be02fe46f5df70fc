/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vsock_flow.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <string.h>
#include <sys/socket.h>

/* Credit is told when this much of the buffer has become free, or a guest would wait for it. */
#define CREDIT_STEP (VSOCK_CONN_BUFFER / 4)

/* --- the list of those that have something for the guest --- */

static bool has_data(const struct vsock_conn *c)
{
	return c->state == VSOCK_OPEN && c->readable && !c->guest_deaf && vsock_conn_credit(c) > 0;
}

/* Ask once for credit when there are bytes to send and none may go. */
static void want_credit(struct vsock_conn *c)
{
	if (c->state != VSOCK_OPEN || !c->readable || c->guest_deaf || c->asked ||
	    vsock_conn_credit(c) > 0)
		return;
	c->asked = true;
	c->due |= VSOCK_DUE_MORE_CREDIT;
}

void vsock_flow_list(struct vsock_conn *c)
{
	struct virtio_vsock *v = vsock_flow_owner(c);

	want_credit(c);
	if (c->listed || (!c->due && !has_data(c)))
		return;
	c->listed = true;
	c->next = NULL;
	if (v->last)
		v->last->next = c;
	else
		v->first = c;
	v->last = c;
}

static struct vsock_conn *unlist_first(struct virtio_vsock *v)
{
	struct vsock_conn *c = v->first;

	v->first = c->next;
	if (!v->first)
		v->last = NULL;
	c->listed = false;
	return c;
}

/* --- ends --- */

void vsock_flow_listen(struct virtio_vsock *v, bool on)
{
	int r = 0;

	if (v->listening == on)
		return;
	if (on)
		r = loop_add(v->base.loop, &v->listener, EPOLLIN);
	else
		loop_del(v->base.loop, &v->listener);
	if (r < 0)
		log_error("%s: cannot wait for clients: %s", v->base.label, strerror(-r));
	v->listening = on && r == 0;
}

void vsock_flow_release(struct vsock_conn *c)
{
	vsock_conn_close(c);
	vsock_table_release(c);
	vsock_flow_listen(vsock_flow_owner(c), vsock_flow_owner(c)->base.active);
}

void vsock_flow_abort(struct vsock_conn *c)
{
	vsock_conn_close(c);
	c->state = VSOCK_CLOSING;
	c->due = c->due & VSOCK_DUE_REQUEST ? 0
	                                    : VSOCK_DUE_RESET; /* it has never heard of this one */
	if (c->due)
		vsock_flow_list(c);
	else
		vsock_flow_release(c);
}

void vsock_flow_stray(struct virtio_vsock *v, const struct virtio_vsock_hdr *h)
{
	if (h->op == VIRTIO_VSOCK_OP_RST || v->n_strays == VSOCK_FLOW_STRAYS)
		return;
	v->stray[v->n_strays++] = (struct vsock_stray){ h->src_port, h->dst_port };
}

/* The guest has closed both directions, and its last bytes are on their way. */
static void end_if_flushed(struct vsock_conn *c)
{
	if (c->state == VSOCK_LINGERING && c->fill == 0)
		vsock_flow_release(c);
	else if (c->state == VSOCK_OPEN && c->guest_done && c->guest_deaf && c->fill == 0)
		vsock_flow_abort(c); /* an orderly end is confirmed by a reset: section 5.10.6.5 */
}

void vsock_flow_took(struct vsock_conn *c, int r)
{
	if (r < 0 && c->state == VSOCK_LINGERING) {
		vsock_flow_release(c);
		return;
	}
	if (r < 0) {
		vsock_flow_abort(c);
		return;
	}
	if (c->guest_done && !c->finished && c->fill == 0) {
		c->finished = true;
		(void)shutdown(c->source.fd, SHUT_WR);
	}
	if (c->state == VSOCK_OPEN && !c->guest_done && c->passed - c->told >= CREDIT_STEP) {
		c->due |= VSOCK_DUE_CREDIT;
		vsock_flow_list(c);
	}
	end_if_flushed(c);
}

/* --- packets to the guest --- */

/* The host will send no more, or has gone altogether. */
static void host_ended(struct vsock_conn *c)
{
	bool gone = vsock_conn_is_gone(c);

	c->readable = false;
	if (c->host_done && !gone)
		return;
	c->host_done = true;
	c->due |= VSOCK_DUE_SHUTDOWN;
	if (gone) {
		vsock_conn_close(c);
		c->state = VSOCK_CLOSING;
	}
}

static uint16_t op_of(unsigned due)
{
	switch (due) {
	case VSOCK_DUE_RESET:
		return VIRTIO_VSOCK_OP_RST;
	case VSOCK_DUE_REQUEST:
		return VIRTIO_VSOCK_OP_REQUEST;
	case VSOCK_DUE_RESPONSE:
		return VIRTIO_VSOCK_OP_RESPONSE;
	case VSOCK_DUE_CREDIT:
		return VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	case VSOCK_DUE_MORE_CREDIT:
		return VIRTIO_VSOCK_OP_CREDIT_REQUEST;
	default:
		return VIRTIO_VSOCK_OP_SHUTDOWN;
	}
}

/* Use the buffer that the guest lent, which has room for a header: see borrow(). */
static void give(struct virtio_vsock *v, struct virtio_vsock_hdr *h)
{
	struct iov_cur at = v->in.in;

	h->src_cid = VMADDR_CID_HOST;
	h->dst_cid = v->config.guest_cid;
	h->type = VIRTIO_VSOCK_TYPE_STREAM;
	if (iov_write(&at, h, sizeof(*h)) < 0)
		return;
	virtq_push(&v->base.queue[VSOCK_FLOW_RECEIVE].ring, v->in.head,
	           (uint32_t)sizeof(*h) + h->len);
	v->has_in = false;
}

static void give_packet(struct vsock_conn *c, uint16_t op, uint32_t len)
{
	struct virtio_vsock_hdr h = {
		.src_port = c->host_port,
		.dst_port = c->guest_port,
		.len = len,
		.op = op,
		.buf_alloc = VSOCK_CONN_BUFFER,
		.fwd_cnt = c->passed,
	};

	if (op == VIRTIO_VSOCK_OP_SHUTDOWN)
		h.flags = c->state == VSOCK_OPEN ? VIRTIO_VSOCK_SHUTDOWN_SEND : VSOCK_FLOW_SHUTDOWN;
	c->told = c->passed;
	c->due &= (uint8_t)~VSOCK_DUE_CREDIT; /* every packet tells */
	give(vsock_flow_owner(c), &h);
}

/* Read from the host straight into the guest's buffer. Nothing is given if there is nothing. */
static void give_data(struct vsock_conn *c)
{
	struct iov_cur body = vsock_flow_owner(c)->in.in;
	struct iovec v;
	unsigned n;
	ssize_t len;

	for (size_t skip = sizeof(struct virtio_vsock_hdr); skip > 0;)
		skip -= iov_take(&body, skip, &v, 1, &n);
	len = vsock_conn_get(c, &body);
	if (len > 0)
		give_packet(c, VIRTIO_VSOCK_OP_RW, (uint32_t)len);
	else if (len == 0)
		host_ended(c);
	else if (len == -EAGAIN)
		c->readable = false;
	else
		vsock_flow_abort(c);
}

/* Give one packet of a connection that has something. The end comes after the data. */
static void give_next(struct vsock_conn *c)
{
	unsigned due = c->due & -(unsigned)c->due;

	if (due != 0 && due != VSOCK_DUE_SHUTDOWN) {
		give_packet(c, op_of(due), 0);
		c->due &= (uint8_t)~due;
		if (due == VSOCK_DUE_RESET) {
			vsock_flow_release(c);
			return;
		}
	} else if (has_data(c)) {
		give_data(c);
	} else if (due == VSOCK_DUE_SHUTDOWN) {
		give_packet(c, VIRTIO_VSOCK_OP_SHUTDOWN, 0);
		c->due = 0;
	}
	if (c->state != VSOCK_FREE)
		vsock_flow_list(c);
}

/* Have a buffer with room for a header and a byte at hand. Returns 1, 0 if none is lent, -errno. */
static int borrow(struct virtio_vsock *v)
{
	int r;

	if (v->has_in)
		return 1;
	r = virtq_next(&v->base.queue[VSOCK_FLOW_RECEIVE].ring, &v->in);
	if (r > 0 && v->in.in.left <= sizeof(struct virtio_vsock_hdr)) {
		virtio_dev_fail(&v->base, -EPROTO, "a buffer for packets is too small");
		return -EPROTO;
	}
	v->has_in = r > 0;
	return r;
}

static void give_reset(struct virtio_vsock *v)
{
	struct virtio_vsock_hdr h = {
		.src_port = v->stray[0].host_port,
		.dst_port = v->stray[0].guest_port,
		.op = VIRTIO_VSOCK_OP_RST,
	};

	memmove(&v->stray[0], &v->stray[1], --v->n_strays * sizeof(v->stray[0]));
	give(v, &h);
}

/* Returns 1 when there is more to do in another turn, 0, or -errno. */
static int serve_guest(struct virtio_vsock *v)
{
	for (unsigned n = 0; n < VSOCK_FLOW_TURN; n++) {
		int r;

		if (!v->first && v->n_strays == 0)
			return 0;
		r = borrow(v);
		if (r <= 0)
			return r;
		if (v->n_strays > 0)
			give_reset(v);
		else
			give_next(unlist_first(v));
	}
	return 1;
}

int vsock_flow_kick(struct virtio_vsock *v)
{
	int r = serve_guest(v);

	virtio_dev_signal(&v->base, VSOCK_FLOW_RECEIVE);
	if (r > 0)
		virtio_dev_again(&v->base, VSOCK_FLOW_RECEIVE);
	return r < 0 ? r : 0;
}

void vsock_flow_deliver(struct virtio_vsock *v)
{
	if (v->first || v->n_strays > 0)
		virtio_dev_kick(&v->base, VSOCK_FLOW_RECEIVE);
}

void vsock_flow_forget(struct virtio_vsock *v)
{
	vsock_flow_listen(v, false);
	while (v->first)
		(void)unlist_first(v);
	for (unsigned i = v->table.n; i-- > 0;) {
		vsock_conn_close(&v->table.conn[i]);
		vsock_table_release(&v->table.conn[i]);
	}
	v->n_strays = 0;
	v->has_in = false; /* it belongs to a ring that is no more */
}
