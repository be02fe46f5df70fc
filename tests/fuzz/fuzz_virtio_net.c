/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_net.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

/*
 * The whole network card over a small guest: three rings, the memory that they point to, and a
 * script of what happens. The rings have a region of RAM of their own that no direct descriptor
 * reaches, so that what was asked for can be compared with what came back; with indirect tables the
 * card can be made to rewrite its rings, and only the memory is watched.
 *
 * Input: struct input, then guest memory. Missing bytes are 0.
 */
#define ENTRIES   16 /* of each ring */
#define QUEUES    3 /* receive, transmit, control */
#define RAM_BYTES 0x8000
#define RINGS_AT  0x100000000ULL
#define STEPS     16
#define TURNS_MAX 64 /* events of the loop after each step */

/* First byte of the input. */
enum {
	USE_INDIRECT = 1,
	USE_EVENT_IDX = 2,
	USE_MERGE = 4,
	USE_OFFLOADS = 8,
	USE_CTRL = 16,
	USE_VHOST = 32
};

struct short_desc {
	uint16_t addr, len;
	uint8_t flags; /* VRING_DESC_F_*; and below */
	uint8_t next;
};

enum { WILD_ADDR = 0x40, WILD_LEN = 0x80 }; /* shifted far out of RAM */

struct rings {
	struct vring_desc desc[ENTRIES];
	uint16_t avail[2 + ENTRIES + 1];
	_Alignas(4) struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[ENTRIES];
		uint16_t event;
	} used;
};

struct short_queue {
	uint8_t avail_idx;
	uint8_t avail[ENTRIES];
	struct short_desc desc[ENTRIES];
};

struct input {
	uint8_t flags;
	uint8_t step[STEPS]; /* see run_step() */
	struct short_queue queue[QUEUES];
};

/* The host's end: frames to come are a number, frames sent are read. */
struct fake {
	struct net_backend base;
	unsigned waiting; /* frames that can be received */
	size_t len; /* bytes of each */
	int answer; /* of the next sends: 0 or -errno */
	unsigned sum; /* so that what is sent is looked at */
};

static struct loop loop;
static struct virtio_net *net;
static struct fake *fake;

static ssize_t fake_receive(struct net_backend *b, unsigned pair, struct iovec *v, unsigned n,
                            size_t room)
{
	struct fake *f = container_of(b, struct fake, base);
	size_t left = f->len;

	(void)pair;
	if (f->waiting == 0)
		return -EAGAIN;
	f->waiting--;
	v[n] = (struct iovec){ .iov_base = NULL }; /* it has to be ours to write */
	for (unsigned i = 0; i < n && left > 0; i++) {
		size_t here = v[i].iov_len < left ? v[i].iov_len : left;

		memset(v[i].iov_base, 0x5a, here);
		left -= here;
	}
	return f->len > room ? -EMSGSIZE : (ssize_t)f->len;
}

static int fake_send(struct net_backend *b, unsigned pair, const struct iovec *v, unsigned n,
                     size_t len)
{
	struct fake *f = container_of(b, struct fake, base);
	size_t all = 0;

	(void)pair;
	for (unsigned i = 0; i < n; i++) {
		for (size_t k = 0; k < v[i].iov_len; k++)
			f->sum += ((const uint8_t *)v[i].iov_base)[k];
		all += v[i].iov_len;
	}
	assert(all == len && len > NET_HEADER && len <= NET_HEADER + NET_FRAME_MAX);
	return f->answer;
}

static void fake_close(struct net_backend *b)
{
	free(container_of(b, struct fake, base));
}

/* A back-end that keeps rings as they are and, when the host's end answers by an error, loses them.
 */
struct fake_vhost {
	struct vhost base;
	uint16_t next[2];
};

static struct fake_vhost vhost;

static int vhost_ok(struct vhost *v, uint64_t features)
{
	(void)v;
	(void)features;
	return 0;
}

static int vhost_set_vring(struct vhost *v, unsigned i, const struct vhost_vring *r)
{
	container_of(v, struct fake_vhost, base)->next[i] = r->next;
	return fake->answer == -EINVAL ? -EINVAL : 0;
}

static int vhost_enable(struct vhost *v, unsigned i, bool on)
{
	(void)v;
	(void)i;
	return on && fake->answer == -EIO ? -EIO : 0;
}

static int vhost_base(struct vhost *v, unsigned i, uint16_t *ret_next)
{
	*ret_next = container_of(v, struct fake_vhost, base)->next[i];
	return fake->answer;
}

static const struct vhost_ops fake_vhost_ops = {
	.set_features = vhost_ok,
	.set_vring = vhost_set_vring,
	.enable = vhost_enable,
	.get_vring_base = vhost_base,
};

static const struct net_backend_ops fake_ops = {
	.receive = fake_receive,
	.send = fake_send,
	.close = fake_close,
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct virtio_net_setup s = { .loop = &loop };

	(void)argc;
	(void)argv;
	fake = calloc(1, sizeof(*fake));
	fake->base = (struct net_backend){
		.ops = &fake_ops,
		.features = 1 << VIRTIO_NET_F_GUEST_CSUM | 1 << VIRTIO_NET_F_GUEST_TSO4,
		.n_pairs = 1,
		/* Always ready in both directions: the worst that a host can do. */
		.fd = { eventfd(1, EFD_CLOEXEC) },
		.name = "fake",
	};
	vhost_init(&vhost.base, &fake_vhost_ops, "fake", 2);
	fake->base.vhost[0] = &vhost.base;
	s.backend = &fake->base;
	if (log_open(NULL, LOG_ERROR, NULL) < 0 || loop_init(&loop, NULL) < 0 ||
	    virtio_net_new(&net, &s, NULL) < 0)
		abort();
	return 0;
}

static void expand(struct rings *r, const struct short_queue *in)
{
	r->avail[1] = in->avail_idx;
	for (unsigned i = 0; i < ENTRIES; i++) {
		const struct short_desc *s = &in->desc[i];

		r->avail[2 + i] = in->avail[i];
		r->desc[i] = (struct vring_desc){
			.addr = s->flags & WILD_ADDR ? (uint64_t)s->addr << 48 : s->addr,
			.len = s->flags & WILD_LEN ? (uint32_t)s->len << 16 : s->len,
			.flags = s->flags & 0x3f,
			.next = s->next,
		};
	}
}

/* Bytes that the device may write for a head. */
static uint64_t writable(const struct rings *r, uint32_t head)
{
	uint64_t sum = 0;
	unsigned i = head;

	for (unsigned n = 0; n < ENTRIES; n++) {
		assert(i < ENTRIES);
		if (r->desc[i].flags & VRING_DESC_F_WRITE)
			sum += r->desc[i].len;
		if (!(r->desc[i].flags & VRING_DESC_F_NEXT))
			break;
		i = r->desc[i].next;
	}
	return sum;
}

static void check_used(const struct rings *r, const struct short_queue *in)
{
	assert(r->used.idx <= in->avail_idx);
	for (unsigned i = 0; i < r->used.idx; i++) {
		assert(r->used.ring[i].id == in->avail[i]);
		assert(r->used.ring[i].len <= writable(r, r->used.ring[i].id));
	}
}

static void turn(void)
{
	struct epoll_event ev;

	for (unsigned i = 0; i < TURNS_MAX && epoll_wait(loop.epoll_fd, &ev, 1, 0) == 1; i++) {
		struct loop_source *s = ev.data.ptr;

		s->ready(s, ev.events);
	}
}

/* The two low bits say what happens, the others to what. */
static void run_step(struct virtio_dev *d, uint8_t step)
{
	static const size_t lengths[] = {
		0, 11, 12, 13, 72, 1526, 4096, NET_HEADER + NET_FRAME_MAX
	};
	static const int answers[] = { 0, -EAGAIN, -EIO, -EINVAL };
	unsigned arg = step >> 2;

	switch (step & 3) {
	case 0:
		virtio_dev_notify(d, (uint16_t)(arg % QUEUES));
		break;
	case 1:
		fake->waiting = arg >> 3;
		fake->len = lengths[arg & 7];
		break;
	case 2:
		fake->answer = answers[arg & 3];
		if (arg & 4)
			(void)virtio_net_set_link(net, arg & 8);
		if (arg & 16)
			virtio_dev_again(d, (uint16_t)(arg % QUEUES));
		break;
	case 3:
		for (uint16_t qi = 0; qi < QUEUES; qi++)
			virtio_dev_kick(d, qi);
		break;
	}
	turn();
}

static uint64_t acked(uint8_t flags)
{
	return (flags & USE_MERGE ? 1ULL << VIRTIO_NET_F_MRG_RXBUF : 0) |
	       (flags & USE_OFFLOADS
	                ? 1ULL << VIRTIO_NET_F_GUEST_CSUM | 1ULL << VIRTIO_NET_F_GUEST_TSO4 |
	                          1ULL << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS
	                : 0) |
	       (flags & USE_CTRL ? 1ULL << VIRTIO_NET_F_CTRL_MAC_ADDR : 0);
}

static void start(struct virtio_dev *d, const struct gmem *mem, const struct input *in)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		uint64_t at = RINGS_AT + i * sizeof(struct rings);
		struct virtq_setup setup = {
			.size = ENTRIES,
			.desc = GPA(at + offsetof(struct rings, desc)),
			.avail = GPA(at + offsetof(struct rings, avail)),
			.used = GPA(at + offsetof(struct rings, used)),
			.indirect = in->flags & USE_INDIRECT,
			.event_idx = in->flags & USE_EVENT_IDX,
		};

		if (virtq_activate(&d->queue[i].ring, mem, &setup) < 0)
			abort();
	}
	d->acked = acked(in->flags);
	fake->waiting = 0;
	fake->answer = 0;
	fake->base.vhost[0] = in->flags & USE_VHOST ? &vhost.base : NULL;
	if (virtio_net_set_link(net, true) < 0)
		abort();
	virtio_dev_start(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;
	size_t head = size < sizeof(in) ? size : sizeof(in);
	size_t rest = size - head < RAM_BYTES ? size - head : RAM_BYTES;
	struct rings *r = calloc(1, 4096);
	uint8_t *ram = calloc(1, RAM_BYTES);
	struct gmem mem = {
		.region = { { GPA(0), RAM_BYTES, ram, -1 },
		            { GPA(RINGS_AT), 4096, (uint8_t *)r, -1 } },
		.n_regions = 2,
	};
	struct virtio_dev *d = virtio_net_dev(net);

	_Static_assert(QUEUES * sizeof(struct rings) <= 4096, "the rings have one page");
	memset(&in, 0, sizeof(in));
	memcpy(&in, data, head);
	memcpy(ram, data + head, rest);
	for (unsigned i = 0; i < QUEUES; i++)
		expand(&r[i], &in.queue[i]);
	start(d, &mem, &in);
	for (unsigned i = 0; i < STEPS; i++)
		run_step(d, in.step[i]);
	for (unsigned i = 0; i < QUEUES && !(in.flags & USE_INDIRECT); i++)
		check_used(&r[i], &in.queue[i]);
	virtio_dev_reset(d);
	turn();
	free(ram);
	free(r);
	return 0;
}
