/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_BZIMAGE_H
#define BOOT_BZIMAGE_H

/* The bzImage format: a compressed x86 Linux kernel that unpacks itself. */

#include "boot/kernel.h"

#define BZIMAGE_MAGIC        "HdrS"
#define BZIMAGE_MAGIC_OFFSET 0x202

/**
 * bzimage_load() - Load the protected-mode part of a bzImage
 * @f:   The image
 * @h:   Its beginning, with the magic in place
 * @mem: Guest RAM
 * @ret: Set on success: 64-bit Linux entry, and the image's own setup header
 * @e:   Names the file, what is wrong and the remedy
 *
 * It goes to the address that the kernel prefers: a relocatable kernel that is loaded below that
 * moves itself there anyway.
 * Context: set-up; reads the file straight into guest memory.
 * Return:  0.
 * Errors:  -ENOEXEC protocol below 2.12, zImage or 32-bit kernel; -EINVAL truncated or damaged;
 *          -ENOMEM RAM too small; -errno of reading.
 * Spec:    Linux Documentation/arch/x86/boot.rst: real-mode header, 64-bit boot protocol
 */
int bzimage_load(const struct file *f, const struct kernel_head *h, const struct gmem *mem,
                 struct kernel *ret, struct err *e) MUST_CHECK;

#endif /* BOOT_BZIMAGE_H */
