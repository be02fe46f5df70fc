/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ring.h"

#include "vmm/num.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Room for the rings of the greatest size; what follows is data. */
#define DESC_AT  0x1000ULL
#define AVAIL_AT 0x8000ULL
#define USED_AT  0xa000ULL
#define DATA_AT  0x10000ULL

struct ring *ring_new(uint16_t size)
{
	struct ring *r = calloc(1, sizeof(*r));
	struct err e;

	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(gmem_add(&r->mem, GPA(0), RING_LOW_BYTES, &e), 0);
	ck_assert_int_eq(gmem_add(&r->mem, GPA(RING_HIGH_BASE), RING_HIGH_BYTES, &e), 0);
	r->setup = (struct virtq_setup){
		.size = size,
		.desc = GPA(DESC_AT),
		.avail = GPA(AVAIL_AT),
		.used = GPA(USED_AT),
	};
	r->desc = ring_host(r, DESC_AT);
	r->avail = ring_host(r, AVAIL_AT);
	r->used = ring_host(r, USED_AT);
	r->next_data = DATA_AT;
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	gmem_fini(&r->mem);
	free(r);
}

void ring_start(struct ring *r, struct virtq *q)
{
	ck_assert_int_eq(virtq_activate(q, &r->mem, &r->setup), 0);
}

uint64_t ring_alloc(struct ring *r, uint32_t len)
{
	uint64_t addr = r->next_data;

	ck_assert_uint_le(len, RING_LOW_BYTES - addr);
	r->next_data = num_align_up(addr + len, 16);
	return addr;
}

void *ring_host(struct ring *r, uint64_t addr)
{
	void *p = gmem_span(&r->mem, GPA(addr), 1);

	ck_assert_ptr_nonnull(p);
	return p;
}

void ring_desc(struct ring *r, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
               uint16_t next)
{
	ck_assert_uint_lt(i, r->setup.size);
	r->desc[i] = (struct vring_desc){ .addr = addr, .len = len, .flags = flags, .next = next };
}

void ring_offer(struct ring *r, uint16_t head)
{
	r->avail->ring[r->avail->idx % r->setup.size] = head;
	__atomic_store_n(&r->avail->idx, r->avail->idx + 1, __ATOMIC_RELEASE);
}

static uint16_t take_desc(struct ring *r)
{
	uint16_t i = r->next_desc;

	r->next_desc = (uint16_t)((i + 1) % r->setup.size);
	return i;
}

static uint16_t flags_of(const struct ring_buf *b, bool last)
{
	return (uint16_t)((b->write ? VRING_DESC_F_WRITE : 0) | (last ? 0 : VRING_DESC_F_NEXT));
}

uint16_t ring_chain(struct ring *r, const struct ring_buf *buf, unsigned n)
{
	uint16_t head = r->next_desc;

	for (unsigned i = 0; i < n; i++) {
		uint16_t at = take_desc(r);

		ring_desc(r, at, buf[i].addr, buf[i].len, flags_of(&buf[i], i + 1 == n),
		          r->next_desc);
	}
	ring_offer(r, head);
	return head;
}

uint16_t ring_indirect(struct ring *r, const struct ring_buf *buf, unsigned n)
{
	uint32_t bytes = n * (uint32_t)sizeof(struct vring_desc);
	uint64_t addr = ring_alloc(r, bytes);
	struct vring_desc *table = ring_host(r, addr);
	uint16_t head = take_desc(r);

	for (unsigned i = 0; i < n; i++)
		table[i] = (struct vring_desc){
			.addr = buf[i].addr,
			.len = buf[i].len,
			.flags = flags_of(&buf[i], i + 1 == n),
			.next = (uint16_t)(i + 1),
		};
	ring_desc(r, head, addr, bytes, VRING_DESC_F_INDIRECT, 0);
	ring_offer(r, head);
	return head;
}
