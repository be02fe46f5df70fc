/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/virtio.h"

#include <asm/kvm_para.h>
#include <linux/virtio_blk.h>

/*
 * Resets the machine times=N times (--on-reboot reset), and looks each time whether it is as new:
 * memory, registers, interrupt controllers, processors, devices. Counts on its disk, the only thing
 * that outlives a reset. by=WAY: reset (ACPI), i8042, or wait: for somebody else to reset it.
 */

#define SECTOR      512
#define COUNT_AT    3 /* sector */
#define RAM_PATTERN 0x5a5a5a5a
#define FREE_RAM    0x1800000 /* nothing is there at the start */

#define MSR_APIC_BASE 0x1b
#define MSR_STAR      0xc0000081
#define APIC_X2       (1U << 10)

#define LVT_TIMER   0x320
#define TIMER_COUNT 0x380
#define LVT_MASKED  0x10000

static struct device disk;
static struct virtio_blk_outhdr header;
static uint32_t sector[SECTOR / 4];
static volatile uint8_t status;
static volatile unsigned helpers; /* processors that were started */
static volatile unsigned boots_of_this_memory; /* .data as the file has it */
static volatile uint32_t clock[8]
        __attribute__((aligned(64))); /* pvclock_vcpu_time_info: KVM writes it */

void ap_main(unsigned n)
{
	(void)n;
	__atomic_add_fetch(&helpers, 1, __ATOMIC_RELEASE);
}

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

static void write_msr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static void build(uint32_t type)
{
	const uint16_t data = type == VIRTIO_BLK_T_IN ? DESC_NEXT | DESC_WRITE : DESC_NEXT;

	header = (struct virtio_blk_outhdr){ .type = type, .sector = COUNT_AT };
	queue.desc[0] = (struct desc){ (uintptr_t)&header, sizeof(header), DESC_NEXT, 1 };
	queue.desc[1] = (struct desc){ (uintptr_t)sector, SECTOR, data, 2 };
	queue.desc[2] = (struct desc){ (uintptr_t)&status, 1, DESC_WRITE, 0 };
}

static void request(uint32_t type)
{
	uint32_t id;

	build(type);
	device_offer(&disk, 0);
	device_poll(&disk, &id);
	CHECK(status == VIRTIO_BLK_S_OK);
}

static uint32_t ioapic_read(unsigned reg)
{
	mmio_write(IOAPIC, reg);
	return mmio_read(IOAPIC + 0x10);
}

/* Everything that spoil() has changed is as before it. */
static void check_new(void)
{
	uint64_t dr7;

	CHECK(boots_of_this_memory++ == 0);
	CHECK(*(volatile uint32_t *)FREE_RAM == 0);
	CHECK(clock[0] == 0);
	CHECK(read_msr(MSR_STAR) == 0);
	CHECK((read_msr(MSR_APIC_BASE) & APIC_X2) == 0);
	__asm__ volatile("mov %%dr7, %0" : "=r"(dr7));
	CHECK(dr7 == 0x400);
	CHECK(mmio_read(LAPIC + 0xf0) == 0xff); /* off, by software */
	CHECK(mmio_read(LAPIC + LVT_TIMER) == LVT_MASKED);
	CHECK(mmio_read(LAPIC + TIMER_COUNT) == 0);
	CHECK(ioapic_read(0x10 + 2 * disk.gsi) & LVT_MASKED);
	CHECK(device_read(&disk, VIRTIO_MMIO_STATUS) == 0);
	CHECK(inb(PORT_COM1 + 7) == 0);
}

static void start_helpers(unsigned n)
{
	start_others();
	while (__atomic_load_n(&helpers, __ATOMIC_ACQUIRE) < n)
		__asm__ volatile("pause");
}

static void on_irq(void)
{
}

static void spoil(void)
{
	const uint64_t dr7 = 0x401;

	*(volatile uint32_t *)FREE_RAM = RAM_PATTERN;
	write_msr(MSR_STAR, 0x1234567);
	write_msr(MSR_KVM_SYSTEM_TIME_NEW, (uintptr_t)clock | 1);
	__asm__ volatile("mov %0, %%dr7" : : "r"(dr7));
	irq_route(disk.gsi, on_irq);
	mmio_write(LAPIC + LVT_TIMER, 0x20030); /* periodic */
	mmio_write(LAPIC + TIMER_COUNT, 1000000);
	outb(PORT_COM1 + 7, 0x5a);
}

/* With a request in flight, which must not reach the memory of the next guest. */
__attribute__((noreturn)) static void leave(void)
{
	build(VIRTIO_BLK_T_IN);
	device_offer(&disk, 0);
	if (arg_is("by", "i8042"))
		outb(PORT_I8042, 0xfe);
	else if (arg_is("by", "reset"))
		outb(PORT_RESET, 1);
	else
		put("waits\n");
	halt();
}

int main(void)
{
	const unsigned cpus = (unsigned)arg_num("cpus", 1);

	CHECK(device_find(&disk, VIRTIO_ID_BLOCK, 0));
	check_new();
	device_start(&disk, 0);
	request(VIRTIO_BLK_T_IN);
	put("boot ");
	put_dec(sector[0]);
	put("\n");
	if (sector[0] == arg_num("times", 1))
		return 0;
	sector[0]++;
	request(VIRTIO_BLK_T_OUT);
	irq_init();
	start_helpers(cpus - 1);
	spoil();
	leave();
}
