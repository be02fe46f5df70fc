/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_net.h"

#include "devices/net_ctrl.h"
#include "devices/net_rx.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>

#define BIT(n) (1ULL << (n))

/* Checksums and segmentation that the driver may leave to the card when it receives. */
#define GUEST_TSO      (BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6))
#define GUEST_OFFLOADS (GUEST_TSO | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_ECN))

#define ETHERNET_EXTRA 18 /* bytes of a frame beside what the MTU counts: header, VLAN tag */

/*
 * Work of one turn of the loop, for each direction of each pair: the guest or its neighbours must
 * not keep the thread from everybody else.
 */
#define TURN_FRAMES 64

#define BACKLOG_MAX 4096 /* frames that may have waited for a link; a tap keeps 1000 */

/* Bytes of the config space up to the last field that this card has. */
#define CONFIG_BYTES offsetof(struct virtio_net_config, speed)

/* A receive and a transmit queue, and the host's end of both. */
struct net_pair {
	struct virtio_net *net;
	struct loop_source source; /* the backend's descriptor, which is its own */
	uint32_t watched; /* EPOLL* that @source is watched for */
	struct net_rx rx;
	struct virtq_chain tx; /* a frame that the host's end does not take now */
	bool tx_held; /* @tx is one */
};

/* Everything but @ops and @setup belongs to the device's thread. */
struct virtio_net {
	struct virtio_dev base;
	struct virtio_dev_ops ops; /* net_ops with the number of queues of this card */
	struct virtio_net_setup setup;
	struct virtio_net_config config;
	uint64_t offloads; /* GUEST_OFFLOADS that the driver takes now */
	unsigned pairs_used;
	struct virtio_net_counters count;
	bool cut; /* the host's end is gone, for good */
	bool unplugged; /* the operator took the link away */
	bool own_mac; /* the driver gave the card another address */
	struct net_pair *pair; /* one for each of the backend's */
};

static uint16_t rx_index(const struct net_pair *p)
{
	return (uint16_t)(2 * (p - p->net->pair));
}

/* Where the control queue is depends on what the driver knows: virtio 1.2 section 5.1.2. */
static unsigned ctrl_index(const struct virtio_net *n)
{
	return virtio_dev_has(&n->base, VIRTIO_NET_F_MQ) ? 2 * n->setup.backend->n_pairs : 2;
}

static void watch(struct net_pair *p, uint32_t events)
{
	if (p->watched == events || p->net->cut)
		return;
	p->watched = events;
	loop_mod(p->net->base.loop, &p->source, events);
}

static void set_status(struct virtio_dev *d, void *arg)
{
	struct virtio_net *n = container_of(d, struct virtio_net, base);

	n->config.status = *(const uint16_t *)arg;
}

static void set_mac(struct virtio_dev *d, void *arg)
{
	struct virtio_net *n = container_of(d, struct virtio_net, base);

	memcpy(n->config.mac, arg, sizeof(n->config.mac));
}

static bool has_link(const struct virtio_net *n)
{
	return !n->cut && !n->unplugged;
}

static bool working(const struct virtio_dev *d)
{
	return d->active && !(virtio_dev_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void stop_vhost(struct virtio_net *n, unsigned first)
{
	struct net_backend *b = n->setup.backend;

	for (unsigned i = first; i < b->n_pairs; i++)
		if (b->vhost[i])
			vhost_stop(b->vhost[i]);
}

/* The pair's buffers and frames are its driver's again. */
static void forget(struct net_pair *p)
{
	net_rx_forget(&p->rx);
	p->tx_held = false;
	watch(p, 0);
}

/* The kernel moves the frames of pairs in use as long as there is a link. Without one its rings are
 * ours, and what the guest sends is lost as it is elsewhere. */
static int start_vhost(struct virtio_net *n)
{
	struct net_backend *b = n->setup.backend;
	int r = 0;

	for (unsigned i = 0; i < n->pairs_used && r == 0; i++)
		if (b->vhost[i] && has_link(n) && working(&n->base)) {
			forget(&n->pair[i]);
			r = vhost_start(b->vhost[i]);
		}
	return r;
}

/* The host's end is gone: from now on the card has no link, and what it sends is lost. */
static void cut(struct virtio_net *n, int r)
{
	uint16_t down = 0;

	if (n->cut)
		return;
	n->cut = true;
	stop_vhost(n, 0);
	for (unsigned i = 0; i < n->setup.backend->n_pairs; i++)
		loop_del(n->base.loop, &n->pair[i].source);
	virtio_dev_config_changed(&n->base, set_status, &down);
	/* Frames that wait would wait for ever. */
	for (unsigned i = 0; i < n->setup.backend->n_pairs; i++)
		virtio_dev_notify(&n->base, rx_index(&n->pair[i]) + 1);
	log_warn("%s: %s is gone, the link is down: %s", n->base.label, n->setup.backend->name,
	         strerror(-r));
}

/* The guest sent what no driver sends. It is lost, and the operator gets a line now and then. */
static void refused(struct virtio_net *n, const char *why)
{
	counter_add(&n->count.refused, 1);
	if (log_limit_pass(&n->base.complaints, NULL))
		log_warn("%s: frame not sent: %s", n->base.label, why);
}

/* --- from the host to the guest --- */

static size_t greatest_frame(const struct virtio_net *n)
{
	unsigned mtu = n->setup.mtu > n->setup.backend->mtu ? n->setup.mtu : n->setup.backend->mtu;

	if (n->offloads & GUEST_TSO)
		return NET_HEADER + NET_FRAME_MAX;
	return NET_HEADER + ETHERNET_EXTRA + (mtu > NET_MTU_COMMON ? mtu : NET_MTU_COMMON);
}

/* Receive one frame. Returns 1, 0 if the driver has no room, -EAGAIN if no frame is there, -EPIPE
 * if none will come, or another -errno if the ring is broken. */
static int receive_one(struct net_pair *p, struct virtq *q)
{
	struct virtio_net *n = p->net;
	struct net_backend *b = n->setup.backend;
	ssize_t len;
	int r;

	r = net_rx_borrow(&p->rx, q, greatest_frame(n),
	                  virtio_dev_has(&n->base, VIRTIO_NET_F_MRG_RXBUF));
	if (r <= 0)
		return r;
	len = b->ops->receive(b, rx_index(p) / 2, p->rx.iov, p->rx.n_iov, p->rx.room);
	if (len == -EAGAIN)
		return -EAGAIN;
	if (len == -EMSGSIZE) { /* longer than the driver can take: lost, as on a wire */
		counter_add(&n->count.lost, 1);
		return 1;
	}
	if (len < 0) {
		cut(n, (int)len);
		return -EPIPE;
	}
	if (len >= NET_HEADER)
		net_rx_give_back(&p->rx, q, (size_t)len);
	return 1;
}

/* Returns 0, or -errno if the ring is broken. */
static int serve_rx(struct net_pair *p)
{
	struct virtio_dev *d = &p->net->base;
	uint16_t qi = rx_index(p);
	int r = 1;

	if (!has_link(p->net))
		return 0;
	for (unsigned i = 0; r > 0 && i < TURN_FRAMES; i++)
		r = receive_one(p, &d->queue[qi].ring);
	virtio_dev_signal(d, qi);
	if (r < 0 && r != -EAGAIN && r != -EPIPE)
		return r;
	/* With no room there is nothing to wait for but the driver's notification. */
	if (r == 0)
		watch(p, p->watched & ~(uint32_t)EPOLLIN);
	else
		watch(p, p->watched | EPOLLIN);
	return 0;
}

/* --- from the guest to the host --- */

/* Send one frame. Returns 0 when it is done with, or -EAGAIN. */
static int send_one(struct net_pair *p, const struct virtq_chain *c)
{
	struct virtio_net *n = p->net;
	struct net_backend *b = n->setup.backend;
	int r;

	if (!has_link(n)) {
		counter_add(&n->count.lost, 1);
		return 0;
	}
	if (c->in.left > 0 || c->out.left <= NET_HEADER ||
	    c->out.left > NET_HEADER + NET_FRAME_MAX) {
		refused(n, c->in.left > 0 ? "a buffer is not for reading" : "no length of a frame");
		return 0;
	}
	r = b->ops->send(b, rx_index(p) / 2, c->out.v, c->out.n, c->out.left);
	if (r == -EPIPE)
		cut(n, r);
	else if (r < 0 && r != -EAGAIN)
		refused(n, strerror(-r));
	return r == -EAGAIN ? r : 0;
}

/* Returns 0, or -errno if the ring is broken. */
static int serve_tx(struct net_pair *p)
{
	struct virtio_dev *d = &p->net->base;
	uint16_t qi = rx_index(p) + 1;
	struct virtq *q = &d->queue[qi].ring;
	int r = 1;

	for (unsigned i = 0; i < TURN_FRAMES; i++) {
		r = p->tx_held ? 1 : virtq_next(q, &p->tx);
		if (r <= 0)
			break;
		p->tx_held = send_one(p, &p->tx) == -EAGAIN;
		if (p->tx_held)
			break;
		virtq_push(q, p->tx.head, 0);
	}
	virtio_dev_signal(d, qi);
	watch(p, p->tx_held ? p->watched | EPOLLOUT : p->watched & ~(uint32_t)EPOLLOUT);
	if (r > 0 && !p->tx_held)
		virtio_dev_notify(d, qi);
	return r < 0 ? r : 0;
}

static void pair_ready(struct loop_source *s, uint32_t events)
{
	struct net_pair *p = container_of(s, struct net_pair, source);
	struct virtio_dev *d = &p->net->base;
	int r = 0;

	if (p->net->cut)
		return;
	/* These cannot be masked. What is left to read, if anything, ends by the same error. */
	if ((events & (EPOLLERR | EPOLLHUP)) && !(events & p->watched & EPOLLIN)) {
		cut(p->net, -EPIPE);
		return;
	}
	if (!working(d)) {
		watch(p, 0);
		return;
	}
	if (events & EPOLLOUT)
		r = serve_tx(p);
	if (r == 0 && (events & ~(uint32_t)EPOLLOUT))
		r = serve_rx(p);
	if (r < 0)
		virtio_dev_fail(d, r, "a queue cannot be served");
}

/* --- control queue --- */

static bool use_offloads(struct virtio_net *n, uint64_t offloads)
{
	struct net_backend *b = n->setup.backend;

	if ((offloads & ~(n->base.acked & GUEST_OFFLOADS)) ||
	    (b->ops->offload && b->ops->offload(b, offloads) < 0))
		return false;
	n->offloads = offloads;
	return true;
}

static bool use_pairs(struct virtio_net *n, unsigned pairs)
{
	struct net_backend *b = n->setup.backend;

	if (pairs > b->n_pairs)
		return false;
	stop_vhost(n, pairs);
	if (b->ops->use_pairs && b->ops->use_pairs(b, pairs) < 0)
		return false;
	n->pairs_used = pairs;
	return start_vhost(n) == 0;
}

static bool execute(struct virtio_net *n, struct net_ctrl *c)
{
	const struct virtio_dev *d = &n->base;

	switch (c->kind) {
	case NET_CTRL_NOTHING:
		return true;
	case NET_CTRL_MAC:
		if (!virtio_dev_has(d, VIRTIO_NET_F_CTRL_MAC_ADDR))
			return false;
		virtio_dev_config_changed(&n->base, set_mac, c->mac);
		n->own_mac = true;
		return true;
	case NET_CTRL_PAIRS:
		return virtio_dev_has(d, VIRTIO_NET_F_MQ) && use_pairs(n, c->pairs);
	case NET_CTRL_OFFLOADS:
		return virtio_dev_has(d, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) &&
		       use_offloads(n, c->offloads);
	case NET_CTRL_REFUSED:
		break;
	}
	return false;
}

/* Returns 0, or -errno if the ring is broken. */
static int serve_ctrl(struct virtio_net *n, uint16_t qi)
{
	struct virtq *q = &n->base.queue[qi].ring;
	struct virtq_chain c;
	int r = 1;

	for (unsigned i = 0; i < TURN_FRAMES && r > 0; i++) {
		struct net_ctrl command;
		uint8_t ack;

		r = virtq_next(q, &c);
		if (r <= 0)
			break;
		net_ctrl_parse(&command, &c.out);
		ack = execute(n, &command) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
		if (ack == VIRTIO_NET_OK &&
		    (command.kind == NET_CTRL_NOTHING || command.kind == NET_CTRL_MAC))
			virtio_dev_changed(&n->base); /* what it wants to receive */
		if (iov_write(&c.in, &ack, sizeof(ack)) < 0)
			return -EPROTO; /* no room for an answer */
		virtq_push(q, c.head, sizeof(ack));
	}
	virtio_dev_signal(&n->base, qi);
	if (r > 0)
		virtio_dev_notify(&n->base, qi);
	return r < 0 ? r : 0;
}

/* --- the verbs --- */

static int net_kick(struct virtio_dev *d, uint16_t qi)
{
	struct virtio_net *n = container_of(d, struct virtio_net, base);
	struct net_pair *p = &n->pair[qi / 2];

	if (qi == ctrl_index(n))
		return serve_ctrl(n, qi);
	if (qi / 2 >= n->setup.backend->n_pairs)
		return 0;
	if (qi % 2 == 0)
		return serve_rx(p);
	/* A frame that waits for the host's end does not get there by waiting again. */
	return p->tx_held && has_link(n) ? 0 : serve_tx(p);
}

static int net_activate(struct virtio_dev *d)
{
	struct virtio_net *n = container_of(d, struct virtio_net, base);

	return use_offloads(n, d->acked & GUEST_OFFLOADS) && use_pairs(n, 1) ? 0 : -EIO;
}

static void net_reset(struct virtio_dev *d)
{
	struct virtio_net *n = container_of(d, struct virtio_net, base);
	struct net_backend *b = n->setup.backend;

	stop_vhost(n, 0);
	if (b->ops->forget)
		b->ops->forget(b);
	for (unsigned i = 0; i < b->n_pairs; i++)
		forget(&n->pair[i]);
	if (n->own_mac)
		virtio_dev_config_changed(d, set_mac, n->setup.mac);
	n->own_mac = false;
}

static const struct virtio_dev_ops net_ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.queue_max = 256,
	.config_size = CONFIG_BYTES,
	.activate = net_activate,
	.kick = net_kick,
	.reset = net_reset,
};

/* --- the operator's hand on the cable --- */

/* What the host sent while there was no link is lost, as on a wire. */
static void drop_backlog(struct virtio_net *n)
{
	struct net_backend *b = n->setup.backend;
	uint8_t scrap[NET_HEADER + 1] = { 0 };

	for (unsigned i = 0; i < b->n_pairs; i++) {
		ssize_t r = -EMSGSIZE;

		for (unsigned k = 0; r == -EMSGSIZE && k < BACKLOG_MAX; k++) {
			struct iovec v[2] = { { scrap, sizeof(scrap) } };

			r = b->ops->receive(b, i, v, 1, 0);
			counter_add(&n->count.lost, r == -EMSGSIZE);
		}
	}
}

const struct virtio_net_counters *virtio_net_counters(const struct virtio_net *n)
{
	return &n->count;
}

int virtio_net_set_link(struct virtio_net *n, bool up)
{
	struct net_backend *b = n->setup.backend;
	uint16_t status = up ? VIRTIO_NET_S_LINK_UP : 0;
	int r;

	if (n->cut)
		return up ? -EPIPE : 0;
	if (n->unplugged == !up)
		return 0;
	if (up)
		drop_backlog(n);
	else
		stop_vhost(n, 0);
	if (!up && b->ops->forget)
		b->ops->forget(b);
	n->unplugged = !up;
	virtio_dev_config_changed(&n->base, set_status, &status);
	for (unsigned i = 0; i < b->n_pairs; i++) {
		watch(&n->pair[i], 0);
		/* What waited to be received, and frames that wait to be sent, or to be lost. */
		virtio_dev_notify(&n->base, rx_index(&n->pair[i]));
		virtio_dev_notify(&n->base, rx_index(&n->pair[i]) + 1);
	}
	r = start_vhost(n);
	if (r < 0)
		virtio_dev_fail(&n->base, r, "its back-end does not start again");
	return 0;
}

/* --- set-up --- */

static uint64_t features_of(const struct virtio_net_setup *s)
{
	uint64_t features = s->backend->features | BIT(VIRTIO_NET_F_MAC) |
	                    BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF) |
	                    BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) |
	                    BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR);

	if (s->mtu > 0)
		features |= BIT(VIRTIO_NET_F_MTU);
	if (s->backend->n_pairs > 1)
		features |= BIT(VIRTIO_NET_F_MQ);
	if (s->backend->features & GUEST_OFFLOADS)
		features |= BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	return features;
}

static int watch_pairs(struct virtio_net *n, struct err *e)
{
	const struct net_backend *b = n->setup.backend;

	for (unsigned i = 0; i < b->n_pairs; i++) {
		struct net_pair *p = &n->pair[i];
		int r;

		p->net = n;
		p->source = (struct loop_source){ .fd = b->fd[i], .ready = pair_ready };
		r = loop_add(n->base.loop, &p->source, 0);
		if (r < 0)
			return err_errno(e, -r, "%s: cannot wait for %s", n->base.label, b->name);
	}
	return 0;
}

static int set_up(struct virtio_net *n, struct err *e)
{
	const struct virtio_net_setup *s = &n->setup;
	char label[sizeof(n->base.label)];
	int r;

	assert(s->backend->n_pairs >= 1 && s->backend->n_pairs <= NET_PAIRS_MAX);
	n->pair = calloc(s->backend->n_pairs, sizeof(*n->pair));
	if (!n->pair)
		return err_errno(e, ENOMEM, "cannot make network card %u", s->index);
	n->config = (struct virtio_net_config){
		.status = VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = (uint16_t)s->backend->n_pairs,
		.mtu = (uint16_t)s->mtu,
	};
	memcpy(n->config.mac, s->mac, sizeof(s->mac));
	n->ops = net_ops;
	n->ops.n_queues = (uint16_t)(2 * s->backend->n_pairs + 1);
	snprintf(label, sizeof(label), "net%u", s->index);
	r = virtio_dev_init(&n->base, &n->ops, label, features_of(s), &n->config, s->loop, e);
	if (r == 0)
		r = watch_pairs(n, e);
	for (unsigned i = 0; i < s->backend->n_pairs && r == 0; i++)
		if (s->backend->vhost[i])
			r = vhost_attach(s->backend->vhost[i], &n->base, rx_index(&n->pair[i]), e);
	return r;
}

int virtio_net_new(struct virtio_net **ret, const struct virtio_net_setup *s, struct err *e)
{
	struct virtio_net *n = calloc(1, sizeof(*n));
	int r;

	if (!n) {
		s->backend->ops->close(s->backend);
		return err_errno(e, ENOMEM, "cannot make network card %u", s->index);
	}
	n->setup = *s;
	r = set_up(n, e);
	if (r < 0) {
		virtio_net_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void virtio_net_free(struct virtio_net *n)
{
	if (!n)
		return;
	for (unsigned i = 0; n->pair && i < n->setup.backend->n_pairs; i++)
		if (n->pair[i].net && !n->cut)
			loop_del(n->base.loop, &n->pair[i].source);
	n->setup.backend->ops->close(n->setup.backend);
	virtio_dev_fini(&n->base);
	free(n->pair);
	free(n);
}

struct virtio_dev *virtio_net_dev(struct virtio_net *n)
{
	return &n->base;
}
