/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of queues and disks. */
#include "vmm/counter.h"

#include "tests/unit/blk_rig.h"
#include "tests/unit/run.h"

#include <linux/virtio_blk.h>

#define FRAME (sizeof(struct virtio_blk_outhdr) + 1) /* of a request: header and status */

static struct blk_rig x;

static void setup(void)
{
	blk_rig_init(&x, false, NULL);
}

static void teardown(void)
{
	blk_rig_fini(&x);
}

static const struct {
	uint64_t ns;
	unsigned bin;
} times[] = {
	{ 0, 0 },
	{ 1999, 0 },
	{ 2000, 1 },
	{ 3999, 1 },
	{ 4000, 2 },
	{ (UINT64_C(2000) << 22) - 1, 22 },
	{ UINT64_C(2000) << 22, 23 },
	{ UINT64_MAX, 23 },
};

START_TEST(time_lands_in_its_bin_only)
{
	struct counter_times t = { 0 };

	counter_time(&t, times[_i].ns);

	ck_assert_uint_eq(t.n, 1);
	ck_assert_uint_eq(t.total_ns, times[_i].ns);
	for (unsigned i = 0; i < COUNTER_BINS; i++)
		ck_assert_uint_eq(t.bin[i], i == times[_i].bin);
}
END_TEST

START_TEST(queue_counts_chains_and_bytes_past_a_reset)
{
	const struct virtq_counters *count = &x.dev->queue[0].ring.count;

	blk_rig_ask(&x, VIRTIO_BLK_T_OUT, 0, SECTOR, false);
	blk_rig_ask(&x, VIRTIO_BLK_T_IN, 0, 2 * SECTOR, true);
	blk_rig_serve(&x);
	virtio_dev_reset(x.dev);

	ck_assert_uint_eq(counter_get(&count->taken), 2);
	ck_assert_uint_eq(counter_get(&count->given), 2);
	ck_assert_uint_eq(counter_get(&count->out), 2 * (FRAME - 1) + SECTOR);
	ck_assert_uint_eq(counter_get(&count->in), 2 + 2 * SECTOR);
	ck_assert_uint_gt(counter_get(&count->kicks), 0);
	ck_assert_uint_eq(counter_get(&x.dev->resets), 1);
}
END_TEST

START_TEST(disk_counts_each_kind_of_request)
{
	const struct blk_counters *count = virtio_blk_counters(x.blk);

	blk_rig_ask(&x, VIRTIO_BLK_T_OUT, 0, SECTOR, false);
	blk_rig_ask(&x, VIRTIO_BLK_T_IN, 0, 2 * SECTOR, true);
	blk_rig_ask(&x, VIRTIO_BLK_T_IN, 0, SECTOR, true);
	blk_rig_ask(&x, VIRTIO_BLK_T_FLUSH, 0, 0, false);
	blk_rig_serve(&x);

	ck_assert_uint_eq(counter_get(&count->times[BLK_WRITE].n), 1);
	ck_assert_uint_eq(counter_get(&count->bytes[BLK_WRITE]), SECTOR);
	ck_assert_uint_eq(counter_get(&count->times[BLK_READ].n), 2);
	ck_assert_uint_eq(counter_get(&count->bytes[BLK_READ]), 3 * SECTOR);
	ck_assert_uint_eq(counter_get(&count->times[BLK_FLUSH].n), 1);
	ck_assert_uint_eq(counter_get(&count->refused), 0);
}
END_TEST

START_TEST(disk_counts_what_it_refuses_apart)
{
	const struct blk_counters *count = virtio_blk_counters(x.blk);

	blk_rig_ask(&x, VIRTIO_BLK_T_IN, SECTORS, SECTOR, true);
	blk_rig_serve(&x);

	ck_assert_uint_eq(counter_get(&count->refused), 1);
	ck_assert_uint_eq(counter_get(&count->times[BLK_READ].n), 0);
}
END_TEST

START_TEST(disk_counts_what_the_host_cannot_do)
{
	const struct blk_counters *count = virtio_blk_counters(x.blk);

	ck_assert_int_eq(ftruncate(x.fd, 0), 0);
	blk_rig_ask(&x, VIRTIO_BLK_T_IN, 0, SECTOR, true);
	blk_rig_serve(&x);

	ck_assert_uint_eq(counter_get(&count->failed[BLK_READ]), 1);
	ck_assert_uint_eq(counter_get(&count->times[BLK_READ].n), 1);
	ck_assert_uint_eq(counter_get(&count->bytes[BLK_READ]), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("counter");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, time_lands_in_its_bin_only, 0, ARRAY_SIZE(times));
	tcase_add_test(tc, queue_counts_chains_and_bytes_past_a_reset);
	tcase_add_test(tc, disk_counts_each_kind_of_request);
	tcase_add_test(tc, disk_counts_what_it_refuses_apart);
	tcase_add_test(tc, disk_counts_what_the_host_cannot_do);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
