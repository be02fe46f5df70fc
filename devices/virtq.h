/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTQ_H
#define DEVICES_VIRTQ_H

#include "devices/iov.h"
#include "vmm/counter.h"
#include "vmm/gmem.h"

/*
 * The split virtqueue, device side. One validated way to walk a ring that a hostile guest can
 * rewrite at any time: each field is read once, judged, and never read again.
 */

#define VIRTQ_SIZE_MAX 1024 /* entries; a ring longer than this is never offered */
#define VIRTQ_IOV_MAX  254 /* segments of one chain */

struct vring_desc;
struct vring_avail;
struct vring_used;

/* Where the driver has put a ring, as the transport collected it. */
struct virtq_setup {
	uint16_t size; /* entries, power of two */
	gpa_t desc, avail, used;
	bool event_idx; /* VIRTIO_F_EVENT_IDX was acknowledged */
	bool indirect; /* VIRTIO_F_INDIRECT_DESC was acknowledged */
};

/* One request of the driver. */
struct virtq_chain {
	struct iov_cur out; /* the device reads these bytes */
	struct iov_cur in; /* the device writes these bytes */
	uint16_t head; /* for virtq_push() */
};

/* What a queue has done since the start, whatever its driver did meanwhile. [role: on_dev] */
struct virtq_counters {
	uint64_t taken, out; /* chains, and bytes that the device could read in them */
	uint64_t given, in; /* chains given back, and bytes that were written into them */
	uint64_t kicks, interrupts;
};

struct virtq {
	struct virtq_counters count;
	const struct gmem *mem; /* from here to @iov: as zeroed while the queue is not active */
	const struct vring_desc *desc; /* host pointers, whole ring checked; NULL: not active */
	const struct vring_avail *avail; /* flags, idx, ring[size], used_event */
	struct vring_used *used; /* flags, idx, ring[size], avail_event */
	uint16_t size; /* entries */
	uint16_t next_avail; /* free-running */
	uint16_t seen_avail; /* the driver's idx when last looked at; free-running */
	uint16_t next_used; /* free-running */
	uint16_t signalled; /* next_used when the driver was last interrupted */
	bool lapped; /* next_used went all the way round to @signalled since then */
	bool quiet; /* VRING_USED_F_NO_NOTIFY stands in the ring */
	bool event_idx, indirect;
	bool broken; /* the guest broke the rules: silent until reset */
	struct iovec iov[VIRTQ_IOV_MAX]; /* of the chain in flight */
};

/**
 * virtq_activate() - Begin to serve a ring, from index 0
 * @q: Zeroed or deactivated
 * @m: Guest RAM; must outlive the queue's activity
 * @s: What the driver set up
 *
 * Context: device thread.
 * Return:  0.
 * Errors:  -EINVAL size is 0, not a power of two or over VIRTQ_SIZE_MAX, or an address misaligned;
 *          -EFAULT a part of the ring is not inside one region of RAM.
 * Spec:    virtio 1.2 sections 2.7, 2.7.5, 2.7.6, 2.7.8
 */
int virtq_activate(struct virtq *q, const struct gmem *m, const struct virtq_setup *s) MUST_CHECK;

/**
 * virtq_deactivate() - Forget the ring; the queue is as zeroed, but for what it has counted
 * @q: Any state
 *
 * Context: device thread.
 */
void virtq_deactivate(struct virtq *q);

/**
 * virtq_seek() - Go on at another index, after somebody else has served the ring
 * @q:    Active queue
 * @next: Index of the first chain that is neither taken nor given back, free-running
 *
 * Chains that were taken and not pushed are forgotten.
 * Context: device thread of @q.
 */
void virtq_seek(struct virtq *q, uint16_t next);

/**
 * virtq_settle() - Go on with what somebody else has taken and, being dead, never gives back
 * @q: Active queue, at the used index that the other one left
 *
 * The index says which chains these are if they were given back in the order in which they were
 * made available. Both rings show whether they were, during the last round.
 * Context: device thread of @q; nobody else gives chains back.
 * Return:  0: virtq_next() takes them.
 * Errors:  -EPROTO some are left, and nobody knows which; the queue is then broken.
 */
int virtq_settle(struct virtq *q) MUST_CHECK;

/**
 * virtq_next() - Take the next available chain, copied once and validated
 * @q:    Active queue; one that is not active is empty
 * @ret:  Set only when 1 is returned; its iovecs stay valid until the next virtq_next() or a
 *        device reset, whichever comes first
 *
 * At most @q->size chains are in flight: taken and not yet pushed. A hostile driver may offer one
 * head several times, so nothing may be found by its head. A descriptor of no bytes adds no
 * segment, and its address is not looked at; a chain may so be empty. Chains inside an indirect
 * table may be longer than the ring, as drivers make them, but not longer than VIRTQ_SIZE_MAX.
 *
 * Context: device thread of @q; takes no lock, makes no system call.
 * Return:  1 = chain in @ret, 0 = ring empty (notifications are then asked for, and no chain that
 *          was made available before is missed), negative errno = ring broken; after an error
 *          @q->broken is set and each later call returns -EPROTO.
 * Errors:  -EPROTO index, loop, flag, direction order or indirect table; -EFAULT range outside
 *          RAM; -E2BIG over VIRTQ_IOV_MAX segments or over 2^32 - 1 bytes.
 * Spec:    virtio 1.2 sections 2.7.4.2, 2.7.5, 2.7.5.3, 2.7.6, 2.7.10, 2.7.13.3
 */
int virtq_next(struct virtq *q, struct virtq_chain *ret) MUST_CHECK;

/**
 * virtq_ready() - Whether virtq_next() would find a chain, or an error
 * @q: Queue
 *
 * Unlike virtq_next() it does not ask for notifications when there is none: for a device that
 * looks again by itself, and wants no exit of the driver meanwhile.
 * Context: device thread of @q.
 */
bool virtq_ready(const struct virtq *q) MUST_CHECK;

/**
 * virtq_push() - Give a chain back to the driver
 * @q:       Queue; nothing is done if it is broken or no longer active
 * @head:    Of a chain that virtq_next() gave
 * @written: Bytes really written to its device-writable part, from its beginning
 *
 * Context: device thread of @q. Does not interrupt: virtio_dev_signal() does, once a batch.
 * Spec:    virtio 1.2 section 2.7.8
 */
void virtq_push(struct virtq *q, uint16_t head, uint32_t written);

/**
 * virtq_fill() - As virtq_push(), but the driver does not see it before virtq_publish()
 * @q:       Queue; nothing is done if it is broken or no longer active
 * @head:    Of a chain that virtq_next() gave
 * @written: Bytes really written to its device-writable part, from its beginning
 *
 * For what a driver must find all at once, such as a frame spread over several chains.
 * Context: device thread of @q.
 * Spec:    virtio 1.2 sections 2.7.8, 5.1.6.4.2
 */
void virtq_fill(struct virtq *q, uint16_t head, uint32_t written);

/**
 * virtq_publish() - Show the driver all that was filled
 * @q: Queue; nothing is done if it is broken or no longer active
 *
 * Context: device thread of @q. Does not interrupt: virtio_dev_signal() does, once a batch.
 */
void virtq_publish(struct virtq *q);

/**
 * virtq_unsignalled() - Chains given back since virtq_wants_signal() was last asked
 * @q: Queue
 *
 * Context: device thread of @q.
 */
static inline uint16_t virtq_unsignalled(const struct virtq *q)
{
	return (uint16_t)(q->next_used - q->signalled);
}

/**
 * virtq_wants_signal() - Whether the driver asked to be interrupted for what was pushed
 * @q: Queue
 *
 * Context: device thread of @q; counts as the decision for everything pushed so far.
 * Return:  true: interrupt it. Never for a queue that is broken or not active.
 * Spec:    virtio 1.2 sections 2.7.7, 2.7.10
 */
bool virtq_wants_signal(struct virtq *q) MUST_CHECK;

#endif /* DEVICES_VIRTQ_H */
