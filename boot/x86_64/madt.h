/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_X86_64_MADT_H
#define BOOT_X86_64_MADT_H

/* The multiple APIC description table: processors and interrupt controllers. */

#include "boot/acpi.h"

#define MADT_REVISION 5 /* ACPI 6.3 */

struct madt_head {
	struct acpi_header header;
	uint32_t local_apic; /* address */
	uint32_t flags; /* bit 0 (PCAT_COMPAT) 0: there is no 8259 */
} PACKED;
ABI_SIZE(struct madt_head, 44);

enum madt_type { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_LAPIC_NMI = 4, MADT_X2APIC = 9 };

#define MADT_ENABLED (1u << 0) /* flag of a processor */

struct madt_lapic {
	uint8_t type, length;
	uint8_t uid, apic_id;
	uint32_t flags;
} PACKED;
ABI_SIZE(struct madt_lapic, 8);

struct madt_ioapic {
	uint8_t type, length;
	uint8_t id, reserved;
	uint32_t address;
	uint32_t gsi_base;
} PACKED;
ABI_SIZE(struct madt_ioapic, 12);

struct madt_lapic_nmi {
	uint8_t type, length;
	uint8_t uid; /* 0xff: all processors */
	uint16_t flags; /* 0: as the bus has it */
	uint8_t lint; /* pin of the local APIC */
} PACKED;
ABI_SIZE(struct madt_lapic_nmi, 6);

struct madt_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t uid;
} PACKED;
ABI_SIZE(struct madt_x2apic, 16);

/**
 * madt_write() - Write the table without its header
 * @buf:    Where to; the header's bytes are left alone
 * @room:   Bytes of @buf
 * @n_cpus: vCPUs; the APIC id of each is its index
 *
 * Return: Length of the table with header, 0 if it does not fit.
 * Spec:   ACPI 6.3 sections 5.2.12, 5.2.12.2, 5.2.12.3, 5.2.12.7, 5.2.12.12
 */
size_t madt_write(uint8_t *buf, size_t room, unsigned n_cpus) MUST_CHECK;

#endif /* BOOT_X86_64_MADT_H */
