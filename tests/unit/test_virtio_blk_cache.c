/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest says of ranges and of the cache: DISCARD, WRITE_ZEROES, CONFIG_WCE, cache=unsafe.
 */
#include "tests/unit/blk_rig.h"
#include "tests/unit/refuse.h"
#include "tests/unit/run.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

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

#define CACHE_BITS (FLUSH_BIT | 1ULL << VIRTIO_BLK_F_CONFIG_WCE)

/* Row: what the driver accepted and what it said of the cache; whether a write may stay in there.
 */
static const struct {
	uint64_t acked;
	uint8_t wce;
	bool unsafe, kept_back;
} caches[] = {
	{ CACHE_BITS, 1, false, true }, /* it will flush */
	{ CACHE_BITS, 0, false, false }, /* it has turned the cache off */
	{ FLUSH_BIT, 0, false, true }, /* that is not for it to say */
	{ 0, 1, false, false }, /* it knows of no cache */
	{ 0, 1, true, true }, /* the user gave safety up */
};

/* A host that refuses to make a write safe tells those that ask for it. */
START_TEST(write_is_as_safe_as_the_driver_believes)
{
	struct blk_ask rq;

	reopen(&(struct config_disk){ .unsafe = caches[_i].unsafe });
	rig.dev->acked = caches[_i].acked;
	ck_assert(virtio_dev_config_write(rig.dev, WCE_AT, 1, caches[_i].wce));
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 1, SECTOR, false);
	refuse_bits(__NR_pwritev2, 5, RWF_DSYNC);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, caches[_i].kept_back ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}
END_TEST

/* Where a write may not stay in the cache, neither may a hole. */
START_TEST(range_is_as_safe_as_the_driver_believes)
{
	struct blk_ask rq;

	reopen(&(struct config_disk){ .unsafe = caches[_i].unsafe });
	rig.dev->acked = caches[_i].acked;
	ck_assert(virtio_dev_config_write(rig.dev, WCE_AT, 1, caches[_i].wce));
	rq = ask_range(VIRTIO_BLK_T_DISCARD, (struct virtio_blk_discard_write_zeroes){ 0, 8, 0 });
	refuse(__NR_fdatasync);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, caches[_i].kept_back ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}
END_TEST

/* The driver takes what it wrote before for safe as well; there is nobody to tell but the operator.
 */
START_TEST(turning_the_cache_off_flushes_it)
{
	char line[128] = "";
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	refuse(__NR_fdatasync);
	ck_assert(virtio_dev_config_write(rig.dev, WCE_AT, 1, 0));
	close(ends[1]);
	close(STDERR_FILENO);
	ck_assert_int_gt(read(ends[0], line, sizeof(line) - 1), 0);
	ck_assert_ptr_nonnull(strstr(line, "blk3: flush of"));
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
	tcase_add_loop_test(t, write_is_as_safe_as_the_driver_believes, 0, ARRAY_SIZE(caches));
	tcase_add_loop_test(t, range_is_as_safe_as_the_driver_believes, 0, ARRAY_SIZE(caches));
	tcase_add_test(t, turning_the_cache_off_flushes_it);
	tcase_add_test(t, flush_under_cache_unsafe_does_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
