/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_ENDING_H
#define VMM_ENDING_H

#include "vmm/loop.h"
#include "vmm/stop.h"

/* On the main thread, once each. */
struct ending_calls {
	void (*begin)(void *arg); /* somebody asked for the end */
	void (*reset)(void *arg); /* somebody asked for a reset, and @hears_reset */
	void (*crashed)(void *arg); /* the guest cannot go on, and @hears_crash */
	void (*panicked)(void *arg); /* the guest says that it panicked, and goes on for now */
	void *arg;
};

/*
 * The one place that knows why the VM ends. Any thread may ask for the end; the first one is
 * believed, and the main thread carries it out.
 */
struct ending {
	pthread_mutex_t lock;
	struct stop stop; /* [lock] reason STOP_NONE: nobody asked yet */
	bool panicked; /* [lock] the guest said so: a reset is then no reboot */
	bool reset, crashed; /* [lock] calls that are due */
	bool hears_reset; /* a reboot is no end by itself: calls.reset decides */
	bool hears_crash; /* nor is a panic: calls.crashed decides */
	bool began, told_panic; /* [role: on_main] which calls were made */
	struct loop_source asked; /* eventfd */
	struct ending_calls calls;
};

/**
 * ending_init() - Nobody has asked yet
 * @n:     Any contents
 * @l:     Main loop
 * @calls: Copied, all set
 * @e:     Says why not
 *
 * Context: set-up.
 * Return:  0, or -errno; ending_fini() is fine in both cases.
 */
int ending_init(struct ending *n, struct loop *l, const struct ending_calls *calls,
                struct err *e) MUST_CHECK;

/**
 * ending_fini() - Close it
 * @n: Half-built or complete
 */
void ending_fini(struct ending *n);

/**
 * ending_request() - Ask for the end of the VM
 * @n:    Ending
 * @stop: Why; ignored if somebody asked before
 *
 * A reboot and a panic are first told to who wants to hear of them.
 * Context: any thread; does not block.
 */
void ending_request(struct ending *n, struct stop stop);

/**
 * ending_decide() - End the VM, whoever wants to hear of it first
 * @n:    Ending
 * @stop: Why; ignored if somebody asked before
 *
 * Context: any thread; does not block.
 */
void ending_decide(struct ending *n, struct stop stop);

/**
 * ending_forget() - The machine has been reset: the guest that panicked is gone
 * @n: Ending
 *
 * Context: main thread.
 */
void ending_forget(struct ending *n);

/**
 * ending_request_reset() - The guest reset itself: a reboot, or the end of a panic
 * @n: Ending
 *
 * Context: any thread; does not block.
 */
void ending_request_reset(struct ending *n);

/**
 * ending_note_panic() - The guest says that it panicked; a reset should follow
 * @n: Ending
 *
 * Context: any thread; does not block.
 */
void ending_note_panic(struct ending *n);

/**
 * ending_get() - What was decided
 * @n: Ending
 *
 * Context: any thread.
 * Return:  The first request; reason STOP_NONE if there was none.
 */
struct stop ending_get(struct ending *n);

#endif /* VMM_ENDING_H */
