/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pidfile.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char dir[32], path[64];

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/vmm-pidfile-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/pid", dir);
}

static void tear_down(void)
{
	(void)remove(path);
	(void)rmdir(dir);
}

static void expect_own_pid(void)
{
	char have[64] = "", want[64];
	FILE *f = fopen(path, "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_gt(fread(have, 1, sizeof(have) - 1, f), 0);
	(void)fclose(f);
	(void)snprintf(want, sizeof(want), "%d\n", (int)getpid());
	ck_assert_str_eq(have, want);
}

START_TEST(create_new_file_holds_our_id)
{
	int fd = pidfile_create(path, NULL);

	ck_assert_int_ge(fd, 0);
	expect_own_pid();
	close(fd);
}
END_TEST

static mode_t mode_of(const char *file)
{
	struct stat st;

	ck_assert_int_eq(stat(file, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(create_under_any_umask_is_for_its_owner_alone)
{
	int fd;

	umask(0);
	fd = pidfile_create(path, NULL);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(mode_of(path), 0600);
	close(fd);
}
END_TEST

START_TEST(create_over_a_file_for_all_takes_it_from_them)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(fchmod(fd, 0666), 0);
	close(fd);

	fd = pidfile_create(path, NULL);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(mode_of(path), 0600);
	close(fd);
}
END_TEST

/* Whoever owns the VM must not make its supervisor end another process. */
START_TEST(create_leaves_nothing_that_can_write)
{
	int fd = pidfile_create(path, NULL);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_int_eq(pwrite(fd, "1\n", 2, 0), -1);
	expect_own_pid();
	close(fd);
}
END_TEST

START_TEST(create_stale_file_is_overwritten_whole)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, "123456789012345\nmore\n", 21), 21);
	close(fd);

	fd = pidfile_create(path, NULL);

	ck_assert_int_ge(fd, 0);
	expect_own_pid();
	close(fd);
}
END_TEST

START_TEST(create_locked_file_is_refused_with_its_process)
{
	struct err e = { 0 };
	char who[64];
	int fd = pidfile_create(path, NULL);

	(void)snprintf(who, sizeof(who), "process %d holds", (int)getpid());
	ck_assert_int_eq(pidfile_create(path, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.msg, who));
	expect_own_pid();
	close(fd);
}
END_TEST

START_TEST(create_locked_file_without_an_id_is_refused)
{
	struct err e = { 0 };
	int fd = pidfile_create(path, NULL);

	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(pidfile_create(path, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.msg, path));
	close(fd);
}
END_TEST

/* Root writes the file, and others may own the folder. */
START_TEST(create_through_a_link_is_refused)
{
	ck_assert_int_eq(symlink("/dev/null", path), 0);
	ck_assert_int_eq(pidfile_create(path, NULL), -ELOOP);
}
END_TEST

START_TEST(create_on_a_fifo_is_refused)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(pidfile_create(path, NULL), -EINVAL);
}
END_TEST

START_TEST(create_in_no_folder_is_refused_by_name)
{
	struct err e = { 0 };

	ck_assert_int_eq(pidfile_create("/nonexistent/pid", &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "'/nonexistent/pid'"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pidfile");
	TCase *t = tcase_create("pidfile");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, create_new_file_holds_our_id);
	tcase_add_test(t, create_under_any_umask_is_for_its_owner_alone);
	tcase_add_test(t, create_over_a_file_for_all_takes_it_from_them);
	tcase_add_test(t, create_leaves_nothing_that_can_write);
	tcase_add_test(t, create_stale_file_is_overwritten_whole);
	tcase_add_test(t, create_locked_file_is_refused_with_its_process);
	tcase_add_test(t, create_locked_file_without_an_id_is_refused);
	tcase_add_test(t, create_through_a_link_is_refused);
	tcase_add_test(t, create_on_a_fifo_is_refused);
	tcase_add_test(t, create_in_no_folder_is_refused_by_name);
	suite_add_tcase(s, t);
	return run_suite(s);
}
