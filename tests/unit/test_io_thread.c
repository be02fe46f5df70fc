/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/io_thread.h"
#include "vmm/timer.h"

static struct io_thread io;
static pthread_t finished; /* the thread that had its finish() called */

static void setup(void)
{
	struct err e = { 0 };

	finished = 0;
	ck_assert_msg(io_thread_init(&io, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	io_thread_fini(&io);
}

static void note_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
}

static void start(void)
{
	struct err e = { 0 };
	int r = io_thread_start(&io, SECCOMP_IO, SECCOMP_OFF, note_thread, &finished, &e);

	ck_assert_msg(r == 0, "%s", e.msg);
}

START_TEST(call_after_release_runs_on_the_thread)
{
	pthread_t ran = pthread_self();

	start();
	io_thread_release(&io);
	loop_call(&io.loop, note_thread, &ran);

	ck_assert(pthread_equal(ran, io.thread));
}
END_TEST

START_TEST(stop_of_a_parked_thread_ends_it)
{
	start();
	io_thread_stop(&io);

	ck_assert(!io.started);
}
END_TEST

START_TEST(finish_is_called_on_the_thread)
{
	pthread_t thread;

	start();
	thread = io.thread;
	if (_i == 1)
		io_thread_release(&io);
	ck_assert_uint_eq(finished, 0);
	io_thread_stop(&io);

	ck_assert(pthread_equal(finished, thread));
}
END_TEST

START_TEST(call_after_stop_runs_here)
{
	pthread_t ran = 0;

	start();
	io_thread_release(&io);
	io_thread_stop(&io);
	loop_call(&io.loop, note_thread, &ran);

	ck_assert(pthread_equal(ran, pthread_self()));
}
END_TEST

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

START_TEST(timer_arm_expires_once_on_its_loop)
{
	struct timer t;
	struct err e = { 0 };
	uint64_t unread;

	ck_assert_msg(timer_init(&t, &io.loop, stop_loop, &io.loop, &e) == 0, "%s", e.msg);
	timer_arm_ms(&t, 1);
	ck_assert_int_eq(loop_run(&io.loop), 0);

	ck_assert_int_lt(read(t.source.fd, &unread, sizeof(unread)), 0);
	timer_fini(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("io_thread");
	TCase *tc = tcase_create("io_thread");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, call_after_release_runs_on_the_thread);
	tcase_add_test(tc, stop_of_a_parked_thread_ends_it);
	tcase_add_loop_test(tc, finish_is_called_on_the_thread, 0, 2);
	tcase_add_test(tc, call_after_stop_runs_here);
	tcase_add_test(tc, timer_arm_expires_once_on_its_loop);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
