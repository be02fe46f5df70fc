/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_KVM_GUEST_VIRTIO_H
#define TESTS_KVM_GUEST_VIRTIO_H

/* A virtio-mmio driver for one device, in most guests with one queue. Spec: virtio 1.2
 * sections 2.7, 4.2. */

#include "tests/kvm/guest/guest.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#define WINDOWS       0xc0001f00
#define WINDOW_STRIDE 0x2000
#define WINDOW_SIZE   0x1000
#define N_WINDOWS     19
#define FIRST_GSI     5

#ifndef QUEUE_SIZE
#define QUEUE_SIZE 8
#endif

#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4

struct desc {
	uint64_t addr;
	uint32_t len; /* bytes */
	uint16_t flags, next;
};

/* The split queue. */
struct queue {
	struct desc desc[QUEUE_SIZE];
	struct {
		uint16_t flags, idx, ring[QUEUE_SIZE], used_event;
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[QUEUE_SIZE];
		uint16_t avail_event;
	} used __attribute__((aligned(4)));
};

struct device {
	uint64_t base; /* of its window */
	unsigned gsi;
	uint64_t features; /* negotiated */
	uint16_t used; /* entries of the used ring seen so far */
};

extern struct queue queue;

/* The n-th device of a kind. Returns false if there is none. */
bool device_find(struct device *d, unsigned id, unsigned n);

uint32_t device_read(const struct device *d, unsigned reg);
void device_write(const struct device *d, unsigned reg, uint32_t v);

/* Of a device that is reset: negotiate what is offered of @wanted and VIRTIO_F_VERSION_1. */
void device_negotiate(struct device *d, uint64_t wanted);

/* The steps of device_start(), for a device with more queues: reset and negotiate; a queue; go. */
void device_begin(struct device *d, uint64_t wanted);
void device_queue(const struct device *d, unsigned n, struct queue *q);
void device_go(const struct device *d);

/* Reset, negotiate what is offered of @wanted and VIRTIO_F_VERSION_1, set the queue up, go. */
void device_start(struct device *d, uint64_t wanted);

/* Offer the chain that begins at descriptor @head, and notify. */
void device_offer(struct device *d, uint16_t head);

/* Wait, with interrupts off, for the next used entry. Returns its length; *@ret_id is its head. */
uint32_t device_poll(struct device *d, uint32_t *ret_id);

#endif /* TESTS_KVM_GUEST_VIRTIO_H */
