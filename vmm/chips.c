/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/chips.h"

#include "arch/arch.h"

/* The guest switched itself off. */
static void on_poweroff(void *arg)
{
	struct chips *c = arg;

	ending_request(c->ending, (struct stop){ .reason = STOP_POWEROFF });
}

/* The guest reset itself: a reboot, unless there is a sign that it panicked before. */
static void on_reset(void *arg)
{
	struct chips *c = arg;

	if (arch_reset_is_panic(c->mem))
		ending_note_panic(c->ending);
	ending_request_reset(c->ending);
}

static void on_exit_port(void *arg, uint8_t status)
{
	struct chips *c = arg;

	ending_request(c->ending, (struct stop){ .reason = STOP_EXIT, .status = status });
}

/* The kernel still prints its last lines; its reset ends the VM. A crash kernel just goes on. */
static void on_pvpanic(void *arg, uint8_t events)
{
	struct chips *c = arg;

	if (events & PVPANIC_PANICKED)
		ending_note_panic(c->ending);
}

/* The guest says what becomes of a line. */
static void on_route(void *arg, unsigned pin, const struct ioapic_message *m)
{
	struct chips *c = arg;

	if (m)
		vm_route(c->vm, pin, m->address, m->data);
	else
		vm_unroute(c->vm, pin);
}

static int put_on_bus(const struct chips_wiring *w, const struct arch_chip *chip,
                      const struct bus_ops *ops, void *self, struct err *e)
{
	const struct bus_range r = {
		.base = chip->base,
		.len = chip->len,
		.ops = ops,
		.self = self,
	};

	if (chip->space == ARCH_ABSENT)
		return 0;
	return bus_add(chip->space == ARCH_PIO ? w->pio : w->mmio, &r, e);
}

_Static_assert(IOAPIC_PINS_MAX <= VM_LINES_MAX, "each pin is a line");

static int create_ioapic(struct chips *c, const struct chips_wiring *w, struct err *e)
{
	c->has_ioapic = arch_platform.ioapic.space != ARCH_ABSENT;
	if (!c->has_ioapic)
		return 0;
	ioapic_init(&c->ioapic, w->n_lines, on_route, c);
	return put_on_bus(w, &arch_platform.ioapic, &ioapic_bus_ops, &c->ioapic, e);
}

static int create_serial(struct chips *c, const struct chips_wiring *w, struct err *e)
{
	int r;

	if (!w->serial)
		return 0;
	c->has_serial = true;
	r = chardev_open(&c->serial, w->serial, e);
	if (r == 0)
		r = uart_init(&c->uart, &c->serial, e);
	if (r == 0)
		r = vm_connect_irq(w->vm, &c->uart.irq, arch_platform.uart.gsi, e);
	if (r == 0)
		r = put_on_bus(w, &arch_platform.uart, &uart_bus_ops, &c->uart, e);
	return r;
}

static int create_power(struct chips *c, const struct chips_wiring *w, struct err *e)
{
	const struct power_calls calls = { .poweroff = on_poweroff, .reset = on_reset, .arg = c };
	int r = power_init(&c->power, &calls, e);

	if (r == 0)
		r = vm_connect_irq(w->vm, &c->power.irq, arch_platform.power.gsi, e);
	if (r == 0)
		r = put_on_bus(w, &arch_platform.power, &power_bus_ops, &c->power, e);
	return r;
}

int chips_create(struct chips *c, const struct chips_wiring *w, struct err *e)
{
	int r;

	c->ending = w->ending;
	c->vm = w->vm;
	c->mem = w->mem;
	i8042_init(&c->i8042, on_reset, c);
	exit_port_init(&c->exit_port, on_exit_port, c);
	pvpanic_init(&c->pvpanic, on_pvpanic, c);
	r = create_ioapic(c, w, e);
	if (r == 0)
		r = create_serial(c, w, e);
	if (r == 0)
		r = create_power(c, w, e);
	if (r == 0)
		r = put_on_bus(w, &arch_platform.i8042, &i8042_bus_ops, &c->i8042, e);
	if (r == 0)
		r = put_on_bus(w, &arch_platform.exit_port, &exit_port_bus_ops, &c->exit_port, e);
	if (r == 0)
		r = put_on_bus(w, &arch_platform.pvpanic, &pvpanic_bus_ops, &c->pvpanic, e);
	return r;
}

void chips_reset(struct chips *c)
{
	power_reset(&c->power);
	if (c->has_serial)
		uart_reset(&c->uart);
}

int chips_reset_lines(struct chips *c)
{
	int r = c->has_ioapic ? vm_unroute_all(c->vm) : 0;

	ioapic_reset(&c->ioapic);
	return r;
}

void chips_destroy(struct chips *c)
{
	power_fini(&c->power);
	if (!c->has_serial)
		return;
	uart_fini(&c->uart);
	chardev_fini(&c->serial);
	c->has_serial = false;
}
