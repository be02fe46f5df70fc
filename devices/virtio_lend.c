/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_lend.h"

#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <time.h>

/* Ticks of a clock that costs next to nothing; 1 to 10 ms each. */
static uint32_t tick(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)now.tv_sec * 1000 + (uint32_t)(now.tv_nsec / 1000000);
}

void virtio_lend_begin(struct virtio_dev *d, uint16_t qi)
{
	struct virtio_queue *q = &d->queue[qi];
	const uint16_t *idx = &q->ring.used->idx;

	if (d->loop)
		loop_mod(d->loop, &q->kick, 0);
	__atomic_store_n(&q->lent_seen, __atomic_load_n(idx, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
	/* Release: pairs with virtio_lend_look(), which finds the value that goes with the place.
	 * The place stays readable after the queue is ours again: it is guest RAM. */
	__atomic_store_n(&q->lent_idx, idx, __ATOMIC_RELEASE);
	__atomic_fetch_add(&d->n_lent, 1, __ATOMIC_RELEASE);
}

void virtio_lend_end(struct virtio_dev *d, uint16_t qi, uint16_t next)
{
	struct virtio_queue *q = &d->queue[qi];

	if (!virtio_lent(q))
		return;
	virtio_lend_look(d);
	__atomic_fetch_sub(&d->n_lent, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&q->lent_idx, NULL, __ATOMIC_RELEASE);
	virtq_seek(&q->ring, next);
	if (d->loop)
		loop_mod(d->loop, &q->kick, VIRTIO_KICK_EVENTS);
}

static bool has_moved(struct virtio_queue *q)
{
	/* Acquire: pairs with virtio_lend_begin(). */
	const uint16_t *place = __atomic_load_n(&q->lent_idx, __ATOMIC_ACQUIRE);
	uint16_t idx;

	if (!place)
		return false;
	idx = __atomic_load_n(place, __ATOMIC_RELAXED);
	return __atomic_exchange_n(&q->lent_seen, idx, __ATOMIC_RELAXED) != idx;
}

void virtio_lend_look(struct virtio_dev *d)
{
	uint32_t now = tick();
	bool moved = __atomic_exchange_n(&d->lent_tick, now, __ATOMIC_RELAXED) != now;

	/* All of them, so that each is told of once. */
	for (unsigned i = 0; i < d->ops->n_queues; i++)
		moved |= has_moved(&d->queue[i]);
	if (moved)
		__atomic_fetch_or(&d->interrupt_status, VIRTIO_MMIO_INT_VRING, __ATOMIC_RELEASE);
}
