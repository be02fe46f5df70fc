/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_64_LAYOUT_H
#define ARCH_X86_64_LAYOUT_H

/*
 * The guest physical map of the x86_64 machine. boot/ writes what stands below 1 MiB, arch/ points
 * the registers of the boot processor at it. The kernel is free to reuse everything but the ACPI
 * tables once it has read them, so only those are reserved in the e820 map.
 *
 *   0x00000500  GDT                      0x00020000  command line
 *   0x00006000  PVH start info           0x0009fc00  end of conventional RAM
 *   0x00007000  zero page (boot_params)  0x000e0000  RSDP, then all other ACPI tables
 *   0x00009000  page tables              0x00100000  kernel, initial RAM disk
 *   0xc0000000  gap for devices          0x100000000 RAM that does not fit below the gap
 */

/* Global descriptor table: see LAYOUT_SEL_* for its entries. */
#define LAYOUT_GDT       0x500
#define LAYOUT_GDT_LIMIT 0x2f /* six entries of 8 bytes; the task state segment takes two */

/* Selectors. CODE64 and DATA are the __BOOT_CS and __BOOT_DS of the Linux boot protocol. */
#define LAYOUT_SEL_CODE32 0x08
#define LAYOUT_SEL_CODE64 0x10
#define LAYOUT_SEL_DATA   0x18
#define LAYOUT_SEL_TSS    0x20

/* PVH: struct hvm_start_info, then the module list and the memory map it points to. */
#define LAYOUT_PVH_INFO    0x6000
#define LAYOUT_PVH_MODULES 0x6040
#define LAYOUT_PVH_MEMMAP  0x6080

/* struct boot_params of the Linux boot protocol: one page. */
#define LAYOUT_ZERO_PAGE 0x7000

/* First stack pointer; the stack grows down to 0x8000. Neither entry needs one, but a fault there
 * is easier to read with it. */
#define LAYOUT_STACK 0x8ff0

/* Identity map in 2 MiB pages: one PML4, one page-directory-pointer table, and a page directory
 * for each GiB below the gap that the kernel's load range reaches. */
#define LAYOUT_PML4   0x9000
#define LAYOUT_PDPT   0xa000
#define LAYOUT_PD     0xb000
#define LAYOUT_PD_MAX 3 /* page directories: GiB below the gap */

/* Kernel command line, NUL included. */
#define LAYOUT_CMDLINE      0x20000
#define LAYOUT_CMDLINE_SIZE 0x10000

/* End of conventional RAM, where a PC has its extended BIOS data area. */
#define LAYOUT_LOW_RAM_END 0x9fc00

/* ACPI tables: the RSDP first, where an old kernel would search for it too. */
#define LAYOUT_ACPI     0xe0000
#define LAYOUT_ACPI_END 0x100000

/* RAM for the kernel begins here. */
#define LAYOUT_HIGH_RAM 0x100000

/* The gap below 4 GiB: no RAM, only devices. RAM that does not fit below it follows at 4 GiB. */
#define LAYOUT_GAP     0xc0000000ULL
#define LAYOUT_GAP_END 0x100000000ULL

/* virtio-mmio windows: registers at the end of one page, config space in the next, as
 * devices/virtio_mmio.h wants it. The first page of the gap stays empty, so that a stray access
 * just past RAM hits nothing. */
#define LAYOUT_VIRTIO        0xc0001f00ULL
#define LAYOUT_VIRTIO_STRIDE 0x2000

/* Interrupt controllers: where every PC has them. The IOAPIC is ours, the LAPICs are KVM's. */
#define LAYOUT_IOAPIC      0xfec00000
#define LAYOUT_IOAPIC_PINS 24
#define LAYOUT_LAPIC       0xfee00000

/* One page for KVM's identity map and three for its task state segment (Intel, real mode). */
#define LAYOUT_KVM_IDENTITY 0xfffbc000
#define LAYOUT_KVM_TSS      0xfffbd000

#endif /* ARCH_X86_64_LAYOUT_H */
