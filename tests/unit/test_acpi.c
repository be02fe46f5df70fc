/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/acpi.h"

#include "arch/arch.h"
#include "boot/x86_64/madt.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define BASE 0xe0000
#define SIZE 0x20000

static uint8_t area[SIZE];
static struct err e;

/* A machine with every kind of chip, at addresses of its own. */
static const struct arch_platform platform = {
	.virtio = { ARCH_MMIO, 0xc0001f00, 0x1000, 5 },
	.virtio_stride = 0x2000,
	.n_virtio = 19,
	.uart = { ARCH_PIO, 0x3f8, 8, 4 },
	.pvpanic = { ARCH_PIO, 0x505, 1, 0 },
	.power = { ARCH_PIO, 0x600, 8, 3 },
};

static const struct boot_hardware full = { .n_cpus = 64, .n_virtio = 19, .uart = true };
static const struct boot_hardware bare = { .n_cpus = 1 };

static int write_tables(const struct boot_hardware *hw, size_t size)
{
	memset(area, 0, sizeof(area));
	return acpi_write(&platform, hw, area, BASE, size, &e);
}

static uint8_t sum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t s = 0;

	for (size_t i = 0; i < len; i++)
		s = (uint8_t)(s + b[i]);
	return s;
}

static const struct acpi_rsdp *rsdp(void)
{
	return (const struct acpi_rsdp *)area;
}

static const void *at(uint64_t address)
{
	ck_assert_uint_ge(address, BASE);
	ck_assert_uint_lt(address, BASE + SIZE - sizeof(struct acpi_header));
	return area + (address - BASE);
}

/* Table @i of the XSDT. */
static const void *table(size_t i)
{
	const uint8_t *xsdt = at(rsdp()->xsdt);
	uint64_t address;

	memcpy(&address, xsdt + sizeof(struct acpi_header) + 8 * i, sizeof(address));
	return at(address);
}

static const struct acpi_fadt *fadt(void)
{
	return table(0);
}

static const struct acpi_header *dsdt(void)
{
	return at(fadt()->x_dsdt);
}

static void check_table(const struct acpi_header *h, const char *signature)
{
	ck_assert_mem_eq(h->signature, signature, 4);
	ck_assert_uint_eq(sum(h, h->length), 0);
}

START_TEST(write_makes_every_checksum_right)
{
	ck_assert_int_gt(write_tables(&full, SIZE), 0);
	ck_assert_mem_eq(rsdp()->signature, "RSD PTR ", 8);
	ck_assert_uint_eq(sum(rsdp(), 20), 0);
	ck_assert_uint_eq(sum(rsdp(), sizeof(struct acpi_rsdp)), 0);
	check_table(at(rsdp()->xsdt), "XSDT");
	check_table(table(0), "FACP");
	check_table(table(1), "APIC");
	check_table(dsdt(), "DSDT");
}
END_TEST

START_TEST(write_fadt_describes_a_hardware_reduced_machine)
{
	ck_assert_int_gt(write_tables(&bare, SIZE), 0);
	ck_assert_uint_eq(fadt()->header.revision, 6);
	ck_assert_uint_eq(fadt()->iapc_boot_arch, 0x2c); /* no VGA, MSI, CMOS; no 8042 */
	ck_assert_uint_eq(fadt()->flags,
	                  1u << 0 | 1u << 2 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 10 | 1u << 20);
	ck_assert_uint_eq(fadt()->sleep_control.address, 0x600);
	ck_assert_uint_eq(fadt()->sleep_status.address, 0x601);
	ck_assert_uint_eq(fadt()->reset_reg.address, 0x602);
	ck_assert_uint_eq(fadt()->reset_reg.space, 1);
	ck_assert_uint_eq(fadt()->reset_value, 1);
}
END_TEST

START_TEST(write_madt_has_a_lapic_for_each_cpu)
{
	const uint8_t *entry;

	ck_assert_int_gt(write_tables(&full, SIZE), 0);
	entry = (const uint8_t *)table(1) + sizeof(struct madt_head);
	for (unsigned i = 0; i < full.n_cpus; i++) {
		const uint8_t want[8] = { 0, 8, (uint8_t)i, (uint8_t)i, 1 };

		ck_assert_mem_eq(entry + 8 * i, want, sizeof(want));
	}
	ck_assert_mem_eq(entry + 8 * 64, "\x01\x0c\0\0\0\0\xc0\xfe\0\0\0\0", 12);
}
END_TEST

START_TEST(write_madt_has_an_x2apic_above_254)
{
	const struct boot_hardware huge = { .n_cpus = 256 };
	const struct madt_head *madt;

	ck_assert_int_gt(write_tables(&huge, SIZE), 0);
	madt = table(1);
	ck_assert_uint_eq(madt->flags, 0); /* no 8259 */
	ck_assert_mem_eq((const uint8_t *)madt + sizeof(*madt) + 255 * 8,
	                 "\x09\x10\0\0\xff\0\0\0\x01\0\0\0\xff\0\0\0", 16);
}
END_TEST

START_TEST(write_more_devices_than_windows_is_refused)
{
	const struct boot_hardware many = { .n_cpus = 1, .n_virtio = 20 };

	ck_assert_int_eq(write_tables(&many, SIZE), -EINVAL);
	ck_assert_str_eq(e.msg, "20 virtio devices are too many: this machine has room for 19");
}
END_TEST

START_TEST(write_too_many_cpus_is_refused)
{
	const struct boot_hardware many = { .n_cpus = 20000 };

	ck_assert_int_eq(write_tables(&many, SIZE), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(e.msg, "20000 vCPUs are too many"));
}
END_TEST

START_TEST(write_area_of_any_size_is_not_overrun)
{
	const size_t used = (size_t)write_tables(&full, SIZE);
	const size_t size = (size_t)_i * 16;

	ck_assert_uint_gt(used, size);
	ck_assert_int_eq(write_tables(&full, size), -ENOSPC);
	ck_assert_uint_eq(sum(area + size, SIZE - size), 0);
}
END_TEST

/* Write a table into a file of the current directory. */
static void save(const char *name, const struct acpi_header *h)
{
	FILE *f = fopen(name, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(h, 1, h->length, f), h->length);
	ck_assert_int_eq(fclose(f), 0);
}

static char dir[32];

static void enter_dir(void)
{
	strcpy(dir, "/tmp/test-acpi-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static void leave_dir(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(system(command), 0);
}

static void disassemble(const struct boot_hardware *hw)
{
	ck_assert_int_gt(write_tables(hw, SIZE), 0);
	save("dsdt.aml", dsdt());
	save("facp.aml", table(0));
	save("apic.aml", table(1));
	save("xsdt.aml", at(rsdp()->xsdt));
	ck_assert_msg(system("iasl -d dsdt.aml facp.aml apic.aml xsdt.aml >log 2>&1") == 0,
	              "iasl (Debian package acpica-tools) is missing or refuses the tables");
}

/* What the disassembled tables must hold, counted as lines, with every device in use. */
static const struct {
	const char *file, *pattern;
	const char *count;
} lines[] = {
	{ "dsdt.dsl", "Name (_HID, \"LNRO0005\")", "19" },
	{ "dsdt.dsl", "Name (_CCA, One)", "19" },
	{ "dsdt.dsl", "Memory32Fixed (ReadWrite,", "19" },
	{ "dsdt.dsl", "0xC0025F00,         // Address Base", "1" }, /* the last window */
	{ "dsdt.dsl", "0x00000017,", "1" }, /* and its interrupt: 23 */
	{ "dsdt.dsl", "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive", "21" },
	{ "dsdt.dsl", "Device (V018)", "1" },
	{ "dsdt.dsl", "PNP0501", "1" },
	{ "dsdt.dsl", "0x03F8,             // Range Minimum", "1" },
	{ "dsdt.dsl", "PNP0C0C", "1" },
	{ "dsdt.dsl", "ACPI0013", "1" },
	{ "dsdt.dsl", "OperationRegion (EREG, SystemIO, 0x0604, 0x04)", "1" },
	{ "dsdt.dsl", "Method (_EVT, 1, Serialized)", "1" },
	{ "dsdt.dsl", "Notify (PWRB, 0x80)", "1" },
	{ "dsdt.dsl", "QEMU0001", "1" },
	{ "dsdt.dsl", "0x0505,             // Range Minimum", "1" },
	{ "dsdt.dsl", "Name (_S5, Package (0x04)", "1" },
	{ "facp.dsl", "Hardware Reduced (V5) : 1", "1" },
	{ "facp.dsl", "Reset Register Supported (V2) : 1", "1" },
	{ "facp.dsl", "Control Method Power Button (V1) : 1", "1" },
	{ "facp.dsl", "VGA Not Present (V4) : 1", "1" },
	{ "facp.dsl", "CMOS RTC Not Present (V5) : 1", "1" },
	{ "facp.dsl", "8042 Present on ports 60/64 (V2) : 0", "1" },
	{ "facp.dsl", "Legacy Devices Supported (V2) : 0", "1" },
	{ "apic.dsl", "Processor Enabled : 1", "64" },
	{ "apic.dsl", "PC-AT Compatibility : 0", "1" },
	{ "apic.dsl", "[I/O APIC]", "1" },
	{ "xsdt.dsl", "ACPI Table Address", "2" },
};

START_TEST(iasl_disassembles_what_was_meant)
{
	char command[256];

	disassemble(&full);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		snprintf(command, sizeof(command), "test \"$(grep -cF '%s' %s)\" = %s",
		         lines[i].pattern, lines[i].file, lines[i].count);
		ck_assert_msg(system(command) == 0, "%s: not %s lines of '%s'", lines[i].file,
		              lines[i].count, lines[i].pattern);
	}
}
END_TEST

/* With and without devices, what was disassembled is good ASL. */
static const struct boot_hardware *const machines[] = { &full, &bare };

START_TEST(iasl_compiles_the_disassembly_without_errors)
{
	disassemble(machines[_i]);
	ck_assert_int_eq(system("iasl -we dsdt.dsl >log 2>&1"), 0); /* warnings are errors */
	ck_assert_int_eq(system("grep -q '0 Errors, 0 Warnings' log"), 0);
}
END_TEST

START_TEST(write_bare_machine_has_no_uart_and_no_virtio)
{
	disassemble(&bare);
	ck_assert_int_ne(system("grep -qE 'PNP0501|LNRO0005' dsdt.dsl"), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("acpi");
	TCase *t = tcase_create("write"), *iasl = tcase_create("iasl");

	tcase_add_test(t, write_makes_every_checksum_right);
	tcase_add_test(t, write_fadt_describes_a_hardware_reduced_machine);
	tcase_add_test(t, write_madt_has_a_lapic_for_each_cpu);
	tcase_add_test(t, write_madt_has_an_x2apic_above_254);
	tcase_add_test(t, write_more_devices_than_windows_is_refused);
	tcase_add_test(t, write_too_many_cpus_is_refused);
	tcase_add_loop_test(t, write_area_of_any_size_is_not_overrun, 0, 150);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(iasl, enter_dir, leave_dir);
	tcase_set_timeout(iasl, 60);
	tcase_add_test(iasl, iasl_disassembles_what_was_meant);
	tcase_add_loop_test(iasl, iasl_compiles_the_disassembly_without_errors, 0,
	                    ARRAY_SIZE(machines));
	tcase_add_test(iasl, write_bare_machine_has_no_uart_and_no_virtio);
	suite_add_tcase(s, iasl);
	return run_suite(s);
}
