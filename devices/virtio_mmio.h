/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_MMIO_H
#define DEVICES_VIRTIO_MMIO_H

#include "devices/virtio_dev.h"
#include "vmm/bus.h"

#include <pthread.h>

/*
 * The virtio-mmio register window, version 2: the status machine, feature negotiation, queue
 * set-up, config space and interrupt state of one device. Everything that comes from the guest is
 * bounded here, once.
 *
 * What a driver may do when, and all else is ignored with a rate-limited line in the log:
 * - Status: 0 at any time resets. Else a write keeps the bits that are set and adds some, in the
 *   order ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK; FAILED at any time.
 * - DriverFeatures: until FEATURES_OK, which is refused (stays 0) unless the bits were all offered
 *   and VERSION_1 is among them.
 * - Queue registers: from FEATURES_OK to DRIVER_OK, on a queue that is not ready. QueueReady
 *   itself may go up and down in that time. A live queue stops by a reset of the device only.
 * - InterruptACK: the bit of a changed config space goes. That of used buffers is set in
 *   InterruptStatus from DRIVER_OK to the reset: interrupts are edges, sent when there is
 * something, so that a driver that gets one and reads it finds it true, whoever sent it, the kernel
 * and other processes included (vhost.h). So nobody has to hear of that acknowledgement either.
 * What a queue's registers hold is judged at DRIVER_OK: a ready queue that cannot be served sets
 * DEVICE_NEEDS_RESET.
 */

/*
 * What the registers hold is memory, which the guest may be shown without a right to write to it:
 * then reading them is no exit, the one of InterruptStatus for each interrupt included. Config
 * space stays behind an exit, as what is read there has to be consistent. So a window begins so far
 * before the end of a page that its config space begins the next.
 */
#define VIRTIO_MMIO_WINDOW        0x1000 /* bytes of guest address space for one device */
#define VIRTIO_MMIO_NOTIFY_OFFSET 0x50 /* QueueNotify: where an ioeventfd is put */
#define VIRTIO_MMIO_ACK_OFFSET    0x64 /* InterruptACK */
#define VIRTIO_MMIO_IDLE_ACK      1 /* the value there that changes nothing: used buffers were seen */
#define VIRTIO_MMIO_QUEUES_MAX    16
#define VIRTIO_MMIO_VENDOR        0x204d4d56 /* VendorID: "VMM " */

/* A queue as the driver is describing it. */
struct virtio_mmio_queue {
	struct virtq_setup setup;
	bool ready;
};

struct virtio_mmio {
	struct virtio_dev *dev;
	const struct gmem *mem;
	pthread_mutex_t lock; /* of everything below */
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t driver_features; /* as written; judged at FEATURES_OK */
	struct virtio_mmio_queue queue[VIRTIO_MMIO_QUEUES_MAX];
	struct log_limit complaints;
};

extern const struct bus_ops virtio_mmio_bus_ops; /* self: struct virtio_mmio * */

/**
 * virtio_mmio_init() - Put a device behind a window
 * @t:   Any contents
 * @dev: Initialised, with at most VIRTIO_MMIO_QUEUES_MAX queues; outlives @t
 * @mem: Guest RAM; outlives @t
 * @shown: Zeroed room for VIRTIO_DEV_REGISTERS, which the guest can read itself; outlives @t. NULL:
 * it cannot
 *
 * Context: set-up.
 */
void virtio_mmio_init(struct virtio_mmio *t, struct virtio_dev *dev, const struct gmem *mem,
                      uint32_t *shown);

/**
 * virtio_mmio_reset() - Reset the device as if the driver had written 0 to Status
 * @t: Window
 *
 * Context: any thread but the device's while that one runs; waits until the device's thread has
 *          let go of guest memory.
 * Spec:    virtio 1.2 sections 2.4, 4.2.2.1
 */
void virtio_mmio_reset(struct virtio_mmio *t);

#endif /* DEVICES_VIRTIO_MMIO_H */
