/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/loop.h"

#include "vmm/log.h"

#include <errno.h>
#include <semaphore.h>
#include <sys/eventfd.h>

#define EVENTS_PER_TURN 16

struct loop_call {
	struct loop_call *next;
	void (*fn)(void *arg);
	void *arg;
	sem_t done;
};

/* Run everything that other threads have handed over, oldest first. */
static void run_calls(struct loop *l)
{
	struct loop_call *c;

	pthread_mutex_lock(&l->lock);
	c = l->calls;
	l->calls = NULL;
	pthread_mutex_unlock(&l->lock);
	while (c) {
		struct loop_call *next = c->next;

		c->fn(c->arg);
		sem_post(&c->done); /* the caller's stack is gone after this */
		c = next;
	}
}

static void wake_ready(struct loop_source *s, uint32_t events)
{
	uint64_t count;

	(void)events;
	if (read(s->fd, &count, sizeof(count)) < 0)
		log_debug("loop: spurious wake-up");
	run_calls(container_of(s, struct loop, wake));
}

static void wake_up(struct loop *l)
{
	const uint64_t one = 1;

	/* EAGAIN means that the counter is full, and so that the loop is awake already. */
	if (write(l->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("cannot wake the event loop");
}

int loop_init(struct loop *l, struct err *e)
{
	int r;

	*l = (struct loop){ .epoll_fd = -1, .wake = { .fd = -1, .ready = wake_ready } };
	pthread_mutex_init(&l->lock, NULL);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return err_errno(e, errno, "cannot make an event loop");
	l->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake.fd < 0)
		return err_errno(e, errno, "cannot make an event loop's eventfd");
	r = loop_add(l, &l->wake, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "cannot watch an event loop's eventfd") : 0;
}

void loop_fini(struct loop *l)
{
	fd_close(&l->wake.fd);
	fd_close(&l->epoll_fd);
}

int loop_add(struct loop *l, struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0 ? -errno : 0;
}

void loop_mod(struct loop *l, struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev) < 0)
		log_error("event loop lost descriptor %d", s->fd);
}

void loop_del(struct loop *l, struct loop_source *s)
{
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
}

void loop_expect(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	l->expected = true;
	pthread_mutex_unlock(&l->lock);
}

/* One turn after another until a stop. */
static int serve(struct loop *l)
{
	struct epoll_event ev[EVENTS_PER_TURN];
	int n;

	while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) { /* pairs with loop_stop() */
		n = epoll_wait(l->epoll_fd, ev, EVENTS_PER_TURN, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct loop_source *s = ev[i].data.ptr;

			s->ready(s, ev[i].events);
		}
	}
	return 0;
}

int loop_run(struct loop *l)
{
	int r;

	l->thread = pthread_self();
	loop_expect(l);
	__atomic_store_n(&l->running, true, __ATOMIC_RELEASE); /* pairs with is_own_thread() */
	r = serve(l);
	pthread_mutex_lock(&l->lock);
	l->expected = false;
	pthread_mutex_unlock(&l->lock);
	run_calls(l); /* whoever came before that must not wait for ever */
	return r;
}

void loop_stop(struct loop *l)
{
	__atomic_store_n(&l->stop, true, __ATOMIC_RELEASE); /* pairs with loop_run() */
	wake_up(l);
}

static bool is_own_thread(const struct loop *l)
{
	return __atomic_load_n(&l->running, __ATOMIC_ACQUIRE) && /* pairs with loop_run() */
	       pthread_equal(l->thread, pthread_self());
}

void loop_call(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct loop_call c = { .fn = fn, .arg = arg };
	struct loop_call **end;

	if (!l || is_own_thread(l)) {
		fn(arg);
		return;
	}
	pthread_mutex_lock(&l->lock);
	if (!l->expected) {
		pthread_mutex_unlock(&l->lock);
		fn(arg);
		return;
	}
	sem_init(&c.done, 0, 0);
	for (end = &l->calls; *end; end = &(*end)->next)
		;
	*end = &c;
	pthread_mutex_unlock(&l->lock);
	wake_up(l);
	while (sem_wait(&c.done) < 0 && errno == EINTR)
		;
	sem_destroy(&c.done);
}
