/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INITRD_H
#define BOOT_INITRD_H

/* The initial RAM disk: several archives behind one another, as high in RAM as the kernel allows,
 * or right behind it. */

#include "boot/boot.h"
#include "boot/kernel.h"

#define INITRD_ARCHIVES_MAX 16

/* Where it lies. */
struct initrd {
	uint64_t base; /* guest physical address, page aligned; 0 if there is none */
	uint64_t size; /* bytes */
};

/**
 * initrd_load() - Read the archives into guest memory
 * @archives: In order; NULL if @n is 0
 * @n:        At most INITRD_ARCHIVES_MAX
 * @kernel:   Already loaded: its memory is left alone
 * @mem:      Guest RAM, all zero where the archives go: the padding between them is not written
 * @ret:      Set on success
 * @e:        Names the file and says what is wrong
 *
 * Each archive begins on 4 bytes after zero padding, which is what the kernel skips. A directory is
 * packed right here, in one pass: as its size is not known before, all lies behind the kernel then.
 * Context: set-up; opens and reads the files.
 * Return:  0.
 * Errors:  -errno of opening, reading and pack_dir(); -EINVAL empty or not a regular file;
 *          -E2BIG too many archives, or larger than the kernel allows; -ENOMEM RAM too small.
 * Spec:    Linux Documentation/driver-api/early-userspace/buffer-format.rst
 */
int initrd_load(const struct boot_archive *archives, unsigned n, const struct kernel *kernel,
                const struct gmem *mem, struct initrd *ret, struct err *e) MUST_CHECK;

#endif /* BOOT_INITRD_H */
