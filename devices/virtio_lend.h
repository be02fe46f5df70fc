/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_LEND_H
#define DEVICES_VIRTIO_LEND_H

#include "devices/virtio_dev.h"

/*
 * Queues that somebody else serves for a while: the kernel (vhost) or another process (vhost-user).
 * It waits for the queue's own eventfd and writes the device's own interrupt, both of which KVM is
 * wired to, so that neither a notification nor an interrupt wakes a thread of ours.
 *
 * One thing is left to do. A driver on virtio-mmio reads InterruptStatus and takes an interrupt
 * that is not in it for nobody's; but whoever has the queue raises the line without knowing the
 * register. So the register's reader finds out by itself: a driver is due a used-buffer
 * notification if the index of the used ring has moved since it was last told. An index of 16 bits
 * that has moved all the way round looks as if it had not; that takes longer than a tick of the
 * coarse clock, and after a tick the bit is set anyway: a driver has to bear a notification too
 * many, but not one too few.
 */

/**
 * virtio_lend_begin() - From now on somebody else serves a queue
 * @d:  Device
 * @qi: Queue whose ring is active
 *
 * Its notifications no longer reach the device's verbs.
 * Context: device thread.
 */
void virtio_lend_begin(struct virtio_dev *d, uint16_t qi);

/**
 * virtio_lend_end() - The queue is ours again
 * @d:    Device
 * @qi:   Queue; nothing is done unless it is lent
 * @next: Index of the first chain that was not served
 *
 * What the driver has not been told of yet, InterruptStatus still says.
 * Context: device thread; nobody else touches the ring any more.
 */
void virtio_lend_end(struct virtio_dev *d, uint16_t qi, uint16_t next);

/**
 * virtio_lend_look() - Bring InterruptStatus up to what has been done with lent queues
 * @d: Device
 *
 * Context: any thread, when the driver reads the register; takes no lock, makes no system call.
 * Spec:    virtio 1.2 sections 4.2.2 (InterruptStatus), 2.7.8
 */
void virtio_lend_look(struct virtio_dev *d);

/**
 * virtio_lent() - Whether somebody else serves a queue
 * @q: Queue
 *
 * Context: device thread.
 */
static inline bool virtio_lent(const struct virtio_queue *q)
{
	return q->lent_idx;
}

#endif /* DEVICES_VIRTIO_LEND_H */
