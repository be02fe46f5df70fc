/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_BOOT_IMAGES_H
#define TESTS_UNIT_BOOT_IMAGES_H

/* Tiny kernel images and files in memory, for the tests of boot/. */

#include "arch/x86_64/layout.h"
#include "boot/boot.h"
#include "vmm/num.h"

#include <asm/bootparam.h>
#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>

/* A file without a name in any directory. */
struct image_file {
	int fd;
	char path[32]; /* /proc/self/fd/N */
};

static inline struct image_file image_file(const void *bytes, size_t len)
{
	struct image_file f = { .fd = memfd_create("image", MFD_CLOEXEC) };

	ck_assert_int_ge(f.fd, 0);
	ck_assert_int_eq(pwrite(f.fd, bytes, len, 0), (ssize_t)len);
	snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
	return f;
}

/* Guest RAM from 0. */
static inline struct gmem image_ram(uint64_t size)
{
	struct gmem m = { 0 };
	struct err e;

	ck_assert_int_eq(gmem_add(&m, GPA(0), size, &e), 0);
	return m;
}

/* A bzImage: two sectors of real-mode code, then code that is BZ_CODE bytes. */
#define BZ_CODE_OFFSET 1024
#define BZ_CODE        4096
#define BZ_SIZE        (BZ_CODE_OFFSET + BZ_CODE)
#define BZ_PREF        0x200000
#define BZ_INIT_SIZE   0x10000

struct bzimage {
	union {
		uint8_t bytes[BZ_SIZE];
		struct {
			uint8_t boot_sector[0x1f1];
			struct setup_header h;
		} PACKED;
	};
};

static inline struct bzimage *bzimage_new(void)
{
	struct bzimage *b = calloc(1, sizeof(*b));

	ck_assert_ptr_nonnull(b);
	b->h = (struct setup_header){
		.setup_sects = 1,
		.syssize = BZ_CODE / 16,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb, /* jmp over the header: it ends at 0x202 + 0x6a */
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = LOADED_HIGH | CAN_USE_HEAP | KASLR_FLAG,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = BZ_PREF,
		.init_size = BZ_INIT_SIZE,
		.setup_data = 0xdead,
	};
	memset(b->bytes + BZ_CODE_OFFSET, 0xc3, BZ_CODE);
	return b;
}

/* An ELF vmlinux: headers, two segments, and a PVH note. */
#define VML_CODE_OFFSET 4096
#define VML_CODE        4096
#define VML_SIZE        (VML_CODE_OFFSET + VML_CODE)
#define VML_ADDR        0x200000
#define VML_BSS         0x8000 /* bytes of the second segment, none in the file */
#define VML_BSS_ADDR    0x300000
#define VML_PVH_ENTRY   (VML_ADDR + 0x40)

struct vmlinux {
	union {
		uint8_t bytes[VML_SIZE];
		struct {
			Elf64_Ehdr eh;
			Elf64_Phdr ph[3]; /* code, bss, notes */
			Elf64_Nhdr filler; /* a note that is not ours, with an odd name */
			char filler_name[4], filler_desc[8];
			Elf64_Nhdr pvh;
			char pvh_name[4];
			uint64_t pvh_entry;
		} PACKED;
	};
};

static inline struct vmlinux *vmlinux_new(void)
{
	struct vmlinux *v = calloc(1, sizeof(*v));

	ck_assert_ptr_nonnull(v);
	v->eh = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = VML_ADDR,
		.e_phoff = offsetof(struct vmlinux, ph),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	v->ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
		                 .p_offset = VML_CODE_OFFSET,
		                 .p_paddr = VML_ADDR,
		                 .p_filesz = VML_CODE,
		                 .p_memsz = VML_CODE };
	v->ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
		                 .p_offset = VML_CODE_OFFSET,
		                 .p_paddr = VML_BSS_ADDR,
		                 .p_memsz = VML_BSS };
	v->ph[2] = (Elf64_Phdr){ .p_type = PT_NOTE,
		                 .p_offset = offsetof(struct vmlinux, filler),
		                 .p_filesz = offsetof(struct vmlinux, pvh_entry) + 8 -
		                             offsetof(struct vmlinux, filler),
		                 .p_align = 4 };
	v->filler = (Elf64_Nhdr){ .n_namesz = 3, .n_descsz = 5, .n_type = 18 };
	memcpy(v->filler_name, "Xe", 3);
	v->pvh = (Elf64_Nhdr){ .n_namesz = 4, .n_descsz = 8, .n_type = 18 };
	memcpy(v->pvh_name, "Xen", 4);
	v->pvh_entry = VML_PVH_ENTRY;
	memset(v->bytes + VML_CODE_OFFSET, 0xc3, VML_CODE);
	return v;
}

#endif /* TESTS_UNIT_BOOT_IMAGES_H */
