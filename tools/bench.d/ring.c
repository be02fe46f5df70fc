/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/virtio.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>

/*
 * A virtio-blk driver that keeps `depth` requests of 4 KiB under way until `requests` are done, and
 * prints how often it notified the device, and how many batches of requests it made available: what
 * `tools/bench block` runs on this host. do=write writes.
 *
 * It works in ring 3, because some KVMs emulate ring 0 instruction by instruction. It polls for
 * answers, but asks for interrupts as Linux does, to have them counted.
 */

#define BYTES 4096
#define SLOTS (QUEUE_SIZE / 3)

#define SEL_USER_CODE (0x18 | 3)
#define SEL_USER_DATA (0x20 | 3)
#define SEL_CODE      0x08
#define SEL_TSS       0x28
#define VECTOR_UD     6
#define PAGE_USER     4
#define LARGE_PAGE    0x200000UL

static struct device disk;
static struct virtio_blk_outhdr header[SLOTS];
static volatile uint8_t status[SLOTS];
static uint8_t data[SLOTS][BYTES] __attribute__((aligned(4096)));
static uint64_t todo, blocks, kicks, batches, seed = 1;
static unsigned depth;
static uint32_t type;

/* Make the request of a slot, at a block that nothing foretells, available. */
static void offer(unsigned slot)
{
	struct desc *d = &queue.desc[3 * slot];

	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	header[slot].sector = (seed >> 33) % blocks * (BYTES / 512);
	header[slot].type = type;
	d[0] = (struct desc){ (uintptr_t)&header[slot], sizeof(header[slot]), DESC_NEXT,
		              (uint16_t)(3 * slot + 1) };
	d[1] = (struct desc){ (uintptr_t)data[slot], BYTES,
		              DESC_NEXT | (type == VIRTIO_BLK_T_IN ? DESC_WRITE : 0),
		              (uint16_t)(3 * slot + 2) };
	d[2] = (struct desc){ (uintptr_t)&status[slot], 1, DESC_WRITE, 0 };
	queue.avail.ring[queue.avail.idx % QUEUE_SIZE] = (uint16_t)(3 * slot);
	__atomic_store_n(&queue.avail.idx, (uint16_t)(queue.avail.idx + 1), __ATOMIC_RELEASE);
}

/* Notify the device, if it wants to know of what came after @was. */
static void notify(uint16_t was)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vring_need_event(*(volatile uint16_t *)&queue.used.avail_event, queue.avail.idx, was))
		return;
	kicks++;
	device_write(&disk, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

/* Take what has come back. Each request makes room for another. */
static void take_answers(void)
{
	while (disk.used != __atomic_load_n(&queue.used.idx, __ATOMIC_ACQUIRE)) {
		unsigned slot = queue.used.ring[disk.used++ % QUEUE_SIZE].id / 3;

		CHECK(status[slot] == VIRTIO_BLK_S_OK);
		if (todo > 0) {
			todo--;
			offer(slot);
		}
	}
	queue.avail.used_event = disk.used;
}

__attribute__((noreturn)) static void drive(void)
{
	uint16_t was = 0;

	for (unsigned slot = 0; slot < depth && todo > 0; slot++, todo--)
		offer(slot);
	while (disk.used != queue.avail.idx) {
		batches += queue.avail.idx != was;
		notify(was);
		was = queue.avail.idx;
		while (disk.used == __atomic_load_n(&queue.used.idx, __ATOMIC_ACQUIRE))
			__asm__ volatile("pause");
		take_answers();
	}
	__asm__ volatile("ud2"); /* the one way back that every KVM has */
	__builtin_unreachable();
}

/* Back in ring 0, which may use ports. */
__attribute__((noreturn)) static void finish(void)
{
	put("kicks ");
	put_dec(kicks);
	put(" batches ");
	put_dec(batches);
	put("\n");
	vm_exit(0);
}

/* Let ring 3 at the memory of this program and at the windows of devices. */
static void open_memory(void)
{
	uint64_t *pml4, *pdpt, *pd;

	__asm__ volatile("mov %%cr3, %0" : "=r"(pml4));
	pdpt = (uint64_t *)(pml4[0] & ~0xfffUL);
	pml4[0] |= PAGE_USER;
	pdpt[0] |= PAGE_USER;
	pdpt[WINDOWS >> 30] |= PAGE_USER;
	pd = (uint64_t *)(pdpt[0] & ~0xfffUL);
	for (unsigned i = 0; i < 4; i++)
		pd[i] |= PAGE_USER;
	pd = (uint64_t *)(pdpt[WINDOWS >> 30] & ~0xfffUL);
	pd[WINDOWS % (1UL << 30) / LARGE_PAGE] |= PAGE_USER;
	__asm__ volatile("mov %0, %%cr3" : : "r"(pml4) : "memory");
}

/* What lgdt and lidt take. */
struct __attribute__((packed)) table {
	uint16_t limit;
	uint64_t base;
};

/* Task state, of which the stack of ring 0 is used. */
static struct __attribute__((packed)) {
	uint32_t reserved;
	uint64_t rsp0;
	uint8_t rest[92];
} tss;

/* Segments of either ring, and a task state, without which nothing leads back to ring 0. */
static void load_tables(void)
{
	static uint64_t gdt[7] = {
		0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00affb000000ffff, 0x00cff3000000ffff,
	};
	static uint64_t idt[2 * (VECTOR_UD + 1)];
	static uint8_t stack[4096];
	const uint64_t at = (uintptr_t)&tss, to = (uintptr_t)finish;
	const struct table gdtr = { sizeof(gdt) - 1, (uintptr_t)gdt };
	const struct table idtr = { sizeof(idt) - 1, (uintptr_t)idt };

	tss.rsp0 = (uintptr_t)(stack + sizeof(stack) - 8);
	gdt[SEL_TSS / 8] = (sizeof(tss) - 1) | at << 16 | 0x89ULL << 40; /* all below 16 MiB */
	idt[2 * VECTOR_UD] = (to & 0xffff) | SEL_CODE << 16 | 0x8eULL << 40 | to >> 16 << 48;
	__asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2" : : "m"(gdtr), "m"(idtr), "r"(SEL_TSS));
}

__attribute__((noreturn)) static void enter_ring_3(void (*fn)(void))
{
	static uint8_t stack[8192] __attribute__((aligned(16)));

	__asm__ volatile("pushq %0\n\t"
	                 "pushq %1\n\t"
	                 "pushq $2\n\t"
	                 "pushq %2\n\t"
	                 "pushq %3\n\t"
	                 "iretq"
	                 :
	                 : "i"(SEL_USER_DATA), "r"(stack + sizeof(stack) - 8), "i"(SEL_USER_CODE),
	                   "r"(fn)
	                 : "memory");
	__builtin_unreachable();
}

int main(void)
{
	CHECK(device_find(&disk, VIRTIO_ID_BLOCK, 0));
	device_start(&disk, 1ULL << VIRTIO_RING_F_EVENT_IDX | 1ULL << VIRTIO_BLK_F_FLUSH);
	blocks = device_read(&disk, VIRTIO_MMIO_CONFIG) / (BYTES / 512);
	todo = arg_num("requests", 0);
	depth = (unsigned)arg_num("depth", 1);
	type = arg_is("do", "write") ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
	CHECK(depth <= SLOTS && blocks > 0);
	open_memory();
	load_tables();
	enter_ring_3(drive);
}
