/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

/* 64-bit ELF images: vmlinux, and anything else with a PVH note. */

#include "boot/kernel.h"

#define ELF_MAGIC "\177ELF"

/**
 * elf_is_32bit() - Whether an ELF image says that it is a 32-bit one
 * @h: Beginning of the file, ELF magic in place
 */
bool elf_is_32bit(const struct kernel_head *h);

/**
 * elf_load() - Load the segments of an ELF image at their physical addresses
 * @f:   The image
 * @h:   Its beginning, with the magic in place
 * @mem: Guest RAM, all zero where the segments go: the part of a segment that the file does not
 *       hold is not written
 * @ret: Set on success: PVH entry if the image has the note, else 64-bit Linux entry
 * @e:   Names the file, what is wrong and the remedy
 *
 * Context: set-up; reads the file straight into guest memory.
 * Return:  0.
 * Errors:  -ENOEXEC another machine, class, byte order or type; -EINVAL truncated, damaged, or
 *          segments that overlap or lie where no RAM is; -ENOMEM RAM too small; -errno of reading.
 * Spec:    System V ABI (gABI) chapter 5; Xen docs/misc/pvh.pandoc, XEN_ELFNOTE_PHYS32_ENTRY
 */
int elf_load(const struct file *f, const struct kernel_head *h, const struct gmem *mem,
             struct kernel *ret, struct err *e) MUST_CHECK;

#endif /* BOOT_ELF_H */
