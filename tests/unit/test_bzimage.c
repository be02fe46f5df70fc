/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/kernel.h"

#include "tests/unit/boot_images.h"
#include "tests/unit/run.h"

#include <errno.h>

#define RAM (8 * MiB)

static struct gmem mem;
static struct bzimage *image;
static struct kernel kernel;
static struct err e;

static void setup(void)
{
	mem = image_ram(RAM);
	image = bzimage_new();
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

START_TEST(load_good_image_gives_entry_and_range)
{
	ck_assert_int_eq(load(BZ_SIZE), 0);
	ck_assert(!kernel.pvh);
	ck_assert_uint_eq(kernel.entry, BZ_PREF + 0x200);
	ck_assert_uint_eq(kernel.begin, BZ_PREF);
	ck_assert_uint_eq(kernel.end, BZ_PREF + BZ_INIT_SIZE);
	ck_assert_uint_eq(kernel.initrd_max, 0x7fffffff);
	ck_assert_uint_eq(kernel.cmdline_max, 2047);
}
END_TEST

START_TEST(load_good_image_copies_only_the_code)
{
	const uint8_t *code = gmem_span(&mem, GPA(BZ_PREF), BZ_CODE + 1);

	ck_assert_int_eq(load(BZ_SIZE), 0);
	ck_assert_mem_eq(code, image->bytes + BZ_CODE_OFFSET, BZ_CODE);
	ck_assert_uint_eq(code[BZ_CODE], 0);
}
END_TEST

START_TEST(load_setup_header_ends_where_the_image_says)
{
	image->h.jump = 0x10eb; /* it ends at 0x212: what lies beyond counts as 0, xloadflags too */
	ck_assert_int_eq(load(BZ_SIZE), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(e.msg, "32-bit"));
}
END_TEST

START_TEST(load_longer_setup_header_is_taken_whole)
{
	struct setup_header s;

	image->h.jump = 0xffeb; /* longer than the zero page has room for */
	image->bytes[0x28f] = 0x77; /* last byte that has room */
	ck_assert_int_eq(load(BZ_SIZE), 0);
	memcpy(&s, kernel.setup, sizeof(s));
	ck_assert_uint_eq(s.pref_address, BZ_PREF);
	ck_assert_uint_eq(kernel.setup[KERNEL_SETUP_MAX - 1], 0x77);
}
END_TEST

START_TEST(load_setup_sects_0_means_4)
{
	image->h.setup_sects = 0;
	image->h.syssize = (BZ_SIZE - 5 * 512) / 16;
	ck_assert_int_eq(load(BZ_SIZE), 0);
	ck_assert_mem_eq(gmem_span(&mem, GPA(BZ_PREF), 16), image->bytes + 5 * 512, 16);
}
END_TEST

START_TEST(load_relocatable_is_aligned_up)
{
	image->h.pref_address = 0x100000;
	ck_assert_int_eq(load(BZ_SIZE), 0);
	ck_assert_uint_eq(kernel.begin, 0x200000);
}
END_TEST

START_TEST(load_fixed_is_left_where_it_wants)
{
	image->h.relocatable_kernel = 0;
	image->h.pref_address = 0x100000;
	ck_assert_int_eq(load(BZ_SIZE), 0);
	ck_assert_uint_eq(kernel.begin, 0x100000);
}
END_TEST

START_TEST(load_small_init_size_counts_the_code)
{
	image->h.init_size = 1;
	ck_assert_int_eq(load(BZ_SIZE), 0);
	ck_assert_uint_eq(kernel.end, BZ_PREF + BZ_CODE);
}
END_TEST

#define FIELD(f) offsetof(struct bzimage, h.f), sizeof(image->h.f)

/* One field of the header spoiled, and what is said about it. */
static const struct {
	size_t off, size; /* of the field */
	uint64_t value;
	int r;
	const char *why;
} bad[] = {
	{ FIELD(version), 0x020b, -ENOEXEC, "boot protocol 2.11, and 2.12 is needed" },
	{ FIELD(version), 0x0000, -ENOEXEC, "boot protocol 0.00" },
	{ FIELD(xloadflags), 0, -ENOEXEC, "32-bit kernel" },
	{ FIELD(loadflags), 0, -ENOEXEC, "zImage" },
	{ FIELD(boot_flag), 0, -EINVAL, "0xaa55" },
	{ FIELD(syssize), BZ_CODE / 16 + 1, -EINVAL, "it has 5120 bytes, its header says 5136" },
	{ FIELD(syssize), UINT32_MAX, -EINVAL, "truncated" },
	{ FIELD(syssize), 0, -EINVAL, "0 bytes of code" },
	{ FIELD(syssize), 0x200 / 16, -EINVAL, "512 bytes of code" }, /* the entry is at 0x200 */
	{ FIELD(kernel_alignment), 0, -EINVAL, "not a power of two" },
	{ FIELD(kernel_alignment), 0x300000, -EINVAL, "not a power of two" },
	{ FIELD(kernel_alignment), 0x80000000, -ENOMEM, "it needs 2049 MiB" },
	{ FIELD(pref_address), RAM, -ENOMEM, "8 MiB of RAM are too small for the kernel" },
	{ FIELD(pref_address), RAM, -ENOMEM, "it needs 9 MiB" },
	{ FIELD(pref_address), UINT64_MAX, -EINVAL, "where no RAM can be" },
	{ FIELD(pref_address), LAYOUT_GAP, -EINVAL, "where no RAM can be" },
	{ FIELD(init_size), RAM, -ENOMEM, "it needs 10 MiB" },
	{ FIELD(init_size), UINT32_MAX, -EINVAL, "where no RAM can be" },
};

START_TEST(load_bad_header_is_refused)
{
	memcpy(image->bytes + bad[_i].off, &bad[_i].value, bad[_i].size);
	ck_assert_int_eq(load(BZ_SIZE), bad[_i].r);
	ck_assert_msg(strstr(e.msg, bad[_i].why) != NULL, "%s", e.msg);
	ck_assert_ptr_nonnull(strstr(e.msg, "/proc/self/fd/"));
}
END_TEST

/* Addresses that a kernel which cannot be moved may not have. */
static const struct {
	uint64_t address;
	const char *why;
} fixed[] = {
	{ 0, "first MiB" },
	{ 0xff000, "first MiB" },
	{ UINT64_MAX, "where no RAM can be" },
};

START_TEST(load_fixed_at_bad_address_is_refused)
{
	image->h.relocatable_kernel = 0;
	image->h.pref_address = fixed[_i].address;
	ck_assert_int_eq(load(BZ_SIZE), -EINVAL);
	ck_assert_msg(strstr(e.msg, fixed[_i].why) != NULL, "%s", e.msg);
}
END_TEST

/* Lengths at which something of the image is missing, from the last byte to all but the magic. */
static const size_t lengths[] = { BZ_SIZE - 1, BZ_CODE_OFFSET, 0x26b, 0x207, 0x206 };

START_TEST(load_truncated_is_refused)
{
	ck_assert_int_eq(load(lengths[_i]), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "is truncated"));
}
END_TEST

START_TEST(load_fills_ram_to_the_last_byte)
{
	image->h.init_size = RAM - BZ_PREF;
	ck_assert_int_eq(load(BZ_SIZE), 0);
	ck_assert_uint_eq(kernel.end, RAM);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bzimage");
	TCase *t = tcase_create("load");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, load_good_image_gives_entry_and_range);
	tcase_add_test(t, load_good_image_copies_only_the_code);
	tcase_add_test(t, load_setup_header_ends_where_the_image_says);
	tcase_add_test(t, load_longer_setup_header_is_taken_whole);
	tcase_add_test(t, load_setup_sects_0_means_4);
	tcase_add_test(t, load_relocatable_is_aligned_up);
	tcase_add_test(t, load_fixed_is_left_where_it_wants);
	tcase_add_test(t, load_small_init_size_counts_the_code);
	tcase_add_test(t, load_fills_ram_to_the_last_byte);
	tcase_add_loop_test(t, load_bad_header_is_refused, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(t, load_fixed_at_bad_address_is_refused, 0, ARRAY_SIZE(fixed));
	tcase_add_loop_test(t, load_truncated_is_refused, 0, ARRAY_SIZE(lengths));
	suite_add_tcase(s, t);
	return run_suite(s);
}
