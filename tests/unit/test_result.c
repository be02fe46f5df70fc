/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/result.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* 2024-02-29T23:59:59.000123Z: a leap day, and microseconds with zeros before them. */
#define TIMES                                                                                      \
	{                                                                                          \
		.start_ns = 1709251199000123456, .guest_start_ns = 2101999, .end_ns = 340022000    \
	}
static const struct result_report exited = { .stop = { .reason = STOP_EXIT, .status = 3 },
	                                     .times = TIMES };

static char dir[] = "/tmp/vmm-test-result-XXXXXX";
static char path[64];
static struct result result;
static struct err err;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/r.json", dir);
	err.msg[0] = '\0';
	result = (struct result){ .fd = -1, .status_fd = -1 };
}

static void teardown(void)
{
	result_fini(&result);
	unlink(path);
	rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

/* What the file holds, in a buffer that the next call overwrites. */
static const char *contents(void)
{
	static char text[2048];
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void put_old_result(void)
{
	FILE *f = fopen(path, "w");

	fputs("{\"reason\": \"poweroff\", \"status\": 0}\n", f);
	fclose(f);
}

START_TEST(open_empties_an_old_result)
{
	put_old_result();
	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	ck_assert_str_eq(contents(), "");
}
END_TEST

START_TEST(write_is_one_object_and_a_newline)
{
	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	fd_close(&result.status_fd); /* memory differs from run to run */
	ck_assert_int_eq(result_write(&result, &exited, &err), 0);
	ck_assert_str_eq(contents(), "{\"reason\": \"exit\", \"status\": 3, \"times\": {\"start\": "
	                             "\"2024-02-29T23:59:59.000123Z\", \"guest_start_us\": 2101, "
	                             "\"end_us\": 340022}}\n");
	ck_assert_int_eq(result.fd, -1);
}
END_TEST

START_TEST(write_of_each_reason_has_its_name)
{
	const struct result_report report = {
		.stop = { .reason = (enum stop_reason)_i, .status = 1, .signal = SIGTERM }
	};
	const int with_signal = report.stop.reason == STOP_SIGNAL;
	json_t *object, *number;

	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	ck_assert_int_eq(result_write(&result, &report, &err), 0);
	object = json_loads(contents(), 0, NULL);
	number = json_object_get(object, "signal");
	ck_assert_str_eq(json_string_value(json_object_get(object, "reason")),
	                 stop_reason_names[_i]);
	ck_assert_int_eq(json_integer_value(number), with_signal * SIGTERM);
	ck_assert_int_eq(json_is_integer(number), with_signal);
	json_decref(object);
}
END_TEST

START_TEST(write_message_of_any_bytes_is_json)
{
	const struct result_report report = { .stop = { .reason = STOP_ERROR,
		                                        .status = STATUS_ERROR },
		                              .message = "'a\"\\\n\x1b\xff'" };
	json_t *object;

	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	ck_assert_int_eq(result_write(&result, &report, &err), 0);
	object = json_loads(contents(), 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(object, "message")),
	                 "'a\"\\\n\x1b\xef\xbf\xbd'");
	json_decref(object);
}
END_TEST

START_TEST(write_without_a_guest_has_no_guest_start)
{
	const struct result_report report = { .times = { .start_ns = 1, .end_ns = 1000 } };

	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	ck_assert_int_eq(result_write(&result, &report, &err), 0);
	ck_assert_ptr_null(strstr(contents(), "guest_start_us"));
	ck_assert_ptr_nonnull(strstr(contents(), "\"end_us\": 1}"));
}
END_TEST

START_TEST(write_of_a_match_has_pattern_and_line)
{
	const struct result_report report = { .pattern = "a|b",
		                              .line = "\xff b",
		                              .times = { .first_output_ns = 5000 } };

	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	ck_assert_int_eq(result_write(&result, &report, &err), 0);
	ck_assert_ptr_nonnull(strstr(contents(), "\"match\": {\"pattern\": \"a|b\", \"line\": "
	                                         "\"\xef\xbf\xbd b\"}"));
	ck_assert_ptr_nonnull(strstr(contents(), "\"first_output_us\": 5"));
}
END_TEST

START_TEST(write_has_the_most_memory_that_the_process_had)
{
	json_t *object;

	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	ck_assert_int_eq(result_write(&result, &exited, &err), 0);
	object = json_loads(contents(), 0, NULL);
	ck_assert_int_gt(json_integer_value(json_object_get(object, "peak_memory_kib")), 100);
	json_decref(object);
}
END_TEST

START_TEST(write_without_a_file_does_nothing)
{
	ck_assert_int_eq(result_open(&result, NULL, -1, &err), 0);
	ck_assert_int_eq(result_write(&result, &exited, &err), 0);
}
END_TEST

START_TEST(write_of_exits_has_them)
{
	const struct result_report report = { .exits = json_pack("{s:i}", "io", 7) };

	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	ck_assert_int_eq(result_write(&result, &report, &err), 0);
	ck_assert_ptr_nonnull(strstr(contents(), "\"exits\": {\"io\": 7}"));
}
END_TEST

START_TEST(write_to_a_full_disk_names_the_file)
{
	ck_assert_int_eq(result_open(&result, "/dev/full", -1, &err), 0);
	ck_assert_int_eq(result_write(&result, &exited, &err), -ENOSPC);
	ck_assert_str_eq(err.msg, "cannot write the result to '/dev/full', give --result another "
	                          "place: No space left on device");
	ck_assert_int_eq(result.fd, -1);
}
END_TEST

/* The file takes 10 bytes and then no more. */
START_TEST(write_cut_short_leaves_nothing)
{
	const struct rlimit limit = { .rlim_cur = 10, .rlim_max = 10 };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(result_open(&result, path, -1, &err), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(result_write(&result, &exited, &err), -EFBIG);
	ck_assert_str_eq(contents(), "");
}
END_TEST

START_TEST(write_to_an_inherited_pipe_ends_it)
{
	char text[512] = "";
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(result_open(&result, NULL, ends[1], &err), 0);
	ck_assert_int_eq(result_write(&result, &exited, &err), 0);
	ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"status\": 3"));
	ck_assert_int_eq(read(ends[0], text, 1), 0);
	close(ends[0]);
}
END_TEST

START_TEST(write_to_a_pipe_without_reader_names_the_descriptor)
{
	char want[64];
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	snprintf(want, sizeof(want), "cannot write the result to 'fd=%d': Broken pipe", ends[1]);
	ck_assert_int_eq(result_open(&result, NULL, ends[1], &err), 0);
	ck_assert_int_eq(result_write(&result, &exited, &err), -EPIPE);
	ck_assert_str_eq(err.msg, want);
}
END_TEST

START_TEST(write_to_standard_error_leaves_it_open)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(dup2(null, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(result_open(&result, NULL, STDERR_FILENO, &err), 0);
	ck_assert_int_eq(result_write(&result, &exited, &err), 0);
	ck_assert_int_ge(fcntl(STDERR_FILENO, F_GETFD), 0);
	close(null);
}
END_TEST

START_TEST(open_closed_descriptor_is_refused)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	close(fd);
	ck_assert_int_eq(result_open(&result, NULL, fd, &err), -EBADF);
	ck_assert_ptr_nonnull(strstr(err.msg, "'fd="));
	ck_assert_int_eq(result.fd, -1);
}
END_TEST

START_TEST(open_descriptor_for_reading_is_refused)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(result_open(&result, NULL, fd, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "not open for writing"));
	ck_assert_int_eq(result.fd, -1);
	close(fd);
}
END_TEST

START_TEST(open_directory_is_refused_by_name)
{
	ck_assert_int_eq(result_open(&result, dir, -1, &err), -EISDIR);
	ck_assert_ptr_nonnull(strstr(err.msg, dir));
	ck_assert_int_eq(result.fd, -1);
}
END_TEST

static void add_open_tests(TCase *t)
{
	tcase_add_test(t, open_empties_an_old_result);
	tcase_add_test(t, open_closed_descriptor_is_refused);
	tcase_add_test(t, open_descriptor_for_reading_is_refused);
	tcase_add_test(t, open_directory_is_refused_by_name);
}

static void add_write_tests(TCase *t)
{
	tcase_add_test(t, write_is_one_object_and_a_newline);
	tcase_add_loop_test(t, write_of_each_reason_has_its_name, 0, STOP_N_REASONS);
	tcase_add_test(t, write_message_of_any_bytes_is_json);
	tcase_add_test(t, write_without_a_guest_has_no_guest_start);
	tcase_add_test(t, write_of_a_match_has_pattern_and_line);
	tcase_add_test(t, write_has_the_most_memory_that_the_process_had);
	tcase_add_test(t, write_without_a_file_does_nothing);
	tcase_add_test(t, write_of_exits_has_them);
	tcase_add_test(t, write_to_a_full_disk_names_the_file);
	tcase_add_test(t, write_cut_short_leaves_nothing);
	tcase_add_test(t, write_to_an_inherited_pipe_ends_it);
	tcase_add_test(t, write_to_a_pipe_without_reader_names_the_descriptor);
	tcase_add_test(t, write_to_standard_error_leaves_it_open);
}

int main(void)
{
	Suite *s = suite_create("result");
	TCase *t = tcase_create("result");

	tcase_add_checked_fixture(t, setup, teardown);
	add_open_tests(t);
	add_write_tests(t);
	suite_add_tcase(s, t);
	return run_suite(s);
}
