/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PACE_H
#define VMM_PACE_H

#include "vmm/compiler.h"

#include <stdbool.h>

/*
 * When a thread that serves requests should run. One that takes the processor from the vCPU at
 * each notification gives the soonest answer to a guest that waits for it, but a guest with many
 * requests to make then gets them served one by one, each with an exit and an interrupt of its own.
 * SCHED_BATCH lets it go on until it has nothing more to ask for. It makes no difference where
 * there is a processor for each thread.
 *
 * Which of the two a guest is can only be found by trying: now and then a turn is done the other
 * way, rarely once that has not paid.
 */
struct pace {
	bool usable; /* the thread has the ordinary policy of scheduling; else it stays as it is */
	bool patient; /* SCHED_BATCH is on */
	unsigned lone; /* turns in a row that had one request */
	unsigned interval; /* of these until the next trial */
};

/**
 * pace_init() - Begin, impatiently
 * @p: Any contents
 *
 * Context: the thread itself, before its filter.
 */
void pace_init(struct pace *p);

/**
 * pace_turn() - A notification has been served
 * @p:        Pace; zeroed: does nothing
 * @requests: How many there were
 *
 * Context: the thread itself; seldom a system call.
 */
void pace_turn(struct pace *p, unsigned requests);

#endif /* VMM_PACE_H */
