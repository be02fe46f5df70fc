/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/virtio.h"

#include <linux/if_ether.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

/*
 * A driver that keeps `depth` requests under way until `requests` are done, and prints how often it
 * notified the device, and how many batches of requests it made available: what `tools/bench` runs
 * on this host. do=read and do=write are 4 KiB of a disk, do=frame a frame for the network, do=line
 * text for the console.
 *
 * It works in ring 3, because some KVMs emulate ring 0 instruction by instruction. It polls for
 * answers, but asks for interrupts as Linux does, to have them counted.
 */

#define BYTES      4096
#define LINE       80
#define BLK_PARTS  3 /* descriptors of a disk's request */
#define SENT_PARTS 1
#define TRANSMIT   1 /* queue of a network card and of a console */

#define SEL_USER_CODE (0x18 | 3)
#define SEL_USER_DATA (0x20 | 3)
#define SEL_CODE      0x08
#define SEL_TSS       0x28
#define VECTOR_UD     6
#define PAGE_USER     4
#define LARGE_PAGE    0x200000UL

static const struct job {
	const char *name;
	uint32_t id; /* of the device */
	unsigned queue, parts;
	uint32_t bytes; /* of what is sent */
	uint32_t type; /* of a disk's request */
} jobs[] = {
	{ "read", VIRTIO_ID_BLOCK, 0, BLK_PARTS, BYTES, VIRTIO_BLK_T_IN },
	{ "write", VIRTIO_ID_BLOCK, 0, BLK_PARTS, BYTES, VIRTIO_BLK_T_OUT },
	{ "frame", VIRTIO_ID_NET, TRANSMIT, SENT_PARTS,
	  sizeof(struct virtio_net_hdr_v1) + ETH_FRAME_LEN, 0 },
	{ "line", VIRTIO_ID_CONSOLE, TRANSMIT, SENT_PARTS, LINE, 0 },
};

static const struct job *job = jobs;
static struct device dev;
static struct virtio_blk_outhdr header[QUEUE_SIZE];
static volatile uint8_t status[QUEUE_SIZE]; /* VIRTIO_BLK_S_OK is 0 */
static uint8_t data[QUEUE_SIZE][BYTES] __attribute__((aligned(4096)));
static uint64_t todo, blocks, kicks, batches, seed = 1;
static unsigned depth;

/* A request of a disk, at a block that nothing foretells. */
static void fill(struct desc *d, unsigned slot)
{
	const uint16_t next = (uint16_t)(BLK_PARTS * slot + 1);

	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	header[slot].sector = (seed >> 33) % blocks * (BYTES / 512);
	header[slot].type = job->type;
	d[0] = (struct desc){ (uintptr_t)&header[slot], sizeof(header[slot]), DESC_NEXT, next };
	d[1] = (struct desc){ (uintptr_t)data[slot], BYTES,
		              DESC_NEXT | (job->type == VIRTIO_BLK_T_IN ? DESC_WRITE : 0),
		              (uint16_t)(next + 1) };
	d[2] = (struct desc){ (uintptr_t)&status[slot], 1, DESC_WRITE, 0 };
}

/* Make the request of a slot available. */
static void offer(unsigned slot)
{
	struct desc *d = &queue.desc[job->parts * slot];

	if (job->id == VIRTIO_ID_BLOCK)
		fill(d, slot);
	else
		*d = (struct desc){ (uintptr_t)data[slot], job->bytes, 0, 0 };
	queue.avail.ring[queue.avail.idx % QUEUE_SIZE] = (uint16_t)(job->parts * slot);
	__atomic_store_n(&queue.avail.idx, (uint16_t)(queue.avail.idx + 1), __ATOMIC_RELEASE);
}

/* Notify the device, if it wants to know of what came after @was. */
static void notify(uint16_t was)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vring_need_event(*(volatile uint16_t *)&queue.used.avail_event, queue.avail.idx, was))
		return;
	kicks++;
	device_write(&dev, VIRTIO_MMIO_QUEUE_NOTIFY, job->queue);
}

/* Take what has come back. Each request makes room for another. */
static void take_answers(void)
{
	while (dev.used != __atomic_load_n(&queue.used.idx, __ATOMIC_ACQUIRE)) {
		unsigned slot = queue.used.ring[dev.used++ % QUEUE_SIZE].id / job->parts;

		CHECK(status[slot] == VIRTIO_BLK_S_OK);
		if (todo > 0) {
			todo--;
			offer(slot);
		}
	}
	queue.avail.used_event = dev.used;
}

__attribute__((noreturn)) static void drive(void)
{
	uint16_t was = 0;

	for (unsigned slot = 0; slot < depth && todo > 0; slot++, todo--)
		offer(slot);
	while (dev.used != queue.avail.idx) {
		batches += queue.avail.idx != was;
		notify(was);
		was = queue.avail.idx;
		while (dev.used == __atomic_load_n(&queue.used.idx, __ATOMIC_ACQUIRE))
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
	while (!arg_is("do", job->name))
		CHECK(++job < jobs + sizeof(jobs) / sizeof(jobs[0]));
	CHECK(device_find(&dev, job->id, 0));
	device_begin(&dev, 1ULL << VIRTIO_RING_F_EVENT_IDX |
	                           (job->id == VIRTIO_ID_BLOCK ? 1ULL << VIRTIO_BLK_F_FLUSH : 0));
	device_queue(&dev, job->queue, &queue);
	device_go(&dev);
	todo = arg_num("requests", 0);
	depth = (unsigned)arg_num("depth", 1);
	blocks = device_read(&dev, VIRTIO_MMIO_CONFIG) / (BYTES / 512);
	CHECK(depth * job->parts <= QUEUE_SIZE && (blocks > 0 || job->id != VIRTIO_ID_BLOCK));
	open_memory();
	load_tables();
	enter_ring_3(drive);
}
