/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

/*
 * From files to a guest that can be entered: kernel image, initial RAM disk, command line, ACPI
 * tables and boot parameters, all written into guest memory. Knows no KVM.
 */

#include "vmm/err.h"
#include "vmm/gmem.h"

/* How the boot processor enters the kernel. */
struct boot_entry {
	enum { BOOT_LINUX64, BOOT_PVH } protocol; /* 64-bit Linux entry, or 32-bit PVH entry */
	uint64_t pc; /* guest physical address of the first instruction */
	uint64_t params; /* guest physical address of boot_params or hvm_start_info */
};

/* A piece of the initial RAM disk: a file, a directory, or bytes in memory. They are concatenated
 * in order. */
struct boot_archive {
	const char *path; /* names it in messages; opened by boot_load() if @data is NULL */
	const void *data; /* NULL: read the file, or pack the directory */
	size_t size; /* bytes of @data */
	bool directory; /* @path is one, and packed as it is */
	bool owner_root; /* of @directory: pack as if all belonged to root */
};

/* What the ACPI tables describe, besides arch_platform. */
struct boot_hardware {
	unsigned n_cpus;
	unsigned n_virtio; /* windows in use */
	bool uart;
};

struct boot_config {
	const char *kernel; /* path */
	const struct boot_archive *initrd; /* @n_initrd of them */
	unsigned n_initrd;
	const char *cmdline; /* complete: boot/cmdline.h builds it */
	struct boot_hardware hw;
};

/**
 * boot_load() - Put a bootable system into guest memory
 * @cfg: What to load
 * @mem: Guest RAM, all regions added and never written: what has to be zero is not made so
 * @ret: How to enter it; set on success
 * @e:   Names the file and says what is wrong with it and what to do
 *
 * The kernel, each archive and each file of a directory are copied once, straight from the file
 * into guest memory. They are opened and closed again here.
 * Context: set-up; blocks on the disk.
 * Return:  0.
 * Errors:  -ENOEXEC not a kernel for this machine; -EINVAL a damaged one, or more virtio devices
 *          than windows; -ENOMEM RAM too small; -E2BIG command line or initrd too long; -errno of
 *          opening and reading.
 * Spec:    Linux Documentation/arch/x86/boot.rst; Xen docs/misc/pvh.pandoc; ACPI 6.3 chapter 5
 */
int boot_load(const struct boot_config *cfg, const struct gmem *mem, struct boot_entry *ret,
              struct err *e) MUST_CHECK;

#endif /* BOOT_BOOT_H */
