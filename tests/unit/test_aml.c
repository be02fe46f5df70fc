/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/aml.h"

#include "tests/unit/run.h"

#include <string.h>

#define GUARD 0xee /* what the bytes behind the buffer hold */

static uint8_t buf[8192];
static struct aml a;

static void setup(void)
{
	memset(buf, GUARD, sizeof(buf));
	aml_init(&a, buf, sizeof(buf));
}

/* ACPI 6.4 section 20.2.3: the shortest encoding of each size. */
static const struct {
	uint64_t value;
	size_t len;
	uint8_t bytes[9];
} ints[] = {
	{ 0, 1, { 0x00 } },
	{ 1, 1, { 0x01 } },
	{ 2, 2, { 0x0a, 0x02 } },
	{ 0xff, 2, { 0x0a, 0xff } },
	{ 0x100, 3, { 0x0b, 0x00, 0x01 } },
	{ 0xffff, 3, { 0x0b, 0xff, 0xff } },
	{ 0x10000, 5, { 0x0c, 0x00, 0x00, 0x01, 0x00 } },
	{ 0xffffffff, 5, { 0x0c, 0xff, 0xff, 0xff, 0xff } },
	{ 0x100000000, 9, { 0x0e, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00 } },
};

START_TEST(int_takes_the_shortest_form)
{
	aml_int(&a, ints[_i].value);
	ck_assert_uint_eq(a.len, ints[_i].len);
	ck_assert_mem_eq(buf, ints[_i].bytes, ints[_i].len);
}
END_TEST

/* ACPI 6.4 section 20.2.4, at the edges of 1, 2 and 3 bytes. Bytes of body without name. */
static const struct {
	size_t body;
	size_t len;
	uint8_t bytes[3];
} lengths[] = {
	{ 0, 1, { 0x05 } }, /* the name and the length itself */
	{ 58, 1, { 0x3f } },
	{ 59, 2, { 0x41, 0x04 } }, /* 65 = 0x041 */
	{ 4089, 2, { 0x4f, 0xff } }, /* 4095 = 0xfff */
	{ 4090, 3, { 0x81, 0x00, 0x01 } }, /* 4097 = 0x01001 */
};

START_TEST(end_writes_length_that_counts_itself)
{
	size_t mark = aml_scope(&a, "ABCD");

	for (size_t i = 0; i < lengths[_i].body; i++)
		aml_int(&a, 0);
	aml_end(&a, mark);
	ck_assert(!a.full);
	ck_assert_uint_eq(a.len, 1 + lengths[_i].len + 4 + lengths[_i].body);
	ck_assert_mem_eq(buf + 1, lengths[_i].bytes, lengths[_i].len);
	ck_assert_mem_eq(buf + 1 + lengths[_i].len, "ABCD", 4);
}
END_TEST

START_TEST(name_is_filled_up_and_root_is_kept)
{
	aml_name(&a, "_S5");
	ck_assert_mem_eq(buf, "\x08_S5_", 5);
	aml_end(&a, aml_scope(&a, "\\_SB"));
	ck_assert_mem_eq(buf + 5, "\x10\x06\\_SB_", 7);
}
END_TEST

START_TEST(string_ends_with_nul)
{
	aml_string(&a, "AB");
	ck_assert_uint_eq(a.len, 4);
	ck_assert_mem_eq(buf, "\015AB\0", 4);
}
END_TEST

START_TEST(package_counts_its_elements)
{
	size_t mark = aml_package(&a, 2);

	aml_int(&a, 0);
	aml_int(&a, 5);
	aml_end(&a, mark);
	ck_assert_mem_eq(buf, "\x12\x05\x02\x00\x0a\x05", 6);
}
END_TEST

START_TEST(resources_hold_descriptors_and_end_tag)
{
	static const uint8_t want[] = {
		0x11, 0x22, 0x0a, 0x1f, /* buffer, 0x22 bytes, of which 0x1f are resources */
		0x86, 0x09, 0x00, 0x01, 0x00, 0x10, 0x00, 0xc0, 0x00, 0x10, 0x00, 0x00, /* memory */
		0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08, /* ports */
		0x89, 0x06, 0x00, 0x03, 0x01, 0x05, 0x00, 0x00, 0x00, /* interrupt */
		0x79, 0x00, /* end */
	};
	size_t mark = aml_resources(&a);

	aml_memory32(&a, 0xc0001000, 0x1000);
	aml_io(&a, 0x3f8, 8);
	aml_interrupt(&a, 5);
	aml_resources_end(&a, mark);
	ck_assert_uint_eq(a.len, sizeof(want));
	ck_assert_mem_eq(buf, want, sizeof(want));
}
END_TEST

/* A little of everything. */
static void emit_device(void)
{
	size_t device = aml_device(&a, "DEV"), method, branch, crs;

	aml_name_string(&a, "_HID", "LNRO0005");
	aml_name(&a, "_CRS");
	crs = aml_resources(&a);
	aml_interrupt(&a, 5);
	aml_resources_end(&a, crs);
	aml_field(&a, "REG", AML_SYSTEM_IO, 0x604, "FLD");
	method = aml_method(&a, "_EVT", 1);
	branch = aml_if(&a);
	aml_and(&a, "FLD", 1);
	aml_notify(&a, "DEV", 0x80);
	aml_end(&a, branch);
	aml_end(&a, method);
	aml_end(&a, device);
}

START_TEST(any_buffer_too_small_is_full_and_not_overrun)
{
	emit_device();
	ck_assert(!a.full);
	ck_assert_uint_gt(a.len, (size_t)_i);

	memset(buf, GUARD, sizeof(buf));
	aml_init(&a, buf, (size_t)_i);
	emit_device();
	ck_assert(a.full);
	ck_assert_uint_le(a.len, (size_t)_i);
	ck_assert_uint_eq(buf[_i], GUARD);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("aml");
	TCase *t = tcase_create("emit");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, int_takes_the_shortest_form, 0, ARRAY_SIZE(ints));
	tcase_add_loop_test(t, end_writes_length_that_counts_itself, 0, ARRAY_SIZE(lengths));
	tcase_add_test(t, name_is_filled_up_and_root_is_kept);
	tcase_add_test(t, string_ends_with_nul);
	tcase_add_test(t, package_counts_its_elements);
	tcase_add_test(t, resources_hold_descriptors_and_end_tag);
	tcase_add_loop_test(t, any_buffer_too_small_is_full_and_not_overrun, 0, 91);
	suite_add_tcase(s, t);
	return run_suite(s);
}
