/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CHIPS_H
#define VMM_CHIPS_H

#include "devices/exit_port.h"
#include "devices/i8042.h"
#include "devices/ioapic.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/uart.h"
#include "vmm/chardev.h"
#include "vmm/ending.h"
#include "vmm/vm.h"

/* The fixed devices of the machine, at the places that arch_platform names. */
struct chips {
	struct ending *ending;
	struct vm *vm;
	const struct gmem *mem;
	bool has_ioapic; /* @ioapic is there: KVM has none */
	struct ioapic ioapic;
	bool has_serial; /* @serial and @uart are there */
	struct chardev serial;
	struct uart uart;
	struct i8042 i8042;
	struct exit_port exit_port;
	struct pvpanic pvpanic;
	struct power power;
};

/* What the chips are wired to. */
struct chips_wiring {
	struct vm *vm;
	unsigned n_lines; /* interrupt lines in use, from global system interrupt 0 on */
	struct bus *pio, *mmio;
	struct ending *ending;
	const struct gmem *mem;
	const struct chardev_setup *serial; /* NULL: no serial port */
};

/**
 * chips_create() - Make the chips and put them on their buses
 * @c: Zeroed, with both irq.fd -1
 * @w: Everything in it outlives @c, but for @w itself and its @serial
 * @e: Says why not
 *
 * Context: set-up.
 * Return:  0, or -errno; chips_destroy() is fine in both cases.
 */
int chips_create(struct chips *c, const struct chips_wiring *w, struct err *e) MUST_CHECK;

/**
 * chips_reset() - As chips_create() has made them, but for the interrupt lines
 * @c: Complete; no vCPU runs
 *
 * What has come in and nobody has read is kept, and what went out goes out.
 * Context: main thread.
 */
void chips_reset(struct chips *c);

/**
 * chips_reset_lines() - Let no interrupt line go anywhere, as at the beginning
 * @c: Complete; no vCPU runs
 *
 * Context: a vCPU's thread.
 * Return:  0, or -errno, which is logged.
 */
int chips_reset_lines(struct chips *c) MUST_CHECK;

/**
 * chips_destroy() - Give them back; the terminal is as it was before
 * @c: Half-built or complete; no vCPU runs
 */
void chips_destroy(struct chips *c);

#endif /* VMM_CHIPS_H */
