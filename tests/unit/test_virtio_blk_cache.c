/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest says of ranges and of the cache: DISCARD, WRITE_ZEROES, CONFIG_WCE, cache=unsafe.
 */
#include "tests/unit/blk_rig.h"
#include "tests/unit/run.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <string.h>
#include <sys/stat.h>

#define WCE_AT offsetof(struct virtio_blk_config, wce)

static struct blk_rig rig;

static void set_up(void)
{
	blk_rig_init(&rig, false, NULL);
}

static void tear_down(void)
{
	blk_rig_fini(&rig);
}

static void reopen(const struct config_disk *cfg)
{
	blk_rig_stop(&rig);
	blk_rig_open(&rig, cfg, NULL);
}

static struct blk_ask ask_range(uint32_t type, struct virtio_blk_discard_write_zeroes range)
{
	struct blk_ask rq = blk_rig_ask(&rig, type, 0, sizeof(range), false);

	memcpy(rq.data, &range, sizeof(range));
	return rq;
}

/* Ranges at and over the edges of what may be asked, and what their status byte says. */
static const struct {
	uint32_t type;
	struct virtio_blk_discard_write_zeroes range; /* sector, sectors, flags */
	uint8_t status;
} ranges[] = {
	{ VIRTIO_BLK_T_DISCARD, { 0, SECTORS, 0 }, VIRTIO_BLK_S_OK },
	{ VIRTIO_BLK_T_DISCARD, { SECTORS, 0, 0 }, VIRTIO_BLK_S_OK },
	{ VIRTIO_BLK_T_DISCARD, { SECTORS - 1, 2, 0 }, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_DISCARD, { UINT64_MAX, 1, 0 }, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_DISCARD, { 0, UINT32_MAX, 0 }, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_DISCARD, { 0, 8, 1 }, VIRTIO_BLK_S_UNSUPP },
	{ VIRTIO_BLK_T_WRITE_ZEROES, { 0, SECTORS, 0 }, VIRTIO_BLK_S_OK },
	{ VIRTIO_BLK_T_WRITE_ZEROES, { 0, SECTORS, 1 }, VIRTIO_BLK_S_OK },
	{ VIRTIO_BLK_T_WRITE_ZEROES, { 1, SECTORS, 0 }, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_WRITE_ZEROES, { 0, 8, 2 }, VIRTIO_BLK_S_UNSUPP },
};

START_TEST(range_at_an_edge_gets_its_status)
{
	struct blk_ask rq = ask_range(ranges[_i].type, ranges[_i].range);
	struct stat st;

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, ranges[_i].status);
	blk_rig_expect_used(&rig, 0, rq.head, 1);
	ck_assert(!blk_rig_failed(&rig));
	ck_assert_int_eq(fstat(rig.fd, &st), 0);
	ck_assert_int_eq(st.st_size, SECTORS * SECTOR);
}
END_TEST

static const uint32_t range_types[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };

START_TEST(range_zeroes_its_sectors_and_no_more)
{
	struct blk_ask rq =
	        ask_range(range_types[_i], (struct virtio_blk_discard_write_zeroes){ 3, 40, 0 });

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
	blk_rig_expect_image(&rig, 2, 2);
	blk_rig_expect_image(&rig, 3, 0);
	blk_rig_expect_image(&rig, 42, 0);
	blk_rig_expect_image(&rig, 43, 43);
}
END_TEST

START_TEST(range_of_a_readonly_disk_is_unsupported)
{
	struct blk_ask rq;

	reopen(&(struct config_disk){ .readonly = true });
	rq = ask_range(range_types[_i], (struct virtio_blk_discard_write_zeroes){ 0, 8, 0 });
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_UNSUPP);
	blk_rig_expect_image(&rig, 1, 1);
}
END_TEST

START_TEST(config_takes_the_cache_mode_and_nothing_else)
{
	const uint64_t capacity = virtio_dev_config_read(rig.dev, 0, 8);

	ck_assert(virtio_dev_config_write(rig.dev, 0, 8, UINT64_MAX));
	ck_assert(virtio_dev_config_write(rig.dev, WCE_AT, 1, 0));
	ck_assert_uint_eq(virtio_dev_config_read(rig.dev, 0, 8), capacity);
	ck_assert_uint_eq(virtio_dev_config_read(rig.dev, WCE_AT, 1), 0);
	ck_assert(virtio_dev_config_write(rig.dev, WCE_AT, 1, 0xff));
	ck_assert_uint_eq(virtio_dev_config_read(rig.dev, WCE_AT, 1), 1);
}
END_TEST

START_TEST(reset_turns_the_cache_on)
{
	ck_assert(virtio_dev_config_write(rig.dev, WCE_AT, 1, 0));
	virtio_dev_reset(rig.dev);
	ck_assert_uint_eq(virtio_dev_config_read(rig.dev, WCE_AT, 1), 1);
}
END_TEST

/* A turn ends when the storage had to be waited for: what a write through the cache looks like. */
START_TEST(write_with_the_cache_off_waits_for_the_storage)
{
	rig.dev->acked = FLUSH_BIT | 1 << VIRTIO_BLK_F_CONFIG_WCE;
	ck_assert(virtio_dev_config_write(rig.dev, WCE_AT, 1, 0));
	blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 1, SECTOR, false);
	blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 2, SECTOR, false);
	virtio_dev_kick(rig.dev, 0);
	ck_assert_uint_eq(rig.ring->used->idx, 1);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring->used->idx, 2);
}
END_TEST

START_TEST(flush_under_cache_unsafe_does_nothing)
{
	struct blk_ask rq;

	reopen(&(struct config_disk){ .unsafe = true });
	ck_assert_uint_eq(rig.dev->features & 1 << VIRTIO_BLK_F_CONFIG_WCE, 0);
	rig.dev->acked = 0;
	blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 1, SECTOR, false);
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_FLUSH, 0, 0, true);
	blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 2, SECTOR, false);
	virtio_dev_kick(rig.dev, 0);
	ck_assert_uint_eq(rig.ring->used->idx, 3); /* in one turn: nothing was waited for */
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio_blk_cache");
	TCase *t = tcase_create("cache");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, range_at_an_edge_gets_its_status, 0, ARRAY_SIZE(ranges));
	tcase_add_loop_test(t, range_zeroes_its_sectors_and_no_more, 0, ARRAY_SIZE(range_types));
	tcase_add_loop_test(t, range_of_a_readonly_disk_is_unsupported, 0, ARRAY_SIZE(range_types));
	tcase_add_test(t, config_takes_the_cache_mode_and_nothing_else);
	tcase_add_test(t, reset_turns_the_cache_on);
	tcase_add_test(t, write_with_the_cache_off_waits_for_the_storage);
	tcase_add_test(t, flush_under_cache_unsafe_does_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
