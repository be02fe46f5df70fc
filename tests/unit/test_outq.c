/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/outq.h"

#include "tests/unit/run.h"

#include <string.h>

static struct outq queue;
static bool was_empty;
static uint8_t block[OUTQ_SIZE];

static void set_up(void)
{
	ck_assert_int_eq(outq_init(&queue, false, NULL), 0);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i % 251); /* a prime: no period of the ring's size */
}

static void tear_down(void)
{
	outq_fini(&queue);
}

static void fill(void)
{
	ck_assert_uint_eq(outq_put(&queue, block, OUTQ_SIZE, &was_empty), OUTQ_SIZE);
}

START_TEST(put_empty_queue_asks_for_wake)
{
	ck_assert_uint_eq(outq_put(&queue, block, 3, &was_empty), 3);
	ck_assert(was_empty);
}
END_TEST

START_TEST(put_held_bytes_asks_for_no_wake)
{
	ck_assert_uint_eq(outq_put(&queue, block, 3, &was_empty), 3);
	ck_assert_uint_eq(outq_put(&queue, block, 3, &was_empty), 3);
	ck_assert(!was_empty);
}
END_TEST

START_TEST(put_over_capacity_takes_part)
{
	ck_assert_uint_eq(outq_put(&queue, block, 10, &was_empty), 10);
	ck_assert_uint_eq(outq_put(&queue, block, OUTQ_SIZE, &was_empty), OUTQ_SIZE - 10);
}
END_TEST

START_TEST(peek_wrapped_ring_keeps_order)
{
	const uint8_t *bytes;

	fill();
	ck_assert(!outq_consume(&queue, OUTQ_SIZE - 2));
	ck_assert_uint_eq(outq_put(&queue, (const uint8_t *)"abc", 3, &was_empty), 3);

	ck_assert_uint_eq(outq_peek(&queue, &bytes), 2);
	ck_assert_mem_eq(bytes, block + OUTQ_SIZE - 2, 2);
	ck_assert(!outq_consume(&queue, 2));
	ck_assert_uint_eq(outq_peek(&queue, &bytes), 3);
	ck_assert_mem_eq(bytes, "abc", 3);
}
END_TEST

START_TEST(consume_last_byte_begins_at_start_again)
{
	ck_assert_uint_eq(outq_put(&queue, block, 100, &was_empty), 100);
	ck_assert(!outq_consume(&queue, 100));

	ck_assert_uint_eq(queue.head, 0);
}
END_TEST

START_TEST(consume_after_refusal_tells_once_at_half)
{
	fill();
	ck_assert(!outq_has_room(&queue));

	ck_assert(!outq_consume(&queue, OUTQ_SIZE / 2 - 1));
	ck_assert(outq_consume(&queue, 1));
	ck_assert(!outq_consume(&queue, 1));
}
END_TEST

START_TEST(consume_without_refusal_tells_nobody)
{
	fill();

	ck_assert(!outq_consume(&queue, OUTQ_SIZE));
}
END_TEST

static void *put_one(void *arg)
{
	bool empty;

	*(size_t *)arg = outq_put(&queue, (const uint8_t *)"z", 1, &empty);
	return NULL;
}

START_TEST(put_full_queue_waits_for_consumer)
{
	const uint8_t *bytes;
	pthread_t writer;
	size_t taken = 0;

	fill();
	ck_assert_int_eq(pthread_create(&writer, NULL, put_one, &taken), 0);
	ck_assert(!outq_consume(&queue, OUTQ_SIZE)); /* before or after it waits: both must work */
	ck_assert_int_eq(pthread_join(writer, NULL), 0);

	ck_assert_uint_eq(taken, 1);
	ck_assert_uint_eq(outq_peek(&queue, &bytes), 1);
	ck_assert_uint_eq(bytes[0], 'z');
}
END_TEST

START_TEST(shut_full_queue_frees_writer)
{
	pthread_t writer;
	size_t taken = 1;

	fill();
	ck_assert_int_eq(pthread_create(&writer, NULL, put_one, &taken), 0);
	outq_shut(&queue);
	ck_assert_int_eq(pthread_join(writer, NULL), 0);

	ck_assert_uint_eq(taken, 0);
}
END_TEST

START_TEST(shut_queue_has_room_and_keeps_nothing)
{
	const uint8_t *bytes;

	fill();
	outq_shut(&queue);

	ck_assert(outq_has_room(&queue));
	ck_assert_uint_eq(outq_put(&queue, block, 5, &was_empty), 0);
	ck_assert_uint_eq(outq_peek(&queue, &bytes), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("outq");
	TCase *tc = tcase_create("outq");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, put_empty_queue_asks_for_wake);
	tcase_add_test(tc, put_held_bytes_asks_for_no_wake);
	tcase_add_test(tc, put_over_capacity_takes_part);
	tcase_add_test(tc, peek_wrapped_ring_keeps_order);
	tcase_add_test(tc, consume_last_byte_begins_at_start_again);
	tcase_add_test(tc, consume_after_refusal_tells_once_at_half);
	tcase_add_test(tc, consume_without_refusal_tells_nobody);
	tcase_add_test(tc, put_full_queue_waits_for_consumer);
	tcase_add_test(tc, shut_full_queue_frees_writer);
	tcase_add_test(tc, shut_queue_has_room_and_keeps_nothing);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
