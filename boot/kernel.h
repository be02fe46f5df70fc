/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_KERNEL_H
#define BOOT_KERNEL_H

/*
 * A kernel image in guest memory, whichever format it came in, and the recognition of formats:
 * those that are loaded, and the common mistakes that deserve a better answer than "bad magic".
 */

#include "boot/file.h"
#include "vmm/gmem.h"

#include <stdbool.h>

/* The setup header of the Linux boot protocol begins here, in the image and in the zero page, and
 * has at most this many bytes: the next field of the zero page follows it. */
#define KERNEL_SETUP_OFFSET 0x1f1
#define KERNEL_SETUP_MAX    (0x290 - KERNEL_SETUP_OFFSET)

/* How much of a file is looked at to tell its format: a multiboot header hides in the first 8 KiB.
 */
#define KERNEL_HEAD_MAX 8192

/* A loaded kernel, and what it asks of the rest. */
struct kernel {
	bool pvh; /* entered by PVH, else by the 64-bit Linux entry */
	uint64_t entry; /* guest physical address of the first instruction */
	uint64_t begin, end; /* all the memory it uses before it has read the memory map */
	uint64_t initrd_max; /* last address that an initial RAM disk may occupy */
	uint64_t cmdline_max; /* characters of command line, NUL not counted */
	uint8_t setup[KERNEL_SETUP_MAX]; /* setup header; unused with pvh */
};

/* The beginning of an image, for the loaders. */
struct kernel_head {
	uint8_t bytes[KERNEL_HEAD_MAX];
	size_t len; /* valid bytes: the whole file if it is shorter */
};

/**
 * kernel_load() - Recognise a kernel image and load it into guest memory
 * @f:   The image
 * @mem: Guest RAM; its first region begins at 0 and holds the kernel
 * @ret: Set on success
 * @e:   Names the file, what is wrong with it and what to give instead
 *
 * Context: set-up; reads the file.
 * Return:  0.
 * Errors:  -ENOEXEC not a kernel that can be booted here; -EINVAL a kernel, but damaged; -ENOMEM
 *          RAM too small; -errno of reading.
 */
int kernel_load(const struct file *f, const struct gmem *mem, struct kernel *ret,
                struct err *e) MUST_CHECK;

/**
 * kernel_room() - Check that a kernel's memory is RAM
 * @f:     The image, for messages
 * @mem:   Guest RAM
 * @begin: First guest physical address
 * @len:   Bytes
 * @e:     Says how much RAM is needed
 *
 * Return: 0.
 * Errors: -EINVAL below 1 MiB or where this machine never has RAM; -ENOMEM RAM too small.
 */
int kernel_room(const struct file *f, const struct gmem *mem, uint64_t begin, uint64_t len,
                struct err *e) MUST_CHECK;

#endif /* BOOT_KERNEL_H */
