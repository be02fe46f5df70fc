/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/blk_io.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define FILE_BYTES 16384 /* each 512 bytes are filled with their number */

static int fd;
static char data[FILE_BYTES];

static void set_up(void)
{
	char path[] = "/tmp/vmm-io-XXXXXX";

	fd = mkostemp(path, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	unlink(path);
	for (size_t i = 0; i < FILE_BYTES; i++)
		data[i] = (char)(i / 512);
	ck_assert_int_eq(write(fd, data, FILE_BYTES), FILE_BYTES);
}

static void tear_down(void)
{
	close(fd);
}

/* An operation on one buffer. */
static ssize_t run(enum blk_io_op op, uint64_t offset, void *at, size_t len)
{
	const struct iovec v = { at, len };
	const struct blk_io io = {
		.op = op, .fd = fd, .offset = offset, .len = len, .v = &v, .n = 1
	};

	return blk_io_run(&io);
}

START_TEST(run_read_fills_segments_in_order)
{
	char a[300], b[212];
	const struct iovec v[] = { { a, sizeof(a) }, { b, sizeof(b) } };
	const struct blk_io io = {
		.op = BLK_IO_READ, .fd = fd, .offset = 256, .len = 512, .v = v, .n = 2
	};

	ck_assert_int_eq(blk_io_run(&io), 512);
	ck_assert_int_eq(a[255], 0);
	ck_assert_int_eq(a[256], 1);
	ck_assert_int_eq(b[211], 1);
}
END_TEST

START_TEST(run_read_of_a_shrunk_file_is_short_then_fails)
{
	char a[1024];

	ck_assert_int_eq(ftruncate(fd, 1536), 0);
	ck_assert_int_eq(run(BLK_IO_READ, 1024, a, sizeof(a)), 512);
	ck_assert_int_eq(run(BLK_IO_READ, 1536, a, sizeof(a)), -ENODATA);
}
END_TEST

START_TEST(run_write_is_seen_in_the_file)
{
	char a[512], seen[512];
	const struct iovec v = { a, sizeof(a) };
	const struct blk_io io = { .op = BLK_IO_WRITE,
		                   .fd = fd,
		                   .durable = _i,
		                   .offset = 1024,
		                   .len = 512,
		                   .v = &v,
		                   .n = 1 };

	memset(a, 'w', sizeof(a));
	ck_assert_int_eq(blk_io_run(&io), 512);
	ck_assert_int_eq(pread(fd, seen, sizeof(seen), 1024), 512);
	ck_assert_mem_eq(seen, a, sizeof(a));
}
END_TEST

/* The limit lets the first half through: the write is short, then refused. */
START_TEST(run_write_over_the_file_limit_is_short_then_fails)
{
	char a[1024] = { 0 };
	struct rlimit was, limit;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = (struct rlimit){ .rlim_cur = 1024, .rlim_max = was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(run(BLK_IO_WRITE, 512, a, sizeof(a)), 512);
	ck_assert_int_eq(run(BLK_IO_WRITE, 1024, a, 512), -EFBIG);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
}
END_TEST

START_TEST(run_sync_of_a_pipe_fails)
{
	struct blk_io io = { .op = BLK_IO_SYNC };
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	io.fd = ends[0];
	ck_assert_int_eq(blk_io_run(&io), -EINVAL);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(run_punch_zeroes_the_range_and_frees_it)
{
	char seen[FILE_BYTES];
	struct stat was, st;

	ck_assert_int_eq(fsync(fd), 0);
	ck_assert_int_eq(fstat(fd, &was), 0);
	ck_assert_int_eq(run(BLK_IO_PUNCH, 4096, NULL, 8192), 8192);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, FILE_BYTES);
	ck_assert_int_lt(st.st_blocks, was.st_blocks);
	memset(data + 4096, 0, 8192);
	ck_assert_int_eq(pread(fd, seen, sizeof(seen), 0), FILE_BYTES);
	ck_assert_mem_eq(seen, data, FILE_BYTES);
}
END_TEST

/* Row: operation, what the kernel answered, what that means. */
static const struct {
	enum blk_io_op op;
	ssize_t raw, result;
} meanings[] = {
	{ BLK_IO_READ, 7, 7 },
	{ BLK_IO_READ, 0, -ENODATA },
	{ BLK_IO_WRITE, 0, -EIO },
	{ BLK_IO_WRITE, -ENOSPC, -ENOSPC },
	{ BLK_IO_SYNC, 0, 512 },
	{ BLK_IO_PUNCH, 0, 512 },
	{ BLK_IO_ZERO, -EOPNOTSUPP, -EOPNOTSUPP },
};

START_TEST(result_of_the_kernel_has_a_meaning)
{
	const struct blk_io io = { .op = meanings[_i].op, .len = 512 };

	ck_assert_int_eq(blk_io_result(&io, meanings[_i].raw), meanings[_i].result);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blk_io");
	TCase *t = tcase_create("run");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, run_read_fills_segments_in_order);
	tcase_add_test(t, run_read_of_a_shrunk_file_is_short_then_fails);
	tcase_add_loop_test(t, run_write_is_seen_in_the_file, 0, 2); /* plain, durable */
	tcase_add_test(t, run_write_over_the_file_limit_is_short_then_fails);
	tcase_add_test(t, run_sync_of_a_pipe_fails);
	tcase_add_test(t, run_punch_zeroes_the_range_and_frees_it);
	tcase_add_loop_test(t, result_of_the_kernel_has_a_meaning, 0, ARRAY_SIZE(meanings));
	suite_add_tcase(s, t);
	return run_suite(s);
}
