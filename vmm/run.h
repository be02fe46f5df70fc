/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_RUN_H
#define VMM_RUN_H

#include "vmm/chardev.h"
#include "vmm/ending.h"
#include "vmm/timer.h"

/*
 * The life of a VM on the main thread: from the first guest instruction, through whatever asks for
 * its end, until the last byte is with its reader.
 */

struct machine;

struct run {
	struct ending ending;
	struct timer timeout; /* --timeout */
	struct timer grace; /* from the power button, or a panic, to the end */
	struct loop_source vcpus_done; /* the vCPUs' eventfd, which is theirs */
	int asked_by; /* signal that pressed the power button; 0: nobody did */
	bool ending_began, panicked;
	int failure; /* -errno: the console's output is lost; 0: it is not */
};

/**
 * run_init() - Make what the life of a VM needs, and take delivery of signals
 * @m: With its process part complete
 * @e: Says why not
 *
 * Context: set-up.
 * Return:  0, or -errno; run_fini() is fine in both cases.
 */
int run_init(struct machine *m, struct err *e) MUST_CHECK;

/**
 * run_fini() - Give it back
 * @m: Half-built or complete
 */
void run_fini(struct machine *m);

/**
 * run_chardev_events() - What the VM does when its console's host end reports something
 * @m: Machine
 *
 * Return: Calls for chardev_open(), all of them on the main thread.
 */
struct chardev_events run_chardev_events(struct machine *m);

/**
 * run_command_over() - The command has ended, and its last byte is with the reader
 * @arg: Machine
 *
 * Context: main thread.
 */
void run_command_over(void *arg);

#endif /* VMM_RUN_H */
