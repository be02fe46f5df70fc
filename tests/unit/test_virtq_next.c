/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtq_rig.h"

/* The queue has refused: it says so from now on, and gave nothing back. */
static void assert_broken(void)
{
	struct virtq_chain c;

	ck_assert(r->q.broken);
	ck_assert_int_eq(virtq_next(&r->q, &c), -EPROTO);
	virtq_push(&r->q, 0, 0);
	ck_assert_uint_eq(r->used->idx, 0);
	ck_assert(!virtq_wants_signal(&r->q));
}

/* ---- next: good chains ---- */

START_TEST(next_on_empty_ring_returns_none)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
	ck_assert(!r->q.broken);
}
END_TEST

START_TEST(next_chain_parts_readable_and_writable)
{
	struct ring_buf b[] = {
		{ ring_alloc(r, 16), 16, false },
		{ ring_alloc(r, 5), 5, false },
		{ RING_HIGH_BASE + 100, 7, true },
		{ ring_alloc(r, 1), 1, true },
	};
	struct virtq_chain c;

	ring_start(r, &r->q);
	r->next_desc = 6; /* so that the chain wraps round the table */
	ring_chain(r, b, 4);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.head, 6);
	ck_assert_uint_eq(c.out.n, 2);
	ck_assert_uint_eq(c.out.left, 21);
	ck_assert_ptr_eq(c.out.v[1].iov_base, ring_host(r, b[1].addr));
	ck_assert_uint_eq(c.in.n, 2);
	ck_assert_uint_eq(c.in.left, 8);
	ck_assert_ptr_eq(c.in.v[0].iov_base, ring_host(r, b[2].addr));
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
}
END_TEST

START_TEST(next_several_chains_come_in_order)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	for (unsigned i = 0; i < SIZE; i++)
		offer_one();
	for (unsigned i = 0; i < SIZE; i++) {
		ck_assert_int_eq(virtq_next(&r->q, &c), 1);
		ck_assert_uint_eq(c.head, i);
	}
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
}
END_TEST

START_TEST(next_chain_as_long_as_the_ring_is_taken)
{
	struct ring_buf b[SIZE];
	struct virtq_chain c;

	for (unsigned i = 0; i < SIZE; i++)
		b[i] = (struct ring_buf){ ring_alloc(r, 4), 4, true };
	ring_start(r, &r->q);
	ring_chain(r, b, SIZE);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.in.n, SIZE);
	ck_assert_uint_eq(c.out.left, 0);
}
END_TEST

START_TEST(next_after_65536_chains_goes_on)
{
	ring_start(r, &r->q);
	turns(65536 + 3);
	ck_assert_uint_eq(r->used->idx, 3);
	ck_assert(!r->q.broken);
}
END_TEST

START_TEST(next_buffers_at_the_ends_of_ram_are_taken)
{
	struct ring_buf b[] = {
		{ RING_LOW_BYTES - 512, 512, false },
		{ RING_HIGH_BASE + RING_HIGH_BYTES - 1, 1, true },
	};
	struct virtq_chain c;

	ring_start(r, &r->q);
	ring_chain(r, b, 2);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
}
END_TEST

START_TEST(next_empty_descriptor_adds_no_segment)
{
	struct ring_buf b[] = {
		{ UINT64_MAX, 0, false },
		{ ring_alloc(r, 3), 3, false },
		{ UINT64_MAX, 0, true },
	};
	struct virtq_chain c;

	ring_start(r, &r->q);
	ring_chain(r, b, 3);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.out.n, 1);
	ck_assert_uint_eq(c.out.left, 3);
	ck_assert_uint_eq(c.in.n, 0);
	ck_assert_uint_eq(c.in.left, 0);
}
END_TEST

START_TEST(next_chain_is_a_snapshot)
{
	struct virtq_chain c;
	uint16_t head;

	ring_start(r, &r->q);
	head = offer_one();
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ring_desc(r, head, UINT64_MAX, UINT32_MAX, VRING_DESC_F_WRITE, 0);
	ck_assert_uint_eq(c.out.left, 16);
	ck_assert_uint_eq(c.out.v[0].iov_len, 16);
	ck_assert_ptr_eq(c.out.v[0].iov_base, ring_host(r, 0x10000));
}
END_TEST

/* ---- next: what breaks the ring ---- */

/* How far the index may jump: as many as there are entries. */
START_TEST(next_index_jump_over_size_breaks_queue)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	r->avail->idx = (uint16_t)_i;
	ck_assert_int_eq(virtq_next(&r->q, &c), -EPROTO);
	assert_broken();
}
END_TEST

START_TEST(next_index_going_back_breaks_queue)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	turn();
	turn();
	r->avail->idx = 1;
	ck_assert_int_eq(virtq_next(&r->q, &c), -EPROTO);
	ck_assert(r->q.broken);
}
END_TEST

START_TEST(next_more_in_flight_than_size_breaks_queue)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	for (unsigned i = 0; i < SIZE; i++) {
		offer_one();
		ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	}
	ring_offer(r, 0); /* a head that was never given back */
	ck_assert_int_eq(virtq_next(&r->q, &c), -EPROTO);
	assert_broken();
}
END_TEST

START_TEST(next_head_past_table_breaks_queue)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	ring_offer(r, (uint16_t)_i);
	ck_assert_int_eq(virtq_next(&r->q, &c), -EPROTO);
	assert_broken();
}
END_TEST

/* Two descriptors, of which the second is bad in one way. */
static const struct {
	struct vring_desc first, second;
	int r;
} bad[] = {
	/* next past the table */
	{ { 0x10000, 16, VRING_DESC_F_NEXT, SIZE }, { 0 }, -EPROTO },
	{ { 0x10000, 16, VRING_DESC_F_NEXT, UINT16_MAX }, { 0 }, -EPROTO },
	/* loops: on itself, over two, of empty ones */
	{ { 0x10000, 16, VRING_DESC_F_NEXT, 0 }, { 0 }, -EPROTO },
	{ { 0x10000, 16, VRING_DESC_F_NEXT, 1 }, { 0x10000, 1, VRING_DESC_F_NEXT, 0 }, -EPROTO },
	{ { 0x10000, 0, VRING_DESC_F_NEXT, 0 }, { 0 }, -EPROTO },
	/* flags that mean nothing */
	{ { 0x10000, 16, 8, 0 }, { 0 }, -EPROTO },
	{ { 0x10000, 16, 0x8000, 0 }, { 0 }, -EPROTO },
	/* readable after writable, even if empty */
	{ { 0x10000, 16, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 },
	  { 0x10000, 16, 0, 0 },
	  -EPROTO },
	{ { 0x10000, 0, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 },
	  { 0x10000, 0, 0, 0 },
	  -EPROTO },
	/* outside RAM: over the end, in the gap, before the second region, wrapping */
	{ { RING_LOW_BYTES - 16, 17, 0, 0 }, { 0 }, -EFAULT },
	{ { RING_LOW_BYTES, 1, 0, 0 }, { 0 }, -EFAULT },
	{ { RING_HIGH_BASE - 1, 2, 0, 0 }, { 0 }, -EFAULT },
	{ { RING_HIGH_BASE + RING_HIGH_BYTES, 1, 0, 0 }, { 0 }, -EFAULT },
	{ { UINT64_MAX, 16, 0, 0 }, { 0 }, -EFAULT },
	{ { 0x10000, UINT32_MAX, 0, 0 }, { 0 }, -EFAULT },
	{ { 0x10000, 16, VRING_DESC_F_NEXT, 1 }, { UINT64_MAX - 15, 16, 0, 0 }, -EFAULT },
	/* an indirect table that was not negotiated */
	{ { 0x10000, 16, VRING_DESC_F_INDIRECT, 0 }, { 0 }, -EPROTO },
};

START_TEST(next_bad_descriptor_breaks_queue)
{
	struct virtq_chain c = { .head = 77 };

	r->desc[0] = bad[_i].first;
	r->desc[1] = bad[_i].second;
	ring_start(r, &r->q);
	ring_offer(r, 0);
	ck_assert_int_eq(virtq_next(&r->q, &c), bad[_i].r);
	ck_assert_uint_eq(c.head, 77);
	assert_broken();
}
END_TEST

START_TEST(next_good_chain_before_a_bad_one_is_still_served)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	offer_one();
	ring_offer(r, SIZE);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	virtq_push(&r->q, c.head, 0);
	ck_assert_uint_eq(r->used->idx, 1);
	ck_assert_int_eq(virtq_next(&r->q, &c), -EPROTO);
}
END_TEST

/* ---- next: sums ---- */

START_TEST(next_sum_of_lengths_is_bounded)
{
	/* One region of 4 GiB that nothing touches, so that the sum can pass 2^32 - 1. */
	struct gmem big = { 0 };
	struct virtq_setup s = r->setup;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct virtq_chain c;

	ck_assert_int_eq(gmem_add(&big, GPA(0), 1ULL << 32, NULL), 0);
	ck_assert_int_eq(virtq_activate(&r->q, &big, &s), 0);
	desc = gmem_span(&big, s.desc, sizeof(*desc) * SIZE);
	avail = gmem_span(&big, s.avail, 64);
	desc[0] = (struct vring_desc){ 0, UINT32_MAX - 1, VRING_DESC_F_NEXT, 1 };
	desc[1] = (struct vring_desc){ 0, 1, VRING_DESC_F_WRITE, 0 };
	desc[2] = (struct vring_desc){ 0, UINT32_MAX - 1, VRING_DESC_F_NEXT, 3 };
	desc[3] = (struct vring_desc){ 0, 2, VRING_DESC_F_WRITE, 0 };
	avail->ring[1] = 2;
	avail->idx = 2;
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.out.left + c.in.left, UINT32_MAX);
	ck_assert_int_eq(virtq_next(&r->q, &c), -E2BIG);
	ck_assert(r->q.broken);
	gmem_fini(&big);
}
END_TEST

/* ---- next: indirect ---- */

/* Fill @n buffers of one byte. */
static void bytes(struct ring_buf *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		b[i] = (struct ring_buf){ ring_alloc(r, 1), 1, i >= n / 2 };
}

static void start_indirect(void)
{
	r->setup.indirect = true;
	ring_start(r, &r->q);
}

START_TEST(next_indirect_chain_is_taken)
{
	struct ring_buf b[4];
	struct virtq_chain c;

	start_indirect();
	bytes(b, 4);
	ring_indirect(r, b, 4);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.out.n, 2);
	ck_assert_uint_eq(c.in.n, 2);
	ck_assert_ptr_eq(c.in.v[1].iov_base, ring_host(r, b[3].addr));
}
END_TEST

START_TEST(next_indirect_after_direct_descriptors_is_taken)
{
	struct ring_buf b[2];
	struct virtq_chain c;
	uint16_t table;

	start_indirect();
	bytes(b, 2);
	table = ring_indirect(r, b, 2);
	r->desc[table].flags |= VRING_DESC_F_WRITE; /* to be ignored */
	ring_desc(r, 5, ring_alloc(r, 9), 9, VRING_DESC_F_NEXT, table);
	r->avail->ring[0] = 5;
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.head, 5);
	ck_assert_uint_eq(c.out.left, 10);
	ck_assert_uint_eq(c.in.left, 1);
}
END_TEST

START_TEST(next_indirect_table_at_odd_address_is_taken)
{
	struct ring_buf b[2];
	struct virtq_chain c;
	uint16_t head;
	uint64_t odd;

	start_indirect();
	bytes(b, 2);
	head = ring_indirect(r, b, 2);
	odd = ring_alloc(r, 64) + 3;
	memcpy(ring_host(r, odd), ring_host(r, r->desc[head].addr), 32);
	r->desc[head].addr = odd;
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.out.n + c.in.n, 2);
}
END_TEST

START_TEST(next_indirect_chain_up_to_the_bound_is_taken)
{
	struct ring_buf b[VIRTQ_IOV_MAX];
	struct virtq_chain c;

	start_indirect();
	bytes(b, VIRTQ_IOV_MAX);
	ring_indirect(r, b, VIRTQ_IOV_MAX);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(c.out.n + c.in.n, VIRTQ_IOV_MAX);
}
END_TEST

START_TEST(next_one_segment_too_many_breaks_queue)
{
	struct ring_buf b[VIRTQ_IOV_MAX + 1];
	struct virtq_chain c;

	start_indirect();
	bytes(b, VIRTQ_IOV_MAX + 1);
	ring_indirect(r, b, VIRTQ_IOV_MAX + 1);
	ck_assert_int_eq(virtq_next(&r->q, &c), -E2BIG);
	assert_broken();
}
END_TEST

/* Table of two entries at 0x10000, and the descriptor that refers to it. */
static const struct {
	struct vring_desc ref, first;
	int r;
} bad_tables[] = {
	{ { 0x10000, 0, VRING_DESC_F_INDIRECT, 0 }, { 0x10000, 1, 0, 0 }, -EPROTO },
	{ { 0x10000, 15, VRING_DESC_F_INDIRECT, 0 }, { 0x10000, 1, 0, 0 }, -EPROTO },
	{ { 0x10000, 33, VRING_DESC_F_INDIRECT, 0 }, { 0x10000, 1, 0, 0 }, -EPROTO },
	{ { 0x10000, 16 * (VIRTQ_SIZE_MAX + 1), VRING_DESC_F_INDIRECT, 0 },
	  { 0x10000, 1, 0, 0 },
	  -EPROTO },
	{ { 0x10000, UINT32_MAX - 15, VRING_DESC_F_INDIRECT, 0 }, { 0x10000, 1, 0, 0 }, -EPROTO },
	{ { 0x10000, 32, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1 },
	  { 0x10000, 1, 0, 0 },
	  -EPROTO },
	{ { RING_LOW_BYTES - 16, 32, VRING_DESC_F_INDIRECT, 0 }, { 0 }, -EFAULT },
	{ { UINT64_MAX - 15, 32, VRING_DESC_F_INDIRECT, 0 }, { 0 }, -EFAULT },
	/* a table in a table, a loop, an index past the table */
	{ { 0x10000, 32, VRING_DESC_F_INDIRECT, 0 },
	  { 0x10000, 32, VRING_DESC_F_INDIRECT, 0 },
	  -EPROTO },
	{ { 0x10000, 32, VRING_DESC_F_INDIRECT, 0 },
	  { 0x10000, 1, VRING_DESC_F_NEXT, 0 },
	  -EPROTO },
	{ { 0x10000, 32, VRING_DESC_F_INDIRECT, 0 },
	  { 0x10000, 1, VRING_DESC_F_NEXT, 2 },
	  -EPROTO },
};

START_TEST(next_bad_indirect_table_breaks_queue)
{
	struct virtq_chain c;

	start_indirect();
	r->desc[0] = bad_tables[_i].ref;
	memcpy(ring_host(r, 0x10000), &bad_tables[_i].first, sizeof(struct vring_desc));
	ring_offer(r, 0);
	ck_assert_int_eq(virtq_next(&r->q, &c), bad_tables[_i].r);
	assert_broken();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtq_next");
	TCase *tc = tcase_create("next");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, next_on_empty_ring_returns_none);
	tcase_add_test(tc, next_chain_parts_readable_and_writable);
	tcase_add_test(tc, next_several_chains_come_in_order);
	tcase_add_test(tc, next_chain_as_long_as_the_ring_is_taken);
	tcase_add_test(tc, next_after_65536_chains_goes_on);
	tcase_add_test(tc, next_buffers_at_the_ends_of_ram_are_taken);
	tcase_add_test(tc, next_empty_descriptor_adds_no_segment);
	tcase_add_test(tc, next_chain_is_a_snapshot);
	tcase_add_loop_test(tc, next_index_jump_over_size_breaks_queue, SIZE + 1, SIZE + 3);
	tcase_add_loop_test(tc, next_index_jump_over_size_breaks_queue, 65535, 65536);
	tcase_add_test(tc, next_index_going_back_breaks_queue);
	tcase_add_test(tc, next_more_in_flight_than_size_breaks_queue);
	tcase_add_loop_test(tc, next_head_past_table_breaks_queue, SIZE, SIZE + 1);
	tcase_add_loop_test(tc, next_head_past_table_breaks_queue, 65535, 65536);
	tcase_add_loop_test(tc, next_bad_descriptor_breaks_queue, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, next_good_chain_before_a_bad_one_is_still_served);
	tcase_add_test(tc, next_sum_of_lengths_is_bounded);
	tcase_add_test(tc, next_indirect_chain_is_taken);
	tcase_add_test(tc, next_indirect_after_direct_descriptors_is_taken);
	tcase_add_test(tc, next_indirect_table_at_odd_address_is_taken);
	tcase_add_test(tc, next_indirect_chain_up_to_the_bound_is_taken);
	tcase_add_test(tc, next_one_segment_too_many_breaks_queue);
	tcase_add_loop_test(tc, next_bad_indirect_table_breaks_queue, 0, ARRAY_SIZE(bad_tables));
	suite_add_tcase(s, tc);
	return run_suite(s);
}
