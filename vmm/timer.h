/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_TIMER_H
#define VMM_TIMER_H

#include "vmm/loop.h"

/* A one-shot timer on an event loop, made during set-up and armed later. */
struct timer {
	struct loop_source source; /* timerfd */
	void (*expired)(void *arg);
	void *arg;
};

/**
 * timer_init() - Make a timer that is not armed
 * @t:       Any contents
 * @l:       Loop that serves it
 * @expired: Called on the loop's thread
 * @arg:     For @expired
 * @e:       Says why not
 *
 * Context: set-up.
 * Return:  0, or -errno; timer_fini() is fine in both cases.
 */
int timer_init(struct timer *t, struct loop *l, void (*expired)(void *arg), void *arg,
               struct err *e) MUST_CHECK;

/**
 * timer_arm_ms() - Expire once, this long from now; an earlier arming is forgotten
 * @t:  Timer
 * @ms: Milliseconds of CLOCK_BOOTTIME, at least 1
 *
 * Time goes on while the host sleeps or the process is stopped.
 * Context: the loop's thread.
 */
void timer_arm_ms(struct timer *t, uint64_t ms);

/**
 * timer_fini() - Close the timer
 * @t: Initialised or half-built
 */
void timer_fini(struct timer *t);

#endif /* VMM_TIMER_H */
