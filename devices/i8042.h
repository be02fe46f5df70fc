/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include "vmm/bus.h"

/*
 * Of the PC's keyboard controller only the line that resets the processor: the oldest of a kernel's
 * ways to reboot (reboot=k).
 */

#define I8042_REGISTERS 1 /* the command and status port, 0x64 on a PC */

struct i8042 {
	void (*reset)(void *arg);
	void *arg;
};

extern const struct bus_ops i8042_bus_ops; /* self: struct i8042 * */

/**
 * i8042_init() - Make the controller
 * @k:     Any contents
 * @reset: The guest asks for a reset; on the vCPU's thread, may be called more than once
 * @arg:   For @reset
 */
void i8042_init(struct i8042 *k, void (*reset)(void *arg), void *arg);

#endif /* DEVICES_I8042_H */
