/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/guest.h"

/*
 * What the IOAPIC does with the serial port's line: pins=N are there. With a second processor that
 * one writes nonsense to the chip for a while.
 */

#define LINE  4 /* of the serial port */
#define OTHER 5 /* another line, whose handler is used for a moved vector */

#define REG_TABLE    0x10
#define MASKED       (1U << 16)
#define LEVEL        (1U << 15)
#define VECTOR       (VECTOR_GSI_0 + LINE)
#define OTHER_VECTOR (VECTOR_GSI_0 + OTHER)

static volatile unsigned came, came_elsewhere, scribbling;

static void on_line(void)
{
	came++;
}

static void on_other(void)
{
	came_elsewhere++;
}

static uint32_t get(unsigned reg)
{
	mmio_write(IOAPIC, reg);
	return mmio_read(IOAPIC + 0x10);
}

static void set(unsigned reg, uint32_t value)
{
	mmio_write(IOAPIC, reg);
	mmio_write(IOAPIC + 0x10, value);
}

static void set_line(uint32_t destination, uint32_t low)
{
	set(REG_TABLE + 2 * LINE + 1, destination << 24);
	set(REG_TABLE + 2 * LINE, low);
}

/* Have the serial port raise its line: it has nothing to send. Returns how many interrupts came. */
static unsigned pulse(volatile unsigned *counter)
{
	const unsigned before = *counter;

	__asm__ volatile("sti" : : : "memory");
	outb(PORT_COM1 + 1, 0);
	outb(PORT_COM1 + 1, 2); /* IER.ETBEI */
	for (unsigned n = 0; n < 400 && *counter == before; n++)
		__asm__ volatile("pause");
	outb(PORT_COM1 + 1, 0);
	__asm__ volatile("cli" : : : "memory");
	return *counter - before;
}

/* An edge that met a masked line may still come when the line is open again. */
static void check_line(void)
{
	set_line(0, VECTOR);
	CHECK(pulse(&came) > 0);
	set_line(0, VECTOR | MASKED);
	CHECK(pulse(&came) == 0);
	set_line(0, OTHER_VECTOR);
	CHECK(pulse(&came_elsewhere) > 0);
	set_line(0, VECTOR | LEVEL); /* lines are edges */
	CHECK(pulse(&came) > 0);
	CHECK(pulse(&came) > 0);
	set_line(77, VECTOR); /* nobody */
	CHECK(pulse(&came) == 0);
	set_line(0, 3); /* no vector of an interrupt */
	CHECK(pulse(&came) == 0);
	set_line(0, VECTOR | 7 << 8); /* from a PIC, which is not there */
	CHECK(pulse(&came) == 0);
}

/* What is there, and what of it can be written. */
static void check_registers(unsigned pins)
{
	CHECK(get(1) == ((pins - 1) << 16 | 0x11));
	set(0, ~0U);
	CHECK(get(0) == 0x0f000000 && get(2) == 0x0f000000);
	set(0, 0);
	for (unsigned i = 0; i < 2 * pins; i++) {
		set(REG_TABLE + i, MASKED | ~0U);
		CHECK(get(REG_TABLE + i) == (i % 2 ? 0xff000000 : 0x1afff));
		set(REG_TABLE + i, i % 2 ? 0 : MASKED);
	}
	set(REG_TABLE + 2 * pins, 0x30);
	CHECK(get(REG_TABLE + 2 * pins) == 0 && get(0xff) == 0);
}

static void nonsense(unsigned n, uint32_t x)
{
	for (; n > 0; n--) {
		x = x * 1664525 + 1013904223;
		mmio_write(IOAPIC, x >> 24);
		/* Vectors that nobody handles go nowhere else. */
		mmio_write(IOAPIC + 0x10, x | MASKED);
		*(volatile uint8_t *)(uintptr_t)(IOAPIC + (x >> 8 & 0xff)) = (uint8_t)x;
		*(volatile uint64_t *)(uintptr_t)(IOAPIC + (x >> 16 & 0xf8)) = x;
		(void)*(volatile uint16_t *)(uintptr_t)(IOAPIC + (x >> 8 & 0xfe));
	}
}

void ap_main(unsigned n)
{
	scribbling = 1;
	nonsense(300, n);
	scribbling = 2;
	halt();
}

static void with_another_processor(void)
{
	start_others();
	while (scribbling != 2)
		nonsense(1, 12345);
}

int main(void)
{
	const unsigned pins = (unsigned)arg_num("pins", 0);

	irq_init();
	irq_route(LINE, on_line);
	irq_route(OTHER, on_other);
	check_registers(pins);
	check_line();
	nonsense(200, 99);
	if (arg_num("cpus", 1) > 1)
		with_another_processor();
	check_line();
	put("lines work\n");
	return 0;
}
