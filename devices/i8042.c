/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/i8042.h"

#define COMMAND_RESET 0xfe /* pulse output line 0, which is the processor's reset */

/* Status: no input is being worked on, no output is there. A kernel waits for that. */
static uint64_t i8042_read(void *self, uint64_t offset, unsigned len)
{
	(void)self;
	(void)offset;
	(void)len;
	return 0;
}

static void i8042_write(void *self, uint64_t offset, unsigned len, uint64_t value)
{
	struct i8042 *k = self;

	if (offset == 0 && len == 1 && value == COMMAND_RESET)
		k->reset(k->arg);
}

const struct bus_ops i8042_bus_ops = { .read = i8042_read, .write = i8042_write };

void i8042_init(struct i8042 *k, void (*reset)(void *arg), void *arg)
{
	*k = (struct i8042){ .reset = reset, .arg = arg };
}
