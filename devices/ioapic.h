/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_IOAPIC_H
#define DEVICES_IOAPIC_H

#include "vmm/bus.h"

#include <pthread.h>
#include <stdbool.h>

/*
 * An I/O APIC, version 0x11: for each interrupt line what message it becomes, and to which
 * processors. The lines themselves do not come here: whoever delivers them is told of each change.
 * They are raised by edges, whatever trigger the guest sets for them.
 *
 * Spec: Intel 82093AA, section 3.
 */

#define IOAPIC_PINS_MAX 24

/* An interrupt on its way to a local APIC, as by PCI's message signalled interrupts. */
struct ioapic_message {
	uint64_t address;
	uint32_t data;
};

struct ioapic {
	unsigned n_pins;
	/* Line @pin is to become @m from now on; NULL: to be ignored. On a vCPU's thread, one call
	 * at a time. */
	void (*route)(void *arg, unsigned pin, const struct ioapic_message *m);
	void *arg;
	pthread_mutex_t lock; /* of everything below */
	uint8_t select; /* IOREGSEL */
	uint32_t id; /* register 0 */
	uint64_t entry[IOAPIC_PINS_MAX]; /* the redirection table */
};

extern const struct bus_ops ioapic_bus_ops; /* self: struct ioapic * */

/**
 * ioapic_init() - Make the chip, all its lines masked
 * @a:      Any contents
 * @n_pins: From 1 to IOAPIC_PINS_MAX
 * @route:  See struct ioapic; not NULL
 * @arg:    For @route
 */
void ioapic_init(struct ioapic *a, unsigned n_pins,
                 void (*route)(void *arg, unsigned pin, const struct ioapic_message *m), void *arg);

/**
 * ioapic_reset() - As ioapic_init() has made it
 * @a: Initialised; no vCPU runs
 *
 * Context: any thread that may do what @a->route does.
 */
void ioapic_reset(struct ioapic *a);

#endif /* DEVICES_IOAPIC_H */
