/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EVENTS_MAX 4096 /* more than any test needs; a loop that goes on is one that spins */

/* The card's end of the cable. */
struct rig_end {
	struct net_backend base;
	struct net_rig *rig;
	int other[RIG_PAIRS]; /* our ends */
};

static ssize_t end_receive(struct net_backend *b, unsigned pair, struct iovec *v, unsigned n,
                           size_t room)
{
	char spill;
	ssize_t r;

	v[n] = (struct iovec){ &spill, 1 };
	r = readv(b->fd[pair], v, (int)n + 1);
	if (r <= 0)
		return r < 0 ? -errno : -EPIPE;
	return (size_t)r > room ? -EMSGSIZE : r;
}

static int end_send(struct net_backend *b, unsigned pair, const struct iovec *v, unsigned n,
                    size_t len)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = n };

	(void)len;
	return sendmsg(b->fd[pair], &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int end_offload(struct net_backend *b, uint64_t features)
{
	container_of(b, struct rig_end, base)->rig->offloads = features;
	return 0;
}

static int end_use_pairs(struct net_backend *b, unsigned n)
{
	container_of(b, struct rig_end, base)->rig->pairs_used = n;
	return 0;
}

static void end_close(struct net_backend *b)
{
	struct rig_end *end = container_of(b, struct rig_end, base);

	for (unsigned i = 0; i < RIG_PAIRS; i++) {
		vhost_free(b->vhost[i]);
		fd_close(&b->fd[i]);
		fd_close(&end->other[i]);
	}
	free(end);
}

static const struct net_backend_ops end_ops = {
	.receive = end_receive,
	.send = end_send,
	.offload = end_offload,
	.use_pairs = end_use_pairs,
	.close = end_close,
};

static struct net_backend *new_end(struct net_rig *x, struct vhost *const *vhost)
{
	struct rig_end *end = calloc(1, sizeof(*end));
	int fd[2];

	ck_assert_ptr_nonnull(end);
	*end = (struct rig_end){
		.base = { .ops = &end_ops,
		          .features = 1 << VIRTIO_NET_F_CSUM | 1 << VIRTIO_NET_F_GUEST_CSUM |
		                      1 << VIRTIO_NET_F_GUEST_TSO4,
		          .n_pairs = RIG_PAIRS,
		          .name = "the wire" },
		.rig = x,
	};
	for (unsigned i = 0; i < RIG_PAIRS; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
		end->base.fd[i] = fd[0];
		end->other[i] = fd[1];
		end->base.vhost[i] = vhost[i];
	}
	x->wire = end->other[0];
	return &end->base;
}

void net_rig_init(struct net_rig *x, uint64_t acked)
{
	net_rig_init_vhost(x, acked, (struct vhost *const[RIG_PAIRS]){ NULL });
}

void net_rig_init_vhost(struct net_rig *x, uint64_t acked, struct vhost *const *vhost)
{
	struct virtio_net_setup s = { .index = 2, .mtu = 1500, .loop = &x->loop };
	struct err e = { 0 };

	*x = (struct net_rig){ 0 };
	memcpy(s.mac, RIG_MAC, sizeof(s.mac));
	ck_assert_int_eq(loop_init(&x->loop, &e), 0);
	s.backend = new_end(x, vhost);
	ck_assert_msg(virtio_net_new(&x->net, &s, &e) == 0, "%s", e.msg);
	x->dev = virtio_net_dev(x->net);
	x->dev->acked = acked;
	for (unsigned i = 0; i < ARRAY_SIZE(x->ring); i++) {
		x->ring[i] = ring_new(RIG_RING_SIZE);
		ring_start(x->ring[i], &x->dev->queue[i].ring);
	}
	virtio_dev_start(x->dev);
	net_rig_serve(x);
}

void net_rig_fini(struct net_rig *x)
{
	virtio_net_free(x->net);
	loop_fini(&x->loop);
	for (unsigned i = 0; i < ARRAY_SIZE(x->ring); i++)
		ring_free(x->ring[i]);
}

unsigned net_rig_serve(struct net_rig *x)
{
	struct epoll_event ev;
	unsigned n = 0;

	while (epoll_wait(x->loop.epoll_fd, &ev, 1, 0) == 1) {
		struct loop_source *s = ev.data.ptr;

		s->ready(s, ev.events);
		ck_assert_uint_lt(n++, EVENTS_MAX);
	}
	return n;
}

void net_rig_kick(struct net_rig *x, uint16_t qi)
{
	virtio_dev_notify(x->dev, qi);
	net_rig_serve(x);
}

uint8_t *net_rig_lend(struct net_rig *x, uint32_t len)
{
	uint64_t at = ring_alloc(x->ring[0], len);

	memset(ring_host(x->ring[0], at), 0xaa, len);
	ring_chain(x->ring[0], &(struct ring_buf){ at, len, true }, 1);
	return ring_host(x->ring[0], at);
}

void net_rig_arrive(struct net_rig *x, size_t len, uint8_t fill)
{
	static uint8_t frame[NET_HEADER + NET_FRAME_MAX + 16];

	ck_assert_uint_le(len, sizeof(frame));
	memset(frame, 0, NET_HEADER);
	memset(frame + NET_HEADER, fill, sizeof(frame) - NET_HEADER);
	ck_assert_int_eq(write(x->wire, frame, len), len);
}

void net_rig_send(struct net_rig *x, uint32_t len, uint8_t fill)
{
	uint64_t at = ring_alloc(x->ring[1], len);

	memset(ring_host(x->ring[1], at), fill, len);
	ring_chain(x->ring[1], &(struct ring_buf){ at, len, false }, 1);
}

size_t net_rig_taken(struct net_rig *x, uint8_t fill)
{
	static uint8_t frame[NET_HEADER + NET_FRAME_MAX + 16];
	ssize_t len = read(x->wire, frame, sizeof(frame));

	/* All bytes are equal if each is like the one before it. */
	if (len <= 0)
		return 0;
	ck_assert_uint_eq(frame[0], fill);
	ck_assert_mem_eq(frame, frame + 1, (size_t)len - 1);
	return (size_t)len;
}

uint8_t net_rig_command(struct net_rig *x, const void *data, uint32_t len)
{
	uint16_t qi = x->dev->acked & 1 << VIRTIO_NET_F_MQ ? 2 * RIG_PAIRS : 2;
	struct ring *r = x->ring[qi];
	struct ring_buf buf[] = { { ring_alloc(r, len), len, false },
		                  { ring_alloc(r, 1), 1, true } };
	uint16_t served = r->used->idx;

	memcpy(ring_host(r, buf[0].addr), data, len);
	*(uint8_t *)ring_host(r, buf[1].addr) = 0xaa;
	ring_chain(r, buf, ARRAY_SIZE(buf));
	net_rig_kick(x, qi);
	ck_assert_uint_eq(r->used->idx, (uint16_t)(served + 1));
	return *(uint8_t *)ring_host(r, buf[1].addr);
}

bool net_rig_failed(const struct net_rig *x)
{
	return virtio_dev_status(x->dev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}
