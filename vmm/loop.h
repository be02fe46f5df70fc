/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include "vmm/err.h"
#include "vmm/pace.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>

/*
 * One thread's event loop. Sources are embedded in what they belong to, so that adding one
 * allocates nothing. Every function but loop_call() and loop_stop() is for the loop's own thread,
 * or for set-up before that thread runs.
 */

struct loop_source {
	int fd;
	void (*ready)(struct loop_source *s,
	              uint32_t events); /* on the loop's thread; EPOLL* bits */
};

/* Work handed over by loop_call(); lives on the caller's stack. */
struct loop_call;

struct loop {
	int epoll_fd;
	struct loop_source wake; /* eventfd: work in @calls, or a stop */
	pthread_mutex_t lock; /* of @calls */
	struct loop_call *calls; /* [lock] oldest first */
	pthread_t thread; /* valid once @running */
	bool expected; /* [lock] loop_call() waits for the loop's thread */
	bool running; /* atomic */
	bool stop; /* atomic */
	struct pace pace; /* [role: its thread] of requests served; zeroed: none is kept */
};

/**
 * loop_init() - Make an empty loop
 * @l: Any contents
 * @e: Says why not
 *
 * Context: set-up; opens two descriptors.
 * Return:  0, or -errno; loop_fini() is fine in both cases.
 */
int loop_init(struct loop *l, struct err *e) MUST_CHECK;

/**
 * loop_fini() - Close what loop_init() opened; the sources' descriptors are their owners'
 * @l: Zeroed with descriptors -1 or 0, half-built, or complete; not running
 */
void loop_fini(struct loop *l);

/**
 * loop_add() - Watch a descriptor
 * @l:      Loop
 * @s:      fd and ready set; must stay where it is until loop_del()
 * @events: EPOLLIN, EPOLLOUT...; 0 watches for errors and hang-up only
 *
 * Return:  0, or -errno: -EPERM for descriptors that epoll cannot watch (regular files).
 */
int loop_add(struct loop *l, struct loop_source *s, uint32_t events) MUST_CHECK;

/**
 * loop_mod() - Change what a watched descriptor is watched for
 * @l:      Loop
 * @s:      Added source
 * @events: As for loop_add()
 *
 * Cannot fail on an added source.
 */
void loop_mod(struct loop *l, struct loop_source *s, uint32_t events);

/**
 * loop_del() - Stop watching
 * @l: Loop
 * @s: Added source; not called again, events of this turn included only if it deletes itself
 */
void loop_del(struct loop *l, struct loop_source *s);

/**
 * loop_expect() - From now on a thread runs this loop, or soon will: calls wait for it
 * @l: Loop
 *
 * Closes the gap between the release of the threads that call and the first turn of the loop.
 * Context: set-up, before any other thread can call loop_call().
 */
void loop_expect(struct loop *l);

/**
 * loop_run() - Serve the sources until loop_stop()
 * @l: Loop; the calling thread becomes its thread
 *
 * Return: 0, or -errno if the host's epoll fails.
 */
int loop_run(struct loop *l) MUST_CHECK;

/**
 * loop_stop() - End loop_run() after the event being served
 * @l: Loop
 *
 * Context: any thread; async-signal-safe.
 */
void loop_stop(struct loop *l);

/**
 * loop_call() - Run a function on the loop's thread and wait until it has returned
 * @l:   Loop; NULL, not expected to run (never was, or has ended), or the caller's own: @fn is
 *       called at once, here
 * @fn:  What to run
 * @arg: For @fn
 *
 * Context: any thread. Blocks; the caller must hold no lock that @fn or the loop's sources take.
 */
void loop_call(struct loop *l, void (*fn)(void *arg), void *arg);

#endif /* VMM_LOOP_H */
