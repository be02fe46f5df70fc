/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtq_rig.h"

static uint16_t avail_event(void)
{
	uint16_t event;

	memcpy(&event, &r->used->ring[r->setup.size], sizeof(event));
	return event;
}

static void set_used_event(uint16_t at)
{
	r->avail->ring[r->setup.size] = at;
}

/* ---- activate ---- */

static const struct {
	uint16_t size;
	uint64_t desc, avail, used;
	int r;
} setups[] = {
	{ 1, 0x1000, 0x8000, 0xa000, 0 },
	{ SIZE, 0x1000, 0x8000, 0xa000, 0 },
	{ VIRTQ_SIZE_MAX, 0x1000, 0x8000, 0xa000, 0 },
	{ SIZE, 0, 0x8000, 0xa000, 0 },
	{ 0, 0x1000, 0x8000, 0xa000, -EINVAL },
	{ 11, 0x1000, 0x8000, 0xa000, -EINVAL },
	{ 2 * VIRTQ_SIZE_MAX, 0x1000, 0x8000, 0xa000, -EINVAL },
	{ 0x8000, 0x1000, 0x8000, 0xa000, -EINVAL },
	{ SIZE, 0x1008, 0x8000, 0xa000, -EINVAL },
	{ SIZE, 0x1000, 0x8001, 0xa000, -EINVAL },
	{ SIZE, 0x1000, 0x8000, 0xa002, -EINVAL },
	/* rings of 128, 22 and 70 bytes that end at, and one step behind, the end of a region */
	{ SIZE, RING_LOW_BYTES - 128, 0x8000, 0xa000, 0 },
	{ SIZE, RING_LOW_BYTES - 112, 0x8000, 0xa000, -EFAULT },
	{ SIZE, 0x1000, RING_LOW_BYTES - 22, 0xa000, 0 },
	{ SIZE, 0x1000, RING_LOW_BYTES - 20, 0xa000, -EFAULT },
	{ SIZE, 0x1000, 0x8000, RING_LOW_BYTES - 72, 0 },
	{ SIZE, 0x1000, 0x8000, RING_LOW_BYTES - 68, -EFAULT },
	{ SIZE, RING_HIGH_BASE, RING_HIGH_BASE + 0x8000, RING_HIGH_BASE + 0xa000, 0 },
	{ SIZE, RING_HIGH_BASE - 16, 0x8000, 0xa000, -EFAULT },
	{ SIZE, RING_HIGH_BASE + RING_HIGH_BYTES, 0x8000, 0xa000, -EFAULT },
	{ SIZE, UINT64_MAX - 15, 0x8000, 0xa000, -EFAULT },
	{ SIZE, 0x1000, UINT64_MAX - 1, 0xa000, -EFAULT },
	{ SIZE, 0x1000, 0x8000, UINT64_MAX - 3, -EFAULT },
};

START_TEST(activate_setup_is_taken_or_refused)
{
	const struct virtq_setup s = { .size = setups[_i].size,
		                       .desc = GPA(setups[_i].desc),
		                       .avail = GPA(setups[_i].avail),
		                       .used = GPA(setups[_i].used) };
	struct virtq_chain c;

	ck_assert_int_eq(virtq_activate(&r->q, &r->mem, &s), setups[_i].r);
	ck_assert_int_eq(r->q.desc != NULL, setups[_i].r == 0);
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
}
END_TEST

START_TEST(deactivate_of_broken_queue_leaves_it_as_new)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	ring_offer(r, SIZE);
	ck_assert_int_eq(virtq_next(&r->q, &c), -EPROTO);
	virtq_deactivate(&r->q);
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
	virtq_push(&r->q, 0, 0);
	ck_assert(!virtq_wants_signal(&r->q));
	r->avail->idx = 0;
	ring_start(r, &r->q);
	offer_one();
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
}
END_TEST

/* ---- notifications from the driver ---- */

START_TEST(next_with_event_idx_publishes_where_it_sleeps)
{
	struct virtq_chain c;

	r->setup.event_idx = true;
	ring_start(r, &r->q);
	turn();
	turn();
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
	ck_assert_uint_eq(avail_event(), 2);
	ck_assert_uint_eq(r->used->flags, 0);
}
END_TEST

START_TEST(next_without_event_idx_keeps_driver_quiet_in_a_batch)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	offer_one();
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_uint_eq(r->used->flags, VRING_USED_F_NO_NOTIFY);
	ck_assert_int_eq(virtq_next(&r->q, &c), 0);
	ck_assert_uint_eq(r->used->flags, 0);
	ck_assert_uint_eq(avail_event(), 0);
}
END_TEST

/* ---- push ---- */

START_TEST(push_writes_entry_then_index)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	offer_one();
	offer_one();
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	virtq_push(&r->q, 1, 77);
	ck_assert_uint_eq(r->used->idx, 1);
	ck_assert_uint_eq(r->used->ring[0].id, 1);
	ck_assert_uint_eq(r->used->ring[0].len, 77);
	virtq_push(&r->q, 0, UINT32_MAX);
	ck_assert_uint_eq(r->used->idx, 2);
	ck_assert_uint_eq(r->used->ring[1].id, 0);
	ck_assert_uint_eq(r->used->ring[1].len, UINT32_MAX);
}
END_TEST

START_TEST(push_past_the_last_entry_wraps_inside_the_ring)
{
	struct virtq_chain c;

	ring_start(r, &r->q);
	turns(SIZE);
	offer_one();
	ck_assert_int_eq(virtq_next(&r->q, &c), 1);
	virtq_push(&r->q, 5, 55);
	ck_assert_uint_eq(r->used->idx, SIZE + 1);
	ck_assert_uint_eq(r->used->ring[0].id, 5);
	ck_assert_uint_eq(r->used->ring[0].len, 55);
	ck_assert_uint_eq(avail_event(), 0);
}
END_TEST

/* ---- interrupts ---- */

START_TEST(wants_signal_without_push_says_no)
{
	r->setup.event_idx = _i;
	ring_start(r, &r->q);
	ck_assert(!virtq_wants_signal(&r->q));
	turn();
	ck_assert(virtq_wants_signal(&r->q));
	ck_assert(!virtq_wants_signal(&r->q));
}
END_TEST

START_TEST(wants_signal_with_no_interrupt_flag_says_no)
{
	ring_start(r, &r->q);
	r->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	turn();
	ck_assert(!virtq_wants_signal(&r->q));
	r->avail->flags = 0;
	ck_assert(!virtq_wants_signal(&r->q));
	turn();
	ck_assert(virtq_wants_signal(&r->q));
}
END_TEST

START_TEST(wants_signal_with_event_idx_ignores_flag)
{
	r->setup.event_idx = true;
	ring_start(r, &r->q);
	r->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	turn();
	ck_assert(virtq_wants_signal(&r->q));
}
END_TEST

/* From @before pushes that were decided on, push @batch more while the driver waits for @event. */
static const struct {
	unsigned before, batch;
	uint16_t event;
	bool wants;
} events[] = {
	{ 0, 1, 0, true },
	{ 0, 1, 1, false },
	{ 0, 3, 0, true },
	{ 0, 3, 2, true },
	{ 0, 3, 3, false },
	{ 5, 1, 4, false },
	{ 5, 1, 5, true },
	{ 5, 2, 0xffff, false },
	{ 65535, 1, 65535, true }, /* the index wraps to 0 */
	{ 65535, 1, 0, false },
	{ 65534, 4, 65535, true },
	{ 65534, 4, 1, true },
	{ 65534, 4, 2, false },
	{ 65534, 4, 65533, false },
	/* more pushed than the index can count: whatever was asked for has passed */
	{ 3, 65536, 2, true },
	{ 3, 65537, 40000, true },
};

START_TEST(wants_signal_with_event_idx_says_when_it_is_passed)
{
	r->setup.event_idx = true;
	ring_start(r, &r->q);
	turns(events[_i].before);
	(void)!virtq_wants_signal(&r->q);
	set_used_event(events[_i].event);
	turns(events[_i].batch);
	ck_assert_int_eq(virtq_wants_signal(&r->q), events[_i].wants);
	ck_assert(!virtq_wants_signal(&r->q));
}
END_TEST

START_TEST(wants_signal_without_event_idx_after_a_whole_lap_says_yes)
{
	ring_start(r, &r->q);
	turns(65536);
	ck_assert(virtq_wants_signal(&r->q));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtq");
	TCase *tc = tcase_create("virtq");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, activate_setup_is_taken_or_refused, 0, ARRAY_SIZE(setups));
	tcase_add_test(tc, deactivate_of_broken_queue_leaves_it_as_new);
	tcase_add_test(tc, next_with_event_idx_publishes_where_it_sleeps);
	tcase_add_test(tc, next_without_event_idx_keeps_driver_quiet_in_a_batch);
	tcase_add_test(tc, push_writes_entry_then_index);
	tcase_add_test(tc, push_past_the_last_entry_wraps_inside_the_ring);
	tcase_add_loop_test(tc, wants_signal_without_push_says_no, 0, 2);
	tcase_add_test(tc, wants_signal_with_no_interrupt_flag_says_no);
	tcase_add_test(tc, wants_signal_with_event_idx_ignores_flag);
	tcase_add_loop_test(tc, wants_signal_with_event_idx_says_when_it_is_passed, 0,
	                    ARRAY_SIZE(events));
	tcase_add_test(tc, wants_signal_without_event_idx_after_a_whole_lap_says_yes);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
