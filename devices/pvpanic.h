/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include "vmm/bus.h"

/* The register by which a guest's kernel tells that it panics. */

#define PVPANIC_REGISTERS 1

#define PVPANIC_PANICKED     0x01 /* the kernel panics, and stops */
#define PVPANIC_CRASH_LOADED 0x02 /* it panics, and a crash kernel takes over */

struct pvpanic {
	void (*panicked)(void *arg, uint8_t events);
	void *arg;
};

extern const struct bus_ops pvpanic_bus_ops; /* self: struct pvpanic * */

/**
 * pvpanic_init() - Make the register
 * @p:        Any contents
 * @panicked: The guest reports PVPANIC_* bits, at least one; on the vCPU's thread, may be called
 *            more than once
 * @arg:      For @panicked
 *
 * Spec: QEMU docs/specs/pvpanic
 */
void pvpanic_init(struct pvpanic *p, void (*panicked)(void *arg, uint8_t events), void *arg);

#endif /* DEVICES_PVPANIC_H */
