/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_blk.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
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
#define TURNS_MAX 256 /* more than any 16 chains of 254 buffers in 16 KiB can need */

/* First byte of the input. */
enum {
	USE_READONLY = 1,
	USE_INDIRECT = 2,
	USE_EVENT_IDX = 4,
	USE_FLUSH = 8,
	USE_QUEUE_1 = 16, /* rather than queue 0 */
	USE_STUCK = 32,
	USE_DIRECT = 64,
};

enum { PLAIN, READONLY, STUCK, DIRECT, N_DISKS };

/* STUCK: the host refuses each write, and it is held. DIRECT: memory has to be aligned. */
static const struct config_disk kinds[N_DISKS] = {
	[READONLY] = { .readonly = true },
	[STUCK] = { .werror = WERROR_STOP },
	[DIRECT] = { .direct = true },
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

static struct virtio_blk *blk[N_DISKS];
static int image_fd[N_DISKS];

static void open_image(unsigned i)
{
	struct config_disk cfg = kinds[i];
	char path[32];
	struct err e;
	int fd = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cfg.path = path;
	cfg.queues = 2;
	if (ftruncate(fd, SECTORS * 512) < 0)
		abort();
	if (virtio_blk_new(&blk[i], &cfg, i, NULL, &e) < 0) {
		if (i != DIRECT)
			abort();
		/* Before Linux 6.6 memory has no O_DIRECT. */
		fprintf(stderr, "%s: no direct disk is tried\n", e.msg);
		blk[i] = blk[PLAIN];
		fd = image_fd[PLAIN];
	}
	image_fd[i] = fd;
}

static unsigned kind_of(uint8_t flags)
{
	if (flags & USE_READONLY)
		return READONLY;
	if (flags & USE_STUCK)
		return STUCK;
	return flags & USE_DIRECT ? DIRECT : PLAIN;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (log_open(NULL, LOG_ERROR, NULL) < 0)
		abort();
	for (unsigned i = 0; i < N_DISKS; i++)
		open_image(i);
	virtio_blk_watch(blk[STUCK], eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	if (fcntl(image_fd[STUCK], F_ADD_SEALS, F_SEAL_WRITE) < 0)
		abort();
	return 0;
}

static void blank_image(void)
{
	static const uint8_t blank[SECTORS * 512];

	if (pwrite(image_fd[PLAIN], blank, sizeof(blank), 0) != sizeof(blank) ||
	    pwrite(image_fd[DIRECT], blank, sizeof(blank), 0) != sizeof(blank))
		abort();
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

static void check_image(int fd)
{
	struct stat st;

	assert(fstat(fd, &st) == 0 && st.st_size == SECTORS * 512);
}

/* Turns of the device's loop until it asks for no more. Returns whether it came to an end. */
static bool drive(struct virtio_dev *d, uint16_t qi)
{
	uint64_t count;

	for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
		virtio_dev_kick(d, qi);
		if (read(d->queue[qi].kick.fd, &count, sizeof(count)) != sizeof(count))
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
	uint16_t qi;
	bool ended;

	blank_image(); /* so that a finding depends on its input alone */
	memcpy(&in, data, head);
	memcpy(ram, data + head, rest);
	expand(r, &in);
	setup.indirect = in.flags & USE_INDIRECT;
	setup.event_idx = in.flags & USE_EVENT_IDX;
	kind = kind_of(in.flags);
	qi = in.flags & USE_QUEUE_1 ? 1 : 0;
	d = virtio_blk_dev(blk[kind]);
	d->acked = in.flags & USE_FLUSH ? 1ULL << VIRTIO_BLK_F_FLUSH : 0;
	d->active = virtq_activate(&d->queue[qi].ring, &mem, &setup) == 0;
	assert(d->active);
	ended = drive(d, qi);
	virtio_blk_retry(blk[kind]);
	ended = drive(d, qi) && ended;
	assert(ended || setup.indirect);
	if (!setup.indirect)
		check_used(r, &in);
	check_image(image_fd[kind]);
	virtio_dev_reset(d);
	free(ram);
	free(r);
	return 0;
}
