/* SPDX-License-Identifier: Apache-2.0 */
/* A disk whose host has no room for a write, and one that gets another size. */
#include "tests/unit/blk_rig.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct blk_rig rig;
static struct virtio_blk_failure failure;
static struct err e;
static int told; /* the eventfd of virtio_blk_watch() */

static void set_up(void)
{
	blk_rig_init(&rig, false, NULL);
	told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_ge(told, 0);
}

static void tear_down(void)
{
	blk_rig_fini(&rig);
	close(told);
}

static void reopen(const struct config_disk *cfg, bool watched)
{
	blk_rig_stop(&rig);
	blk_rig_open(&rig, cfg, NULL);
	if (watched)
		virtio_blk_watch(rig.blk, told);
}

/* The device's descriptor of the image. */
static int device_fd(void)
{
	struct stat wanted, st;
	int fd = rig.fd;

	ck_assert_int_eq(fstat(rig.fd, &wanted), 0);
	do
		ck_assert_int_lt(++fd, 64);
	while (fstat(fd, &st) < 0 || st.st_ino != wanted.st_ino || st.st_dev != wanted.st_dev);
	return fd;
}

/* Take all room from the host, or give it back. Returns the device's descriptor. */
static int fill_the_host(void)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC), fd = device_fd();

	ck_assert_int_eq(dup2(full, fd), fd);
	close(full);
	return fd;
}

static void make_room(int fd)
{
	ck_assert_int_eq(dup2(rig.fd, fd), fd);
}

static bool was_told(void)
{
	uint64_t count;

	return read(told, &count, sizeof(count)) == sizeof(count);
}

START_TEST(write_without_space_is_held_and_tried_again)
{
	struct blk_ask rq;
	int fd;

	reopen(&(struct config_disk){ 0 }, true);
	fd = fill_the_host();
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 5, 3 * SECTOR, false);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring->used->idx, 0);
	ck_assert_uint_eq(*rq.status, UNTOUCHED);
	ck_assert(was_told());
	ck_assert(virtio_blk_failed(rig.blk, &failure));
	ck_assert_int_eq(failure.code, ENOSPC);
	ck_assert(failure.write && failure.held);

	make_room(fd);
	virtio_blk_retry(rig.blk);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
	blk_rig_expect_used(&rig, 0, rq.head, 1);
	blk_rig_expect_image(&rig, 5, UNTOUCHED);
	blk_rig_expect_image(&rig, 7, UNTOUCHED);
	ck_assert(!virtio_blk_failed(rig.blk, &failure));
}
END_TEST

START_TEST(write_tried_again_in_vain_is_held_again)
{
	struct blk_ask rq;
	int fd;

	reopen(&(struct config_disk){ 0 }, true);
	fd = fill_the_host();
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 5, SECTOR, false);
	blk_rig_serve(&rig);
	virtio_blk_retry(rig.blk);
	ck_assert_uint_eq(*rq.status, UNTOUCHED);
	make_room(fd);
	virtio_blk_retry(rig.blk);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
}
END_TEST

/* Who cannot be told cannot say when to go on. */
START_TEST(write_without_space_and_unwatched_is_an_error)
{
	struct blk_ask rq;

	reopen(&(struct config_disk){ .werror = WERROR_STOP }, false);
	fill_the_host();
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 5, SECTOR, false);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
}
END_TEST

START_TEST(write_without_space_is_reported_on_request)
{
	struct blk_ask rq;

	reopen(&(struct config_disk){ .werror = WERROR_REPORT }, true);
	fill_the_host();
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 5, SECTOR, false);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
	ck_assert(was_told());
	ck_assert(virtio_blk_failed(rig.blk, &failure));
	ck_assert(failure.write && !failure.held);
}
END_TEST

/* Row: what is asked for, and what becomes of a write beyond the limit of files (EFBIG). */
static const struct {
	enum config_werror werror;
	uint8_t status;
} others[] = {
	{ WERROR_ENOSPC, VIRTIO_BLK_S_IOERR },
	{ WERROR_REPORT, VIRTIO_BLK_S_IOERR },
	{ WERROR_STOP, UNTOUCHED },
};

START_TEST(write_refused_otherwise_is_held_only_by_stop)
{
	struct rlimit was, limit;
	struct blk_ask rq;

	reopen(&(struct config_disk){ .werror = others[_i].werror }, true);
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 9, 2 * SECTOR, false);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = (struct rlimit){ .rlim_cur = (rlim_t)10 * SECTOR, .rlim_max = was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	blk_rig_serve(&rig);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	ck_assert_uint_eq(*rq.status, others[_i].status);
}
END_TEST

/* What was written before the host had no more stays, and is not written twice. */
START_TEST(write_held_in_its_middle_goes_on_there)
{
	struct rlimit was, limit;
	struct blk_ask rq;

	reopen(&(struct config_disk){ .werror = WERROR_STOP }, true);
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 9, 2 * SECTOR, false);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = (struct rlimit){ .rlim_cur = (rlim_t)10 * SECTOR, .rlim_max = was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	blk_rig_serve(&rig);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	rq.data[0] = 1; /* of the sector that is written already */
	rq.data[SECTOR] = UNTOUCHED;
	virtio_blk_retry(rig.blk);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
	blk_rig_expect_image(&rig, 9, UNTOUCHED);
	blk_rig_expect_image(&rig, 10, UNTOUCHED);
}
END_TEST

START_TEST(read_refused_by_the_host_is_never_held)
{
	struct blk_ask rq;

	reopen(&(struct config_disk){ .werror = WERROR_STOP }, true);
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 5, SECTOR, true);
	ck_assert_int_eq(ftruncate(rig.fd, 0), 0);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
	ck_assert(virtio_blk_failed(rig.blk, &failure));
	ck_assert(!failure.write && !failure.held);
}
END_TEST

START_TEST(reset_forgets_what_is_held)
{
	struct blk_ask rq;
	int fd;

	reopen(&(struct config_disk){ 0 }, true);
	fd = fill_the_host();
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 5, SECTOR, false);
	blk_rig_serve(&rig);
	virtio_dev_reset(rig.dev);
	make_room(fd);
	rig.dev->active = true;
	memset(rig.ring->avail, 0, sizeof(*rig.ring->avail));
	ring_start(rig.ring, &rig.dev->queue[0].ring);
	virtio_blk_retry(rig.blk);
	ck_assert_uint_eq(*rq.status, UNTOUCHED);
	blk_rig_expect_image(&rig, 5, 5);
}
END_TEST

#define DOUBLE (2UL * SECTORS * SECTOR) /* bytes */
#define EIGHT  (8UL * SECTOR)

static uint64_t capacity(void)
{
	return virtio_dev_config_read(rig.dev, 0, 8);
}

START_TEST(resized_longer_the_disk_has_more_and_says_so)
{
	const uint32_t generation = *virtio_dev_reg(rig.dev, VIRTIO_MMIO_CONFIG_GENERATION);
	struct blk_ask rq;

	ck_assert_int_eq(virtio_blk_resized(rig.blk, DOUBLE, &e), 0);
	ck_assert_uint_eq(capacity(), 2 * SECTORS);
	ck_assert_uint_eq(virtio_blk_bytes(rig.blk), DOUBLE);
	ck_assert_uint_ne(*virtio_dev_reg(rig.dev, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	ck_assert_uint_ne(
	        *virtio_dev_reg(rig.dev, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG, 0);
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 2 * SECTORS - 1, SECTOR, false);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(resized_shorter_the_disk_ends_there)
{
	struct blk_ask rq;
	struct stat st;

	ck_assert_int_eq(virtio_blk_resized(rig.blk, EIGHT, &e), 0);
	ck_assert_int_eq(fstat(rig.fd, &st), 0);
	ck_assert_int_eq(st.st_size, 8 * SECTOR);
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 8, SECTOR, false);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
}
END_TEST

START_TEST(resized_stays_so_after_a_reset)
{
	ck_assert_int_eq(virtio_blk_resized(rig.blk, DOUBLE, &e), 0);
	virtio_dev_reset(rig.dev);
	ck_assert_uint_eq(capacity(), 2 * SECTORS);
}
END_TEST

/* Row: size, kind of disk, and the answer. */
static const struct {
	uint64_t bytes;
	struct config_disk cfg;
	int r;
	const char *names;
} refused[] = {
	{ 0, { 0 }, -EINVAL, "0 bytes is not a multiple of 512" },
	{ 513, { 0 }, -EINVAL, "513 bytes is not a multiple of 512" },
	{ 512, { .readonly = true }, -EROFS, "is only read" },
	{ 1 << 20, { .cow = true }, -EROFS, "is only read" },
	{ 1ULL << 63, { 0 }, -EINVAL, "cannot resize" },
};

START_TEST(resized_wrongly_is_refused_and_changes_nothing)
{
	struct stat st;

	reopen(&refused[_i].cfg, false);
	ck_assert_int_eq(virtio_blk_resized(rig.blk, refused[_i].bytes, &e), refused[_i].r);
	ck_assert_ptr_nonnull(strstr(e.msg, refused[_i].names));
	ck_assert_uint_eq(capacity(), SECTORS);
	ck_assert_int_eq(fstat(rig.fd, &st), 0);
	ck_assert_int_eq(st.st_size, SECTORS * SECTOR);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio_blk_changes");
	TCase *t = tcase_create("space");

	tcase_add_checked_fixture(t, set_up, tear_down);
	suite_add_tcase(s, t);
	tcase_add_test(t, write_without_space_is_held_and_tried_again);
	tcase_add_test(t, write_tried_again_in_vain_is_held_again);
	tcase_add_test(t, write_without_space_and_unwatched_is_an_error);
	tcase_add_test(t, write_without_space_is_reported_on_request);
	tcase_add_loop_test(t, write_refused_otherwise_is_held_only_by_stop, 0, ARRAY_SIZE(others));
	tcase_add_test(t, write_held_in_its_middle_goes_on_there);
	tcase_add_test(t, read_refused_by_the_host_is_never_held);
	tcase_add_test(t, reset_forgets_what_is_held);
	t = tcase_create("size");
	tcase_add_checked_fixture(t, set_up, tear_down);
	suite_add_tcase(s, t);
	tcase_add_test(t, resized_longer_the_disk_has_more_and_says_so);
	tcase_add_test(t, resized_shorter_the_disk_ends_there);
	tcase_add_test(t, resized_stays_so_after_a_reset);
	tcase_add_loop_test(t, resized_wrongly_is_refused_and_changes_nothing, 0,
	                    ARRAY_SIZE(refused));
	return run_suite(s);
}
