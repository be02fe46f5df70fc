/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ending.h"

#include "vmm/log.h"

#include <errno.h>
#include <sys/eventfd.h>

static void asked_ready(struct loop_source *s, uint32_t events)
{
	struct ending *n = container_of(s, struct ending, asked);
	uint64_t count;
	bool begin, tell_panic, reset, crashed;

	(void)events;
	if (read(s->fd, &count, sizeof(count)) != sizeof(count))
		return;
	pthread_mutex_lock(&n->lock);
	begin = n->stop.reason != STOP_NONE && !n->began;
	tell_panic = n->panicked && !n->told_panic && !begin && !n->began;
	reset = n->reset && !begin && !n->began;
	crashed = n->crashed && !begin && !n->began;
	n->reset = false;
	n->crashed = false;
	pthread_mutex_unlock(&n->lock);
	n->began |= begin;
	n->told_panic |= tell_panic;
	if (begin)
		n->calls.begin(n->calls.arg);
	if (tell_panic)
		n->calls.panicked(n->calls.arg);
	if (crashed)
		n->calls.crashed(n->calls.arg);
	else if (reset)
		n->calls.reset(n->calls.arg);
}

static void wake_main(const struct ending *n)
{
	const uint64_t one = 1;

	if (write(n->asked.fd, &one, sizeof(one)) < 0)
		log_error("cannot tell the main thread to end the VM");
}

int ending_init(struct ending *n, struct loop *l, const struct ending_calls *calls, struct err *e)
{
	int r;

	*n = (struct ending){ .calls = *calls };
	n->asked = (struct loop_source){ .fd = -1, .ready = asked_ready };
	pthread_mutex_init(&n->lock, NULL);
	n->asked.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->asked.fd < 0)
		return err_errno(e, errno, "cannot make the eventfd that ends the VM");
	r = loop_add(l, &n->asked, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "cannot watch the eventfd that ends the VM") : 0;
}

void ending_fini(struct ending *n)
{
	fd_close(&n->asked.fd);
}

/* Have somebody on the main thread decide. */
static void tell(struct ending *n, bool *what)
{
	pthread_mutex_lock(&n->lock);
	*what = true;
	pthread_mutex_unlock(&n->lock);
	wake_main(n);
}

void ending_request(struct ending *n, struct stop stop)
{
	if (stop.reason == STOP_REBOOT && n->hears_reset)
		tell(n, &n->reset);
	else if (stop.reason == STOP_PANIC && n->hears_crash)
		tell(n, &n->crashed);
	else
		ending_decide(n, stop);
}

void ending_decide(struct ending *n, struct stop stop)
{
	bool first;

	pthread_mutex_lock(&n->lock);
	first = n->stop.reason == STOP_NONE;
	if (first)
		n->stop = stop;
	pthread_mutex_unlock(&n->lock);
	if (first)
		wake_main(n);
}

void ending_request_reset(struct ending *n)
{
	struct stop stop = { .reason = STOP_REBOOT };

	pthread_mutex_lock(&n->lock);
	if (n->panicked)
		stop = (struct stop){ .reason = STOP_PANIC, .status = STATUS_PANIC };
	pthread_mutex_unlock(&n->lock);
	ending_request(n, stop);
}

void ending_note_panic(struct ending *n)
{
	bool first;

	pthread_mutex_lock(&n->lock);
	first = !n->panicked;
	n->panicked = true;
	pthread_mutex_unlock(&n->lock);
	if (first)
		wake_main(n);
}

void ending_forget(struct ending *n)
{
	pthread_mutex_lock(&n->lock);
	n->panicked = false;
	n->told_panic = false;
	pthread_mutex_unlock(&n->lock);
}

struct stop ending_get(struct ending *n)
{
	struct stop stop;

	pthread_mutex_lock(&n->lock);
	stop = n->stop;
	pthread_mutex_unlock(&n->lock);
	return stop;
}
