/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_MOUNTS_H
#define BOOT_INIT_MOUNTS_H

#include "vmm/compiler.h"

#include <stdbool.h>

/* The file systems of the guest. */

/**
 * mounts_early() - Mount what everything else needs: /dev, /proc and /sys
 *
 * Return: 0, or -errno.
 */
int mounts_early(void) MUST_CHECK;

/**
 * mounts_root() - Mount a disk, and make it the root
 * @device:   Its node; waited for, as drivers find disks in their own time
 * @readonly: Mount it so
 *
 * Return: 0.
 * Errors: -ENODEV it did not appear; -EINVAL no file system that the kernel knows; others of
 *         mount(2).
 */
int mounts_root(const char *device, bool readonly) MUST_CHECK;

/**
 * mounts_shared_root() - Make a file system of the host the root, below one in memory
 * @tag: Its tag
 *
 * What is written goes to memory, and is forgotten at the end.
 * Return: 0.
 * Errors: -EINVAL there is no such tag; -ENODEV the kernel lacks virtiofs or overlay; others of
 *         mount(2).
 */
int mounts_shared_root(const char *tag) MUST_CHECK;

/**
 * mounts_late() - Mount what programs expect besides, where the root has a place for it
 * @tmp: Also a file system in memory on /tmp
 */
void mounts_late(bool tmp);

/**
 * mounts_seal() - Have nothing written to the root any more
 *
 * For a root in memory, or above memory: that of a disk is mounted so.
 * Return: 0, or -errno of mount(2).
 */
int mounts_seal(void) MUST_CHECK;

/**
 * mounts_sync() - Write back what is not yet on the disks, and leave the root clean
 */
void mounts_sync(void);

#endif /* BOOT_INIT_MOUNTS_H */
