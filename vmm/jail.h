/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JAIL_H
#define VMM_JAIL_H

#include "vmm/config.h"
#include "vmm/jail_layer.h"
#include "vmm/jail_user.h"
#include "vmm/seccomp.h"

#include <stdio.h>

/*
 * The jail: what is taken from the process between the building of the machine and the guest's
 * first instruction. In the order of life:
 *
 *   jail_begin()    the user to become is looked up, as that may leave descriptors behind
 *   jail_shed()     before anything is opened: descriptors that nobody asked for
 *   jail_enter()    the machine is built, and there is one thread: namespaces, an empty root, ids,
 *                   capabilities, Landlock. User namespaces want a single thread, and most of
 *                   the rest belongs to a thread and is inherited by those that it makes.
 *   seccomp_enter() every other thread, as its first step
 *   jail_close()    all threads exist: limits, and the main thread's own filter
 */

struct jail {
	enum config_jail mode;
	struct jail_user user; /* whom to become */
	struct jail_layers layers;
	enum seccomp_mode filter; /* for every thread */
	unsigned descriptors; /* limit of their numbers, of which only the lowest are free */
};

/**
 * jail_begin() - Find out how strict to be, and as whom to go on
 * @j:   Any contents
 * @cfg: Says both
 * @e:   Names the user that does not exist
 *
 * Context: set-up, first of all.
 * Return:  0, or -errno.
 */
int jail_begin(struct jail *j, const struct config *cfg, struct err *e) MUST_CHECK;

/**
 * jail_shed() - Close every descriptor that was inherited, but for the standard streams
 * @keep: Descriptors to keep, in any order; negative ones are skipped; sorted on return
 * @n:    How many
 *
 * Context: set-up, before a file is opened.
 * Return:  For the layer JAIL_SHED: 0, or the -errno with which the host refuses it.
 */
int jail_shed(int *keep, unsigned n) MUST_CHECK;

/**
 * jail_filter() - What becomes of a forbidden system call
 * @mode: Of the jail
 *
 * Return: SECCOMP_OFF also where the kernel has no filters.
 */
enum seccomp_mode jail_filter(enum config_jail mode);

/**
 * jail_enter() - Isolate the process
 * @j: Begun
 * @e: Names under 'strict' the layer that does not hold
 *
 * A layer that the host refuses is skipped and remembered, unless the jail is strict.
 * Context: set-up; the process has one thread, and everything is open.
 * Return:  0, or -errno.
 */
int jail_enter(struct jail *j, struct err *e) MUST_CHECK;

/**
 * jail_close() - Close the door: no process, thread or file any more
 * @j: Entered; all threads exist and have their filters
 * @e: As for jail_enter()
 *
 * Then says at level info what holds and what does not.
 * Context: main thread, before the guest runs.
 * Return:  0, or -errno.
 */
int jail_close(struct jail *j, struct err *e) MUST_CHECK;

/**
 * jail_check_host() - Report which layers this host gives to this user (--check-host)
 * @out: A line for each layer
 *
 * Context: no other thread; tries in a child of its own.
 */
void jail_check_host(FILE *out);

#endif /* VMM_JAIL_H */
