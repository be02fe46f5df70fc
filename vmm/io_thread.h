/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_IO_THREAD_H
#define VMM_IO_THREAD_H

#include "vmm/loop.h"
#include "vmm/seccomp.h"

#include <semaphore.h>

/* A thread of its own with an event loop: the disks' queues are served here. */
struct io_thread {
	struct loop loop;
	pthread_t thread;
	sem_t gate; /* the thread waits here until it is released or stopped */
	sem_t begun; /* the thread has, or has not got, its filter */
	enum seccomp_role role;
	enum seccomp_mode filter;
	int refused; /* 0, or the -errno of the filter; valid after @begun */
	void (*finish)(void *arg);
	void *arg;
	bool started;
};

/**
 * io_thread_init() - Make the loop, to which devices add their sources
 * @t: Any contents
 * @e: Says why not
 *
 * Context: set-up.
 * Return:  0, or -errno; io_thread_fini() is fine in both cases.
 */
int io_thread_init(struct io_thread *t, struct err *e) MUST_CHECK;

/**
 * io_thread_start() - Make the thread; it waits for io_thread_release()
 * @t:      Initialised
 * @role:   SECCOMP_IO or SECCOMP_IO_SHARED
 * @filter: What becomes of system calls that its table does not list
 * @finish: Called on the thread when the loop has ended, served or not
 * @arg:    For @finish
 * @e:      Says why not
 *
 * Returns when the thread has its filter.
 * Context: set-up.
 * Return:  0, or -errno.
 */
int io_thread_start(struct io_thread *t, enum seccomp_role role, enum seccomp_mode filter,
                    void (*finish)(void *arg), void *arg, struct err *e) MUST_CHECK;

/**
 * io_thread_release() - Let it serve its loop
 * @t: Started
 *
 * Context: main thread, before any vCPU runs.
 */
void io_thread_release(struct io_thread *t);

/**
 * io_thread_stop() - End the loop and join the thread
 * @t: Initialised; started or not; may be called again
 *
 * Blocks until the request in hand is done, and finish() has returned.
 * Context: main thread, after the vCPUs have ended.
 */
void io_thread_stop(struct io_thread *t);

/**
 * io_thread_fini() - Stop it and close the loop
 * @t: Half-built or complete
 */
void io_thread_fini(struct io_thread *t);

#endif /* VMM_IO_THREAD_H */
