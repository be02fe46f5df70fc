/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/caretaker.h"

#include "tests/unit/run.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int master = -1, slave = -1;
static struct termios before, raw;
static struct caretaker caretaker;
static char dir[] = "/tmp/vmm-caretaker-XXXXXX";
static char path[64];

static void set_up(void)
{
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	ck_assert_int_eq(tcgetattr(slave, &before), 0);
	raw = before;
	raw.c_iflag &= ~(tcflag_t)ICRNL;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/socket", dir);
}

static void tear_down(void)
{
	caretaker_finish(&caretaker);
	fd_close(&master);
	fd_close(&slave);
	(void)unlink(path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

static void start(int terminal_fd)
{
	const struct caretaker_tasks tasks = { .terminal_fd = terminal_fd, .path = { NULL, path } };

	ck_assert_int_eq(caretaker_start(&caretaker, &tasks, NULL), 0);
}

static tcflag_t local_flags(void)
{
	struct termios now;

	ck_assert_int_eq(tcgetattr(slave, &now), 0);
	return now.c_lflag;
}

static void make_file(void)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

START_TEST(finish_raw_terminal_puts_it_back)
{
	start(slave);
	caretaker_terminal_raw(&caretaker, &before, &raw);
	ck_assert_int_eq(tcsetattr(slave, TCSANOW, &raw), 0);

	caretaker_finish(&caretaker);

	ck_assert_uint_eq(local_flags(), before.c_lflag);
}
END_TEST

/* A shell has taken the terminal and set its line editor's modes. */
START_TEST(finish_terminal_of_others_leaves_it)
{
	struct termios theirs = raw;

	theirs.c_lflag ^= ISIG;
	start(slave);
	caretaker_terminal_raw(&caretaker, &before, &raw);
	ck_assert_int_eq(tcsetattr(slave, TCSANOW, &theirs), 0);

	caretaker_finish(&caretaker);

	ck_assert_uint_eq(local_flags(), theirs.c_lflag);
}
END_TEST

START_TEST(finish_after_back_leaves_terminal)
{
	start(slave);
	caretaker_terminal_raw(&caretaker, &before, &raw);
	caretaker_terminal_back(&caretaker);
	ck_assert_int_eq(tcsetattr(slave, TCSANOW, &raw), 0);

	caretaker_finish(&caretaker);

	ck_assert_uint_eq(local_flags(), raw.c_lflag);
}
END_TEST

/* As subreaper, the test can wait for the orphan. */
START_TEST(killed_parent_leaves_nothing_behind)
{
	int status;
	pid_t pid;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = fork();
	if (pid == 0) {
		(void)setpgid(0, 0);
		start(slave);
		make_file();
		caretaker_owns_path(&caretaker, 1, path);
		caretaker_terminal_raw(&caretaker, &before, &raw);
		(void)tcsetattr(slave, TCSANOW, &raw);
		(void)kill(0, SIGKILL); /* the process group, as `kill -9 %1` */
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_gt(wait(&status), 0);

	ck_assert_int_eq(WEXITSTATUS(status), EXIT_SUCCESS);
	ck_assert_uint_eq(local_flags(), before.c_lflag);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(finish_file_of_others_leaves_it)
{
	start(-1);
	make_file();
	caretaker_owns_path(&caretaker, 1, path);
	/* Kept open, so that the new file cannot get the same inode. */
	int old = open(path, O_RDONLY);
	ck_assert_int_eq(unlink(path), 0);
	make_file();

	caretaker_finish(&caretaker);

	ck_assert_int_eq(access(path, F_OK), 0);
	close(old);
}
END_TEST

START_TEST(finish_file_not_owned_leaves_it)
{
	make_file();
	start(-1);

	caretaker_finish(&caretaker);

	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* The reader of our output must not wait for the child: this read() ends only if it let go. */
START_TEST(start_child_keeps_no_other_descriptor)
{
	int fds[2];
	char byte;

	ck_assert_int_eq(pipe(fds), 0);
	start(slave);
	close(fds[1]);

	ck_assert_int_eq(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}
END_TEST

START_TEST(finish_not_started_does_nothing)
{
	struct caretaker none = { 0 };

	caretaker_terminal_raw(NULL, &before, &raw);
	caretaker_terminal_raw(&none, &before, &raw);
	caretaker_finish(&none);

	ck_assert_uint_eq(local_flags(), before.c_lflag);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("caretaker");
	TCase *tc = tcase_create("caretaker");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, finish_raw_terminal_puts_it_back);
	tcase_add_test(tc, finish_terminal_of_others_leaves_it);
	tcase_add_test(tc, finish_after_back_leaves_terminal);
	tcase_add_test(tc, killed_parent_leaves_nothing_behind);
	tcase_add_test(tc, finish_file_of_others_leaves_it);
	tcase_add_test(tc, finish_file_not_owned_leaves_it);
	tcase_add_test(tc, start_child_keeps_no_other_descriptor);
	tcase_add_test(tc, finish_not_started_does_nothing);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
