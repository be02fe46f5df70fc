/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/conlog.h"
#include "vmm/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char dir[] = "/tmp/vmm-test-conlog-XXXXXX";
static char path[64], ours[64];
static struct conlog l;
static struct err err;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/console", dir);
	snprintf(ours, sizeof(ours), "%s/log", dir);
	ck_assert_int_eq(log_open(ours, LOG_WARN, &err), 0);
	l = (struct conlog){ .fd = -1 };
}

static void teardown(void)
{
	conlog_close(&l);
	unlink(path);
	unlink(ours);
	rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

static char text[1 << 20];

/* What a file holds, in a buffer that the next call overwrites. */
static const char *contents(const char *name)
{
	FILE *f = fopen(name, "r");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void put(const char *s)
{
	conlog_put(&l, (const uint8_t *)s, strlen(s));
}

/* Lines of 16 bytes from number @from on. */
static void put_lines(unsigned from, unsigned n)
{
	char line[24];

	for (unsigned i = from; i < from + n; i++) {
		(void)snprintf(line, sizeof(line), "line %010u\n", i);
		put(line);
	}
}

START_TEST(put_goes_to_the_file_in_order)
{
	ck_assert_int_eq(conlog_open(&l, path, 0, &err), 0);
	put("one");
	put("");
	put(" two\n");
	ck_assert_str_eq(contents(path), "one two\n");
}
END_TEST

START_TEST(begin_replaces_an_older_log)
{
	FILE *f = fopen(path, "w");

	fputs("older", f);
	fclose(f);
	ck_assert_int_eq(conlog_open(&l, path, 0, &err), 0);
	outfile_begin(&l.file, l.fd);
	ck_assert_str_eq(contents(path), "");
}
END_TEST

#define LINES 100000 /* 1.6 MB */

START_TEST(put_to_a_bounded_file_keeps_beginning_and_end)
{
	const char *mark, *all;
	unsigned long missing;

	ck_assert_int_eq(conlog_open(&l, path, CONLOG_MAX_MIN, &err), 0);
	put_lines(0, LINES);

	all = contents(path);
	ck_assert_uint_le(strlen(all), CONLOG_MAX_MIN);
	ck_assert_int_eq(strncmp(all, "line 0000000000\nline 0000000001\n", 32), 0);
	ck_assert_str_eq(all + strlen(all) - 16, "line 0000099999\n");
	mark = strstr(all, "\n[vmm: ");
	ck_assert_ptr_nonnull(mark);
	ck_assert_int_eq(mark - all, CONLOG_MAX_MIN / 2);
	ck_assert_ptr_null(strstr(mark + 1, "\n[vmm: "));
	/* Nothing is missing but what the mark says. */
	missing = strtoul(mark + strlen("\n[vmm: "), NULL, 10);
	ck_assert_uint_eq(strlen(all) - (size_t)(strchr(mark + 1, '\n') + 1 - mark) + missing,
	                  LINES * 16);
}
END_TEST

START_TEST(put_never_grows_a_file_past_its_bound)
{
	struct stat st;

	ck_assert_int_eq(conlog_open(&l, path, CONLOG_MAX_MIN, &err), 0);
	for (unsigned i = 0; i < 200; i++) {
		conlog_put(&l, (const uint8_t *)text, 1 + i * 331);
		ck_assert_int_eq(fstat(l.fd, &st), 0);
		ck_assert_uint_le((uint64_t)st.st_size, CONLOG_MAX_MIN);
		ck_assert_uint_eq((uint64_t)st.st_size, l.size);
	}
}
END_TEST

/* A disk that is full for a while: here a limit that is lifted. */
START_TEST(put_to_a_full_disk_marks_what_is_missing)
{
	struct rlimit limit = { .rlim_cur = 8, .rlim_max = RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(conlog_open(&l, path, 0, &err), 0);
	put("12345678");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	put("lost");
	put("too");
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	put("kept\n");
	ck_assert_str_eq(contents(path), "12345678\n[vmm: 7 bytes left out]\nkept\n");
}
END_TEST

START_TEST(put_to_a_full_disk_is_said_once)
{
	ck_assert_int_eq(conlog_open(&l, "/dev/full", 0, &err), 0);
	put("lost");
	put("too");
	ck_assert_str_eq(contents(ours), "vmm: cannot write the console log '/dev/full': "
	                                 "No space left on device\n");
}
END_TEST

START_TEST(open_of_a_bounded_device_is_refused)
{
	ck_assert_int_eq(conlog_open(&l, "/dev/null", CONLOG_MAX_MIN, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "leave out max="));
}
END_TEST

START_TEST(open_without_a_folder_names_the_file)
{
	ck_assert_int_eq(conlog_open(&l, "/nowhere/c", 0, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "the console log '/nowhere/c'"));
}
END_TEST

START_TEST(show_last_writes_the_last_lines)
{
	const char *shown;

	ck_assert_int_eq(conlog_open(&l, NULL, 0, &err), 0);
	put_lines(0, LINES);
	put("\x1b[31mlast\r\n\nwords");
	conlog_show_last(&l);

	shown = contents(ours);
	ck_assert_ptr_nonnull(strstr(shown, "vmm: console: line 0000099999\n"
	                                    "vmm: console: ?[31mlast\n"
	                                    "vmm: console: words\n"));
	ck_assert_ptr_null(strstr(shown, "line 0000099970"));
}
END_TEST

START_TEST(show_last_of_a_silent_guest_says_nothing)
{
	ck_assert_int_eq(conlog_open(&l, NULL, 0, &err), 0);
	conlog_show_last(&l);
	ck_assert_str_eq(contents(ours), "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conlog");
	TCase *tc = tcase_create("conlog");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, put_goes_to_the_file_in_order);
	tcase_add_test(tc, begin_replaces_an_older_log);
	tcase_add_test(tc, put_to_a_bounded_file_keeps_beginning_and_end);
	tcase_add_test(tc, put_never_grows_a_file_past_its_bound);
	tcase_add_test(tc, put_to_a_full_disk_marks_what_is_missing);
	tcase_add_test(tc, put_to_a_full_disk_is_said_once);
	tcase_add_test(tc, open_of_a_bounded_device_is_refused);
	tcase_add_test(tc, open_without_a_folder_names_the_file);
	tcase_add_test(tc, show_last_writes_the_last_lines);
	tcase_add_test(tc, show_last_of_a_silent_guest_says_nothing);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
