/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_WITNESS_H
#define VMM_WITNESS_H

#include "vmm/conlog.h"
#include "vmm/panic_watch.h"
#include "vmm/timer.h"
#include "vmm/verdict.h"

/*
 * What the VM's consoles show, and what follows from it: the console log, the verdicts of --expect,
 * --fail-on and --idle-timeout, and whether a reset is the end of a panic. The kernel's console is
 * the serial port, or hvc0 where there is none.
 */

struct machine;
struct result_report;

struct witness {
	struct panic_watch panic_watch;
	struct conlog log;
	struct verdict verdict;
	struct timer trace; /* from a match of --fail-on to the end */
	struct timer idle;
	int64_t first_ns; /* CLOCK_MONOTONIC, of the kernel's console; 0: nothing yet */
	int64_t last_ns; /* of any console */
};

/**
 * witness_init() - Open the console log, and prepare the patterns
 * @m: With its process part complete
 * @e: Says why not
 *
 * Context: set-up.
 * Return:  0, or -errno; witness_fini() is fine in both cases.
 */
int witness_init(struct machine *m, struct err *e) MUST_CHECK;

/**
 * witness_fini() - Give it back
 * @m: Cleared, half-built or complete
 */
void witness_fini(struct machine *m);

/**
 * witness_start() - The guest begins to run: the time of --idle-timeout too
 * @m: Complete
 *
 * Context: main thread.
 */
void witness_start(struct machine *m);

/**
 * witness_kernel() - A tap for the kernel's console (chardev_setup)
 * @arg: The machine
 * @buf: @len bytes that the guest has printed
 * @len: Bytes
 *
 * Context: main thread.
 */
void witness_kernel(void *arg, const uint8_t *buf, size_t len);

/**
 * witness_other() - A tap for any other console
 * @arg: The machine
 * @buf: @len bytes that the guest has printed
 * @len: Bytes
 *
 * Context: main thread.
 */
void witness_other(void *arg, const uint8_t *buf, size_t len);

/**
 * witness_judge() - How the VM ended, now that its last words are read
 * @m:    Ended
 * @stop: What all others say
 *
 * Context: main thread, once.
 * Return:  The same, or what the consoles make of it.
 */
struct stop witness_judge(struct machine *m, struct stop stop);

/**
 * witness_report() - What the result says of it
 * @m:    Judged
 * @stop: How it ended
 * @ret:  Its times and match are set
 *
 * Shows the console's last lines if the guest has failed and the user does not see them anyway.
 * Context: main thread, once.
 */
void witness_report(const struct machine *m, const struct stop *stop, struct result_report *ret);

#endif /* VMM_WITNESS_H */
