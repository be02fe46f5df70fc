/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

/*
 * The ACPI tables of a hardware-reduced machine: the only way in which a stock kernel finds the
 * devices. All addresses come from arch_platform.
 */

#include "boot/boot.h"

struct arch_platform;

/* Root system description pointer, revision 2. */
struct acpi_rsdp {
	char signature[8]; /* "RSD PTR " */
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt; /* 0: there is only the XSDT */
	uint32_t length; /* bytes */
	uint64_t xsdt; /* guest physical address */
	uint8_t ext_checksum; /* of all */
	uint8_t reserved[3];
} PACKED;
ABI_SIZE(struct acpi_rsdp, 36);
ABI_OFF(struct acpi_rsdp, xsdt, 24);

/* Every other table begins with this. */
struct acpi_header {
	char signature[4];
	uint32_t length; /* bytes, header included */
	uint8_t revision;
	uint8_t checksum; /* makes the sum of all bytes 0 */
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;
ABI_SIZE(struct acpi_header, 36);

/* Generic address: a register anywhere. */
struct acpi_gas {
	uint8_t space; /* enum aml_space */
	uint8_t bit_width, bit_offset;
	uint8_t access_size; /* 1: byte */
	uint64_t address;
} PACKED;
ABI_SIZE(struct acpi_gas, 12);

/* Fixed ACPI description table, revision 6.3. On a hardware-reduced machine nearly all of it is 0.
 */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t facs, dsdt; /* 32-bit addresses: 0, @x_dsdt holds */
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint8_t fixed_hardware[62]; /* ACPI fixed hardware: there is none */
	uint8_t century; /* CMOS: there is none */
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_revision;
	uint64_t x_facs, x_dsdt;
	struct acpi_gas x_fixed_hardware[8];
	struct acpi_gas sleep_control, sleep_status;
	char hypervisor_id[8];
} PACKED;
ABI_SIZE(struct acpi_fadt, 276);
ABI_OFF(struct acpi_fadt, dsdt, 40);
ABI_OFF(struct acpi_fadt, iapc_boot_arch, 109);
ABI_OFF(struct acpi_fadt, flags, 112);
ABI_OFF(struct acpi_fadt, reset_reg, 116);
ABI_OFF(struct acpi_fadt, reset_value, 128);
ABI_OFF(struct acpi_fadt, minor_revision, 131);
ABI_OFF(struct acpi_fadt, x_dsdt, 140);
ABI_OFF(struct acpi_fadt, sleep_control, 244);
ABI_OFF(struct acpi_fadt, hypervisor_id, 268);

/* FADT flags. */
#define ACPI_FADT_WBINVD        (1u << 0)
#define ACPI_FADT_PROC_C1       (1u << 2)
#define ACPI_FADT_PWR_BUTTON    (1u << 4) /* set: the power button is not fixed hardware */
#define ACPI_FADT_SLP_BUTTON    (1u << 5) /* set: the sleep button is not fixed hardware */
#define ACPI_FADT_FIX_RTC       (1u << 6) /* set: RTC wake-up is not fixed hardware */
#define ACPI_FADT_RESET_REG_SUP (1u << 10)
#define ACPI_FADT_HW_REDUCED    (1u << 20)

/* IAPC_BOOT_ARCH: bits 0 (legacy devices) and 1 (8042) stay 0. */
#define ACPI_IAPC_VGA_NOT_PRESENT      (1u << 2)
#define ACPI_IAPC_MSI_NOT_SUPPORTED    (1u << 3)
#define ACPI_IAPC_CMOS_RTC_NOT_PRESENT (1u << 5)

/**
 * acpi_write() - Write all tables
 * @p:    The machine
 * @hw:   What of it is in use
 * @area: Zeroed memory; the RSDP comes first in it
 * @base: Guest physical address of @area, a multiple of 16
 * @size: Bytes of @area
 * @e:    Says what does not fit
 *
 * Return: Bytes used.
 * Errors: -ENOSPC @area is too small for so many vCPUs; -EINVAL more virtio devices than windows.
 * Spec:   ACPI 6.3 chapter 5
 */
int acpi_write(const struct arch_platform *p, const struct boot_hardware *hw, uint8_t *area,
               uint64_t base, size_t size, struct err *e) MUST_CHECK;

#endif /* BOOT_ACPI_H */
