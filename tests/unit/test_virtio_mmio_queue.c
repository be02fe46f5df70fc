/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/mmio_rig.h"

/* What a queue can be described as, that no queue can be. */
static const struct {
	uint32_t size;
	uint64_t desc, avail, used;
} hostile[] = {
	{ 0, 0x1000, 0x8000, 0xa000 },
	{ 11, 0x1000, 0x8000, 0xa000 },
	{ 2 * QUEUE_MAX, 0x1000, 0x8000, 0xa000 },
	{ 0x10000 + QUEUE_MAX, 0x1000, 0x8000, 0xa000 },
	{ UINT32_MAX, 0x1000, 0x8000, 0xa000 },
	{ QUEUE_MAX, 0x1001, 0x8000, 0xa000 },
	{ QUEUE_MAX, 0x1000, 0x8001, 0xa000 },
	{ QUEUE_MAX, 0x1000, 0x8000, 0xa001 },
	{ QUEUE_MAX, RING_LOW_BYTES - 16, 0x8000, 0xa000 },
	{ QUEUE_MAX, 0x1000, RING_LOW_BYTES - 2, 0xa000 },
	{ QUEUE_MAX, 0x1000, 0x8000, RING_HIGH_BASE + RING_HIGH_BYTES },
	{ QUEUE_MAX, 0x8000000000001000, 0x8000, 0xa000 },
	{ QUEUE_MAX, 0x1000, 0x8000, UINT64_MAX - 3 },
};

START_TEST(activate_with_hostile_queue_needs_reset)
{
	struct virtq_setup s = { .desc = GPA(hostile[_i].desc),
		                 .avail = GPA(hostile[_i].avail),
		                 .used = GPA(hostile[_i].used) };

	to_features_ok();
	describe_queue(1, &s);
	wr(VIRTIO_MMIO_QUEUE_NUM, hostile[_i].size);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET);
	ck_assert_uint_eq(x.activates, 0);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	ck_assert_uint_eq(x.kicks, 0);
	wr(VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), 0);
}
END_TEST

START_TEST(activate_with_queue_ready_but_never_described_needs_reset)
{
	to_features_ok();
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET);
}
END_TEST

START_TEST(activate_with_no_queue_ready_serves_nothing)
{
	to_features_ok();
	describe_queue(0, &x.r->setup);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	offer();
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert_uint_eq(x.activates, 1);
	ck_assert_uint_eq(x.kicks, 0);
	ck_assert_uint_eq(x.r->used->idx, 0);
}
END_TEST

/* Numbers of queues that the device does not have: the first, one past our array, the last. */
static const uint32_t absent[] = { QUEUES, VIRTIO_MMIO_QUEUES_MAX, UINT32_MAX };

START_TEST(queue_absent_reads_zero_and_ignores_writes)
{
	to_features_ok();
	describe_queue(absent[_i], &x.r->setup);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, absent[_i]);
	ck_assert_uint_eq(x.kicks, 0);
	ck_assert(!(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET));
}
END_TEST

static const struct virtq_setup poison = {
	.size = 2, .desc = { 0x5550 }, .avail = { 0x6660 }, .used = { 0x7770 }
};

START_TEST(queue_registers_before_features_ok_are_ignored)
{
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	describe_queue(0, &poison);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert_uint_eq(x.t.queue[0].setup.size, 0);
	ck_assert_uint_eq(x.t.queue[0].setup.desc.a, 0);
}
END_TEST

START_TEST(queue_registers_while_ready_are_ignored)
{
	to_features_ok();
	describe_queue(0, &x.r->setup);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	describe_queue(0, &poison);
	ck_assert_uint_eq(x.t.queue[0].setup.desc.a, x.r->setup.desc.a);
	wr(VIRTIO_MMIO_QUEUE_READY, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	describe_queue(0, &poison);
	ck_assert_uint_eq(x.t.queue[0].setup.desc.a, poison.desc.a);
}
END_TEST

START_TEST(queue_registers_after_driver_ok_are_ignored)
{
	to_driver_ok();
	describe_queue(0, &poison);
	wr(VIRTIO_MMIO_QUEUE_READY, 0);
	describe_queue(1, &poison);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	wr(VIRTIO_MMIO_QUEUE_SEL, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 1);
	offer();
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert_uint_eq(x.r->used->idx, 1);
}
END_TEST

START_TEST(queue_above_4_gib_is_served)
{
	struct virtq_setup s = { .size = QUEUE_MAX,
		                 .desc = GPA(RING_HIGH_BASE),
		                 .avail = GPA(RING_HIGH_BASE + 0x1000),
		                 .used = GPA(RING_HIGH_BASE + 0x2000) };

	to_features_ok();
	describe_queue(1, &s);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_ptr_eq(x.dev.queue[1].ring.desc, ring_host(x.r, RING_HIGH_BASE));
	ck_assert(!(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET));
}
END_TEST

START_TEST(notify_with_broken_ring_needs_reset_until_reset)
{
	to_driver_ok();
	ring_offer(x.r, QUEUE_MAX);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert_uint_eq(x.kicks, 2);
	ck_assert_uint_eq(x.r->used->idx, 0);
	wr(VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), 0);
}
END_TEST

START_TEST(interrupt_ack_clears_all_but_used_buffers)
{
	const uint32_t both = VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG;

	to_driver_ok();
	*virtio_dev_reg(&x.dev, VIRTIO_MMIO_INTERRUPT_STATUS) = both;
	wr(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), both);
	wr(VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio_mmio_queue");
	TCase *tc = tcase_create("queues");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, activate_with_hostile_queue_needs_reset, 0, ARRAY_SIZE(hostile));
	tcase_add_test(tc, activate_with_queue_ready_but_never_described_needs_reset);
	tcase_add_test(tc, activate_with_no_queue_ready_serves_nothing);
	tcase_add_loop_test(tc, queue_absent_reads_zero_and_ignores_writes, 0, ARRAY_SIZE(absent));
	tcase_add_test(tc, queue_registers_before_features_ok_are_ignored);
	tcase_add_test(tc, queue_registers_while_ready_are_ignored);
	tcase_add_test(tc, queue_registers_after_driver_ok_are_ignored);
	tcase_add_test(tc, queue_above_4_gib_is_served);
	tcase_add_test(tc, notify_with_broken_ring_needs_reset_until_reset);
	tcase_add_test(tc, interrupt_ack_clears_all_but_used_buffers);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
