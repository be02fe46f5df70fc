/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/kernel.h"

#include "tests/unit/boot_images.h"
#include "tests/unit/run.h"

#include <errno.h>

#define RAM (8 * MiB)

static struct gmem mem;
static struct vmlinux *image;
static struct kernel kernel;
static struct err e;

static void setup(void)
{
	mem = image_ram(RAM);
	image = vmlinux_new();
}

static void teardown(void)
{
	gmem_fini(&mem);
	free(image);
}

/* Load the first @len bytes of the image. */
static int load(size_t len)
{
	struct image_file f = image_file(image->bytes, len);
	struct file file;
	int r;

	ck_assert_int_eq(file_open(&file, f.path, "kernel", &e), 0);
	r = kernel_load(&file, &mem, &kernel, &e);
	file_close(&file);
	close(f.fd);
	return r;
}

START_TEST(load_with_note_gives_pvh_entry)
{
	ck_assert_int_eq(load(VML_SIZE), 0);
	ck_assert(kernel.pvh);
	ck_assert_uint_eq(kernel.entry, VML_PVH_ENTRY);
	ck_assert_uint_eq(kernel.begin, VML_ADDR);
	ck_assert_uint_eq(kernel.end, VML_BSS_ADDR + VML_BSS);
}
END_TEST

START_TEST(load_copies_the_segment)
{
	ck_assert_int_eq(load(VML_SIZE), 0);
	ck_assert_mem_eq(gmem_span(&mem, GPA(VML_ADDR), VML_CODE), image->bytes + VML_CODE_OFFSET,
	                 VML_CODE);
}
END_TEST

START_TEST(load_note_of_4_bytes_gives_pvh_entry)
{
	image->pvh.n_descsz = 4;
	image->pvh_entry |= 0xffffffff00000000; /* not part of the note */
	ck_assert_int_eq(load(VML_SIZE), 0);
	ck_assert(kernel.pvh);
	ck_assert_uint_eq(kernel.entry, VML_PVH_ENTRY);
}
END_TEST

START_TEST(load_without_note_gives_linux_entry)
{
	struct setup_header s;

	image->ph[2].p_type = PT_NULL;
	ck_assert_int_eq(load(VML_SIZE), 0);
	ck_assert(!kernel.pvh);
	ck_assert_uint_eq(kernel.entry, VML_ADDR);
	memcpy(&s, kernel.setup, sizeof(s));
	ck_assert_uint_eq(s.header, 0x53726448);
	ck_assert_uint_eq(s.boot_flag, 0xaa55);
}
END_TEST

/* Notes that do not count as a PVH entry: the image is entered by its ELF entry then. */
START_TEST(load_other_note_types_are_skipped)
{
	image->pvh.n_type = 17;
	ck_assert_int_eq(load(VML_SIZE), 0);
	ck_assert(!kernel.pvh);
}
END_TEST

START_TEST(load_note_beyond_its_segment_is_skipped)
{
	image->pvh.n_descsz = 9; /* one byte beyond */
	ck_assert_int_eq(load(VML_SIZE), 0);
	ck_assert(!kernel.pvh);
}
END_TEST

START_TEST(load_note_with_huge_name_is_skipped)
{
	image->filler.n_namesz = UINT32_MAX;
	ck_assert_int_eq(load(VML_SIZE), 0);
	ck_assert(!kernel.pvh);
}
END_TEST

#define HEADER(f)     offsetof(struct vmlinux, eh.f), sizeof(image->eh.f)
#define SEGMENT(i, f) offsetof(struct vmlinux, ph[i].f), sizeof(image->ph[i].f)

/* One field spoiled, and what is said about it. */
static const struct {
	size_t off, size; /* of the field */
	uint64_t value;
	int r;
	const char *why;
} bad[] = {
	{ HEADER(e_ident[EI_CLASS]), ELFCLASS32, -ENOEXEC, "32-bit ELF image" },
	{ HEADER(e_ident[EI_CLASS]), 7, -EINVAL, "ELF class is 7" },
	{ HEADER(e_ident[EI_DATA]), ELFDATA2MSB, -ENOEXEC, "big-endian" },
	{ HEADER(e_machine), EM_AARCH64, -ENOEXEC, "for aarch64" },
	{ HEADER(e_machine), EM_RISCV, -ENOEXEC, "for riscv" },
	{ HEADER(e_machine), EM_386, -ENOEXEC, "for i386" },
	{ HEADER(e_machine), 0x7777, -ENOEXEC, "for machine 30583" },
	{ HEADER(e_type), ET_REL, -ENOEXEC, "ELF object" },
	{ HEADER(e_type), ET_CORE, -ENOEXEC, "ELF object" },
	{ HEADER(e_phnum), 0, -EINVAL, "0 program headers" },
	{ HEADER(e_phnum), 65, -EINVAL, "65 program headers" },
	{ HEADER(e_phnum), UINT16_MAX, -EINVAL, "65535 program headers" },
	{ HEADER(e_phentsize), 32, -EINVAL, "of 32 bytes" },
	{ HEADER(e_phoff), VML_SIZE - 1, -EINVAL, "truncated" },
	{ HEADER(e_phoff), UINT64_MAX, -EINVAL, "truncated" },
	{ SEGMENT(0, p_offset), VML_CODE_OFFSET + 1, -EINVAL, "truncated" },
	{ SEGMENT(0, p_offset), UINT64_MAX, -EINVAL, "truncated" },
	{ SEGMENT(0, p_filesz), UINT64_MAX, -EINVAL, "truncated" },
	{ SEGMENT(0, p_memsz), VML_CODE - 1, -EINVAL, "more bytes in the file" },
	{ SEGMENT(0, p_memsz), 0x100001, -EINVAL, "segments 0 and 1 overlap" },
	{ SEGMENT(0, p_paddr), 0, -EINVAL, "first MiB" },
	{ SEGMENT(0, p_paddr), 0xfffff, -EINVAL, "first MiB" },
	{ SEGMENT(0, p_paddr), VML_BSS_ADDR, -EINVAL, "segments 0 and 1 overlap" },
	{ SEGMENT(0, p_paddr), UINT64_MAX - 1, -EINVAL, "wraps around" },
	{ SEGMENT(0, p_paddr), 0xffffffff81000000, -EINVAL, "where no RAM can be" },
	{ SEGMENT(1, p_paddr), LAYOUT_GAP, -EINVAL, "where no RAM can be" },
	{ SEGMENT(1, p_paddr), RAM, -ENOMEM, "8 MiB of RAM are too small for the kernel" },
	{ SEGMENT(1, p_memsz), RAM, -ENOMEM, "it needs 11 MiB" },
	{ SEGMENT(1, p_memsz), UINT64_MAX, -EINVAL, "wraps around" },
	{ SEGMENT(2, p_filesz), UINT64_MAX, -EINVAL, "truncated" },
	{ SEGMENT(2, p_type), PT_INTERP, -ENOEXEC, "program for an operating system" },
	{ offsetof(struct vmlinux, pvh_entry), 8, 0, -EINVAL, "PVH entry at 0x0, outside" },
	{ offsetof(struct vmlinux, pvh_entry), 8, 0x100000000 + VML_ADDR, -EINVAL, "outside of" },
};

START_TEST(load_bad_image_is_refused)
{
	memcpy(image->bytes + bad[_i].off, &bad[_i].value, bad[_i].size);
	ck_assert_int_eq(load(VML_SIZE), bad[_i].r);
	ck_assert_msg(strstr(e.msg, bad[_i].why) != NULL, "%s", e.msg);
	ck_assert_ptr_nonnull(strstr(e.msg, "/proc/self/fd/"));
}
END_TEST

/* Entries of an image without a note that hold no code; the bss holds nothing but zeros. */
static const uint64_t entries[] = { 0, VML_ADDR - 1, VML_ADDR + VML_CODE, VML_BSS_ADDR,
	                            0xffffffff81000000 };

START_TEST(load_entry_outside_of_code_is_refused)
{
	image->ph[2].p_type = PT_NULL;
	image->eh.e_entry = entries[_i];
	ck_assert_int_eq(load(VML_SIZE), -EINVAL);
	ck_assert_msg(strstr(e.msg, "64-bit entry") != NULL, "%s", e.msg);
}
END_TEST

START_TEST(load_without_segments_is_refused)
{
	image->ph[0].p_type = image->ph[1].p_type = PT_NULL;
	ck_assert_int_eq(load(VML_SIZE), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "no segment to load"));
}
END_TEST

static const size_t lengths[] = { VML_SIZE - 1, VML_CODE_OFFSET, 200, 64, 63, 16, 15, 4 };

START_TEST(load_truncated_is_refused)
{
	ck_assert_int_eq(load(lengths[_i]), -EINVAL);
	ck_assert_msg(strstr(e.msg, "is truncated") != NULL, "%s", e.msg);
}
END_TEST

START_TEST(load_huge_notes_are_refused)
{
	struct image_file f = image_file(image->bytes, VML_SIZE);
	struct file file;

	image->ph[2].p_filesz = 64 * KiB + 1;
	ck_assert_int_eq(pwrite(f.fd, image->bytes, VML_SIZE, 0), VML_SIZE);
	ck_assert_int_eq(ftruncate(f.fd, 1 * MiB), 0);
	ck_assert_int_eq(file_open(&file, f.path, "kernel", &e), 0);
	ck_assert_int_eq(kernel_load(&file, &mem, &kernel, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "its notes have 65537 bytes"));
	file_close(&file);
	close(f.fd);
}
END_TEST

START_TEST(load_32bit_multiboot_is_named)
{
	const uint32_t magic = 0x1badb002;

	image->eh.e_ident[EI_CLASS] = ELFCLASS32;
	memcpy(image->bytes + 4096, &magic, sizeof(magic));
	ck_assert_int_eq(load(VML_SIZE), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(e.msg, "32-bit multiboot image"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("elf");
	TCase *t = tcase_create("load");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, load_with_note_gives_pvh_entry);
	tcase_add_test(t, load_copies_the_segment);
	tcase_add_test(t, load_note_of_4_bytes_gives_pvh_entry);
	tcase_add_test(t, load_without_note_gives_linux_entry);
	tcase_add_test(t, load_other_note_types_are_skipped);
	tcase_add_test(t, load_note_beyond_its_segment_is_skipped);
	tcase_add_test(t, load_note_with_huge_name_is_skipped);
	tcase_add_loop_test(t, load_bad_image_is_refused, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(t, load_entry_outside_of_code_is_refused, 0, ARRAY_SIZE(entries));
	tcase_add_test(t, load_without_segments_is_refused);
	tcase_add_loop_test(t, load_truncated_is_refused, 0, ARRAY_SIZE(lengths));
	tcase_add_test(t, load_huge_notes_are_refused);
	tcase_add_test(t, load_32bit_multiboot_is_named);
	suite_add_tcase(s, t);
	return run_suite(s);
}
