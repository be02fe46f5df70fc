/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/boot.h"

#include "boot/x86_64/params.h"
#include "tests/unit/boot_images.h"
#include "tests/unit/run.h"

#include <errno.h>

#define RAM (8 * MiB)

static struct gmem mem;
static struct boot_entry entry;
static struct err e;

static void setup(void)
{
	mem = image_ram(RAM);
}

static void teardown(void)
{
	gmem_fini(&mem);
}

/* A guest address that must be RAM. */
static const void *at(uint64_t address, uint64_t len)
{
	const void *p = gmem_span(&mem, GPA(address), len);

	ck_assert_ptr_nonnull(p);
	return p;
}

static int load(const void *kernel, size_t size, const struct boot_archive *initrd,
                const char *cmdline)
{
	struct image_file f = image_file(kernel, size);
	struct boot_config cfg = {
		.kernel = f.path,
		.initrd = initrd,
		.n_initrd = initrd ? 1 : 0,
		.cmdline = cmdline,
		.hw = { .n_cpus = 2, .n_virtio = 1, .uart = true },
	};
	int r = boot_load(&cfg, &mem, &entry, &e);

	close(f.fd);
	return r;
}

static int load_bzimage(const struct boot_archive *initrd, const char *cmdline)
{
	struct bzimage *b = bzimage_new();
	int r = load(b, sizeof(*b), initrd, cmdline);

	free(b);
	return r;
}

static int load_vmlinux(const struct boot_archive *initrd)
{
	struct vmlinux *v = vmlinux_new();
	int r = load(v, sizeof(*v), initrd, "quiet");

	free(v);
	return r;
}

static const struct boot_archive archive = { .path = "built-in", .data = "archive", .size = 7 };

START_TEST(load_bzimage_gives_linux_entry)
{
	ck_assert_int_eq(load_bzimage(NULL, "quiet"), 0);
	ck_assert_int_eq(entry.protocol, BOOT_LINUX64);
	ck_assert_uint_eq(entry.pc, BZ_PREF + 0x200);
	ck_assert_uint_eq(entry.params, LAYOUT_ZERO_PAGE);
}
END_TEST

START_TEST(load_bzimage_fills_zero_page)
{
	const struct boot_params *bp = at(LAYOUT_ZERO_PAGE, 4096);

	ck_assert_int_eq(load_bzimage(&archive, "quiet"), 0);
	ck_assert_uint_eq(bp->hdr.header, 0x53726448);
	ck_assert_uint_eq(bp->hdr.version, 0x020f); /* from the image */
	ck_assert_uint_eq(bp->hdr.pref_address, BZ_PREF);
	ck_assert_uint_eq(bp->hdr.init_size, BZ_INIT_SIZE);
	ck_assert_uint_eq(bp->hdr.type_of_loader, 0xff);
	ck_assert_uint_eq(bp->hdr.loadflags,
	                  LOADED_HIGH); /* no heap, and no flag of the kernel's */
	ck_assert_uint_eq(bp->hdr.vid_mode, 0xffff);
	ck_assert_uint_eq(bp->hdr.setup_data, 0); /* the image's value is not trusted */
	ck_assert_uint_eq(bp->hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	ck_assert_uint_eq(bp->hdr.ramdisk_image, RAM - 4096);
	ck_assert_uint_eq(bp->hdr.ramdisk_size, 7);
	ck_assert_uint_eq(bp->acpi_rsdp_addr, LAYOUT_ACPI);
	ck_assert_uint_eq(bp->sentinel, 0);
	ck_assert_str_eq(at(LAYOUT_CMDLINE, 6), "quiet");
	ck_assert_mem_eq(at(LAYOUT_ACPI, 8), "RSD PTR ", 8);
}
END_TEST

START_TEST(load_zero_page_has_the_memory_map)
{
	static const struct boot_e820_entry want[] = {
		{ 0, 0x9fc00, 1 },
		{ 0xe0000, 0x20000, 2 },
		{ 0x100000, RAM - 0x100000, 1 },
		{ 0x100000000, 64 * MiB, 1 },
	};
	const struct boot_params *bp = at(LAYOUT_ZERO_PAGE, 4096);

	ck_assert_int_eq(gmem_add(&mem, GPA(LAYOUT_GAP_END), 64 * MiB, &e), 0);
	ck_assert_int_eq(load_bzimage(NULL, ""), 0);
	ck_assert_uint_eq(bp->e820_entries, ARRAY_SIZE(want));
	ck_assert_mem_eq(bp->e820_table, want, sizeof(want));
}
END_TEST

START_TEST(load_bzimage_maps_the_first_gib)
{
	const uint64_t *pml4 = at(LAYOUT_PML4, 4096), *pdpt = at(LAYOUT_PDPT, 4096);
	const uint64_t *pd = at(LAYOUT_PD, 4096);

	ck_assert_int_eq(load_bzimage(NULL, ""), 0);
	ck_assert_uint_eq(pml4[0], LAYOUT_PDPT | 3);
	ck_assert_uint_eq(pdpt[0], LAYOUT_PD | 3);
	ck_assert_uint_eq(pdpt[1], 0); /* the kernel does not reach there */
	ck_assert_uint_eq(pd[0], 0x83);
	ck_assert_uint_eq(pd[1], 0x200083);
	ck_assert_uint_eq(pd[511], 0x3fe00083);
}
END_TEST

START_TEST(write_kernel_above_a_gib_is_mapped)
{
	const struct kernel k = { .end = 2 * GiB + 1, .cmdline_max = 2047 };
	const uint64_t *pdpt = at(LAYOUT_PDPT, 4096), *pd = at(LAYOUT_PD + 2 * 4096, 4096);

	ck_assert_int_eq(params_write(&k, &(struct initrd){ 0 }, "", &mem, &entry, &e), 0);
	ck_assert_uint_eq(pdpt[2], (LAYOUT_PD + 2 * 4096) | 3);
	ck_assert_uint_eq(pdpt[3], 0);
	ck_assert_uint_eq(pd[511], 0xbfe00083);
}
END_TEST

START_TEST(load_gdt_has_the_selectors_of_the_boot_protocol)
{
	const uint64_t *gdt = at(LAYOUT_GDT, LAYOUT_GDT_LIMIT + 1);

	ck_assert_int_eq(load_bzimage(NULL, ""), 0);
	ck_assert_uint_eq(gdt[0], 0);
	ck_assert_uint_eq(gdt[LAYOUT_SEL_CODE64 / 8], 0x00af9b000000ffff);
	ck_assert_uint_eq(gdt[LAYOUT_SEL_DATA / 8], 0x00cf93000000ffff);
	ck_assert_uint_eq(LAYOUT_SEL_CODE64, 0x10); /* __BOOT_CS */
	ck_assert_uint_eq(LAYOUT_SEL_DATA, 0x18); /* __BOOT_DS */
}
END_TEST

START_TEST(load_vmlinux_gives_pvh_entry_and_info)
{
	const struct params_pvh_info *info = at(LAYOUT_PVH_INFO, sizeof(*info));
	const struct params_pvh_module *module = at(LAYOUT_PVH_MODULES, sizeof(*module));

	ck_assert_int_eq(load_vmlinux(&archive), 0);
	ck_assert_int_eq(entry.protocol, BOOT_PVH);
	ck_assert_uint_eq(entry.pc, VML_PVH_ENTRY);
	ck_assert_uint_eq(entry.params, LAYOUT_PVH_INFO);
	ck_assert_uint_eq(info->magic, 0x336ec578);
	ck_assert_uint_eq(info->version, 1);
	ck_assert_uint_eq(info->cmdline_paddr, LAYOUT_CMDLINE);
	ck_assert_uint_eq(info->rsdp_paddr, LAYOUT_ACPI);
	ck_assert_uint_eq(info->nr_modules, 1);
	ck_assert_uint_eq(info->modlist_paddr, LAYOUT_PVH_MODULES);
	ck_assert_uint_eq(module->paddr, RAM - 4096);
	ck_assert_uint_eq(module->size, 7);
}
END_TEST

START_TEST(load_pvh_has_the_memory_map)
{
	static const struct params_pvh_memory want[] = {
		{ 0, 0x9fc00, 1, 0 },
		{ 0xe0000, 0x20000, 2, 0 },
		{ 0x100000, RAM - 0x100000, 1, 0 },
	};
	const struct params_pvh_info *info = at(LAYOUT_PVH_INFO, sizeof(*info));

	ck_assert_int_eq(load_vmlinux(NULL), 0);
	ck_assert_uint_eq(info->nr_modules, 0);
	ck_assert_uint_eq(info->memmap_entries, ARRAY_SIZE(want));
	ck_assert_mem_eq(at(info->memmap_paddr, sizeof(want)), want, sizeof(want));
}
END_TEST

START_TEST(load_cmdline_at_the_kernels_limit_fits)
{
	struct bzimage *b = bzimage_new();

	b->h.cmdline_size = 5;
	ck_assert_int_eq(load(b, sizeof(*b), NULL, "quiet"), 0);
	free(b);
}
END_TEST

START_TEST(load_cmdline_over_the_kernels_limit_names_it)
{
	struct bzimage *b = bzimage_new();

	b->h.cmdline_size = 4;
	ck_assert_int_eq(load(b, sizeof(*b), NULL, "quiet"), -E2BIG);
	ck_assert_ptr_nonnull(strstr(e.msg, "5 characters, and this kernel takes 4"));
	free(b);
}
END_TEST

START_TEST(load_cmdline_never_leaves_its_room)
{
	const struct kernel k = { .cmdline_max = UINT32_MAX };
	char *line = calloc(1, LAYOUT_CMDLINE_SIZE + 1);

	memset(line, 'a', LAYOUT_CMDLINE_SIZE);
	ck_assert_int_eq(params_write(&k, &(struct initrd){ 0 }, line, &mem, &entry, &e), -E2BIG);
	free(line);
}
END_TEST

/* Files that are not kernels, and the word that tells what they are. The bytes stand at @off. */
static const struct {
	size_t off;
	const char *bytes;
	const char *why;
} strangers[] = {
	{ 0, "\x1f\x8b\x08", "compressed with gzip" },
	{ 0, "\3757zXZ", "compressed with xz" },
	{ 0, "\x28\xb5\x2f\xfd", "compressed with zstd" },
	{ 0, "BZh9", "compressed with bzip2" },
	{ 0, "\x02\x21\x4c\x18", "compressed with lz4" },
	{ 0x38, "ARMd", "arm64 Image" },
	{ 0x38, "RSC\x05", "RISC-V Image" },
	{ 4, "zimg", "EFI zboot" },
	{ 0, "MZ", "EFI program" },
	{ 0, "070701", "cpio archive" },
	{ 0, "!<arch>\n", "package or library" },
	{ 0, "QFI\xfb", "qcow2" },
	{ 0x438, "\x53\xef", "ext4 file system" },
	{ 4096, "\x02\xb0\xad\x1b", "multiboot image" },
	{ 4096, "\xd6\x50\x52\xe8", "multiboot image" },
	{ 0, "random", "neither a bzImage nor an ELF" },
	{ 0x200, "HdrS", "neither a bzImage nor an ELF" }, /* not where it belongs */
};

START_TEST(load_stranger_is_named)
{
	char bytes[8192] = { 0 };

	memcpy(bytes + strangers[_i].off, strangers[_i].bytes, strlen(strangers[_i].bytes));
	ck_assert_int_eq(load(bytes, sizeof(bytes), NULL, ""), -ENOEXEC);
	ck_assert_msg(strstr(e.msg, strangers[_i].why) != NULL, "%s", e.msg);
	ck_assert_ptr_nonnull(strstr(e.msg, "kernel '/proc/self/fd/"));
}
END_TEST

START_TEST(load_few_bytes_may_be_truncated)
{
	ck_assert_int_eq(load("MZ and no more", 14, NULL, ""), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(e.msg, "only 14 bytes, too few for a kernel"));
}
END_TEST

START_TEST(load_empty_kernel_is_refused)
{
	ck_assert_int_eq(load("", 0, NULL, ""), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "is empty"));
}
END_TEST

/* Kernels that cannot even be opened. */
static const struct {
	const char *path;
	int r;
	const char *message;
} paths[] = {
	{ "/nonexistent/k", -ENOENT,
	  "cannot open kernel '/nonexistent/k': No such file or directory; check the name" },
	{ "/tmp", -EISDIR, "kernel '/tmp' is a directory: give a file" },
	{ "", -ENOENT, "cannot open kernel '': No such file or directory; check the name" },
};

START_TEST(load_kernel_that_cannot_be_opened_is_named)
{
	struct boot_config cfg = { .kernel = paths[_i].path, .cmdline = "" };

	ck_assert_int_eq(boot_load(&cfg, &mem, &entry, &e), paths[_i].r);
	ck_assert_str_eq(e.msg, paths[_i].message);
}
END_TEST

START_TEST(load_without_ram_above_1_mib_is_refused)
{
	gmem_fini(&mem);
	ck_assert_int_eq(load_bzimage(NULL, ""), -EINVAL);
	ck_assert_int_eq(gmem_add(&mem, GPA(0), 1 * MiB, &e), 0);
	ck_assert_int_eq(load_bzimage(NULL, ""), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "more than 1 MiB"));
}
END_TEST

START_TEST(load_initrd_over_the_kernel_is_refused)
{
	struct boot_archive big = { .path = "big", .data = calloc(1, RAM), .size = RAM - BZ_PREF };

	ck_assert_int_eq(load_bzimage(&big, ""), -ENOMEM);
	free((void *)big.data);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot");
	TCase *t = tcase_create("load");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, load_bzimage_gives_linux_entry);
	tcase_add_test(t, load_bzimage_fills_zero_page);
	tcase_add_test(t, load_zero_page_has_the_memory_map);
	tcase_add_test(t, load_bzimage_maps_the_first_gib);
	tcase_add_test(t, write_kernel_above_a_gib_is_mapped);
	tcase_add_test(t, load_gdt_has_the_selectors_of_the_boot_protocol);
	tcase_add_test(t, load_vmlinux_gives_pvh_entry_and_info);
	tcase_add_test(t, load_pvh_has_the_memory_map);
	tcase_add_test(t, load_cmdline_at_the_kernels_limit_fits);
	tcase_add_test(t, load_cmdline_over_the_kernels_limit_names_it);
	tcase_add_test(t, load_cmdline_never_leaves_its_room);
	tcase_add_loop_test(t, load_stranger_is_named, 0, ARRAY_SIZE(strangers));
	tcase_add_test(t, load_few_bytes_may_be_truncated);
	tcase_add_test(t, load_empty_kernel_is_refused);
	tcase_add_loop_test(t, load_kernel_that_cannot_be_opened_is_named, 0, ARRAY_SIZE(paths));
	tcase_add_test(t, load_without_ram_above_1_mib_is_refused);
	tcase_add_test(t, load_initrd_over_the_kernel_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
