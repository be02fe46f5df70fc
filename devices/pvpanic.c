/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/pvpanic.h"

#define SUPPORTED (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED)

/* A driver asks which events it may report. */
static uint64_t pvpanic_read(void *self, uint64_t offset, unsigned len)
{
	(void)self;
	(void)offset;
	(void)len;
	return SUPPORTED;
}

static void pvpanic_write(void *self, uint64_t offset, unsigned len, uint64_t value)
{
	struct pvpanic *p = self;
	uint8_t events = (uint8_t)(value & SUPPORTED);

	if (offset == 0 && len == 1 && events != 0)
		p->panicked(p->arg, events);
}

const struct bus_ops pvpanic_bus_ops = { .read = pvpanic_read, .write = pvpanic_write };

void pvpanic_init(struct pvpanic *p, void (*panicked)(void *arg, uint8_t events), void *arg)
{
	*p = (struct pvpanic){ .panicked = panicked, .arg = arg };
}
