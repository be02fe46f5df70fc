/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/virtio.h"

#define MAGIC 0x74726976 /* "virt" */

struct queue queue __attribute__((aligned(16)));

uint32_t device_read(const struct device *d, unsigned reg)
{
	return mmio_read(d->base + reg);
}

void device_write(const struct device *d, unsigned reg, uint32_t v)
{
	mmio_write(d->base + reg, v);
}

bool device_find(struct device *d, unsigned id, unsigned n)
{
	for (unsigned i = 0; i < N_WINDOWS; i++) {
		*d = (struct device){ .base = WINDOWS + i * WINDOW_STRIDE, .gsi = FIRST_GSI + i };
		if (device_read(d, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC)
			return false; /* windows are used from the first on */
		CHECK(device_read(d, VIRTIO_MMIO_VERSION) == 2);
		if (device_read(d, VIRTIO_MMIO_DEVICE_ID) == id && n-- == 0)
			return true;
	}
	return false;
}

static uint64_t offered(const struct device *d)
{
	uint64_t low;

	device_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = device_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
	device_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)device_read(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

static void accept(struct device *d, uint64_t features)
{
	d->features = features;
	device_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	device_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	device_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	device_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static void set_address(const struct device *d, unsigned reg, const void *at)
{
	device_write(d, reg, (uint32_t)(uintptr_t)at);
	device_write(d, reg + 4, (uint32_t)((uintptr_t)at >> 32));
}

/* Take a step of the status machine, which the device must agree to. */
static void step(const struct device *d, uint32_t bit)
{
	const uint32_t status = device_read(d, VIRTIO_MMIO_STATUS) | bit;

	device_write(d, VIRTIO_MMIO_STATUS, status);
	CHECK(device_read(d, VIRTIO_MMIO_STATUS) == status);
}

void device_negotiate(struct device *d, uint64_t wanted)
{
	step(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	step(d, VIRTIO_CONFIG_S_DRIVER);
	accept(d, (offered(d) & wanted) | 1ULL << VIRTIO_F_VERSION_1);
	step(d, VIRTIO_CONFIG_S_FEATURES_OK);
}

void device_begin(struct device *d, uint64_t wanted)
{
	device_write(d, VIRTIO_MMIO_STATUS, 0);
	while (device_read(d, VIRTIO_MMIO_STATUS) != 0)
		;
	d->used = 0;
	device_negotiate(d, wanted);
}

void device_queue(const struct device *d, unsigned n, struct queue *q)
{
	memset(q, 0, sizeof(*q));
	device_write(d, VIRTIO_MMIO_QUEUE_SEL, n);
	CHECK(device_read(d, VIRTIO_MMIO_QUEUE_READY) == 0);
	CHECK(device_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX) >= QUEUE_SIZE);
	device_write(d, VIRTIO_MMIO_QUEUE_NUM, QUEUE_SIZE);
	set_address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
	set_address(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, &q->avail);
	set_address(d, VIRTIO_MMIO_QUEUE_USED_LOW, &q->used);
	device_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

void device_go(const struct device *d)
{
	step(d, VIRTIO_CONFIG_S_DRIVER_OK);
}

void device_start(struct device *d, uint64_t wanted)
{
	device_begin(d, wanted);
	device_queue(d, 0, &queue);
	device_go(d);
}

void device_offer(struct device *d, uint16_t head)
{
	queue.avail.ring[queue.avail.idx % QUEUE_SIZE] = head;
	__atomic_store_n(&queue.avail.idx, (uint16_t)(queue.avail.idx + 1), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	device_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

uint32_t device_poll(struct device *d, uint32_t *ret_id)
{
	unsigned slot = d->used % QUEUE_SIZE;

	while (__atomic_load_n(&queue.used.idx, __ATOMIC_ACQUIRE) == d->used)
		__asm__ volatile("pause");
	d->used++;
	*ret_id = queue.used.ring[slot].id;
	return queue.used.ring[slot].len;
}
