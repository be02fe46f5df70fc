/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_vsock.h"

#include "devices/vsock_table.h"
#include "vmm/connector.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_vsock.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Queues: virtio 1.2 section 5.10.2. "Receive" is the driver's word. The event queue tells of a
 * move to another host, which there is none. */
#define QUEUE_RECEIVE  0
#define QUEUE_TRANSMIT 1
#define N_QUEUES       3

#define TURN_PACKETS 64 /* of one queue in one turn of the loop */
#define CLIENTS_TURN 16 /* taken in one turn */

/* Credit is told when this much of the buffer has become free, or a guest would wait for it. */
#define CREDIT_STEP (VSOCK_CONN_BUFFER / 4)

/* Packets that a connection owes to the guest, in the order in which they go. Data go between the
 * request and the end: there are some while conn->readable is set. */
enum {
	DUE_RESET = 1 << 0,
	DUE_REQUEST = 1 << 1,
	DUE_RESPONSE = 1 << 2,
	DUE_CREDIT = 1 << 3,
	DUE_MORE_CREDIT = 1 << 4, /* a question */
	DUE_SHUTDOWN = 1 << 5,
};

#define SHUTDOWN_BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)
#define RESETS_MAX    64

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
	struct vsock_stray stray[RESETS_MAX]; /* to be answered by a reset; oldest first */
	unsigned n_strays;
	struct virtq_chain in; /* a buffer of the guest's for a packet */
	bool has_in;
	uint64_t last_cookie;
	uint32_t last_port; /* of ours, for a connection of the host's */
};

static struct virtio_vsock *of(struct virtio_dev *d)
{
	return container_of(d, struct virtio_vsock, base);
}

static struct virtio_vsock *owner(const struct vsock_conn *c)
{
	return container_of(c->table, struct virtio_vsock, table);
}

/* The guest sent what no driver sends. */
static void refused(struct virtio_vsock *v, const char *why)
{
	if (log_limit_pass(&v->base.complaints, NULL))
		log_warn("%s: packet refused: %s", v->base.label, why);
}

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
	c->due |= DUE_MORE_CREDIT;
}

static void list(struct vsock_conn *c)
{
	struct virtio_vsock *v = owner(c);

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

static void watch_listener(struct virtio_vsock *v, bool on)
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

/* The slot can be used anew. If it is in the list, it is found free there, or in use again. */
static void release(struct vsock_conn *c)
{
	vsock_conn_close(c);
	vsock_table_release(c);
	watch_listener(owner(c), owner(c)->base.active);
}

/* Whatever the state: close the host's side, and have the guest hear of it. */
static void abort_conn(struct vsock_conn *c)
{
	vsock_conn_close(c);
	c->state = VSOCK_CLOSING;
	c->due = c->due & DUE_REQUEST ? 0 : DUE_RESET; /* it has never heard of this one */
	if (c->due)
		list(c);
	else
		release(c);
}

static void answer_stray(struct virtio_vsock *v, const struct virtio_vsock_hdr *h)
{
	/* More than the guest reads are dropped: it made them faster than it reads the answers. */
	if (h->op == VIRTIO_VSOCK_OP_RST || v->n_strays == RESETS_MAX)
		return;
	v->stray[v->n_strays++] = (struct vsock_stray){ h->src_port, h->dst_port };
}

/* The guest has closed both directions, and its last bytes are on their way. */
static void end_if_flushed(struct vsock_conn *c)
{
	if (c->state == VSOCK_LINGERING && c->fill == 0)
		release(c);
	else if (c->state == VSOCK_OPEN && c->guest_done && c->guest_deaf && c->fill == 0)
		abort_conn(c); /* an orderly end is confirmed by a reset: section 5.10.6.5 */
}

/* After bytes have gone to the host: what that means for the guest. */
static void host_took(struct vsock_conn *c, int r)
{
	if (r < 0 && c->state == VSOCK_LINGERING) {
		release(c);
		return;
	}
	if (r < 0) {
		abort_conn(c);
		return;
	}
	if (c->guest_done && !c->finished && c->fill == 0) {
		c->finished = true;
		(void)shutdown(c->source.fd, SHUT_WR);
	}
	if (c->state == VSOCK_OPEN && !c->guest_done && c->passed - c->told >= CREDIT_STEP) {
		c->due |= DUE_CREDIT;
		list(c);
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
	c->due |= DUE_SHUTDOWN;
	if (gone) {
		vsock_conn_close(c);
		c->state = VSOCK_CLOSING;
	}
}

static uint16_t op_of(unsigned due)
{
	switch (due) {
	case DUE_RESET:
		return VIRTIO_VSOCK_OP_RST;
	case DUE_REQUEST:
		return VIRTIO_VSOCK_OP_REQUEST;
	case DUE_RESPONSE:
		return VIRTIO_VSOCK_OP_RESPONSE;
	case DUE_CREDIT:
		return VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	case DUE_MORE_CREDIT:
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
	virtq_push(&v->base.queue[QUEUE_RECEIVE].ring, v->in.head, (uint32_t)sizeof(*h) + h->len);
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
		h.flags = c->state == VSOCK_OPEN ? VIRTIO_VSOCK_SHUTDOWN_SEND : SHUTDOWN_BOTH;
	c->told = c->passed;
	c->due &= (uint8_t)~DUE_CREDIT; /* every packet tells */
	give(owner(c), &h);
}

/* Read from the host straight into the guest's buffer. Nothing is given if there is nothing. */
static void give_data(struct vsock_conn *c)
{
	struct iov_cur body = owner(c)->in.in;
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
		abort_conn(c);
}

/* Give one packet of a connection that has something. The end comes after the data. */
static void give_next(struct vsock_conn *c)
{
	unsigned due = c->due & -(unsigned)c->due;

	if (due != 0 && due != DUE_SHUTDOWN) {
		give_packet(c, op_of(due), 0);
		c->due &= (uint8_t)~due;
		if (due == DUE_RESET) {
			release(c);
			return;
		}
	} else if (has_data(c)) {
		give_data(c);
	} else if (due == DUE_SHUTDOWN) {
		give_packet(c, VIRTIO_VSOCK_OP_SHUTDOWN, 0);
		c->due = 0;
	}
	if (c->state != VSOCK_FREE)
		list(c);
}

/* Have a buffer with room for a header and a byte at hand. Returns 1, 0 if none is lent, -errno. */
static int borrow(struct virtio_vsock *v)
{
	int r;

	if (v->has_in)
		return 1;
	r = virtq_next(&v->base.queue[QUEUE_RECEIVE].ring, &v->in);
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
	for (unsigned n = 0; n < TURN_PACKETS; n++) {
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

static int kick_receive(struct virtio_vsock *v)
{
	int r = serve_guest(v);

	virtio_dev_signal(&v->base, QUEUE_RECEIVE);
	if (r > 0)
		virtio_dev_again(&v->base, QUEUE_RECEIVE);
	return r < 0 ? r : 0;
}

/* Something has been listed. */
static void deliver(struct virtio_vsock *v)
{
	if (v->first || v->n_strays > 0)
		virtio_dev_kick(&v->base, QUEUE_RECEIVE);
}

/* --- packets from the guest --- */

static void open_conn(struct vsock_conn *c)
{
	c->state = VSOCK_OPEN;
	c->readable = true; /* what came before was not looked at */
}

/* The guest connects to a port: see who listens there. */
static void dial(struct virtio_vsock *v, const struct virtio_vsock_hdr *h)
{
	struct vsock_conn *c = vsock_table_take(&v->table);

	if (!c) {
		answer_stray(v, h);
		return;
	}
	c->state = VSOCK_DIALING;
	c->guest_port = h->src_port;
	c->host_port = h->dst_port;
	c->guest_room = h->buf_alloc;
	c->guest_passed = h->fwd_cnt;
	c->cookie = ++v->last_cookie;
	vsock_table_name(c);
	if (connector_ask(v->connector.fd, c->cookie, h->dst_port) < 0)
		abort_conn(c);
}

/* The guest has taken a connection of the host's. */
static void guest_accepted(struct vsock_conn *c)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "OK %" PRIu32 "\n", c->host_port);

	open_conn(c);
	if (send(c->source.fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) != len)
		abort_conn(c);
}

static void guest_shut(struct vsock_conn *c, uint32_t flags)
{
	if (c->state == VSOCK_CLOSING) {
		if ((flags & SHUTDOWN_BOTH) == SHUTDOWN_BOTH)
			abort_conn(c);
		return;
	}
	c->guest_done = c->guest_done || (flags & VIRTIO_VSOCK_SHUTDOWN_SEND);
	if ((flags & VIRTIO_VSOCK_SHUTDOWN_RCV) && !c->guest_deaf) {
		c->guest_deaf = true;
		c->readable = false;
		(void)shutdown(c->source.fd, SHUT_RD);
	}
	host_took(c, 0);
}

/* The guest has forgotten the connection. Bytes that it had sent before it closed still count. */
static void guest_reset(struct vsock_conn *c)
{
	c->due = 0;
	if (c->state == VSOCK_OPEN && c->guest_done && c->fill > 0) {
		vsock_table_unname(c); /* the ports can be used anew */
		c->state = VSOCK_LINGERING;
	} else {
		release(c);
	}
}

static void guest_sent(struct vsock_conn *c, struct iov_cur *data)
{
	int r;

	if (c->state != VSOCK_OPEN || c->guest_done || data->left > vsock_conn_room(c)) {
		refused(owner(c), "data without credit or connection");
		abort_conn(c);
		return;
	}
	r = vsock_conn_put(c, data);
	host_took(c, r);
}

/* A packet of a connection that we know. */
static void take_packet(struct vsock_conn *c, const struct virtio_vsock_hdr *h,
                        struct iov_cur *data)
{
	bool talks = c->state == VSOCK_OPEN || c->state == VSOCK_CLOSING;

	c->guest_room = h->buf_alloc;
	c->guest_passed = h->fwd_cnt;
	c->asked = c->asked && vsock_conn_credit(c) == 0;
	if (h->op == VIRTIO_VSOCK_OP_RST)
		guest_reset(c);
	else if (h->op == VIRTIO_VSOCK_OP_RESPONSE && c->state == VSOCK_ASKED)
		guest_accepted(c);
	else if (h->op == VIRTIO_VSOCK_OP_SHUTDOWN && talks)
		guest_shut(c, h->flags);
	else if (h->op == VIRTIO_VSOCK_OP_RW && talks)
		guest_sent(c, data);
	else if (h->op == VIRTIO_VSOCK_OP_CREDIT_REQUEST && c->state == VSOCK_OPEN)
		c->due |= DUE_CREDIT;
	else if (h->op != VIRTIO_VSOCK_OP_CREDIT_UPDATE)
		abort_conn(c);
	if (c->state != VSOCK_FREE && c->state != VSOCK_LINGERING)
		list(c);
}

/* Judge a packet, and see whose it is. */
static void sort_packet(struct virtio_vsock *v, const struct virtio_vsock_hdr *h,
                        struct virtq_chain *chain)
{
	struct iov_cur rest;
	struct vsock_conn *c;

	if (h->src_cid != v->config.guest_cid || h->dst_cid != VMADDR_CID_HOST ||
	    h->src_port == VMADDR_PORT_ANY || h->dst_port == VMADDR_PORT_ANY) {
		refused(v, "from or to somebody else");
		return;
	}
	c = vsock_table_find(&v->table, h->src_port, h->dst_port);
	if (h->type != VIRTIO_VSOCK_TYPE_STREAM || h->len > chain->out.left) {
		refused(v, "unknown type, or shorter than it says");
		if (c)
			abort_conn(c);
		else
			answer_stray(v, h);
		return;
	}
	/* What is behind the bytes that the header counts is not looked at. */
	if (iov_split_tail(&chain->out, chain->out.left - h->len, &rest) < 0)
		return;
	if (c)
		take_packet(c, h, &chain->out);
	else if (h->op == VIRTIO_VSOCK_OP_REQUEST)
		dial(v, h);
	else
		answer_stray(v, h);
}

static int kick_transmit(struct virtio_vsock *v)
{
	struct virtq *q = &v->base.queue[QUEUE_TRANSMIT].ring;
	struct virtio_vsock_hdr h;
	struct virtq_chain chain;
	int r = 1;

	for (unsigned n = 0; n < TURN_PACKETS; n++) {
		r = virtq_next(q, &chain);
		if (r <= 0)
			break;
		if (iov_read(&chain.out, &h, sizeof(h)) == 0)
			sort_packet(v, &h, &chain);
		else
			refused(v, "header is short");
		virtq_push(q, chain.head, 0);
	}
	virtio_dev_signal(&v->base, QUEUE_TRANSMIT);
	if (r > 0)
		virtio_dev_again(&v->base, QUEUE_TRANSMIT);
	deliver(v);
	return r < 0 ? r : 0;
}

/* --- the host --- */

/* The connector has an answer: somebody listens at the port, or nobody. */
static void connector_ready(struct loop_source *s, uint32_t events)
{
	struct virtio_vsock *v = container_of(s, struct virtio_vsock, connector);
	struct vsock_conn *c;
	uint64_t cookie;
	int fd, r = connector_hear(s->fd, &cookie, &fd);

	(void)events;
	if (r < 0) {
		log_error("%s: the connector is gone; the guest can reach no more ports",
		          v->base.label);
		loop_del(v->base.loop, s);
	}
	if (r <= 0)
		return;
	c = vsock_table_find_cookie(&v->table, cookie);
	if (!c) { /* the guest has not waited */
		fd_close(&fd);
		return;
	}
	if (fd < 0 || vsock_conn_open(c, fd) < 0) {
		abort_conn(c);
	} else {
		open_conn(c);
		c->due |= DUE_RESPONSE;
		list(c);
	}
	deliver(v);
}

/* A client has named a port, or made a mistake. */
static void greet(struct vsock_conn *c)
{
	struct virtio_vsock *v = owner(c);
	int r = vsock_conn_greet(c);

	if (r < 0)
		release(c);
	if (r <= 0)
		return;
	do
		c->host_port = v->last_port++ | 1U << 31; /* away from those that programs choose */
	while (vsock_table_find(&v->table, c->guest_port, c->host_port));
	vsock_table_name(c);
	c->state = VSOCK_ASKED;
	c->due |= DUE_REQUEST;
	list(c);
}

/* A connection's socket has bytes, has room, or was closed. */
static void conn_ready(struct loop_source *s, uint32_t events)
{
	struct vsock_conn *c = container_of(s, struct vsock_conn, source);
	struct virtio_vsock *v = owner(c);

	switch (c->state) {
	case VSOCK_GREETING:
		greet(c);
		break;
	case VSOCK_ASKED:
		if (vsock_conn_is_gone(c))
			abort_conn(c);
		break;
	case VSOCK_OPEN:
		if (events & ~(uint32_t)EPOLLOUT) {
			c->readable = !c->guest_deaf;
			list(c);
		}
		FALLTHROUGH;
	case VSOCK_LINGERING:
		if (events & EPOLLOUT)
			host_took(c, vsock_conn_flush(c));
		break;
	default: /* the event is older than the end of the connection that it was of */
		break;
	}
	deliver(v);
}

static void take_client(struct virtio_vsock *v, int fd)
{
	struct vsock_conn *c = vsock_table_take(&v->table);

	if (!c) {
		fd_close(&fd);
		return;
	}
	c->state = VSOCK_GREETING;
	if (vsock_conn_open(c, fd) < 0)
		release(c);
	else
		conn_ready(&c->source, EPOLLIN);
}

static void clients_wait(struct loop_source *s, uint32_t events)
{
	struct virtio_vsock *v = container_of(s, struct virtio_vsock, listener);
	int fd = 0;

	(void)events;
	for (unsigned n = 0; n < CLIENTS_TURN && fd >= 0; n++) {
		fd = unixsock_accept(s->fd);
		if (fd >= 0)
			take_client(v, fd);
	}
	if (fd >= 0 || fd == -EAGAIN || fd == -ECONNABORTED)
		return;
	/* No descriptor is left, most likely: until a connection gives one back. */
	log_error("%s: cannot take a client: %s", v->base.label, strerror(-fd));
	watch_listener(v, false);
}

/* --- device --- */

static int vsock_kick(struct virtio_dev *d, uint16_t qi)
{
	if (qi == QUEUE_RECEIVE)
		return kick_receive(of(d));
	return qi == QUEUE_TRANSMIT ? kick_transmit(of(d)) : 0;
}

static int vsock_activate(struct virtio_dev *d)
{
	watch_listener(of(d), true);
	return 0;
}

static void vsock_reset(struct virtio_dev *d)
{
	struct virtio_vsock *v = of(d);

	watch_listener(v, false);
	while (v->first)
		(void)unlist_first(v);
	for (unsigned i = v->table.n; i-- > 0;) {
		vsock_conn_close(&v->table.conn[i]);
		vsock_table_release(&v->table.conn[i]);
	}
	v->n_strays = 0;
	v->has_in = false; /* it belongs to a ring that is no more */
}

static const struct virtio_dev_ops vsock_ops = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.n_queues = N_QUEUES,
	.queue_max = 128,
	.config_size = sizeof(struct virtio_vsock_config),
	.activate = vsock_activate,
	.kick = vsock_kick,
	.reset = vsock_reset,
};

int virtio_vsock_new(struct virtio_vsock **ret, const struct virtio_vsock_setup *setup,
                     struct loop *loop, struct err *e)
{
	struct virtio_vsock *v = calloc(1, sizeof(*v));
	int r;

	if (!v) {
		close(setup->listener);
		return err_errno(e, ENOMEM, "cannot make the vsock device");
	}
	v->config.guest_cid = setup->cid;
	v->listener = (struct loop_source){ .fd = setup->listener, .ready = clients_wait };
	v->connector = (struct loop_source){ .fd = setup->connector, .ready = connector_ready };
	r = vsock_table_init(&v->table, VIRTIO_VSOCK_CONNS_MAX, loop, conn_ready, e);
	if (r == 0)
		r = virtio_dev_init(&v->base, &vsock_ops, "vsock", 0, &v->config, loop, e);
	if (r == 0) {
		r = loop_add(loop, &v->connector, EPOLLIN);
		if (r < 0)
			err_errno(e, -r, "cannot watch the connector");
	}
	if (r < 0) {
		virtio_vsock_free(v);
		return r;
	}
	*ret = v;
	return 0;
}

void virtio_vsock_free(struct virtio_vsock *v)
{
	if (!v)
		return;
	if (v->base.loop) {
		vsock_reset(&v->base);
		loop_del(v->base.loop, &v->connector);
	}
	virtio_dev_fini(&v->base);
	vsock_table_fini(&v->table);
	fd_close(&v->listener.fd);
	free(v);
}

struct virtio_dev *virtio_vsock_dev(struct virtio_vsock *v)
{
	return &v->base;
}
