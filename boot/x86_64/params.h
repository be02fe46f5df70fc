/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_X86_64_PARAMS_H
#define BOOT_X86_64_PARAMS_H

/*
 * What an x86_64 kernel finds in memory when it is entered: the zero page or the PVH start info,
 * the memory map, the command line, and for the 64-bit entry the page tables and the GDT.
 */

#include "boot/boot.h"
#include "boot/initrd.h"
#include "boot/kernel.h"

/* struct hvm_start_info, version 1. */
struct params_pvh_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	uint64_t memmap_paddr; /* since version 1 */
	uint32_t memmap_entries;
	uint32_t reserved;
};
ABI_SIZE(struct params_pvh_info, 56);
ABI_OFF(struct params_pvh_info, modlist_paddr, 16);
ABI_OFF(struct params_pvh_info, rsdp_paddr, 32);
ABI_OFF(struct params_pvh_info, memmap_paddr, 40);

/* struct hvm_modlist_entry: the only module is the initial RAM disk. */
struct params_pvh_module {
	uint64_t paddr;
	uint64_t size; /* bytes */
	uint64_t cmdline_paddr;
	uint64_t reserved;
};
ABI_SIZE(struct params_pvh_module, 32);

/* struct hvm_memmap_table_entry. */
struct params_pvh_memory {
	uint64_t addr;
	uint64_t size; /* bytes */
	uint32_t type; /* as in e820 */
	uint32_t reserved;
};
ABI_SIZE(struct params_pvh_memory, 24);

#define PARAMS_PVH_MAGIC   0x336ec578 /* "xEn3" with the top bit of the "E" set */
#define PARAMS_PVH_VERSION 1

/* Memory types of the BIOS call e820, which PVH took over. */
#define PARAMS_E820_RAM      1
#define PARAMS_E820_RESERVED 2

/**
 * params_write() - Write everything that the kernel's entry protocol asks for
 * @kernel:  Loaded kernel
 * @initrd:  Loaded initial RAM disk; size 0: none
 * @cmdline: Command line; at most @kernel->cmdline_max characters
 * @mem:     Guest RAM; its first region begins at 0 and ends above 1 MiB
 * @ret:     Set on success
 * @e:       Says what does not fit
 *
 * Context: set-up; touches a handful of pages below 1 MiB and no other.
 * Return:  0.
 * Errors:  -E2BIG the command line is longer than the kernel takes; -EFAULT no RAM below 1 MiB.
 * Spec:    Linux Documentation/arch/x86/boot.rst and zero-page.rst; Xen
 *          include/public/arch-x86/hvm/start_info.h; AMD64 APM volume 2 sections 4.8, 5.3
 */
int params_write(const struct kernel *kernel, const struct initrd *initrd, const char *cmdline,
                 const struct gmem *mem, struct boot_entry *ret, struct err *e) MUST_CHECK;

#endif /* BOOT_X86_64_PARAMS_H */
