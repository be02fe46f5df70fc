/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/timer.h"

#include "vmm/log.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>

static void timer_ready(struct loop_source *s, uint32_t events)
{
	struct timer *t = container_of(s, struct timer, source);
	uint64_t count;

	(void)events;
	if (read(s->fd, &count, sizeof(count)) == sizeof(count))
		t->expired(t->arg);
}

int timer_init(struct timer *t, struct loop *l, void (*expired)(void *arg), void *arg,
               struct err *e)
{
	int r;

	*t = (struct timer){ .expired = expired, .arg = arg };
	t->source = (struct loop_source){ .ready = timer_ready };
	t->source.fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->source.fd < 0)
		return err_errno(e, errno, "cannot make a timer");
	r = loop_add(l, &t->source, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "cannot watch a timer") : 0;
}

void timer_arm_ms(struct timer *t, uint64_t ms)
{
	struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(ms / 1000),
		              .tv_nsec = (long)(ms % 1000) * 1000000 },
	};

	if (timerfd_settime(t->source.fd, 0, &when, NULL) < 0)
		log_error("cannot arm a timer: %s", strerror(errno));
}

void timer_fini(struct timer *t)
{
	fd_close(&t->source.fd);
}
