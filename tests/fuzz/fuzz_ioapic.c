/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that does anything at all with the registers of an IOAPIC. What has become of each line
 * is at any time what its entry in the table says. Input: steps of six bytes: width, address,
 * value.
 */
#include "devices/ioapic.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PINS 9
#define STEP 6

struct world {
	struct ioapic chip;
	struct ioapic_message told[PINS];
	bool on[PINS];
};

static void on_route(void *arg, unsigned pin, const struct ioapic_message *m)
{
	struct world *w = arg;

	assert(pin < PINS);
	w->on[pin] = m != NULL;
	if (m)
		w->told[pin] = *m;
}

static uint32_t get(struct world *w, uint8_t reg)
{
	ioapic_bus_ops.write(&w->chip, 0, 4, reg);
	return (uint32_t)ioapic_bus_ops.read(&w->chip, 0x10, 4);
}

/* The manual's words again, and not the chip's code. */
static void check(struct world *w, uint8_t pin)
{
	const uint32_t low = get(w, (uint8_t)(0x10 + 2 * pin));
	const uint32_t high = get(w, (uint8_t)(0x11 + 2 * pin));
	const bool open = !(low >> 16 & 1) && (low >> 8 & 7) <= 1 && (low & 0xff) >= 16;

	assert(w->on[pin] == open);
	if (!open)
		return;
	assert(w->told[pin].data == (low & 0x7ff));
	assert(w->told[pin].address ==
	       (0xfee00000 | (uint64_t)(high >> 24) << 12 | (low >> 11 & 1) << 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned widths[] = { 4, 1, 2, 8 };
	struct world w = { 0 };

	ioapic_init(&w.chip, PINS, on_route, &w);
	for (; size >= STEP; data += STEP, size -= STEP) {
		uint32_t value;

		memcpy(&value, data + 2, sizeof(value));
		ioapic_bus_ops.write(&w.chip, data[1], widths[data[0] % 4], value);
		(void)ioapic_bus_ops.read(&w.chip, data[1], widths[data[0] / 4 % 4]);
		if (data[0] & 0x80)
			for (uint8_t pin = 0; pin < PINS; pin++)
				check(&w, pin);
	}
	ioapic_reset(&w.chip);
	for (uint8_t pin = 0; pin < PINS; pin++)
		check(&w, pin);
	return 0;
}
