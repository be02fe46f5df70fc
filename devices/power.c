/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/power.h"

static uint64_t power_read(void *self, uint64_t offset, unsigned len)
{
	struct power *p = self;

	if (offset == POWER_REG_EVENTS && len == sizeof(p->events))
		return __atomic_exchange_n(&p->events, 0, __ATOMIC_ACQ_REL);
	/* Sleep control and reset read as 0, and so does sleep status: its wake bit (7) is set on
	 * the way out of a sleep, and there is none that this machine comes back from. */
	return 0;
}

static void power_write(void *self, uint64_t offset, unsigned len, uint64_t value)
{
	struct power *p = self;
	unsigned type = (unsigned)(value & POWER_SLP_TYP_MASK) >> POWER_SLP_TYP_SHIFT;

	if (len != 1)
		return;
	if (offset == POWER_REG_SLEEP_CONTROL && (value & POWER_SLP_EN) && type == POWER_SLP_TYP_S5)
		p->calls.poweroff(p->calls.arg);
	else if (offset == POWER_REG_RESET && value == POWER_RESET_VALUE)
		p->calls.reset(p->calls.arg);
}

const struct bus_ops power_bus_ops = { .read = power_read, .write = power_write };

int power_init(struct power *p, const struct power_calls *calls, struct err *e)
{
	*p = (struct power){ .calls = *calls, .irq.fd = -1 };
	return irq_init(&p->irq, e);
}

void power_fini(struct power *p)
{
	irq_fini(&p->irq);
}

void power_reset(struct power *p)
{
	__atomic_store_n(&p->events, 0, __ATOMIC_RELEASE);
}

void power_button_press(struct power *p)
{
	(void)__atomic_fetch_or(&p->events, POWER_EVENT_BUTTON, __ATOMIC_ACQ_REL);
	irq_raise(&p->irq);
}
