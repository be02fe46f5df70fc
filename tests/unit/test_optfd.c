/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optfd.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <stdio.h>

/* What systemd says to the process @pid. */
static void hand(int pid, const char *count, const char *names)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", pid);
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", count, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static const struct {
	const char *text;
	int least, fd; /* -1: refused */
} cases[] = {
	{ "0", 0, 0 },
	{ "3", 3, 3 },
	{ "2147483647", 3, 2147483647 },
	{ "2", 3, -1 },
	{ "2147483648", 3, -1 },
	{ "-1", 0, -1 },
	{ "", 0, -1 },
	{ "control", 3, 3 },
	{ "tap", 3, 4 },
	{ "twice", 3, 5 }, /* and 6 */
	{ "late", 3, -1 }, /* the count does not reach it */
	{ "contro", 3, -1 },
	{ "control:tap", 3, -1 },
	{ "3 ", 3, -1 },
};

START_TEST(parse_number_or_name_is_found)
{
	int fd = -1;

	hand(getpid(), "4", "control:tap:twice:twice:late");

	ck_assert_int_eq(optfd_parse(cases[_i].text, cases[_i].least, &fd),
	                 cases[_i].fd < 0 ? -EINVAL : 0);
	ck_assert_int_eq(fd, cases[_i].fd);
}
END_TEST

START_TEST(parse_names_for_another_process_are_not_ours)
{
	int fd;

	hand(getppid(), "1", "control");
	ck_assert_int_eq(optfd_parse("control", 3, &fd), -EINVAL);
}
END_TEST

START_TEST(parse_more_descriptors_than_names_is_no_harm)
{
	int fd;

	hand(getpid(), "4000000000", "control");
	ck_assert_int_eq(optfd_parse("other", 3, &fd), -EINVAL);
	unsetenv("LISTEN_FDNAMES");
	ck_assert_int_eq(optfd_parse("control", 3, &fd), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("optfd");
	TCase *tc = tcase_create("all");

	tcase_add_loop_test(tc, parse_number_or_name_is_found, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tc, parse_names_for_another_process_are_not_ours);
	tcase_add_test(tc, parse_more_descriptors_than_names_is_no_harm);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
