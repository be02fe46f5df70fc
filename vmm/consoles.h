/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CONSOLES_H
#define VMM_CONSOLES_H

#include "vmm/chardev.h"

/* The host's ends of all consoles of a VM, for what happens to all of them alike. */

#define CONSOLES_MAX 8 /* --serial, --console, --port */

struct consoles {
	struct chardev *end[CONSOLES_MAX];
	unsigned n;
	unsigned undrained; /* that consoles_drain() waits for */
};

/**
 * consoles_add() - One more
 * @cs:  Zeroed or with fewer than CONSOLES_MAX
 * @end: Opened and attached; outlives @cs
 */
void consoles_add(struct consoles *cs, struct chardev *end);

/**
 * consoles_start() - chardev_start() for all
 * @cs: Any
 */
void consoles_start(const struct consoles *cs);

/**
 * consoles_suspend() - chardev_suspend() for all
 * @cs: Any
 */
void consoles_suspend(const struct consoles *cs);

/**
 * consoles_resume() - chardev_resume() for all
 * @cs: Any
 */
void consoles_resume(const struct consoles *cs);

/**
 * consoles_abandon() - chardev_abandon() for all
 * @cs: Any
 */
void consoles_abandon(const struct consoles *cs);

/**
 * consoles_are_blocked() - Whether one of them holds output that its reader does not take
 * @cs: Any
 *
 * Context: the loop's thread.
 */
bool consoles_are_blocked(const struct consoles *cs) MUST_CHECK;

/**
 * consoles_drain() - Ask each for a word when everything has been written
 * @cs: Any
 *
 * Return: true if nothing is left anywhere; else consoles_are_drained() is due at each drained().
 */
bool consoles_drain(struct consoles *cs) MUST_CHECK;

/**
 * consoles_are_drained() - One of them has said that it is done
 * @cs: After consoles_drain()
 *
 * Return: true if it was the last.
 */
bool consoles_are_drained(struct consoles *cs) MUST_CHECK;

#endif /* VMM_CONSOLES_H */
