/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/hostile.h"

#include <linux/virtio_ring.h>

/* What can be wrong with a queue and its registers, whatever the device. */

#define FLAG_UNKNOWN 0x4000

static struct desc table[QUEUE_SIZE] __attribute__((aligned(16)));

/* --- where the queue lies --- */

static void size_0(struct place *p)
{
	p->size = 0;
}

static void size_11(struct place *p)
{
	p->size = 11;
}

static void size_huge(struct place *p)
{
	p->size = 0x8000;
}

static void size_wraps(struct place *p)
{
	p->size = 0x10008; /* 8 in 16 bits */
}

static void desc_odd(struct place *p)
{
	p->desc += 8;
}

static void avail_odd(struct place *p)
{
	p->avail++;
}

static void used_odd(struct place *p)
{
	p->used += 2;
}

static void desc_in_gap(struct place *p)
{
	p->desc = GAP;
}

static void used_at_device(struct place *p)
{
	p->used = device.base;
}

static void avail_at_lapic(struct place *p)
{
	p->avail = LAPIC;
}

static void desc_across_end(struct place *p)
{
	p->desc = ram_end - 16;
}

static void used_across_end(struct place *p)
{
	p->used = ram_end - 4;
}

static void avail_across_end(struct place *p)
{
	p->avail = ram_end - 4;
}

static void desc_wraps(struct place *p)
{
	p->desc = ~0ULL - 15;
}

/* --- what it holds --- */

static void idx_too_far(void)
{
	queue.avail.idx = QUEUE_SIZE + 1;
}

static void idx_back(void)
{
	queue.avail.idx = 0xffff;
}

static void head_past(void)
{
	queue.avail.ring[0] = QUEUE_SIZE;
}

static void head_max(void)
{
	queue.avail.ring[0] = 0xffff;
}

static void next_past(void)
{
	queue.desc[0].flags |= DESC_NEXT;
	queue.desc[0].next = QUEUE_SIZE;
}

static void loop(void)
{
	queue.desc[0].flags |= DESC_NEXT;
	queue.desc[0].next = 0;
}

static void outside(void)
{
	queue.desc[0].addr = GAP;
}

static void at_device(void)
{
	queue.desc[0].addr = device.base;
}

static void at_lapic(void)
{
	queue.desc[0].addr = LAPIC;
}

static void wraps(void)
{
	queue.desc[0].addr = ~0ULL - 4;
	queue.desc[0].len = 64;
}

static void wraps_to_ram(void)
{
	queue.desc[0].addr = -(uint64_t)0x1000;
	queue.desc[0].len = 0x80000000; /* ends inside RAM */
}

static void past_end(void)
{
	queue.desc[0].addr = ram_end - 8;
	queue.desc[0].len = 9;
}

static void behind_end(void)
{
	queue.desc[0].addr = ram_end;
}

static void length_max(void)
{
	queue.desc[0].len = ~0U;
}

static void write_before_read(void)
{
	describe(0, (uintptr_t)buffer, 16, DESC_WRITE | DESC_NEXT, 1);
	describe(1, (uintptr_t)buffer, 16, 0, 0);
}

static void unknown_flag(void)
{
	queue.desc[0].flags |= FLAG_UNKNOWN;
}

/* --- tables --- */

static void table_of(uint32_t bytes)
{
	memcpy(table, queue.desc, sizeof(table));
	describe(0, (uintptr_t)table, bytes, DESC_INDIRECT, 0);
}

static void nested(void)
{
	table_of(sizeof(table));
	table[0] = (struct desc){ (uintptr_t)table, sizeof(table), DESC_INDIRECT, 0 };
}

static void table_goes_on(void)
{
	table_of(sizeof(table));
	queue.desc[0].flags |= DESC_NEXT;
}

static void table_odd(void)
{
	table_of(17);
}

static void table_empty(void)
{
	table_of(0);
}

static void table_outside(void)
{
	table_of(sizeof(table));
	queue.desc[0].addr = GAP;
}

static void table_past_end(void)
{
	table_of(sizeof(table));
	queue.desc[0].addr = ram_end - 16;
}

static void table_huge(void)
{
	table_of(0xfffffff0);
}

static void table_loops(void)
{
	table_of(sizeof(table));
	table[0].flags |= DESC_NEXT;
	table[0].next = 0;
}

static void table_next_past(void)
{
	table_of(sizeof(table));
	table[0].flags |= DESC_NEXT;
	table[0].next = QUEUE_SIZE;
}

/* The same megabytes over and over: together more than a length can say. */
static void overlapping(void)
{
	struct desc *big = (void *)SCRATCH;
	const unsigned n = 200;

	for (unsigned i = 0; i < n; i++)
		big[i] = (struct desc){ SCRATCH, 0x1fffff0, (uint16_t)(DESC_WRITE | (i + 1 < n)),
			                (uint16_t)(i + 1) };
	describe(0, (uintptr_t)big, n * sizeof(*big), DESC_INDIRECT, 0);
}

#define PLACE(name_, place_)                                                                       \
	{                                                                                          \
		.name = (name_), .expected = BREAKS, .said = LINE, .place = (place_)               \
	}
#define RING(name_, spoil_)                                                                        \
	{                                                                                          \
		.name = (name_), .expected = BREAKS, .said = LINE, .spoil = (spoil_)               \
	}
#define TABLE(name_, spoil_)                                                                       \
	{                                                                                          \
		.name = (name_), .expected = BREAKS, .said = LINE, .spoil = (spoil_),              \
		.indirect = true                                                                   \
	}

/* Linux takes any flag, reads a table in its order, and adds lengths up in 32 bits. */
#define LAX(name_, spoil_, indirect_)                                                              \
	{                                                                                          \
		.name = (name_), .expected = BREAKS, .said = LINE, .spoil = (spoil_),              \
		.indirect = (indirect_), .not_by_vhost = true                                      \
	}

const struct attack ring_attacks[] = {
	PLACE("size 0", size_0),
	PLACE("size 11", size_11),
	PLACE("size too big", size_huge),
	PLACE("size that wraps", size_wraps),
	PLACE("misaligned descriptors", desc_odd),
	PLACE("misaligned avail", avail_odd),
	PLACE("misaligned used", used_odd),
	PLACE("descriptors outside RAM", desc_in_gap),
	PLACE("used at a device", used_at_device),
	PLACE("avail at the LAPIC", avail_at_lapic),
	PLACE("descriptors across the end", desc_across_end),
	PLACE("used across the end", used_across_end),
	PLACE("avail across the end", avail_across_end),
	PLACE("descriptors that wrap", desc_wraps),
	RING("index too far", idx_too_far),
	RING("index that goes back", idx_back),
	RING("head past the table", head_past),
	RING("head 65535", head_max),
	RING("next past the table", next_past),
	RING("loop", loop),
	RING("address outside RAM", outside),
	RING("address of a device", at_device),
	RING("address of the LAPIC", at_lapic),
	RING("address that wraps", wraps),
	RING("address that wraps into RAM", wraps_to_ram),
	RING("one byte past RAM", past_end),
	RING("first byte behind RAM", behind_end),
	RING("length of 4 GiB", length_max),
	RING("write before read", write_before_read),
	LAX("unknown flag", unknown_flag, false),
	TABLE("nested table", nested),
	TABLE("table that goes on", table_goes_on),
	TABLE("odd table", table_odd),
	TABLE("empty table", table_empty),
	TABLE("table outside RAM", table_outside),
	TABLE("table past the end", table_past_end),
	TABLE("table of 4 GiB", table_huge),
	LAX("table that loops", table_loops, true),
	LAX("table with next past it", table_next_past, true),
	LAX("overlapping buffers", overlapping, true),
};
const unsigned n_ring_attacks = sizeof(ring_attacks) / sizeof(ring_attacks[0]);

/* --- registers --- */

static void poke_widths(uint64_t at)
{
	uint64_t v;

	__asm__ volatile("movb (%1), %b0" : "=q"(v) : "r"(at) : "memory");
	__asm__ volatile("movw (%1), %w0" : "=r"(v) : "r"(at) : "memory");
	__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(at) : "memory");
	__asm__ volatile("movb %b0, (%1)" : : "q"(0xff), "r"(at) : "memory");
	__asm__ volatile("movw %w0, (%1)" : : "r"(0xffff), "r"(at) : "memory");
	__asm__ volatile("movq %0, (%1)" : : "r"(~0ULL), "r"(at) : "memory");
}

static void after_driver_ok(void)
{
	static const uint16_t regs[] = {
		VIRTIO_MMIO_QUEUE_NUM,        VIRTIO_MMIO_QUEUE_DESC_LOW,
		VIRTIO_MMIO_QUEUE_DESC_HIGH,  VIRTIO_MMIO_QUEUE_AVAIL_LOW,
		VIRTIO_MMIO_QUEUE_AVAIL_HIGH, VIRTIO_MMIO_QUEUE_USED_LOW,
		VIRTIO_MMIO_QUEUE_USED_HIGH,  VIRTIO_MMIO_DRIVER_FEATURES,
		VIRTIO_MMIO_QUEUE_READY,
	};

	device_write(&device, VIRTIO_MMIO_QUEUE_SEL, role->target);
	for (unsigned i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		device_write(&device, regs[i], 0);
		device_write(&device, regs[i], 0xfffffff7);
	}
	role->build();
	queue.avail.idx = 1;
	offer();
	while (*(volatile uint16_t *)&queue.used.idx == 0)
		__asm__ volatile("pause");
}

static void every_register(void)
{
	for (unsigned reg = 0; reg < VIRTIO_MMIO_CONFIG; reg += 4)
		poke_widths(device.base + reg + (reg & 4) / 4);
}

/* What the guest can read without an exit it cannot write to, nor the page around it. */
static void registers_are_read_only(void)
{
	static const uint16_t regs[] = {
		VIRTIO_MMIO_MAGIC_VALUE,       VIRTIO_MMIO_DEVICE_ID,
		VIRTIO_MMIO_QUEUE_NUM_MAX,     VIRTIO_MMIO_INTERRUPT_STATUS,
		VIRTIO_MMIO_CONFIG_GENERATION,
	};

	for (unsigned i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		const uint32_t was = device_read(&device, regs[i]);

		device_write(&device, regs[i], ~was);
		__asm__ volatile("lock incl (%0)" : : "r"(device.base + regs[i]) : "memory");
		CHECK(device_read(&device, regs[i]) == was);
	}
	mmio_write(device.base & ~0xfffULL, ~0U);
	CHECK(mmio_read(device.base & ~0xfffULL) != ~0U);
}

static void config_space(void)
{
	for (unsigned off = 0; off < 0x60; off += 7)
		poke_widths(device.base + VIRTIO_MMIO_CONFIG + off);
	for (unsigned off = 0; off < 0x60; off += 4)
		device_write(&device, VIRTIO_MMIO_CONFIG + off, ~0U);
	poke_widths(device.base + WINDOW_SIZE - 8);
	poke_widths(device.base + WINDOW_SIZE - 1);
}

static void status_back(void)
{
	const uint32_t was = device_read(&device, VIRTIO_MMIO_STATUS);

	device_write(&device, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	device_write(&device, VIRTIO_MMIO_STATUS, was | 0x30);
	device_write(&device, VIRTIO_MMIO_STATUS, ~0U);
	CHECK(device_read(&device, VIRTIO_MMIO_STATUS) == was);
	let_go();
	device_write(&device, VIRTIO_MMIO_STATUS, 0x42);
	device_write(&device, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	CHECK(!(device_read(&device, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK));
}

static void features_not_offered(void)
{
	let_go();
	device_write(&device, VIRTIO_MMIO_STATUS,
	             VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t word = 0; word < 4; word++) {
		device_write(&device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		device_write(&device, VIRTIO_MMIO_DRIVER_FEATURES, ~0U);
	}
	device_write(&device, VIRTIO_MMIO_STATUS,
	             VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
	                     VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	CHECK(device_read(&device, VIRTIO_MMIO_STATUS) ==
	      (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER));
}

static void queue_not_there(void)
{
	static const uint32_t index[] = { 99, 0xffff, 0x10000, ~0U };

	for (unsigned i = 0; i < sizeof(index) / sizeof(index[0]); i++) {
		device_write(&device, VIRTIO_MMIO_QUEUE_SEL, index[i]);
		CHECK(device_read(&device, VIRTIO_MMIO_QUEUE_NUM_MAX) == 0);
		device_write(&device, VIRTIO_MMIO_QUEUE_NUM, 8);
		device_write(&device, VIRTIO_MMIO_QUEUE_READY, 1);
		device_write(&device, VIRTIO_MMIO_QUEUE_NOTIFY, index[i]);
	}
}

static void flood(void)
{
	for (unsigned n = 0; n < 400; n++)
		device_write(&device, VIRTIO_MMIO_QUEUE_NOTIFY, n % 40);
}

/* Whatever is under way at the reset: afterwards memory is the driver's. */
static void reset_in_flight(void)
{
	static struct queue before;

	for (unsigned n = 0; n < 8; n++) {
		bring_up(NULL);
		role->build();
		queue.avail.idx = QUEUE_SIZE; /* the same request, so often */
		offer();
		let_go();
		before = queue;
		for (volatile unsigned i = 0; i < 300; i++)
			;
		CHECK(memcmp(&before, &queue, sizeof(queue)) == 0);
	}
}

static void rewritten_meanwhile(void)
{
	for (unsigned n = 0; n < 12; n++) {
		bring_up(NULL);
		role->build();
		scribble(true);
		for (unsigned k = 1; k < 12; k++) {
			queue.avail.idx = (uint16_t)(k * (QUEUE_SIZE / 2));
			offer();
		}
		scribble(false);
	}
}

const struct poke pokes[] = {
	{ "queue registers after DRIVER_OK", after_driver_ok },
	{ "every register in other widths", every_register },
	{ "registers that are only read", registers_are_read_only },
	{ "config space in every width", config_space },
	{ "status that goes back", status_back },
	{ "features not offered", features_not_offered },
	{ "queues that are not there", queue_not_there },
	{ "flood of notifications", flood },
	{ "reset in flight", reset_in_flight },
	{ "ring rewritten by another processor", rewritten_meanwhile },
};
const unsigned n_pokes = sizeof(pokes) / sizeof(pokes[0]);
