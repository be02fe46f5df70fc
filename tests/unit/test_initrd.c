/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/initrd.h"

#include "tests/unit/boot_images.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>

#define RAM (8 * MiB)

static struct gmem mem;
static struct kernel kernel;
static struct initrd rd;
static struct err e;

static void setup(void)
{
	mem = image_ram(RAM);
	kernel = (struct kernel){ .begin = 2 * MiB, .end = 4 * MiB + 1, .initrd_max = 0x7fffffff };
}

static void teardown(void)
{
	gmem_fini(&mem);
}

static int load(const struct boot_archive *a, unsigned n)
{
	return initrd_load(a, n, &kernel, &mem, &rd, &e);
}

/* One archive of @size bytes, none of which is touched. */
static int load_size(uint64_t size)
{
	struct image_file f = image_file("", 0);
	int r;

	ck_assert_int_eq(ftruncate(f.fd, (off_t)size), 0);
	r = load(&(struct boot_archive){ .path = f.path }, 1);
	close(f.fd);
	return r;
}

START_TEST(load_none_gives_size_0)
{
	ck_assert_int_eq(load(NULL, 0), 0);
	ck_assert_uint_eq(rd.base, 0);
	ck_assert_uint_eq(rd.size, 0);
}
END_TEST

START_TEST(load_one_goes_to_the_top_of_ram)
{
	struct image_file f = image_file("archive", 7);

	ck_assert_int_eq(load(&(struct boot_archive){ .path = f.path }, 1), 0);
	ck_assert_uint_eq(rd.base, RAM - 4096);
	ck_assert_uint_eq(rd.size, 7);
	ck_assert_mem_eq(gmem_span(&mem, GPA(rd.base), 8), "archive", 8);
	close(f.fd);
}
END_TEST

START_TEST(load_several_are_aligned_to_4_with_zeros_between)
{
	struct image_file f = image_file("12345", 5), g = image_file("abcdefgh", 8);
	struct boot_archive a[] = {
		{ .path = f.path },
		{ .path = "built-in", .data = "xyz", .size = 3 },
		{ .path = g.path },
	};

	ck_assert_int_eq(load(a, 3), 0);
	ck_assert_uint_eq(rd.size, 8 + 4 + 8);
	ck_assert_mem_eq(gmem_span(&mem, GPA(rd.base), 20), "12345\0\0\0xyz\0abcdefgh", 20);
	close(f.fd);
	close(g.fd);
}
END_TEST

START_TEST(load_stays_below_the_kernels_limit)
{
	kernel.initrd_max = 6 * MiB + 100; /* within a page: the page is not used */
	ck_assert_int_eq(load_size(4096), 0);
	ck_assert_uint_eq(rd.base, 6 * MiB - 4096);
}
END_TEST

START_TEST(load_stays_out_of_high_ram)
{
	ck_assert_int_eq(gmem_add(&mem, GPA(LAYOUT_GAP_END), 64 * MiB, &e), 0);
	ck_assert_int_eq(load_size(4096), 0);
	ck_assert_uint_eq(rd.base, RAM - 4096);
}
END_TEST

START_TEST(load_fills_all_that_is_free)
{
	ck_assert_int_eq(load_size(4 * MiB - 4096), 0);
	ck_assert_uint_eq(rd.base, 4 * MiB + 4096); /* the page behind the kernel's last byte */
}
END_TEST

START_TEST(load_one_byte_more_than_is_free_says_how_much_is_needed)
{
	ck_assert_int_eq(load_size(4 * MiB - 4096 + 1), -ENOMEM);
	ck_assert_ptr_nonnull(
	        strstr(e.msg, "too big for 8 MiB of RAM: kernel and initrd need 9 MiB and more"));
}
END_TEST

START_TEST(load_over_the_kernels_limit_names_it)
{
	kernel.initrd_max = 6 * MiB - 1;
	ck_assert_int_eq(load_size(3 * MiB), -E2BIG);
	ck_assert_ptr_nonnull(strstr(e.msg, "only in the first 6 MiB"));
}
END_TEST

/* Sizes whose sums would not fit in 32 or 64 bits. */
static const uint64_t huge[] = { 3 * GiB, 4 * GiB, 4 * GiB - 1, INT64_MAX };

START_TEST(load_huge_file_is_refused)
{
	ck_assert_int_eq(load_size(huge[_i]), -E2BIG);
	ck_assert_ptr_nonnull(strstr(e.msg, "too big"));
}
END_TEST

START_TEST(load_empty_file_is_refused)
{
	ck_assert_int_eq(load_size(0), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "is empty"));
}
END_TEST

START_TEST(load_empty_data_is_refused)
{
	struct boot_archive a = { .path = "built-in", .data = "" };

	ck_assert_int_eq(load(&a, 1), -EINVAL);
	ck_assert_str_eq(e.msg, "initrd 'built-in' is empty: make it again");
}
END_TEST

START_TEST(load_missing_file_is_named)
{
	struct image_file f = image_file("archive", 7);
	struct boot_archive a[] = { { .path = f.path }, { .path = "/nonexistent/x" } };

	ck_assert_int_eq(load(a, 2), -ENOENT);
	ck_assert_str_eq(
	        e.msg,
	        "cannot open initrd '/nonexistent/x': No such file or directory; check the name");
	close(f.fd);
}
END_TEST

START_TEST(load_too_many_are_refused)
{
	struct boot_archive a[INITRD_ARCHIVES_MAX + 1] = { { 0 } };

	ck_assert_int_eq(load(a, ARRAY_SIZE(a)), -E2BIG);
	ck_assert_ptr_nonnull(strstr(e.msg, "at most 16"));
}
END_TEST

/* What is not a file of bytes, and must be refused without waiting for it. */
static const struct {
	const char *path;
	int r;
	const char *why;
} odd[] = {
	{ "/tmp", -EISDIR, "is a directory" },
	{ "/dev/null", -EINVAL, "not a regular file" },
	{ "/dev/zero", -EINVAL, "not a regular file" },
	{ "/proc/version", -EINVAL, "is empty" }, /* says so itself: its size is 0 */
};

START_TEST(load_odd_file_is_refused)
{
	struct boot_archive a = { .path = odd[_i].path };

	ck_assert_int_eq(load(&a, 1), odd[_i].r);
	ck_assert_ptr_nonnull(strstr(e.msg, odd[_i].why));
}
END_TEST

START_TEST(load_pipe_is_refused_without_waiting)
{
	int fds[2];
	char path[32];

	ck_assert_int_eq(pipe(fds), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	ck_assert_int_eq(load(&(struct boot_archive){ .path = path }, 1), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "not a regular file"));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(read_beyond_the_end_says_that_the_file_shrank)
{
	struct image_file f = image_file("archive", 7);
	struct file file;
	char to[8];

	ck_assert_int_eq(file_open(&file, f.path, "initrd", &e), 0);
	ck_assert_int_eq(ftruncate(f.fd, 3), 0);
	ck_assert_int_eq(file_read(&file, 0, to, 7, &e), -EIO);
	ck_assert_ptr_nonnull(strstr(e.msg, "became shorter"));
	file_close(&file);
	close(f.fd);
}
END_TEST

START_TEST(open_long_path_shows_its_end)
{
	char path[FILE_NAME_MAX * 3] = { 0 };
	struct file file;

	memset(path, 'x', sizeof(path) - 1);
	memcpy(path + sizeof(path) - 5, "/end", 4);
	ck_assert_int_lt(file_open(&file, path, "initrd", &e), 0);
	ck_assert_ptr_nonnull(strstr(e.msg, "/end': ")); /* and the reason follows */
}
END_TEST

/* An archive before and one behind a directory that has one file of @size bytes. */
static int load_directory(uint64_t size)
{
	char dir[] = "/tmp/vmm-initrd-XXXXXX", path[64];
	struct image_file before = image_file("12345", 5);
	struct boot_archive a[] = {
		{ .path = before.path },
		{ .path = dir, .directory = true },
		{ .path = "built-in", .data = "last", .size = 4 },
	};
	int fd, r;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, "first", 5), 5);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	r = load(a, ARRAY_SIZE(a));
	close(fd);
	unlink(path);
	rmdir(dir);
	close(before.fd);
	return r;
}

#define HEADS (112 + 124) /* bytes of a file's head and of the archive's end */

START_TEST(load_directory_goes_right_behind_the_kernel)
{
	const char *at;

	ck_assert_int_eq(load_directory(8), 0);
	ck_assert_uint_eq(rd.base, 4 * MiB + 4096);
	ck_assert_uint_eq(rd.size, 8 + HEADS + 8 + 4);
	at = gmem_span(&mem, GPA(rd.base), rd.size);
	ck_assert_mem_eq(at, "12345\0\0\000070701", 14);
	ck_assert_str_eq(at + 8 + 110, "f");
	ck_assert_mem_eq(at + 8 + 112, "first\0\0\000070701", 14);
	ck_assert_mem_eq(at + 8 + HEADS + 8, "last", 4);
}
END_TEST

START_TEST(load_directory_that_ram_cannot_hold_unpacked_says_how_much_is_needed)
{
	ck_assert_int_eq(load_directory(MiB), 0);
	ck_assert_int_eq(load_directory(MiB + MiB / 2), -ENOMEM);
	ck_assert_ptr_nonnull(
	        strstr(e.msg, "too big for 8 MiB of RAM: kernel and initrd need 9 MiB"));
}
END_TEST

START_TEST(load_directory_larger_than_ram_says_how_much_is_needed)
{
	ck_assert_int_eq(load_directory(100 * MiB), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(e.msg, "kernel and initrd need 305 MiB and more"));
}
END_TEST

START_TEST(load_directory_above_the_kernels_limit_is_refused)
{
	kernel.initrd_max = 6 * MiB - 1;
	ck_assert_int_eq(load_directory(3 * MiB), -E2BIG);
	ck_assert_ptr_nonnull(strstr(e.msg, "only in the first 6 MiB"));
}
END_TEST

START_TEST(load_directory_and_kernel_above_the_kernels_limit_are_refused)
{
	kernel.initrd_max = 3 * MiB; /* below the kernel's own end */
	ck_assert_int_eq(load_directory(8), -E2BIG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("initrd");
	TCase *t = tcase_create("load");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, load_none_gives_size_0);
	tcase_add_test(t, load_one_goes_to_the_top_of_ram);
	tcase_add_test(t, load_several_are_aligned_to_4_with_zeros_between);
	tcase_add_test(t, load_stays_below_the_kernels_limit);
	tcase_add_test(t, load_stays_out_of_high_ram);
	tcase_add_test(t, load_fills_all_that_is_free);
	tcase_add_test(t, load_one_byte_more_than_is_free_says_how_much_is_needed);
	tcase_add_test(t, load_over_the_kernels_limit_names_it);
	tcase_add_loop_test(t, load_huge_file_is_refused, 0, ARRAY_SIZE(huge));
	tcase_add_test(t, load_empty_file_is_refused);
	tcase_add_test(t, load_empty_data_is_refused);
	tcase_add_test(t, load_missing_file_is_named);
	tcase_add_test(t, load_directory_goes_right_behind_the_kernel);
	tcase_add_test(t, load_directory_that_ram_cannot_hold_unpacked_says_how_much_is_needed);
	tcase_add_test(t, load_directory_larger_than_ram_says_how_much_is_needed);
	tcase_add_test(t, load_directory_above_the_kernels_limit_is_refused);
	tcase_add_test(t, load_directory_and_kernel_above_the_kernels_limit_are_refused);
	tcase_add_test(t, load_too_many_are_refused);
	tcase_add_loop_test(t, load_odd_file_is_refused, 0, ARRAY_SIZE(odd));
	tcase_add_test(t, load_pipe_is_refused_without_waiting);
	tcase_add_test(t, read_beyond_the_end_says_that_the_file_shrank);
	tcase_add_test(t, open_long_path_shows_its_end);
	suite_add_tcase(s, t);
	return run_suite(s);
}
