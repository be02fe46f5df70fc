/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vsock_packet.h"

#include "vmm/connector.h"

#include <inttypes.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <sys/socket.h>

/* The guest sent what no driver sends. */
static void refused(struct virtio_vsock *v, const char *why)
{
	if (log_limit_pass(&v->base.complaints, NULL))
		log_warn("%s: packet refused: %s", v->base.label, why);
}

/* The guest connects to a port: see who listens there. */
static void dial(struct virtio_vsock *v, const struct virtio_vsock_hdr *h)
{
	struct vsock_conn *c = vsock_table_take(&v->table);

	if (!c) {
		vsock_flow_stray(v, h);
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
		vsock_flow_abort(c);
}

/* The guest has taken a connection of the host's. */
static void guest_accepted(struct vsock_conn *c)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "OK %" PRIu32 "\n", c->host_port);

	vsock_flow_open(c);
	if (send(c->source.fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) != len)
		vsock_flow_abort(c);
}

static void guest_shut(struct vsock_conn *c, uint32_t flags)
{
	if (c->state == VSOCK_CLOSING) {
		if ((flags & VSOCK_FLOW_SHUTDOWN) == VSOCK_FLOW_SHUTDOWN)
			vsock_flow_abort(c);
		return;
	}
	c->guest_done = c->guest_done || (flags & VIRTIO_VSOCK_SHUTDOWN_SEND);
	if ((flags & VIRTIO_VSOCK_SHUTDOWN_RCV) && !c->guest_deaf) {
		c->guest_deaf = true;
		c->readable = false;
		(void)shutdown(c->source.fd, SHUT_RD);
	}
	vsock_flow_took(c, 0);
}

/* The guest has forgotten the connection. Bytes that it had sent before it closed still count. */
static void guest_reset(struct vsock_conn *c)
{
	c->due = 0;
	if (c->state == VSOCK_OPEN && c->guest_done && c->fill > 0) {
		vsock_table_unname(c); /* the ports can be used anew */
		c->state = VSOCK_LINGERING;
	} else {
		vsock_flow_release(c);
	}
}

static void guest_sent(struct vsock_conn *c, struct iov_cur *data)
{
	int r;

	if (c->state != VSOCK_OPEN || c->guest_done || data->left > vsock_conn_room(c)) {
		refused(vsock_flow_owner(c), "data without credit or connection");
		vsock_flow_abort(c);
		return;
	}
	r = vsock_conn_put(c, data);
	vsock_flow_took(c, r);
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
		c->due |= VSOCK_DUE_CREDIT;
	else if (h->op != VIRTIO_VSOCK_OP_CREDIT_UPDATE)
		vsock_flow_abort(c);
	if (c->state != VSOCK_FREE && c->state != VSOCK_LINGERING)
		vsock_flow_list(c);
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
			vsock_flow_abort(c);
		else
			vsock_flow_stray(v, h);
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
		vsock_flow_stray(v, h);
}

int vsock_packet_kick(struct virtio_vsock *v)
{
	struct virtq *q = &v->base.queue[VSOCK_FLOW_TRANSMIT].ring;
	struct virtio_vsock_hdr h;
	struct virtq_chain chain;
	int r = 1;

	for (unsigned n = 0; n < VSOCK_FLOW_TURN; n++) {
		r = virtq_next(q, &chain);
		if (r <= 0)
			break;
		if (iov_read(&chain.out, &h, sizeof(h)) == 0)
			sort_packet(v, &h, &chain);
		else
			refused(v, "header is short");
		virtq_push(q, chain.head, 0);
	}
	virtio_dev_signal(&v->base, VSOCK_FLOW_TRANSMIT);
	if (r > 0)
		virtio_dev_again(&v->base, VSOCK_FLOW_TRANSMIT);
	vsock_flow_deliver(v);
	return r < 0 ? r : 0;
}
