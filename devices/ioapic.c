/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/ioapic.h"

#include <assert.h>

/* What the guest addresses: a register's number, and the register of that number. */
#define IOREGSEL 0x00
#define IOWIN    0x10

#define REG_ID    0
#define REG_VER   1
#define REG_ARB   2
#define REG_TABLE 0x10 /* two for each pin, the lower half first */

#define VERSION     0x11 /* without a register for ends of interrupts: only levels need that */
#define ID_WRITABLE 0x0f000000U

/* Of an entry of the table. */
#define VECTOR      0xffU
#define VECTOR_MIN  16 /* those below are no interrupts */
#define MODE        (7U << 8)
#define MODE_FIXED  (0U << 8)
#define MODE_LOWEST (1U << 8)
#define LOGICAL     (1U << 11)
#define MASKED      (1U << 16)
#define DESTINATION 56 /* from this bit on */
/* Not the two that tell of an interrupt on its way: nobody finds it there. */
#define WRITABLE    (0xffULL << DESTINATION | MASKED | 1U << 15 | 1U << 13 | 0xfffU)

#define MSI_ADDRESS     0xfee00000U
#define MSI_DESTINATION 12
#define MSI_LOGICAL     (1U << 2)

/* Whether an entry lets its line through, and as what. Other modes are for lines that a PC has. */
static bool message_of(uint64_t entry, struct ioapic_message *ret)
{
	const uint32_t mode = entry & MODE;

	*ret = (struct ioapic_message){
		.address = MSI_ADDRESS | entry >> DESTINATION << MSI_DESTINATION |
		           (entry & LOGICAL ? MSI_LOGICAL : 0),
		.data = (uint32_t)(entry & (MODE | VECTOR)),
	};
	return !(entry & MASKED) && (mode == MODE_FIXED || mode == MODE_LOWEST) &&
	       (entry & VECTOR) >= VECTOR_MIN;
}

/* Under the lock, or while nobody else is there. */
static void set_entry(struct ioapic *a, unsigned pin, uint64_t entry)
{
	struct ioapic_message was, is;
	const bool passed = message_of(a->entry[pin], &was), passes = message_of(entry, &is);

	a->entry[pin] = entry;
	if (passes && !(passed && was.address == is.address && was.data == is.data))
		a->route(a->arg, pin, &is);
	else if (passed && !passes)
		a->route(a->arg, pin, NULL);
}

void ioapic_init(struct ioapic *a, unsigned n_pins,
                 void (*route)(void *arg, unsigned pin, const struct ioapic_message *m), void *arg)
{
	assert(n_pins > 0 && n_pins <= IOAPIC_PINS_MAX);
	*a = (struct ioapic){ .n_pins = n_pins, .route = route, .arg = arg };
	pthread_mutex_init(&a->lock, NULL);
	for (unsigned i = 0; i < n_pins; i++)
		a->entry[i] = MASKED;
}

void ioapic_reset(struct ioapic *a)
{
	for (unsigned i = 0; i < a->n_pins; i++)
		set_entry(a, i, MASKED);
	a->select = 0;
	a->id = 0;
}

static uint32_t read_register(const struct ioapic *a)
{
	const unsigned at = a->select - REG_TABLE; /* huge for the registers before the table */

	switch (a->select) {
	case REG_ID:
	case REG_ARB:
		return a->id;
	case REG_VER:
		return (a->n_pins - 1) << 16 | VERSION;
	default:
		return at / 2 < a->n_pins ? (uint32_t)(a->entry[at / 2] >> (at % 2 * 32)) : 0;
	}
}

static void write_register(struct ioapic *a, uint32_t value)
{
	const unsigned at = a->select - REG_TABLE, shift = at % 2 * 32;
	uint64_t entry;

	if (a->select == REG_ID)
		a->id = value & ID_WRITABLE;
	if (at / 2 >= a->n_pins)
		return;
	entry = a->entry[at / 2] & ~(UINT32_MAX * 1ULL << shift);
	set_entry(a, at / 2, (entry | (uint64_t)value << shift) & WRITABLE);
}

static uint64_t ioapic_read(void *self, uint64_t offset, unsigned len)
{
	struct ioapic *a = self;
	uint32_t value = 0;

	if (len != 4)
		return 0;
	pthread_mutex_lock(&a->lock);
	if (offset == IOREGSEL)
		value = a->select;
	else if (offset == IOWIN)
		value = read_register(a);
	pthread_mutex_unlock(&a->lock);
	return value;
}

static void ioapic_write(void *self, uint64_t offset, unsigned len, uint64_t value)
{
	struct ioapic *a = self;

	if (len != 4)
		return;
	pthread_mutex_lock(&a->lock);
	if (offset == IOREGSEL)
		a->select = (uint8_t)value;
	else if (offset == IOWIN)
		write_register(a, (uint32_t)value);
	pthread_mutex_unlock(&a->lock);
}

const struct bus_ops ioapic_bus_ops = { .read = ioapic_read, .write = ioapic_write };
