/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/exit_port.h"

static uint64_t exit_port_read(void *self, uint64_t offset, unsigned len)
{
	(void)self;
	(void)offset;
	(void)len;
	return 0;
}

/* Only the first byte of the range is the register. */
static void exit_port_write(void *self, uint64_t offset, unsigned len, uint64_t value)
{
	struct exit_port *p = self;

	if (offset == 0 && len <= EXIT_PORT_REGISTERS)
		p->exit(p->arg, (uint8_t)value);
}

const struct bus_ops exit_port_bus_ops = { .read = exit_port_read, .write = exit_port_write };

void exit_port_init(struct exit_port *p, void (*exit)(void *arg, uint8_t status), void *arg)
{
	*p = (struct exit_port){ .exit = exit, .arg = arg };
}
