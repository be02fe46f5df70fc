/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_vsock.h"

#include "devices/vsock_packet.h"
#include "vmm/connector.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <string.h>

#define CLIENTS_TURN 16 /* taken in one turn of the loop */

static struct virtio_vsock *of(struct virtio_dev *d)
{
	return container_of(d, struct virtio_vsock, base);
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
		vsock_flow_abort(c);
	} else {
		vsock_flow_open(c);
		c->due |= VSOCK_DUE_RESPONSE;
		vsock_flow_list(c);
	}
	vsock_flow_deliver(v);
}

/* A client has named a port, or made a mistake. */
static void greet(struct vsock_conn *c)
{
	struct virtio_vsock *v = vsock_flow_owner(c);
	int r = vsock_conn_greet(c);

	if (r < 0)
		vsock_flow_release(c);
	if (r <= 0)
		return;
	do
		c->host_port = v->last_port++ | 1U << 31; /* away from those that programs choose */
	while (vsock_table_find(&v->table, c->guest_port, c->host_port));
	vsock_table_name(c);
	c->state = VSOCK_ASKED;
	c->due |= VSOCK_DUE_REQUEST;
	vsock_flow_list(c);
}

/* A connection's socket has bytes, has room, or was closed. */
static void conn_ready(struct loop_source *s, uint32_t events)
{
	struct vsock_conn *c = container_of(s, struct vsock_conn, source);
	struct virtio_vsock *v = vsock_flow_owner(c);

	switch (c->state) {
	case VSOCK_GREETING:
		greet(c);
		break;
	case VSOCK_ASKED:
		if (vsock_conn_is_gone(c))
			vsock_flow_abort(c);
		break;
	case VSOCK_OPEN:
		if (events & ~(uint32_t)EPOLLOUT) {
			c->readable = !c->guest_deaf;
			vsock_flow_list(c);
		}
		FALLTHROUGH;
	case VSOCK_LINGERING:
		if (events & EPOLLOUT)
			vsock_flow_took(c, vsock_conn_flush(c));
		break;
	default: /* the event is older than the end of the connection that it was of */
		break;
	}
	vsock_flow_deliver(v);
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
		vsock_flow_release(c);
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
	vsock_flow_listen(v, false);
}

/* --- device --- */

static int vsock_kick(struct virtio_dev *d, uint16_t qi)
{
	if (qi == VSOCK_FLOW_RECEIVE)
		return vsock_flow_kick(of(d));
	return qi == VSOCK_FLOW_TRANSMIT ? vsock_packet_kick(of(d)) : 0;
}

static int vsock_activate(struct virtio_dev *d)
{
	vsock_flow_listen(of(d), true);
	return 0;
}

static void vsock_reset(struct virtio_dev *d)
{
	vsock_flow_forget(of(d));
}

static const struct virtio_dev_ops vsock_ops = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.n_queues = VSOCK_FLOW_QUEUES,
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
