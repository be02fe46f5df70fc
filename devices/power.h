/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_POWER_H
#define DEVICES_POWER_H

#include "devices/power_regs.h"
#include "vmm/bus.h"
#include "vmm/irq.h"

/*
 * The chip behind ACPI's power management on hardware-reduced machines: off, reset, and the power
 * button as a generic event.
 */

struct power_calls {
	void (*poweroff)(void *arg); /* both on the vCPU's thread, perhaps more than once */
	void (*reset)(void *arg);
	void *arg;
};

struct power {
	struct power_calls calls;
	struct irq irq; /* of the generic event device */
	uint32_t events; /* atomic: POWER_EVENT_* that the guest has not read */
};

extern const struct bus_ops power_bus_ops; /* self: struct power *; POWER_REGISTERS bytes */

/**
 * power_init() - Make the chip
 * @p:     Any contents
 * @calls: Copied, all set
 * @e:     Says why not
 *
 * Context: set-up; makes the eventfd of its interrupt, which is still to be connected.
 * Return:  0, or -errno; power_fini() is fine in both cases.
 */
int power_init(struct power *p, const struct power_calls *calls, struct err *e) MUST_CHECK;

/**
 * power_fini() - Give back what power_init() made
 * @p: Initialised or half-initialised
 */
void power_fini(struct power *p);

/**
 * power_reset() - Forget presses that the guest has not taken notice of
 * @p: Chip; no vCPU runs
 *
 * Context: any thread.
 */
void power_reset(struct power *p);

/**
 * power_button_press() - Press the power button
 * @p: Chip
 *
 * Presses that the guest has not taken notice of yet count as one.
 * Context: any thread; does not block.
 */
void power_button_press(struct power *p);

#endif /* DEVICES_POWER_H */
