/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/signals.h"

#include "tests/unit/run.h"

#include <sys/wait.h>

static struct signals signals;
static struct loop loop;
static int got[4];
static unsigned n_got;

static void on_signal(void *arg, int signo)
{
	ck_assert_ptr_eq(arg, &loop);
	got[n_got++] = signo;
	loop_stop(&loop);
}

static const int delivered[] = { SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1,
	                         SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH };

/* Whoever runs the tests may ignore some, as nohup does and a script for its background jobs. */
static void set_up(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(delivered); i++)
		(void)signal(delivered[i], SIG_DFL);
	n_got = 0;
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
}

static void tear_down(void)
{
	signals_restore(&signals);
	loop_fini(&loop);
}

static void start(void)
{
	ck_assert_int_eq(signals_init(&signals, NULL), 0);
	ck_assert_int_eq(signals_watch(&signals, &loop, on_signal, &loop, NULL), 0);
}

START_TEST(watch_taken_signal_is_delivered_on_loop)
{
	start();

	ck_assert_int_eq(kill(getpid(), delivered[_i]), 0);
	ck_assert_int_eq(loop_run(&loop), 0);

	ck_assert_uint_eq(n_got, 1);
	ck_assert_int_eq(got[0], delivered[_i]);
}
END_TEST

START_TEST(watch_signal_before_it_is_not_lost)
{
	ck_assert_int_eq(signals_init(&signals, NULL), 0);
	ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
	ck_assert_int_eq(signals_watch(&signals, &loop, on_signal, &loop, NULL), 0);

	ck_assert_int_eq(loop_run(&loop), 0);

	ck_assert_int_eq(got[0], SIGTERM);
}
END_TEST

/* nohup: SIGHUP must not reach the policy; SIGTERM behind it shows that the loop looked. */
START_TEST(init_ignored_signal_stays_ignored)
{
	(void)signal(SIGHUP, SIG_IGN);
	start();

	ck_assert_int_eq(kill(getpid(), SIGHUP), 0);
	ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
	ck_assert_int_eq(loop_run(&loop), 0);

	ck_assert_uint_eq(n_got, 1);
	ck_assert_int_eq(got[0], SIGTERM);
	(void)signal(SIGHUP, SIG_DFL);
}
END_TEST

static const int harmless[] = { SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU };

START_TEST(init_ignores_signals_of_io)
{
	start();

	ck_assert_int_eq(raise(harmless[_i]), 0); /* neither ends nor stops the test */
}
END_TEST

START_TEST(restore_puts_mask_and_dispositions_back)
{
	struct sigaction pipe_action;
	sigset_t mask;

	(void)signal(SIGPIPE, SIG_DFL);
	start();
	signals_restore(&signals);

	ck_assert_int_eq(sigaction(SIGPIPE, NULL, &pipe_action), 0);
	ck_assert_ptr_eq((void *)(uintptr_t)pipe_action.sa_handler, (void *)SIG_DFL);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
	ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
}
END_TEST

static const int deadly[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE };

START_TEST(die_ends_process_by_that_signal)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)signal(deadly[_i], SIG_DFL); /* execve() leaves no handler, as Check does */
		(void)signal(SIGPIPE, SIG_IGN); /* as a parent in Python leaves it */
		start();
		signals_die(&signals, deadly[_i]);
		_exit(EXIT_FAILURE);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), deadly[_i]);
}
END_TEST

START_TEST(suspend_stops_until_continued)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setpgid(0, 0); /* the parent, of another group, could continue it */
		start();
		signals_suspend(&signals);
		_exit(42);
	}
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
	ck_assert_int_eq(WSTOPSIG(status), SIGTSTP);
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("signals");
	TCase *tc = tcase_create("signals");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, watch_taken_signal_is_delivered_on_loop, 0, ARRAY_SIZE(delivered));
	tcase_add_test(tc, watch_signal_before_it_is_not_lost);
	tcase_add_test(tc, init_ignored_signal_stays_ignored);
	tcase_add_loop_test(tc, init_ignores_signals_of_io, 0, ARRAY_SIZE(harmless));
	tcase_add_test(tc, restore_puts_mask_and_dispositions_back);
	tcase_add_loop_test(tc, die_ends_process_by_that_signal, 0, ARRAY_SIZE(deadly));
	tcase_add_test(tc, suspend_stops_until_continued);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
