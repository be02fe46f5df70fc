/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_CHILD_H
#define BOOT_INIT_CHILD_H

#include "boot/init/manifest.h"

/* The command, as a child of the first process and the leader of a session of its own. */

struct child {
	int pid;
	int in, out, err; /* our ends, O_NONBLOCK; a terminal has no @err, -1 */
};

/* What stood in the way. */
struct child_trouble {
	bool executing; /* the command itself could not be executed */
	const char *what, *which; /* "change to", "/nowhere" */
};

/**
 * child_start() - Run the command
 * @ret: Set on success
 * @m:   With a command; gets HOME and PATH if it lacks them
 * @ret_trouble: Set on failure
 *
 * Returns when the program has begun, or could not.
 * Return: 0, or -errno.
 */
int child_start(struct child *ret, struct manifest *m,
                struct child_trouble *ret_trouble) MUST_CHECK;

#endif /* BOOT_INIT_CHILD_H */
