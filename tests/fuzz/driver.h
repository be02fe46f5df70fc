/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_DRIVER_H
#define TESTS_FUZZ_DRIVER_H

#include "devices/virtio_dev.h"

#include <assert.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>

/*
 * A driver whose every step comes from the fuzzer's input, for devices that are conversations: its
 * rings are well-formed, and what goes through them is not. Malformed rings are for fuzz_virtq.
 */

#define DRIVER_QUEUES  6
#define DRIVER_ENTRIES 16
#define DRIVER_DATA    0x4000 /* bytes of RAM for buffers, used round and round */

/* The input, eaten from the front; zeroes follow its end. */
struct driver_input {
	const uint8_t *at;
	size_t left;
};

/* RAM of the guest. */
struct driver_ram {
	struct {
		struct vring_desc desc[DRIVER_ENTRIES];
		uint16_t avail[2 + DRIVER_ENTRIES + 1];
		_Alignas(4) struct {
			uint16_t flags, idx;
			struct vring_used_elem ring[DRIVER_ENTRIES];
			uint16_t event;
		} used;
	} queue[DRIVER_QUEUES];
	uint8_t data[DRIVER_DATA];
};

struct driver {
	struct virtio_dev *dev;
	struct driver_ram *ram; /* allocated anew, so that an access beside it is seen */
	struct gmem mem;
	uint32_t next; /* offset of the next buffer in data */
};

static inline uint8_t driver_byte(struct driver_input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint32_t driver_word(struct driver_input *in)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++)
		v = v << 8 | driver_byte(in);
	return v;
}

static inline void driver_start(struct driver *d, struct virtio_dev *dev, uint64_t acked,
                                bool event_idx)
{
	*d = (struct driver){ .dev = dev, .ram = calloc(1, sizeof(*d->ram)) };
	d->mem = (struct gmem){ .region = { { GPA(0), sizeof(*d->ram), (uint8_t *)d->ram, -1 } },
		                .n_regions = 1 };
	for (unsigned i = 0; i < dev->ops->n_queues; i++) {
		uint64_t at = offsetof(struct driver_ram, queue) + i * sizeof(d->ram->queue[0]);
		struct virtq_setup setup = { .size = DRIVER_ENTRIES, .event_idx = event_idx };
		int r;

		setup.desc = GPA(at);
		setup.avail = GPA(at + offsetof(struct driver_ram, queue[0].avail));
		setup.used = GPA(at + offsetof(struct driver_ram, queue[0].used));
		r = virtq_activate(&dev->queue[i].ring, &d->mem, &setup);
		assert(r == 0);
	}
	dev->acked = acked;
	virtio_dev_start(dev);
}

static inline void driver_stop(struct driver *d)
{
	virtio_dev_reset(d->dev);
	free(d->ram);
}

/*
 * Offer a chain of two buffers, the first of @split bytes; nothing if the ring is full. @bytes is
 * NULL for a buffer that the device writes.
 */
static inline void driver_offer(struct driver *d, unsigned qi, const uint8_t *bytes, uint32_t len,
                                uint32_t split)
{
	uint16_t idx = d->ram->queue[qi].avail[1], flags = bytes ? 0 : VRING_DESC_F_WRITE;
	struct vring_desc *desc = &d->ram->queue[qi].desc[idx * 2 % DRIVER_ENTRIES];
	uint64_t at = offsetof(struct driver_ram, data);

	if ((uint16_t)(idx - d->ram->queue[qi].used.idx) >= DRIVER_ENTRIES / 2)
		return;
	if (d->next + len > DRIVER_DATA)
		d->next = 0;
	if (bytes)
		memcpy(d->ram->data + d->next, bytes, len);
	at += d->next;
	d->next += len;
	desc[0] = (struct vring_desc){ .addr = at,
		                       .len = split,
		                       .flags = flags | VRING_DESC_F_NEXT,
		                       .next = (uint16_t)(idx * 2 % DRIVER_ENTRIES + 1) };
	desc[1] = (struct vring_desc){ .addr = at + split, .len = len - split, .flags = flags };
	d->ram->queue[qi].avail[2 + idx % DRIVER_ENTRIES] = (uint16_t)(idx * 2 % DRIVER_ENTRIES);
	__atomic_store_n(&d->ram->queue[qi].avail[1], idx + 1, __ATOMIC_RELEASE);
	virtio_dev_notify(d->dev, (uint16_t)qi);
}

/* Turns of a loop that end by themselves. */
struct driver_clock {
	struct loop_source source;
	struct loop *loop;
	unsigned left;
};

static inline void driver_tick(struct loop_source *s, uint32_t events)
{
	struct driver_clock *c = container_of(s, struct driver_clock, source);

	(void)events;
	if (--c->left == 0)
		loop_stop(c->loop);
}

static inline void driver_run(struct loop *loop, unsigned turns)
{
	struct driver_clock clock = {
		.source = { .fd = eventfd(1, EFD_CLOEXEC), .ready = driver_tick },
		.loop = loop,
		.left = turns,
	};
	int r = loop_add(loop, &clock.source, EPOLLIN);

	assert(r == 0);
	loop->stop = false;
	r = loop_run(loop);
	assert(r == 0);
	loop_del(loop, &clock.source);
	close(clock.source.fd);
}

#endif /* TESTS_FUZZ_DRIVER_H */
