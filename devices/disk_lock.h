/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_DISK_LOCK_H
#define DEVICES_DISK_LOCK_H

#include "vmm/err.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Keeps others from an image, by an open file description lock, which QEMU heeds too. */

/**
 * disk_lock_take() - Lock an image, for readers or for one writer
 * @path:     For messages
 * @fd:       Image; the lock goes when its open file description does
 * @st:       Of @fd
 * @readonly: Share it with other readers
 * @e:        Names who has it
 *
 * A file system that has no locks costs a warning.
 * Context: set-up; waits up to two seconds for a process that is ending.
 * Return:  0, or -EBUSY.
 */
int disk_lock_take(const char *path, int fd, const struct stat *st, bool readonly,
                   struct err *e) MUST_CHECK;

/**
 * disk_lock_in_use() - Say who has an image
 * @path:     For messages
 * @st:       Of the image
 * @readonly: It was to be read only, so that only a writer is in the way
 * @e:        Set
 *
 * Context: set-up; reads /proc.
 * Return:  -EBUSY.
 */
int disk_lock_in_use(const char *path, const struct stat *st, bool readonly, struct err *e);

#endif /* DEVICES_DISK_LOCK_H */
