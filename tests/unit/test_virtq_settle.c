/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtq.h"
#include "tests/unit/ring.h"
#include "tests/unit/run.h"

#include <errno.h>

#define SIZE 8 /* entries */

static struct ring *r; /* of the test that runs; each head is a chain without bytes */

static void setup(void)
{
	r = ring_new(SIZE);
	ring_start(r, &r->q);
}

static void teardown(void)
{
	ring_free(r);
}

/* Chains that were served before: none, some, more than a round, more than the indices hold. */
static const unsigned rounds[] = { 0, 3, SIZE + 1, 65536 + 4 };

/* What another process did with the ring that it was lent: answer @head. */
static void answer(uint16_t head)
{
	r->used->ring[r->used->idx % SIZE].id = head;
	r->used->idx++;
}

static void offer_and_answer(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ring_offer(r, (uint16_t)(i % 5));
		answer((uint16_t)(i % 5));
	}
}

/* Then it died. */
static int settle(void)
{
	virtq_seek(&r->q, r->used->idx);
	return virtq_settle(&r->q);
}

START_TEST(settle_of_an_idle_ring_leaves_nothing)
{
	struct virtq_chain c;

	offer_and_answer(rounds[_i]);
	ck_assert_int_eq(settle(), 0);
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
}
END_TEST

START_TEST(settle_leaves_what_was_not_answered)
{
	struct virtq_chain c;

	offer_and_answer(rounds[_i]);
	ring_offer(r, 7);
	ring_offer(r, 6);
	answer(7);
	ring_offer(r, 7);
	ck_assert_int_eq(settle(), 0);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.head, 6);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.head, 7);
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
}
END_TEST

START_TEST(settle_of_a_full_ring_leaves_all)
{
	struct virtq_chain c;

	offer_and_answer(rounds[_i]);
	for (uint16_t i = 0; i < SIZE; i++)
		ring_offer(r, i);
	ck_assert_int_eq(settle(), 0);
	for (uint16_t i = 0; i < SIZE; i++) {
		ck_assert_int_eq(virtq_next(&r->q, &c), 1);
		ck_assert_uint_eq(c.head, i);
	}
}
END_TEST

START_TEST(settle_after_another_order_breaks_queue)
{
	offer_and_answer(rounds[_i]);
	ring_offer(r, 6);
	ring_offer(r, 7);
	answer(7);
	ck_assert_int_eq(settle(), -EPROTO);
	ck_assert(r->q.broken);
}
END_TEST

/* Nothing is left, so that there is nothing to know. */
START_TEST(settle_after_another_order_of_all_leaves_nothing)
{
	ring_offer(r, 6);
	ring_offer(r, 7);
	answer(7);
	answer(6);
	ck_assert_int_eq(settle(), 0);
}
END_TEST

START_TEST(settle_of_more_in_flight_than_size_breaks_queue)
{
	virtq_seek(&r->q, (uint16_t)(-SIZE - 1 - _i));
	ck_assert_int_eq(virtq_settle(&r->q), -EPROTO);
	ck_assert(r->q.broken);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtq_settle");
	TCase *tc = tcase_create("settle");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, settle_of_an_idle_ring_leaves_nothing, 0, ARRAY_SIZE(rounds));
	tcase_add_loop_test(tc, settle_leaves_what_was_not_answered, 0, ARRAY_SIZE(rounds));
	tcase_add_loop_test(tc, settle_of_a_full_ring_leaves_all, 0, ARRAY_SIZE(rounds));
	tcase_add_loop_test(tc, settle_after_another_order_breaks_queue, 0, ARRAY_SIZE(rounds));
	tcase_add_test(tc, settle_after_another_order_of_all_leaves_nothing);
	tcase_add_loop_test(tc, settle_of_more_in_flight_than_size_breaks_queue, 0, 3);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
