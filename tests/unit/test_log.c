/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Standard error as a pipe, and as it was again. */
struct capture {
	int was, pipe[2];
	char text[2048];
};

static void capture_begin(struct capture *c)
{
	memset(c, 0, sizeof(*c));
	ck_assert_int_eq(pipe2(c->pipe, O_NONBLOCK), 0);
	c->was = dup(STDERR_FILENO);
	ck_assert_int_ge(c->was, 0);
	ck_assert_int_eq(dup2(c->pipe[1], STDERR_FILENO), STDERR_FILENO);
}

static void capture_end(struct capture *c)
{
	dup2(c->was, STDERR_FILENO);
	close(c->was);
	close(c->pipe[1]);
	(void)!read(c->pipe[0], c->text, sizeof(c->text) - 1);
	close(c->pipe[0]);
}

START_TEST(line_of_each_level_carries_its_word)
{
	static const char *const want[] = { "vmm: text 7\n", "vmm: warning: text 7\n",
		                            "vmm: text 7\n", "vmm: debug: text 7\n" };
	struct capture c;

	capture_begin(&c);
	ck_assert_int_eq(log_open(NULL, LOG_DEBUG, NULL), 0);
	log_line((enum log_level)_i, "text %d", 7);
	capture_end(&c);
	ck_assert_str_eq(c.text, want[_i]);
}
END_TEST

START_TEST(line_above_the_level_is_dropped)
{
	struct capture c;

	capture_begin(&c);
	ck_assert_int_eq(log_open(NULL, LOG_WARN, NULL), 0);
	log_info("no");
	log_debug("no");
	log_warn("yes");
	capture_end(&c);
	ck_assert_str_eq(c.text, "vmm: warning: yes\n");
}
END_TEST

START_TEST(line_with_control_bytes_cannot_drive_a_terminal)
{
	struct capture c;

	capture_begin(&c);
	log_error("%s", "a\x1b[31mb\nc\x7f\xc3\xa9");
	capture_end(&c);
	ck_assert_str_eq(c.text, "vmm: a?[31mb?c?\xc3\xa9\n");
}
END_TEST

START_TEST(line_too_long_is_cut_and_still_one_line)
{
	char text[1501] = "";
	struct capture c;

	memset(text, 'x', sizeof(text) - 1);
	capture_begin(&c);
	log_error("%s", text);
	capture_end(&c);
	ck_assert_uint_le(strlen(c.text), 512);
	ck_assert_ptr_eq(strchr(c.text, '\n'), c.text + strlen(c.text) - 1);
}
END_TEST

START_TEST(line_to_closed_stderr_is_lost_and_keeps_errno)
{
	int was = dup(STDERR_FILENO);

	close(STDERR_FILENO);
	errno = E2BIG;
	log_error("nobody reads this");
	ck_assert_int_eq(errno, E2BIG);
	dup2(was, STDERR_FILENO);
	close(was);
}
END_TEST

START_TEST(open_of_a_file_appends_to_it)
{
	char path[] = "/tmp/test_log.XXXXXX", text[64] = "";
	int fd = mkstemp(path);

	ck_assert_int_eq(write(fd, "old\n", 4), 4);
	ck_assert_int_eq(log_open(path, LOG_WARN, NULL), 0);
	log_warn("new");
	ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
	ck_assert_str_eq(text, "old\nvmm: warning: new\n");
	unlink(path);
	close(fd);
}
END_TEST

START_TEST(open_of_a_file_that_cannot_be_made_names_it_and_keeps_stderr)
{
	struct capture c;
	struct err e = { "" };

	capture_begin(&c);
	ck_assert_int_eq(log_open("/nonexistent/log", LOG_WARN, &e), -ENOENT);
	log_warn("still here");
	capture_end(&c);
	ck_assert_ptr_nonnull(strstr(e.msg, "'/nonexistent/log'"));
	ck_assert_str_eq(c.text, "vmm: warning: still here\n");
}
END_TEST

START_TEST(limit_in_one_window_passes_the_burst_and_counts_the_rest)
{
	struct log_limit l = { 0 };
	uint32_t dropped = 99;
	unsigned passed = 0;

	for (unsigned i = 0; i < LOG_LIMIT_BURST + 3; i++)
		passed += log_limit_pass(&l, &dropped);
	ck_assert_uint_eq(passed, LOG_LIMIT_BURST);
	ck_assert_uint_eq(dropped, 0);
	ck_assert_uint_eq(l.dropped, 3);
}
END_TEST

START_TEST(limit_in_a_new_window_passes_and_tells_what_was_dropped)
{
	struct log_limit l = { 0 };
	uint32_t dropped = 0;

	for (unsigned i = 0; i < LOG_LIMIT_BURST + 3; i++)
		(void)log_limit_pass(&l, NULL);
	l.window_start_ms -= LOG_LIMIT_WINDOW_MS; /* as if that time had passed */
	ck_assert(log_limit_pass(&l, &dropped));
	ck_assert_uint_eq(dropped, 3);
	ck_assert(log_limit_pass(&l, &dropped));
	ck_assert_uint_eq(dropped, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_loop_test(tc, line_of_each_level_carries_its_word, LOG_ERROR, LOG_DEBUG + 1);
	tcase_add_test(tc, line_above_the_level_is_dropped);
	tcase_add_test(tc, line_with_control_bytes_cannot_drive_a_terminal);
	tcase_add_test(tc, line_too_long_is_cut_and_still_one_line);
	tcase_add_test(tc, line_to_closed_stderr_is_lost_and_keeps_errno);
	tcase_add_test(tc, open_of_a_file_appends_to_it);
	tcase_add_test(tc, open_of_a_file_that_cannot_be_made_names_it_and_keeps_stderr);
	tcase_add_test(tc, limit_in_one_window_passes_the_burst_and_counts_the_rest);
	tcase_add_test(tc, limit_in_a_new_window_passes_and_tells_what_was_dropped);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
