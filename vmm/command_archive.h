/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_COMMAND_ARCHIVE_H
#define VMM_COMMAND_ARCHIVE_H

#include "boot/boot.h"
#include "boot/cpio.h"
#include "vmm/config.h"

/* What the guest's first process is told, and that process itself, as archives for the kernel. */

struct command_window {
	uint16_t cols, rows; /* 0: not known */
};

/**
 * command_archive_write() - Add the folder of the first process and its configuration
 * @c:      Archive, begun; the caller ends it
 * @cfg:    With or without a command: without, the root's own init takes over
 * @window: The command gets a terminal of this size; NULL: no terminal
 * @e:      Says what is too much
 *
 * Context: set-up; allocates.
 * Return:  0.
 * Errors:  -E2BIG command and environment are too long; those of cpio_file().
 */
int command_archive_write(struct cpio *c, const struct config *cfg,
                          const struct command_window *window, struct err *e) MUST_CHECK;

/**
 * command_archive_init() - The archive with the first process in it
 *
 * It goes after the one with the folder.
 * Return: Constant bytes.
 */
struct boot_archive command_archive_init(void);

#endif /* VMM_COMMAND_ARCHIVE_H */
