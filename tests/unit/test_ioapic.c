/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/ioapic.h"
#include "tests/unit/run.h"

#include <string.h>

#define PINS   7
#define MASKED (1U << 16)
#define LOWEST (1U << 8)
#define LEVEL  (1U << 15)
#define GROUP  (1U << 11) /* logical destination */

static struct {
	struct ioapic chip;
	unsigned calls;
	unsigned pin; /* of the last call */
	bool on;
	struct ioapic_message m;
} x;

static void on_route(void *arg, unsigned pin, const struct ioapic_message *m)
{
	ck_assert_ptr_eq(arg, &x);
	x.calls++;
	x.pin = pin;
	x.on = m != NULL;
	x.m = m ? *m : (struct ioapic_message){ 0 };
}

static void setup(void)
{
	memset(&x, 0, sizeof(x));
	ioapic_init(&x.chip, PINS, on_route, &x);
}

static uint32_t get(unsigned reg)
{
	ioapic_bus_ops.write(&x.chip, 0, 4, reg);
	return (uint32_t)ioapic_bus_ops.read(&x.chip, 0x10, 4);
}

static void set(unsigned reg, uint32_t value)
{
	ioapic_bus_ops.write(&x.chip, 0, 4, reg);
	ioapic_bus_ops.write(&x.chip, 0x10, 4, value);
}

static void set_pin(unsigned pin, uint32_t destination, uint32_t low)
{
	set(0x11 + 2 * pin, destination << 24);
	set(0x10 + 2 * pin, low);
}

START_TEST(registers_are_those_of_the_manual)
{
	ck_assert_uint_eq(get(1), (PINS - 1) << 16 | 0x11);
	set(0, UINT32_MAX);
	ck_assert_uint_eq(get(0), 0x0f000000);
	ck_assert_uint_eq(get(2), 0x0f000000);
	ck_assert_uint_eq(ioapic_bus_ops.read(&x.chip, 0, 4), 2);
	for (unsigned pin = 0; pin < PINS; pin++) {
		ck_assert_uint_eq(get(0x10 + 2 * pin), MASKED);
		set_pin(pin, 0xff, UINT32_MAX);
		ck_assert_uint_eq(get(0x10 + 2 * pin), 0x1afff);
		ck_assert_uint_eq(get(0x11 + 2 * pin), 0xff000000);
	}
	ck_assert_uint_eq(x.calls, 0);
}
END_TEST

START_TEST(registers_behind_the_table_are_not_there)
{
	for (unsigned reg = 0x10 + 2 * PINS; reg < 0x100; reg++) {
		set(reg, 0x30);
		ck_assert_uint_eq(get(reg), 0);
	}
	for (unsigned reg = 3; reg < 0x10; reg++) {
		set(reg, 0x30);
		ck_assert_uint_eq(get(reg), 0);
	}
	ck_assert_uint_eq(x.calls, 0);
}
END_TEST

START_TEST(other_widths_and_addresses_are_nothing)
{
	static const unsigned widths[] = { 1, 2, 8 };

	ioapic_bus_ops.write(&x.chip, 0, 4, 0x10);
	for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
		ioapic_bus_ops.write(&x.chip, 0x10, widths[i], 0x31);
		ioapic_bus_ops.write(&x.chip, 0, widths[i], 1);
		ck_assert_uint_eq(ioapic_bus_ops.read(&x.chip, 0x10, widths[i]), 0);
	}
	ioapic_bus_ops.write(&x.chip, 0x40, 4, 0x31);
	ck_assert_uint_eq(ioapic_bus_ops.read(&x.chip, 0x20, 4), 0);
	ck_assert_uint_eq(get(0x10), MASKED);
	ck_assert_uint_eq(x.calls, 0);
}
END_TEST

/* What an entry lets through, as the address and data of a message; 0: nothing. */
static const struct {
	uint32_t destination, low, address, data;
} entries[] = {
	{ 0, 0x31, 0xfee00000, 0x31 },
	{ 3, 0xef, 0xfee03000, 0xef },
	{ 0xff, 0x10, 0xfeeff000, 0x10 },
	{ 5, 0x44 | GROUP | LOWEST, 0xfee05004, 0x144 },
	{ 1, 0x50 | LEVEL | 1U << 13, 0xfee01000, 0x50 }, /* active low, by level */
	{ 0, 0x31 | MASKED, 0, 0 },
	{ 0, 0x0f, 0, 0 }, /* an exception's vector */
	{ 0, 0x31 | 2U << 8, 0, 0 }, /* SMI */
	{ 0, 0x31 | 4U << 8, 0, 0 }, /* NMI */
	{ 0, 0x31 | 5U << 8, 0, 0 }, /* INIT */
	{ 0, 0x31 | 7U << 8, 0, 0 }, /* from a PIC */
};

START_TEST(entry_becomes_a_message)
{
	set_pin(PINS - 1, entries[_i].destination, entries[_i].low);
	ck_assert_uint_eq(x.calls, entries[_i].address != 0);
	ck_assert_uint_eq(x.m.address, entries[_i].address);
	ck_assert_uint_eq(x.m.data, entries[_i].data);
	if (entries[_i].address)
		ck_assert_uint_eq(x.pin, PINS - 1);
}
END_TEST

START_TEST(only_changes_are_told)
{
	set_pin(2, 1, 0x31);
	ck_assert_uint_eq(x.calls, 1);
	set_pin(2, 1, 0x31 | LEVEL);
	ck_assert_uint_eq(x.calls, 1);
	set_pin(2, 1, 0x32);
	ck_assert_uint_eq(x.calls, 2);
	set_pin(2, 4, 0x32);
	ck_assert_uint_eq(x.calls, 3);
	ck_assert_uint_eq(x.m.address, 0xfee04000);
	set_pin(2, 4, 0x32 | MASKED);
	ck_assert_uint_eq(x.calls, 4);
	ck_assert(!x.on);
	set_pin(2, 5, 0x33 | MASKED);
	ck_assert_uint_eq(x.calls, 4);
}
END_TEST

START_TEST(reset_masks_every_line)
{
	set(0, UINT32_MAX);
	set_pin(0, 0, 0x30);
	set_pin(6, 0, 0x36);
	ck_assert_uint_eq(x.calls, 2);
	ioapic_reset(&x.chip);
	ck_assert_uint_eq(x.calls, 4);
	ck_assert(!x.on);
	ck_assert_uint_eq(ioapic_bus_ops.read(&x.chip, 0, 4), 0);
	ck_assert_uint_eq(get(0), 0);
	for (unsigned pin = 0; pin < PINS; pin++)
		ck_assert_uint_eq(get(0x10 + 2 * pin), MASKED);
	ioapic_reset(&x.chip);
	ck_assert_uint_eq(x.calls, 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ioapic");
	TCase *t = tcase_create("ioapic");

	tcase_add_checked_fixture(t, setup, NULL);
	suite_add_tcase(s, t);
	tcase_add_test(t, registers_are_those_of_the_manual);
	tcase_add_test(t, registers_behind_the_table_are_not_there);
	tcase_add_test(t, other_widths_and_addresses_are_nothing);
	tcase_add_loop_test(t, entry_becomes_a_message, 0, ARRAY_SIZE(entries));
	tcase_add_test(t, only_changes_are_told);
	tcase_add_test(t, reset_masks_every_line);
	return run_suite(s);
}
