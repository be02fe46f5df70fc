/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/eventfd.h>

/* An eventfd on a loop, which counts what it hears. */
struct listener {
	struct loop_source source;
	struct loop *loop;
	unsigned calls;
	uint64_t heard;
	sem_t posted; /* once for each call */
};

static void hear(struct listener *l)
{
	ck_assert_int_eq(read(l->source.fd, &l->heard, sizeof(l->heard)), sizeof(l->heard));
	l->calls++;
	sem_post(&l->posted);
}

static void hear_only(struct loop_source *s, uint32_t events)
{
	ck_assert(events & EPOLLIN);
	hear(container_of(s, struct listener, source));
}

static void hear_and_stop(struct loop_source *s, uint32_t events)
{
	hear_only(s, events);
	loop_stop(container_of(s, struct listener, source)->loop);
}

static void listen_on(struct listener *l, struct loop *loop,
                      void (*ready)(struct loop_source *s, uint32_t events))
{
	*l = (struct listener){ .loop = loop, .source.ready = ready };
	l->source.fd = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_ge(l->source.fd, 0);
	ck_assert_int_eq(sem_init(&l->posted, 0, 0), 0);
	ck_assert_int_eq(loop_add(loop, &l->source, EPOLLIN), 0);
}

static void write_count(const struct listener *l, uint64_t count)
{
	ck_assert_int_eq(write(l->source.fd, &count, sizeof(count)), sizeof(count));
}

static void *thread_main(void *arg)
{
	return loop_run(arg) == 0 ? arg : NULL;
}

/* Begin a thread for @l and wait until it serves its sources. */
static pthread_t start_thread(struct loop *l)
{
	struct listener first;
	pthread_t thread;

	listen_on(&first, l, hear_only);
	write_count(&first, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, thread_main, l), 0);
	sem_wait(&first.posted);
	loop_del(l, &first.source);
	close(first.source.fd);
	return thread;
}

static void stop_thread(struct loop *l, pthread_t thread)
{
	void *result;

	loop_stop(l);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, l);
}

/* What a function saw that loop_call() ran. */
struct errand {
	struct loop *loop;
	pthread_t thread;
	unsigned calls;
};

static void run_errand(void *arg)
{
	struct errand *e = arg;

	e->thread = pthread_self();
	e->calls++;
}

static void run_errand_within(void *arg)
{
	struct errand *e = arg;

	loop_call(e->loop, run_errand, e);
}

START_TEST(run_with_ready_source_calls_only_that)
{
	struct loop l;
	struct listener a, b;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	listen_on(&a, &l, hear_and_stop);
	listen_on(&b, &l, hear_and_stop);
	write_count(&b, 7);
	ck_assert_int_eq(loop_run(&l), 0);
	ck_assert_uint_eq(a.calls, 0);
	ck_assert_uint_eq(b.calls, 1);
	ck_assert_uint_eq(b.heard, 7);
	close(a.source.fd);
	close(b.source.fd);
	loop_fini(&l);
}
END_TEST

START_TEST(run_after_stop_returns_at_once)
{
	struct loop l;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	loop_stop(&l);
	ck_assert_int_eq(loop_run(&l), 0);
	loop_fini(&l);
}
END_TEST

START_TEST(del_of_ready_source_silences_it)
{
	struct loop l;
	struct listener gone, last;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	listen_on(&gone, &l, hear_only);
	listen_on(&last, &l, hear_and_stop);
	write_count(&gone, 1);
	write_count(&last, 1);
	loop_del(&l, &gone.source);
	ck_assert_int_eq(loop_run(&l), 0);
	ck_assert_uint_eq(gone.calls, 0);
	close(gone.source.fd);
	close(last.source.fd);
	loop_fini(&l);
}
END_TEST

START_TEST(mod_to_nothing_silences_a_source)
{
	struct loop l;
	struct listener muted, last;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	listen_on(&muted, &l, hear_only);
	listen_on(&last, &l, hear_and_stop);
	write_count(&muted, 1);
	write_count(&last, 1);
	loop_mod(&l, &muted.source, 0);
	ck_assert_int_eq(loop_run(&l), 0);
	ck_assert_uint_eq(muted.calls, 0);
	close(muted.source.fd);
	close(last.source.fd);
	loop_fini(&l);
}
END_TEST

START_TEST(add_of_regular_file_is_refused)
{
	struct loop l;
	struct loop_source s = { .fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC) };

	ck_assert_int_ge(s.fd, 0);
	ck_assert_int_eq(loop_init(&l, NULL), 0);
	ck_assert_int_eq(loop_add(&l, &s, EPOLLIN), -EPERM);
	close(s.fd);
	loop_fini(&l);
}
END_TEST

START_TEST(call_on_another_thread_runs_there_and_waits)
{
	struct loop l;
	struct errand e = { .loop = &l };
	pthread_t thread;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	thread = start_thread(&l);
	for (unsigned i = 1; i <= 100; i++) {
		loop_call(&l, run_errand, &e);
		ck_assert_uint_eq(e.calls, i);
	}
	ck_assert(pthread_equal(e.thread, thread));
	stop_thread(&l, thread);
	loop_fini(&l);
}
END_TEST

START_TEST(call_from_the_loop_itself_runs_at_once)
{
	struct loop l;
	struct errand e = { .loop = &l };
	pthread_t thread;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	thread = start_thread(&l);
	loop_call(&l, run_errand_within, &e);
	ck_assert_uint_eq(e.calls, 1);
	ck_assert(pthread_equal(e.thread, thread));
	stop_thread(&l, thread);
	loop_fini(&l);
}
END_TEST

START_TEST(call_without_running_loop_runs_here)
{
	struct loop l;
	struct errand e = { .loop = &l };

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	loop_call(&l, run_errand, &e);
	loop_call(NULL, run_errand, &e);
	ck_assert_uint_eq(e.calls, 2);
	ck_assert(pthread_equal(e.thread, pthread_self()));
	loop_fini(&l);
}
END_TEST

static void *call_once(void *arg)
{
	struct errand *e = arg;

	loop_call(e->loop, run_errand, e);
	return NULL;
}

START_TEST(call_to_expected_loop_is_not_lost)
{
	struct loop l;
	struct errand e = { .loop = &l };
	struct listener last;
	pthread_t caller;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	listen_on(&last, &l, hear_and_stop);
	loop_expect(&l);
	ck_assert_int_eq(pthread_create(&caller, NULL, call_once, &e), 0);
	write_count(&last, 1);
	ck_assert_int_eq(loop_run(&l), 0);
	pthread_join(caller, NULL);
	ck_assert_uint_eq(e.calls, 1);
	close(last.source.fd);
	loop_fini(&l);
}
END_TEST

START_TEST(call_to_ended_loop_runs_here)
{
	struct loop l;
	struct errand e = { .loop = &l };
	pthread_t thread;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	thread = start_thread(&l);
	stop_thread(&l, thread);
	loop_call(&l, run_errand, &e);
	ck_assert_uint_eq(e.calls, 1);
	ck_assert(pthread_equal(e.thread, pthread_self()));
	loop_fini(&l);
}
END_TEST

#define CALLERS 4
#define CALLS   200

static void *caller_main(void *arg)
{
	struct errand *e = arg;

	for (unsigned i = 0; i < CALLS; i++)
		loop_call(e->loop, run_errand, e);
	return NULL;
}

START_TEST(call_from_many_threads_loses_none)
{
	struct loop l;
	struct errand e[CALLERS];
	pthread_t thread, caller[CALLERS];

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	thread = start_thread(&l);
	for (unsigned i = 0; i < CALLERS; i++) {
		e[i] = (struct errand){ .loop = &l };
		ck_assert_int_eq(pthread_create(&caller[i], NULL, caller_main, &e[i]), 0);
	}
	for (unsigned i = 0; i < CALLERS; i++) {
		pthread_join(caller[i], NULL);
		ck_assert_uint_eq(e[i].calls, CALLS);
	}
	stop_thread(&l, thread);
	loop_fini(&l);
}
END_TEST

START_TEST(fini_of_finished_loop_is_fine)
{
	struct loop l;

	ck_assert_int_eq(loop_init(&l, NULL), 0);
	loop_fini(&l);
	loop_fini(&l);
	ck_assert_int_eq(l.epoll_fd, -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_add_test(tc, run_with_ready_source_calls_only_that);
	tcase_add_test(tc, run_after_stop_returns_at_once);
	tcase_add_test(tc, del_of_ready_source_silences_it);
	tcase_add_test(tc, mod_to_nothing_silences_a_source);
	tcase_add_test(tc, add_of_regular_file_is_refused);
	tcase_add_test(tc, call_on_another_thread_runs_there_and_waits);
	tcase_add_test(tc, call_from_the_loop_itself_runs_at_once);
	tcase_add_test(tc, call_without_running_loop_runs_here);
	tcase_add_test(tc, call_to_expected_loop_is_not_lost);
	tcase_add_test(tc, call_to_ended_loop_runs_here);
	tcase_add_test(tc, call_from_many_threads_loses_none);
	tcase_add_test(tc, fini_of_finished_loop_is_fine);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
