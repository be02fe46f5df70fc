/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_blk.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

/*
 * The whole block device over a small guest: the input is a ring and the memory that it points to.
 * The rings have a region of RAM of their own that no direct descriptor reaches, so that what was
 * asked for can be compared with what came back. Indirect tables hold whole addresses: with them
 * the device can be made to rewrite its own ring, and only the image and the memory are watched.
 *
 * Input: one byte of flags, the available index, the available ring, the descriptors in short
 * form, then guest memory. Missing bytes are 0.
 */
#define ENTRIES   16 /* of the ring */
#define RAM_BYTES 0x4000
#define RINGS_AT  0x100000000ULL
#define SECTORS   16 /* of the image */
#define TURNS_MAX 1024 /* more than any 16 chains of 254 buffers in 16 KiB can need */

/* First byte of the input; its upper three bits say which disk. */
enum {
	USE_READONLY = 1,
	USE_INDIRECT = 2,
	USE_EVENT_IDX = 4,
	USE_FLUSH = 8,
	USE_QUEUE_1 = 16, /* rather than queue 0 */
};

enum { PLAIN, STUCK, DIRECT, RING, COW, RING_COW, RING_DIRECT, READONLY, N_DISKS };

static struct loop loop; /* of those with a ring */

/* STUCK: the host refuses each write, and it is held. DIRECT: memory has to be aligned. */
static struct {
	struct config_disk cfg;
	struct loop *loop;
	struct virtio_blk *blk;
	int fd;
	char path[32];
} disks[N_DISKS] = {
	[STUCK] = { .cfg.werror = WERROR_STOP },
	[DIRECT] = { .cfg.direct = true },
	[RING] = { .loop = &loop },
	[COW] = { .cfg.cow = true },
	[RING_COW] = { .cfg.cow = true, .loop = &loop },
	[RING_DIRECT] = { .cfg.direct = true, .loop = &loop },
	[READONLY] = { .cfg.readonly = true },
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

struct input {
	uint8_t flags, avail_idx;
	uint8_t avail[ENTRIES];
	struct short_desc desc[ENTRIES];
};

static int open_disk(unsigned i)
{
	struct config_disk cfg = disks[i].cfg;
	struct err e;

	cfg.path = disks[i].path;
	cfg.queues = 2;
	return virtio_blk_new(&disks[i].blk, &cfg, i, disks[i].loop, &e);
}

static int open_image(unsigned i, int fd)
{
	disks[i].fd = fd;
	snprintf(disks[i].path, sizeof(disks[i].path), "/proc/self/fd/%d", fd);
	if (fd < 0 || ftruncate(fd, SECTORS * 512) < 0)
		abort();
	return open_disk(i);
}

static void make_disk(unsigned i)
{
	int r = open_image(i, memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	/* Before Linux 6.6 memory has no O_DIRECT. */
	if (r < 0 && disks[i].cfg.direct)
		r = open_image(i, open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	if (r < 0 && disks[i].cfg.direct) {
		fputs("note: no O_DIRECT in memory or /var/tmp: it is not tried\n", stderr);
		disks[i] = disks[disks[i].loop ? RING : PLAIN];
	} else if (r < 0) {
		abort();
	}
	if (disks[i].loop && strcmp(virtio_blk_engine(disks[i].blk), "io_uring") != 0)
		fputs("note: no io_uring: it is not tried\n", stderr);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (log_open(NULL, LOG_ERROR, NULL) < 0 || loop_init(&loop, NULL) < 0)
		abort();
	for (unsigned i = 0; i < N_DISKS; i++)
		make_disk(i);
	virtio_blk_watch(disks[STUCK].blk, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	if (fcntl(disks[STUCK].fd, F_ADD_SEALS, F_SEAL_WRITE) < 0)
		abort();
	return 0;
}

/* The disk as it was at first, so that a finding depends on its input alone. */
static void renew(unsigned i)
{
	static const uint8_t blank[SECTORS * 512];

	if (disks[i].cfg.cow) {
		virtio_blk_free(disks[i].blk);
		if (open_disk(i) < 0)
			abort();
	} else if (i != STUCK && i != READONLY) {
		if (pwrite(disks[i].fd, blank, sizeof(blank), 0) != sizeof(blank))
			abort();
	}
}

static void expand(struct rings *r, const struct input *in)
{
	memset(r, 0, sizeof(*r));
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

/* Requests may come back in any order, each as often as it was offered at most. */
static void check_used(const struct rings *r, const struct input *in)
{
	unsigned offered[ENTRIES] = { 0 };

	assert(r->used.idx <= in->avail_idx);
	for (unsigned i = 0; i < in->avail_idx && i < ENTRIES; i++)
		if (in->avail[i] < ENTRIES)
			offered[in->avail[i]]++;
	for (unsigned i = 0; i < r->used.idx; i++) {
		assert(r->used.ring[i].id < ENTRIES && offered[r->used.ring[i].id]-- > 0);
		assert(r->used.ring[i].len <= writable(r, r->used.ring[i].id));
	}
}

static void check_image(unsigned i)
{
	uint8_t seen[SECTORS * 512];
	struct stat st;

	assert(fstat(disks[i].fd, &st) == 0 && st.st_size == SECTORS * 512);
	if (!disks[i].cfg.cow && i != STUCK && i != READONLY)
		return;
	assert(pread(disks[i].fd, seen, sizeof(seen), 0) == sizeof(seen));
	for (size_t n = 0; n < sizeof(seen); n++)
		assert(seen[n] == 0);
}

static uint64_t unanswered(const struct virtq *q)
{
	return counter_get(&q->count.taken) - counter_get(&q->count.given);
}

/* One turn of the device. Returns whether it had anything to do; its ring is waited for. */
static bool turn(struct virtio_dev *d, uint16_t qi, bool waits)
{
	struct epoll_event ev;
	struct loop_source *s;
	uint64_t count;
	int n;

	if (!d->loop) {
		if (read(d->queue[qi].kick.fd, &count, sizeof(count)) != sizeof(count))
			return false;
		virtio_dev_kick(d, qi);
		return true;
	}
	n = epoll_wait(loop.epoll_fd, &ev, 1, waits ? -1 : 0);
	if (n == 1) {
		s = ev.data.ptr;
		s->ready(s, ev.events);
	}
	return n != 0; /* an io_uring interrupts who waits */
}

/* Turns of the device until it asks for no more. Returns whether it came to an end. */
static bool drive(struct virtio_dev *d, uint16_t qi, uint64_t lost)
{
	bool waits;

	virtio_dev_kick(d, qi);
	for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
		waits = unanswered(&d->queue[qi].ring) != lost &&
		        !(virtio_dev_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET);
		if (!turn(d, qi, waits))
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { 0 };
	size_t head = size < sizeof(in) ? size : sizeof(in);
	size_t rest = size - head < RAM_BYTES ? size - head : RAM_BYTES;
	struct rings *r = calloc(1, 4096);
	uint8_t *ram = calloc(1, RAM_BYTES);
	struct gmem mem = {
		.region = { { GPA(0), RAM_BYTES, ram, -1 },
		            { GPA(RINGS_AT), 4096, (uint8_t *)r, -1 } },
		.n_regions = 2,
	};
	struct virtq_setup setup = {
		.size = ENTRIES,
		.desc = GPA(RINGS_AT + offsetof(struct rings, desc)),
		.avail = GPA(RINGS_AT + offsetof(struct rings, avail)),
		.used = GPA(RINGS_AT + offsetof(struct rings, used)),
	};
	struct virtio_dev *d;
	unsigned kind;
	uint64_t lost;
	uint16_t qi;
	bool ended;

	memcpy(&in, data, head);
	memcpy(ram, data + head, rest);
	expand(r, &in);
	setup.indirect = in.flags & USE_INDIRECT;
	setup.event_idx = in.flags & USE_EVENT_IDX;
	kind = in.flags & USE_READONLY ? READONLY : in.flags >> 5;
	renew(kind);
	qi = in.flags & USE_QUEUE_1 ? 1 : 0;
	d = virtio_blk_dev(disks[kind].blk);
	d->acked = in.flags & USE_FLUSH ? 1ULL << VIRTIO_BLK_F_FLUSH : 0;
	d->active = virtq_activate(&d->queue[qi].ring, &mem, &setup) == 0;
	assert(d->active);
	lost = unanswered(&d->queue[qi].ring); /* by resets before */
	ended = drive(d, qi, lost);
	virtio_blk_retry(disks[kind].blk);
	ended = drive(d, qi, lost) && ended;
	assert(ended || setup.indirect);
	if (!setup.indirect)
		check_used(r, &in);
	virtio_dev_reset(d);
	check_image(kind);
	free(ram);
	free(r);
	return 0;
}
