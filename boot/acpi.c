/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/acpi.h"

#include "arch/arch.h"
#include "boot/aml.h"
#include "boot/dsdt.h"
#include "boot/x86_64/madt.h"
#include "devices/power_regs.h"
#include "vmm/num.h"

#include <errno.h>
#include <string.h>

#define TABLE_ALIGN 8
#define RSDP_V1_LEN 20 /* bytes that the first checksum covers */

static const char oem_id[6] = "VMM   ";
static const char oem_table_id[8] = "VMM     ";
static const char creator_id[4] = "VMM ";

/* Memory that fills up with tables. */
struct area {
	uint8_t *host;
	uint64_t base; /* guest physical address of @host */
	size_t size, len; /* bytes */
};

static uint8_t *area_tail(struct area *a)
{
	return a->host + a->len;
}

static size_t area_room(const struct area *a)
{
	return a->size - a->len;
}

/* What makes the sum of the bytes 0. */
static uint8_t checksum(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

/* Make the @len bytes at the tail a table. Returns its guest address; 0 if @len is 0, which says
 * that it did not fit, or if a table before it did not. */
static uint64_t seal(struct area *a, const char *signature, uint8_t revision, size_t len)
{
	struct acpi_header h = { .length = (uint32_t)len,
		                 .revision = revision,
		                 .oem_revision = 1,
		                 .creator_revision = 1 };
	uint64_t addr = a->base + a->len;

	if (len == 0 || len > area_room(a)) {
		a->len = a->size; /* nor does anything after it */
		return 0;
	}
	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem_id, oem_id, sizeof(h.oem_id));
	memcpy(h.oem_table_id, oem_table_id, sizeof(h.oem_table_id));
	memcpy(h.creator_id, creator_id, sizeof(h.creator_id));
	memcpy(area_tail(a), &h, sizeof(h));
	h.checksum = checksum(area_tail(a), len);
	memcpy(area_tail(a), &h, sizeof(h));
	len = num_align_up(len, TABLE_ALIGN);
	a->len += len < area_room(a) ? len : area_room(a);
	return addr;
}

/* A register of one byte. */
static struct acpi_gas byte_register(const struct arch_chip *chip, uint64_t offset)
{
	return (struct acpi_gas){
		.space = chip->space == ARCH_PIO ? AML_SYSTEM_IO : AML_SYSTEM_MEMORY,
		.bit_width = 8,
		.access_size = 1,
		.address = chip->base + offset,
	};
}

static size_t fadt_write(uint8_t *buf, size_t room, const struct arch_chip *power, uint64_t dsdt)
{
	struct acpi_fadt f = {
		.iapc_boot_arch = ACPI_IAPC_VGA_NOT_PRESENT | ACPI_IAPC_MSI_NOT_SUPPORTED |
		                  ACPI_IAPC_CMOS_RTC_NOT_PRESENT,
		.flags = ACPI_FADT_WBINVD | ACPI_FADT_PROC_C1 | ACPI_FADT_PWR_BUTTON |
		         ACPI_FADT_SLP_BUTTON | ACPI_FADT_FIX_RTC | ACPI_FADT_RESET_REG_SUP |
		         ACPI_FADT_HW_REDUCED,
		.reset_reg = byte_register(power, POWER_REG_RESET),
		.reset_value = POWER_RESET_VALUE,
		.minor_revision = 3,
		.x_dsdt = dsdt,
		.sleep_control = byte_register(power, POWER_REG_SLEEP_CONTROL),
		.sleep_status = byte_register(power, POWER_REG_SLEEP_STATUS),
	};

	if (room < sizeof(f))
		return 0;
	memcpy(f.hypervisor_id, oem_table_id, sizeof(f.hypervisor_id));
	memcpy(buf, &f, sizeof(f));
	return sizeof(f);
}

static size_t xsdt_write(uint8_t *buf, size_t room, const uint64_t *tables, size_t n)
{
	size_t len = sizeof(struct acpi_header) + n * sizeof(*tables);

	if (room < len)
		return 0;
	memcpy(buf + sizeof(struct acpi_header), tables, n * sizeof(*tables));
	return len;
}

static void rsdp_write(uint8_t *buf, uint64_t xsdt)
{
	struct acpi_rsdp r = { .revision = 2, .length = sizeof(r), .xsdt = xsdt };

	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	memcpy(r.oem_id, oem_id, sizeof(r.oem_id));
	r.checksum = checksum(&r, RSDP_V1_LEN);
	r.ext_checksum = checksum(&r, sizeof(r));
	memcpy(buf, &r, sizeof(r));
}

int acpi_write(const struct arch_platform *p, const struct boot_hardware *hw, uint8_t *area,
               uint64_t base, size_t size, struct err *e)
{
	struct area a = { area, base, size, num_align_up(sizeof(struct acpi_rsdp), TABLE_ALIGN) };
	uint64_t dsdt, xsdt, tables[2];

	if (hw->n_virtio > p->n_virtio)
		return err_set(e, EINVAL,
		               "%u virtio devices are too many: this machine has room for %u",
		               hw->n_virtio, p->n_virtio);
	if (size < a.len)
		return err_set(e, ENOSPC, "%zu bytes are too few for ACPI tables", size);
	dsdt = seal(&a, "DSDT", 2, dsdt_write(area_tail(&a), area_room(&a), p, hw));
	tables[0] = seal(&a, "FACP", 6, fadt_write(area_tail(&a), area_room(&a), &p->power, dsdt));
	tables[1] = seal(&a, "APIC", MADT_REVISION,
	                 madt_write(area_tail(&a), area_room(&a), hw->n_cpus));
	xsdt = seal(&a, "XSDT", 1,
	            xsdt_write(area_tail(&a), area_room(&a), tables, ARRAY_SIZE(tables)));
	if (xsdt == 0)
		return err_set(e, ENOSPC,
		               "the ACPI tables do not fit in %zu bytes: %u vCPUs are too many",
		               size, hw->n_cpus);
	rsdp_write(area, xsdt);
	return (int)a.len;
}
