/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/virtio.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>

/*
 * A virtio-blk driver. do=io: reads, writes and everything beside, serial=S the expected serial
 * number, ro=1 for a read-only disk; the disk begins with "first sector". do=count devices=N: as
 * many disks. do=load: writes, reads and compares, waiting for each interrupt, until the host has
 * put "stop" into the last sector. Rings that no driver would make are the business of hostile.c.
 */

#define SECTOR 512

#define NOT_DONE 0xff /* status byte before the device wrote it */

static struct virtio_blk_outhdr header;
static uint8_t data[2 * SECTOR], copy[SECTOR];
static volatile uint8_t status;

static struct device disk;
static volatile unsigned interrupted;

static void on_irq(void)
{
	uint32_t why = device_read(&disk, VIRTIO_MMIO_INTERRUPT_STATUS);

	device_write(&disk, VIRTIO_MMIO_INTERRUPT_ACK, why);
	if (why & VIRTIO_MMIO_INT_VRING)
		interrupted = 1;
}

static struct desc describe(const volatile void *at, uint32_t len, uint16_t flags, uint16_t next)
{
	return (struct desc){ (uintptr_t)at, len, flags, next };
}

/* Make a request of three descriptors in a table; without data of two. */
static void build(struct desc *table, uint32_t type, uint64_t sector, void *at, uint32_t len)
{
	const bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;

	header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	status = NOT_DONE;
	table[0] = describe(&header, sizeof(header), DESC_NEXT, len ? 1 : 2);
	table[1] = describe(at, len, in ? DESC_NEXT | DESC_WRITE : DESC_NEXT, 2);
	table[2] = describe(&status, 1, DESC_WRITE, 0);
}

static uint8_t finish(void)
{
	uint32_t id;

	device_poll(&disk, &id);
	CHECK(id == 0);
	return status;
}

/* One request, waiting without interrupts. Returns its status byte. */
static uint8_t request(uint32_t type, uint64_t sector, void *at, uint32_t len)
{
	build(queue.desc, type, sector, at, len);
	device_offer(&disk, 0);
	return finish();
}

static bool has(unsigned feature)
{
	return disk.features >> feature & 1;
}

static uint64_t capacity(void)
{
	return device_read(&disk, VIRTIO_MMIO_CONFIG) |
	       (uint64_t)device_read(&disk, VIRTIO_MMIO_CONFIG + 4) << 32;
}

static void check_id(void)
{
	const char *expected = arg("serial");
	char id[VIRTIO_BLK_ID_BYTES + 1] = { 0 };
	unsigned i;

	CHECK(request(VIRTIO_BLK_T_GET_ID, 0, id, VIRTIO_BLK_ID_BYTES) == VIRTIO_BLK_S_OK);
	for (i = 0; expected && expected[i] && expected[i] != ' '; i++)
		CHECK(id[i] == expected[i]);
	CHECK(!expected || id[i] == '\0');
}

/* What comes wrongly is answered by a status, not by silence. */
static void check_refusals(void)
{
	const uint64_t end = capacity();

	CHECK(request(VIRTIO_BLK_T_IN, end, copy, SECTOR) == VIRTIO_BLK_S_IOERR);
	CHECK(request(VIRTIO_BLK_T_IN, end - 1, data, 2 * SECTOR) == VIRTIO_BLK_S_IOERR);
	CHECK(request(VIRTIO_BLK_T_IN, ~0ULL, copy, SECTOR) == VIRTIO_BLK_S_IOERR);
	CHECK(request(VIRTIO_BLK_T_IN, 0, copy, SECTOR - 1) == VIRTIO_BLK_S_IOERR);
	CHECK(request(0x7777, 0, copy, SECTOR) == VIRTIO_BLK_S_UNSUPP);
}

static void check_indirect(void)
{
	static struct desc table[3];

	build(table, VIRTIO_BLK_T_IN, 0, copy, SECTOR);
	queue.desc[0] = describe(table, sizeof(table), DESC_INDIRECT, 0);
	device_offer(&disk, 0);
	CHECK(finish() == VIRTIO_BLK_S_OK);
}

static void check_discard(void)
{
	struct virtio_blk_discard_write_zeroes part = { .sector = 2, .num_sectors = 8 };

	CHECK(request(VIRTIO_BLK_T_DISCARD, 0, &part, sizeof(part)) == VIRTIO_BLK_S_OK);
	part.sector = capacity();
	CHECK(request(VIRTIO_BLK_T_DISCARD, 0, &part, sizeof(part)) == VIRTIO_BLK_S_IOERR);
}

static void check_interrupt(void)
{
	irq_init();
	irq_route(disk.gsi, on_irq);
	device_write(&disk, VIRTIO_MMIO_INTERRUPT_ACK,
	             device_read(&disk, VIRTIO_MMIO_INTERRUPT_STATUS));
	queue.avail.used_event = disk.used; /* with EVENT_IDX: interrupt at the next entry */
	build(queue.desc, VIRTIO_BLK_T_IN, 0, copy, SECTOR);
	device_offer(&disk, 0);
	irq_wait(&interrupted);
	__asm__ volatile("cli");
	CHECK(finish() == VIRTIO_BLK_S_OK);
	/* Set for as long as the device is live. */
	CHECK(device_read(&disk, VIRTIO_MMIO_INTERRUPT_STATUS) == VIRTIO_MMIO_INT_VRING);
}

static int io(void)
{
	const bool ro = arg_num("ro", 0);

	device_start(&disk, ~0ULL);
	CHECK(has(VIRTIO_BLK_F_RO) == ro);
	CHECK(request(VIRTIO_BLK_T_IN, 0, copy, SECTOR) == VIRTIO_BLK_S_OK);
	CHECK(memcmp(copy, "first sector", 12) == 0);
	memset(data, 0xa5, SECTOR);
	memcpy(data, "written by the guest", 20);
	if (ro) {
		CHECK(request(VIRTIO_BLK_T_OUT, 1, data, SECTOR) == VIRTIO_BLK_S_IOERR);
	} else {
		CHECK(request(VIRTIO_BLK_T_OUT, 1, data, SECTOR) == VIRTIO_BLK_S_OK);
		if (has(VIRTIO_BLK_F_FLUSH))
			CHECK(request(VIRTIO_BLK_T_FLUSH, 0, NULL, 0) == VIRTIO_BLK_S_OK);
		memset(copy, 0, SECTOR);
		CHECK(request(VIRTIO_BLK_T_IN, 1, copy, SECTOR) == VIRTIO_BLK_S_OK);
		CHECK(memcmp(copy, data, SECTOR) == 0);
	}
	check_id();
	check_refusals();
	if (has(VIRTIO_BLK_F_DISCARD))
		check_discard();
	if (has(VIRTIO_RING_F_INDIRECT_DESC))
		check_indirect();
	check_interrupt();
	put("disk works\n");
	return 0;
}

/* One request, asleep until its interrupt. */
static void sleep_through(uint32_t type, uint64_t sector, void *at)
{
	interrupted = 0;
	queue.avail.used_event = disk.used;
	build(queue.desc, type, sector, at, SECTOR);
	device_offer(&disk, 0);
	irq_wait(&interrupted);
	__asm__ volatile("cli");
	CHECK(finish() == VIRTIO_BLK_S_OK);
}

static int load(void)
{
	const uint64_t last = capacity() - 1;
	uint64_t rounds = 0;

	device_start(&disk, ~0ULL);
	irq_init();
	irq_route(disk.gsi, on_irq);
	put("loads\n");
	do {
		memset(data, (int)(rounds & 0xff), SECTOR);
		memcpy(data, &rounds, sizeof(rounds));
		sleep_through(VIRTIO_BLK_T_OUT, rounds % (last - 1) + 1, data);
		sleep_through(VIRTIO_BLK_T_IN, rounds % (last - 1) + 1, copy);
		CHECK(memcmp(copy, data, SECTOR) == 0);
		sleep_through(VIRTIO_BLK_T_IN, last, copy);
		rounds++;
	} while (memcmp(copy, "stop", 4) != 0);
	put_dec(rounds);
	put(" rounds\n");
	return 0;
}

static int count(void)
{
	unsigned n = 0;

	while (device_find(&disk, VIRTIO_ID_BLOCK, n))
		n++;
	CHECK(n == arg_num("devices", 1));
	return 0;
}

int main(void)
{
	if (arg_is("do", "count"))
		return count();
	CHECK(device_find(&disk, VIRTIO_ID_BLOCK, 0));
	return arg_is("do", "load") ? load() : io();
}
