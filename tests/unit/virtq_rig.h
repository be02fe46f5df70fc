/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIRTQ_RIG_H
#define TESTS_UNIT_VIRTQ_RIG_H

/* One small queue with its driver's side, for the one program that includes this. */

#include "devices/virtq.h"
#include "tests/unit/ring.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <string.h>

#define SIZE 8 /* entries; small, so that the first bad index is 8 */

static struct ring *r; /* of the test that runs */

static void setup(void)
{
	r = ring_new(SIZE);
}

static void teardown(void)
{
	ring_free(r);
}

/* Offer one chain of 16 readable bytes. */
static uint16_t offer_one(void)
{
	struct ring_buf b = { ring_alloc(r, 16), 16, false };

	return ring_chain(r, &b, 1);
}

/* Offer, take and give back @n chains of one descriptor. Asserts once: Check is slow at that. */
static void turns(unsigned n)
{
	struct virtq_chain c;
	unsigned taken = 0;

	ring_desc(r, 0, 0x10000, 16, 0, 0);
	for (unsigned i = 0; i < n; i++) {
		ring_offer(r, 0);
		taken += virtq_next(&r->q, &c) == 1;
		virtq_push(&r->q, c.head, 0);
	}
	ck_assert_uint_eq(taken, n);
}

static void turn(void)
{
	turns(1);
}

#endif /* TESTS_UNIT_VIRTQ_RIG_H */
