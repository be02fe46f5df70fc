/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/dsdt.h"

#include "arch/arch.h"
#include "boot/acpi.h"
#include "boot/aml.h"
#include "devices/power_regs.h"

#include <stdio.h>

#define STATUS_WORKING 0x0f /* _STA: present, enabled, shown, functioning */
#define NOTIFY_PRESSED 0x80 /* to a power button: it was pressed */

static enum aml_space space_of(const struct arch_chip *chip)
{
	return chip->space == ARCH_PIO ? AML_SYSTEM_IO : AML_SYSTEM_MEMORY;
}

/* _CRS of a device: its registers, and its interrupt if it has one. */
static void add_resources(struct aml *a, const struct arch_chip *chip)
{
	size_t crs;

	aml_name(a, "_CRS");
	crs = aml_resources(a);
	if (chip->space == ARCH_PIO)
		aml_io(a, (uint16_t)chip->base, (uint8_t)chip->len);
	else
		aml_memory32(a, (uint32_t)chip->base, (uint32_t)chip->len);
	if (chip->gsi != 0)
		aml_interrupt(a, chip->gsi);
	aml_resources_end(a, crs);
}

/* Linux: drivers/virtio/virtio_mmio.c. */
static void add_virtio(struct aml *a, const struct arch_platform *p, unsigned i)
{
	struct arch_chip window = p->virtio;
	char name[8];
	size_t device;

	window.base += i * p->virtio_stride;
	window.gsi += i;
	snprintf(name, sizeof(name), "V%03u", i % 1000);
	device = aml_device(a, name);
	aml_name_string(a, "_HID", "LNRO0005");
	aml_name_int(a, "_UID", i);
	aml_name_int(a, "_CCA", 1); /* its memory accesses are coherent with the caches */
	add_resources(a, &window);
	aml_end(a, device);
}

static void add_uart(struct aml *a, const struct arch_chip *uart)
{
	size_t device = aml_device(a, "COM1");

	aml_name_string(a, "_HID", "PNP0501");
	aml_name_int(a, "_UID", 0);
	add_resources(a, uart);
	aml_end(a, device);
}

/* Linux: drivers/misc/pvpanic/pvpanic-mmio.c, which takes ports as well. */
static void add_pvpanic(struct aml *a, const struct arch_chip *pvpanic)
{
	size_t device = aml_device(a, "PEVT");

	aml_name_string(a, "_HID", "QEMU0001");
	aml_name_int(a, "_STA", STATUS_WORKING);
	add_resources(a, pvpanic);
	aml_end(a, device);
}

/* The power button, and the event device that reports it: its method asks the power chip what
 * happened, which also clears the event. */
static void add_power_button(struct aml *a, const struct arch_chip *power)
{
	size_t device, crs, method, branch;

	device = aml_device(a, "PWRB");
	aml_name_string(a, "_HID", "PNP0C0C");
	aml_name_int(a, "_UID", 0);
	aml_end(a, device);

	device = aml_device(a, "GED");
	aml_name_string(a, "_HID", "ACPI0013");
	aml_name_int(a, "_UID", 0);
	aml_name(a, "_CRS");
	crs = aml_resources(a);
	aml_interrupt(a, power->gsi);
	aml_resources_end(a, crs);
	aml_field(a, "EREG", space_of(power), power->base + POWER_REG_EVENTS, "EVNT");
	method = aml_method(a, "_EVT", 1);
	branch = aml_if(a);
	aml_and(a, "EVNT", POWER_EVENT_BUTTON);
	aml_notify(a, "PWRB", NOTIFY_PRESSED);
	aml_end(a, branch);
	aml_end(a, method);
	aml_end(a, device);
}

/* The only sleep state: off. */
static void add_s5(struct aml *a)
{
	size_t package;

	aml_name(a, "_S5");
	package = aml_package(a, 4);
	aml_int(a, POWER_SLP_TYP_S5);
	aml_int(a, 0); /* for a second register block: there is none */
	aml_int(a, 0); /* reserved */
	aml_int(a, 0); /* reserved */
	aml_end(a, package);
}

size_t dsdt_write(uint8_t *buf, size_t room, const struct arch_platform *p,
                  const struct boot_hardware *hw)
{
	const size_t header = sizeof(struct acpi_header);
	struct aml a;
	size_t scope;

	if (room < header)
		return 0;
	aml_init(&a, buf + header, room - header);
	add_s5(&a);
	scope = aml_scope(&a, "\\_SB");
	for (unsigned i = 0; i < hw->n_virtio; i++)
		add_virtio(&a, p, i);
	if (hw->uart)
		add_uart(&a, &p->uart);
	add_power_button(&a, &p->power);
	if (p->pvpanic.space != ARCH_ABSENT)
		add_pvpanic(&a, &p->pvpanic);
	aml_end(&a, scope);
	return a.full ? 0 : header + a.len;
}
