/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_dev.h"

#include "vmm/num.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

/* Offered by every device, because the queue does it. */
#define QUEUE_FEATURES                                                                             \
	(1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_RING_F_INDIRECT_DESC |                        \
	 1ULL << VIRTIO_RING_F_EVENT_IDX)

static uint16_t index_of(const struct virtio_queue *q)
{
	return (uint16_t)(q - q->dev->queue);
}

static void kick_ready(struct loop_source *s, uint32_t events)
{
	struct virtio_queue *q = container_of(s, struct virtio_queue, kick);

	(void)events;
	virtio_dev_kick(q->dev, index_of(q));
}

static int open_kick(struct virtio_dev *d, struct virtio_queue *q, struct err *e)
{
	int r;

	q->dev = d;
	q->kick.ready = kick_ready;
	q->kick.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick.fd < 0)
		return err_errno(e, errno, "%s: cannot make a queue's eventfd", d->label);
	if (!d->loop)
		return 0;
	r = loop_add(d->loop, &q->kick, VIRTIO_KICK_EVENTS);
	return r < 0 ? err_errno(e, -r, "%s: cannot watch a queue's eventfd", d->label) : 0;
}

int virtio_dev_init(struct virtio_dev *d, const struct virtio_dev_ops *ops, const char *label,
                    uint64_t features, void *config, struct loop *loop, struct err *e)
{
	int r;

	assert(ops->n_queues > 0 && ops->queue_max <= VIRTQ_SIZE_MAX);
	assert(num_is_pow2(ops->queue_max) && !config == !ops->config_size);
	*d = (struct virtio_dev){
		.ops = ops,
		.features = features | QUEUE_FEATURES,
		.config = config,
		.loop = loop,
		.irq = { .fd = -1 },
		.news_fd = -1,
	};
	d->reg = d->reg_here;
	snprintf(d->label, sizeof(d->label), "%s", label);
	pthread_mutex_init(&d->config_lock, NULL);
	d->queue = calloc(ops->n_queues, sizeof(*d->queue));
	if (!d->queue)
		return err_errno(e, ENOMEM, "%s: no memory for its queues", d->label);
	for (unsigned i = 0; i < ops->n_queues; i++)
		d->queue[i].kick.fd = -1;
	r = irq_init(&d->irq, e);
	for (unsigned i = 0; r == 0 && i < ops->n_queues; i++)
		r = open_kick(d, &d->queue[i], e);
	return r;
}

void virtio_dev_fini(struct virtio_dev *d)
{
	if (!d->ops)
		return;
	for (unsigned i = 0; d->queue && i < d->ops->n_queues; i++) {
		if (d->loop && d->queue[i].kick.fd >= 0)
			loop_del(d->loop, &d->queue[i].kick);
		fd_close(&d->queue[i].kick.fd);
	}
	free(d->queue);
	irq_fini(&d->irq);
	pthread_mutex_destroy(&d->config_lock);
	*d = (struct virtio_dev){ 0 };
}

/* Something but a queue is new. */
static void interrupt_for_config(struct virtio_dev *d)
{
	/* Release: pairs with the transport's acquire, or the guest's own load, so that a driver
	 * that reads the register finds what the event is about. The bit is there before the edge.
	 */
	__atomic_fetch_or(virtio_dev_reg(d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG,
	                  __ATOMIC_RELEASE);
	irq_raise(&d->irq);
}

void virtio_dev_signal(struct virtio_dev *d, uint16_t qi)
{
	if (!virtq_wants_signal(&d->queue[qi].ring))
		return;
	counter_add(&d->queue[qi].ring.count.interrupts, 1);
	irq_raise(&d->irq);
}

void virtio_dev_config_changed(struct virtio_dev *d,
                               void (*change)(struct virtio_dev *d, void *arg), void *arg)
{
	pthread_mutex_lock(&d->config_lock);
	change(d, arg);
	/* Whoever reads the new space, under the lock too, finds the new generation behind it. */
	__atomic_fetch_add(virtio_dev_reg(d, VIRTIO_MMIO_CONFIG_GENERATION), 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&d->config_lock);
	if (d->active)
		interrupt_for_config(d);
}

/* Whoever is told looks at the counters. */
static void tell(const struct virtio_dev *d)
{
	const uint64_t one = 1;

	/* EAGAIN means that the counter is full: it was told. */
	if (d->news_fd >= 0 && write(d->news_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_debug("%s: cannot tell its news", d->label);
}

void virtio_dev_watch(struct virtio_dev *d, int fd)
{
	d->news_fd = fd;
}

void virtio_dev_changed(struct virtio_dev *d)
{
	counter_add(&d->changes, 1);
	tell(d);
}

void virtio_dev_fail(struct virtio_dev *d, int r, const char *why)
{
	/* Release: pairs with virtio_dev_status(). */
	uint32_t was = __atomic_fetch_or(virtio_dev_reg(d, VIRTIO_MMIO_STATUS),
	                                 VIRTIO_CONFIG_S_NEEDS_RESET, __ATOMIC_RELEASE);
	uint32_t dropped;

	if (was & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	counter_add(&d->failures, 1);
	tell(d);
	if (was & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt_for_config(d);
	if (!log_limit_pass(&d->complaints, &dropped))
		return;
	log_warn("%s: stopped until its driver resets it: %s: %s", d->label, why,
	         strerrordesc_np(-r));
	if (dropped > 0)
		log_warn("%s: %u more such lines were dropped", d->label, dropped);
}

void virtio_dev_kick(struct virtio_dev *d, uint16_t qi)
{
	int r;

	if (!d->active || !d->queue[qi].ring.desc || d->queue[qi].lent ||
	    virtio_dev_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	counter_add(&d->queue[qi].ring.count.kicks, 1);
	r = d->ops->kick(d, qi);
	if (r < 0)
		virtio_dev_fail(d, r, "a queue cannot be served");
}

void virtio_dev_again(struct virtio_dev *d, uint16_t qi)
{
	const uint64_t one = 1;

	/* EAGAIN means that the counter is full, and so that the queue's turn will come. */
	if (write(d->queue[qi].kick.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_debug("%s: cannot pass a notification on", d->label);
}

void virtio_dev_notify(struct virtio_dev *d, uint16_t qi)
{
	if (d->loop)
		virtio_dev_again(d, qi);
	else
		virtio_dev_kick(d, qi);
}

void virtio_dev_start(struct virtio_dev *d)
{
	int r;

	d->active = true;
	/* From now on: see virtio_mmio.h. */
	__atomic_fetch_or(virtio_dev_reg(d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING,
	                  __ATOMIC_RELEASE);
	r = d->ops->activate ? d->ops->activate(d) : 0;
	if (r < 0) {
		virtio_dev_fail(d, r, "it cannot be activated");
		return;
	}
	for (uint16_t qi = 0; qi < d->ops->n_queues; qi++)
		if (d->queue[qi].ring.desc)
			virtio_dev_notify(d, qi);
}

void virtio_dev_reset(struct virtio_dev *d)
{
	if (d->active && d->ops->reset)
		d->ops->reset(d);
	counter_add(&d->resets, 1);
	d->active = false;
	for (unsigned i = 0; i < d->ops->n_queues; i++)
		virtq_deactivate(&d->queue[i].ring);
	d->acked = 0;
	__atomic_store_n(virtio_dev_reg(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0, __ATOMIC_RELAXED);
	/* Release: pairs with virtio_dev_status(): a driver that polls for 0 finds its memory its
	 * own again. */
	__atomic_store_n(virtio_dev_reg(d, VIRTIO_MMIO_STATUS), 0, __ATOMIC_RELEASE);
}

uint64_t virtio_dev_config_read(struct virtio_dev *d, uint64_t off, unsigned len)
{
	uint64_t value = 0;

	if (len > sizeof(value) || !num_inside(off, len, d->ops->config_size))
		return 0;
	pthread_mutex_lock(&d->config_lock);
	memcpy(&value, d->config + off, len);
	pthread_mutex_unlock(&d->config_lock);
	return value;
}

/* A driver's write on its way to the device's thread. */
struct config_write {
	struct virtio_dev *dev;
	uint64_t off;
	unsigned len;
	uint64_t value;
};

static void write_config(void *arg)
{
	struct config_write *w = arg;
	struct virtio_dev *d = w->dev;

	pthread_mutex_lock(&d->config_lock);
	memcpy(d->config + w->off, &w->value, w->len);
	pthread_mutex_unlock(&d->config_lock);
	d->ops->config_written(d, w->off, w->len);
}

bool virtio_dev_config_write(struct virtio_dev *d, uint64_t off, unsigned len, uint64_t value)
{
	struct config_write w = { .dev = d, .off = off, .len = len, .value = value };

	if (!d->ops->config_written || len > sizeof(value) ||
	    !num_inside(off, len, d->ops->config_size))
		return false;
	loop_call(d->loop, write_config, &w);
	return true;
}
