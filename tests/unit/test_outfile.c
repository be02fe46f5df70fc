/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/outfile.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char dir[] = "/tmp/vmm-outfile-XXXXXX";
static char path[64];
static struct outfile o;
static int fd;

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	fd = -1;
}

static void tear_down(void)
{
	fd_close(&fd);
	(void)unlink(path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

/* A file that was there before. */
static void put_older(void)
{
	int older = open(path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_eq(write(older, "older", 5), 5);
	close(older);
}

/* Bytes of the file; -1: there is none. */
static off_t size(void)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

START_TEST(end_without_begin_removes_what_was_made)
{
	fd = outfile_open(&o, path, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(size(), 0);

	outfile_end(&o);

	ck_assert_int_eq(size(), -1);
}
END_TEST

START_TEST(end_without_begin_leaves_an_older_file_as_it_was)
{
	put_older();
	fd = outfile_open(&o, path, 0);
	ck_assert_int_ge(fd, 0);

	outfile_end(&o);

	ck_assert_int_eq(size(), 5);
}
END_TEST

START_TEST(begin_keeps_what_was_made)
{
	fd = outfile_open(&o, path, 0);

	outfile_begin(&o, fd);
	outfile_end(&o);

	ck_assert_int_eq(size(), 0);
}
END_TEST

START_TEST(begin_empties_an_older_file)
{
	put_older();
	fd = outfile_open(&o, path, 0);

	outfile_begin(&o, fd);

	ck_assert_int_eq(size(), 0);
}
END_TEST

/* What is somebody else's, standard output for example, keeps what is in it. */
START_TEST(begin_of_none_empties_nothing)
{
	put_older();
	fd = open(path, O_WRONLY);
	o = (struct outfile){ 0 };

	outfile_begin(&o, fd);

	ck_assert_int_eq(size(), 5);
}
END_TEST

START_TEST(open_fifo_without_reader_does_not_wait)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);

	ck_assert_int_eq(outfile_open(&o, path, 0), -ENXIO);
	outfile_end(&o);

	ck_assert_int_eq(size(), 0);
}
END_TEST

START_TEST(open_follows_a_link_to_nothing)
{
	char target[80];

	(void)snprintf(target, sizeof(target), "%s2", path);
	ck_assert_int_eq(symlink(target, path), 0);

	fd = outfile_open(&o, path, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unlink(target), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("outfile");
	TCase *t = tcase_create("outfile");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, end_without_begin_removes_what_was_made);
	tcase_add_test(t, end_without_begin_leaves_an_older_file_as_it_was);
	tcase_add_test(t, begin_keeps_what_was_made);
	tcase_add_test(t, begin_empties_an_older_file);
	tcase_add_test(t, begin_of_none_empties_nothing);
	tcase_add_test(t, open_fifo_without_reader_does_not_wait);
	tcase_add_test(t, open_follows_a_link_to_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
