/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/io_thread.h"

#include "vmm/log.h"

#include <string.h>
#include <sys/prctl.h>

#define STACK_BYTES (128UL * 1024)

int io_thread_init(struct io_thread *t, struct err *e)
{
	t->started = false;
	sem_init(&t->gate, 0, 0);
	sem_init(&t->begun, 0, 0);
	return loop_init(&t->loop, e);
}

static void wait_for(sem_t *s)
{
	while (sem_wait(s) < 0)
		; /* EINTR */
}

static void *io_main(void *arg)
{
	struct io_thread *t = arg;
	int r;

	prctl(PR_SET_NAME, "io");
	pace_init(&t->loop.pace);
	t->refused = seccomp_enter(t->role, 0, t->filter);
	sem_post(&t->begun);
	wait_for(&t->gate);
	r = loop_run(&t->loop);
	if (r < 0)
		log_error("I/O thread: %s", strerror(-r));
	t->finish(t->arg);
	return NULL;
}

int io_thread_start(struct io_thread *t, enum seccomp_role role, enum seccomp_mode filter,
                    void (*finish)(void *arg), void *arg, struct err *e)
{
	pthread_attr_t attr;
	int r;

	t->role = role;
	t->filter = filter;
	t->finish = finish;
	t->arg = arg;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = pthread_create(&t->thread, &attr, io_main, t);
	pthread_attr_destroy(&attr);
	if (r != 0)
		return err_errno(e, r, "cannot start the I/O thread");
	t->started = true;
	wait_for(&t->begun);
	return t->refused < 0 ? err_errno(e, -t->refused, "cannot filter the I/O thread") : 0;
}

void io_thread_release(struct io_thread *t)
{
	loop_expect(&t->loop);
	sem_post(&t->gate);
}

void io_thread_stop(struct io_thread *t)
{
	if (!t->started)
		return;
	loop_stop(&t->loop);
	sem_post(&t->gate); /* it may never have been released */
	pthread_join(t->thread, NULL);
	t->started = false;
}

void io_thread_fini(struct io_thread *t)
{
	io_thread_stop(t);
	loop_fini(&t->loop);
}
