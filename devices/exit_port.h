/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_EXIT_PORT_H
#define DEVICES_EXIT_PORT_H

#include "vmm/bus.h"

/* A byte written here ends the VM with that status: how a guest's command hands its own out. */

#define EXIT_PORT_REGISTERS 4 /* wide enough for a 32-bit write, of which the low byte counts */

struct exit_port {
	void (*exit)(void *arg, uint8_t status);
	void *arg;
};

extern const struct bus_ops exit_port_bus_ops; /* self: struct exit_port * */

/**
 * exit_port_init() - Make the port
 * @p:    Any contents
 * @exit: The guest wrote a status; on the vCPU's thread, may be called more than once
 * @arg:  For @exit
 */
void exit_port_init(struct exit_port *p, void (*exit)(void *arg, uint8_t status), void *arg);

#endif /* DEVICES_EXIT_PORT_H */
