/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PIDFILE_H
#define VMM_PIDFILE_H

#include "vmm/err.h"

/**
 * pidfile_create() - Write our process id into a file, and keep it locked
 * @path: File; one that no process has locked is overwritten, another kind of file is refused
 * @e:    Names the file, and the process that has it
 *
 * Only the user who starts vmm may read it or write to it, and root. The lock (flock) lasts as long
 * as the process: a file without one is stale, whatever its contents. Removing the file is the
 * caretaker's.
 * Context: set-up, in the process that stays.
 * Return:  A descriptor to keep open, which cannot write, or -errno.
 * Errors:  -EBUSY another process has it; -EINVAL not a regular file; those of open(2).
 */
int pidfile_create(const char *path, struct err *e) MUST_CHECK;

#endif /* VMM_PIDFILE_H */
