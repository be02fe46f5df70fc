/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/terminal.h"

#include "tests/unit/run.h"

#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#define CTRL_A 1

static int master = -1, slave = -1;
static struct termios before;

static void set_up(void)
{
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	ck_assert_int_eq(tcgetattr(slave, &before), 0);
	(void)signal(SIGTTOU, SIG_IGN);
}

static void tear_down(void)
{
	fd_close(&master);
	fd_close(&slave);
}

static struct termios modes(void)
{
	struct termios now = { 0 };

	(void)tcgetattr(slave, &now);
	return now;
}

static bool as_before(void)
{
	struct termios now = modes();

	return now.c_lflag == before.c_lflag && now.c_iflag == before.c_iflag &&
	       now.c_oflag == before.c_oflag;
}

/* Run @act as the leader of a session that the terminal controls; returns what it returned. */
static bool in_session(bool (*act)(struct terminal *t))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct terminal t;

		(void)setsid();
		(void)ioctl(slave, TIOCSCTTY, 0);
		(void)signal(SIGHUP, SIG_IGN);
		terminal_init(&t, slave, CTRL_A, NULL);
		_exit(act(&t) ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static bool takes_and_releases(struct terminal *t)
{
	struct termios raw;
	bool taken = terminal_take(t) == TERMINAL_FOREGROUND && t->raw;

	raw = modes();
	terminal_release(t);
	return taken && !(raw.c_lflag & (ICANON | ECHO | ISIG)) &&
	       !(raw.c_iflag & (ICRNL | IXON)) && raw.c_oflag == before.c_oflag && as_before() &&
	       !t->raw;
}

START_TEST(take_foreground_is_raw_until_release)
{
	ck_assert(in_session(takes_and_releases));
}
END_TEST

/* The process group of a child becomes the foreground one, as when a shell runs another job. */
static bool loses_terminal(struct terminal *t)
{
	struct termios theirs = before;
	bool ok = terminal_take(t) == TERMINAL_FOREGROUND;
	pid_t other = fork();

	if (other == 0) {
		(void)pause();
		_exit(EXIT_SUCCESS);
	}
	theirs.c_lflag ^= ECHO;
	ok = ok && setpgid(other, other) == 0 && tcsetpgrp(slave, other) == 0;
	ok = ok && tcsetattr(slave, TCSANOW, &theirs) == 0;
	ok = ok && terminal_take(t) == TERMINAL_BACKGROUND && !t->raw;
	terminal_resume(t);
	terminal_release(t);
	ok = ok && modes().c_lflag == theirs.c_lflag;
	(void)kill(other, SIGKILL);
	return ok;
}

START_TEST(take_background_leaves_terminal_to_others)
{
	ck_assert(in_session(loses_terminal));
}
END_TEST

static bool resumes(struct terminal *t)
{
	struct termios shells = before;
	bool ok = terminal_take(t) == TERMINAL_FOREGROUND;

	shells.c_lflag &= ~(tcflag_t)ECHOE;
	(void)tcsetattr(slave, TCSANOW, &shells); /* while SIGSTOP had us stopped */
	terminal_resume(t);
	ok = ok && !(modes().c_lflag & ICANON);
	terminal_release(t);
	return ok && as_before();
}

START_TEST(resume_foreground_is_raw_again)
{
	ck_assert(in_session(resumes));
}
END_TEST

/* A harness gave us a terminal that is not our controlling one: it is read, and not set. */
START_TEST(take_terminal_of_no_session_leaves_it)
{
	struct terminal t;

	terminal_init(&t, slave, CTRL_A, NULL);

	ck_assert_int_eq(terminal_take(&t), TERMINAL_OTHER);
	ck_assert(!t.raw);
	ck_assert(as_before());
}
END_TEST

START_TEST(take_pipe_is_no_terminal)
{
	struct terminal t;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	terminal_init(&t, fds[0], CTRL_A, NULL);

	ck_assert_int_eq(terminal_take(&t), TERMINAL_OTHER);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static const struct {
	const char *typed[2]; /* in two reads */
	const char *kept[2];
	enum terminal_key key; /* of the second */
} typing[] = {
	{ { "ls\r", "" }, { "ls\r", "" }, TERMINAL_KEY_NONE },
	{ { "a\001x", "" }, { "a", "" }, TERMINAL_KEY_NONE },
	{ { "", "a\001xb" }, { "", "a" }, TERMINAL_KEY_END },
	{ { "a\001", "xb" }, { "a", "" }, TERMINAL_KEY_END },
	{ { "\001", "\001x" }, { "", "\001x" }, TERMINAL_KEY_NONE },
	{ { "", "\001\001\001\001" }, { "", "\001\001" }, TERMINAL_KEY_NONE },
	{ { "", "p\001hq" }, { "", "pq" }, TERMINAL_KEY_HELP },
	{ { "", "\001q1" }, { "", "1" }, TERMINAL_KEY_HELP },
	{ { "", "\001q\001x" }, { "", "" }, TERMINAL_KEY_END },
	{ { "", "x" }, { "", "x" }, TERMINAL_KEY_NONE },
};

START_TEST(filter_typing_keeps_what_is_for_the_guest)
{
	struct terminal t = { .fd = -1, .escape = CTRL_A, .raw = true };
	enum terminal_key key;
	uint8_t buf[16];

	for (int part = 0; part < 2; part++) {
		size_t len = strlen(typing[_i].typed[part]);

		memcpy(buf, typing[_i].typed[part], len);
		len = terminal_filter(&t, buf, len, &key);
		ck_assert_uint_eq(len, strlen(typing[_i].kept[part]));
		ck_assert(memcmp(buf, typing[_i].kept[part], len) == 0);
	}
	ck_assert_int_eq(key, typing[_i].key);
}
END_TEST

static const struct {
	int escape;
	bool raw;
} unheard[] = { { -1, true }, { CTRL_A, false } };

START_TEST(filter_without_escape_or_raw_keeps_all)
{
	struct terminal t = { .fd = -1, .escape = unheard[_i].escape, .raw = unheard[_i].raw };
	enum terminal_key key;
	uint8_t buf[] = { 'a', CTRL_A, 'x', 0xff };

	ck_assert_uint_eq(terminal_filter(&t, buf, sizeof(buf), &key), sizeof(buf));
	ck_assert_int_eq(key, TERMINAL_KEY_NONE);
}
END_TEST

static const struct {
	int escape;
	const char *name;
} names[] = { { 1, "Ctrl-a x" }, { 26, "Ctrl-z x" }, { 29, "Ctrl-] x" }, { 0, "Ctrl-@ x" } };

START_TEST(help_names_the_key)
{
	char text[TERMINAL_HELP_SIZE];

	terminal_help(names[_i].escape, text);

	ck_assert_ptr_nonnull(strstr(text, names[_i].name));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("terminal");
	TCase *tc = tcase_create("terminal");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, take_foreground_is_raw_until_release);
	tcase_add_test(tc, take_background_leaves_terminal_to_others);
	tcase_add_test(tc, resume_foreground_is_raw_again);
	tcase_add_test(tc, take_terminal_of_no_session_leaves_it);
	tcase_add_test(tc, take_pipe_is_no_terminal);
	tcase_add_loop_test(tc, filter_typing_keeps_what_is_for_the_guest, 0, ARRAY_SIZE(typing));
	tcase_add_loop_test(tc, filter_without_escape_or_raw_keeps_all, 0, ARRAY_SIZE(unheard));
	tcase_add_loop_test(tc, help_names_the_key, 0, ARRAY_SIZE(names));
	suite_add_tcase(s, tc);
	return run_suite(s);
}
