/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_RING_H
#define TESTS_UNIT_RING_H

#include "devices/virtq.h"

#include <linux/virtio_ring.h>

/*
 * The driver's side of a split ring in plain memory: what a guest would write, right or wrong.
 * A fixture for the tests of the queue and of the devices behind it. Every function ends the test
 * when the host refuses memory.
 */

#define RING_LOW_BYTES  0x200000ULL /* first region of RAM, at guest address 0 */
#define RING_HIGH_BASE  0x100000000ULL /* second region, above the gap */
#define RING_HIGH_BYTES 0x10000ULL

/* One buffer of a request. */
struct ring_buf {
	uint64_t addr; /* guest physical, e.g. from ring_alloc() */
	uint32_t len; /* bytes */
	bool write; /* the device may write it */
};

struct ring {
	struct gmem mem; /* two regions */
	struct virtq_setup setup; /* all rings valid and in the first region; change before start */
	struct vring_desc *desc; /* host pointers to what @setup was made with */
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_desc; /* first descriptor not handed out yet */
	uint64_t next_data; /* first guest address not handed out yet */
	struct virtq q; /* for ring_start(); device tests use their device's instead */
};

/**
 * ring_new() - Make RAM with an empty ring in it
 * @size: Entries; put into the setup as it is, even if it is none that a queue accepts
 *
 * Return: A ring of RAM, never NULL; nothing is activated. ring_free() it.
 */
struct ring *ring_new(uint16_t size);

/**
 * ring_free() - Give a ring and its RAM back
 * @r: May be NULL
 */
void ring_free(struct ring *r);

/**
 * ring_start() - Activate a queue on the ring
 * @r: Ring
 * @q: Zeroed queue: &r->q, or a device's &d->queue[i].ring
 *
 * Ends the test when the queue refuses.
 */
void ring_start(struct ring *r, struct virtq *q);

/**
 * ring_alloc() - Take zeroed guest memory for a buffer, 16-byte aligned
 * @r:   Ring
 * @len: Bytes
 *
 * Return: Guest physical address.
 */
uint64_t ring_alloc(struct ring *r, uint32_t len);

/**
 * ring_host() - Where guest memory is
 * @r:    Ring
 * @addr: Guest physical address inside RAM
 */
void *ring_host(struct ring *r, uint64_t addr);

/**
 * ring_desc() - Write one descriptor
 * @r:     Ring
 * @i:     Its index, less than the size
 * @addr:  Guest physical address
 * @len:   Bytes
 * @flags: VRING_DESC_F_*
 * @next:  Index of the next one
 */
void ring_desc(struct ring *r, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
               uint16_t next);

/**
 * ring_offer() - Make a head available
 * @r:    Ring
 * @head: Any number
 */
void ring_offer(struct ring *r, uint16_t head);

/**
 * ring_chain() - Make a request of chained descriptors available
 * @r:   Ring; takes @n descriptors that were not used before, wrapping at the end of the table
 * @buf: Buffers, in order
 * @n:   Count, at least 1
 *
 * Return: The head.
 */
uint16_t ring_chain(struct ring *r, const struct ring_buf *buf, unsigned n);

/**
 * ring_indirect() - Make a request of one indirect descriptor available
 * @r:   Ring; takes one descriptor
 * @buf: Buffers, in order
 * @n:   Count, at least 1
 *
 * Return: The head.
 */
uint16_t ring_indirect(struct ring *r, const struct ring_buf *buf, unsigned n);

#endif /* TESTS_UNIT_RING_H */
