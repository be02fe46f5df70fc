/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_mmio.h"

#include <assert.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAGIC 0x74726976 /* "virt" */

_Static_assert(VIRTIO_MMIO_NOTIFY_OFFSET == VIRTIO_MMIO_QUEUE_NOTIFY, "QueueNotify has moved");
_Static_assert(VIRTIO_MMIO_ACK_OFFSET == VIRTIO_MMIO_INTERRUPT_ACK, "InterruptACK has moved");
_Static_assert(VIRTIO_MMIO_IDLE_ACK == VIRTIO_MMIO_INT_VRING, "used buffers have another bit");

#define STATUS_DRIVER_BITS                                                                         \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |      \
	 VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED)

/* Functions below that take @t run under t->lock, unless they say otherwise. */

/* Say what the guest did wrong, a few times and no more. */
PRINTF_LIKE(2, 3) COLD static void complain(struct virtio_mmio *t, const char *fmt, ...)
{
	char what[120];
	uint32_t dropped;
	va_list ap;

	if (!log_limit_pass(&t->complaints, &dropped))
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	log_warn("%s: ignored its driver: %s", t->dev->label, what);
	if (dropped > 0)
		log_warn("%s: %u more such lines were dropped", t->dev->label, dropped);
}

static void set(struct virtio_mmio *t, uint64_t offset, uint32_t value)
{
	__atomic_store_n(virtio_dev_reg(t->dev, offset), value, __ATOMIC_RELAXED);
}

/* The queue that QueueSel names, or NULL if the device has none of that number. */
static struct virtio_mmio_queue *selected(struct virtio_mmio *t)
{
	return t->queue_sel < t->dev->ops->n_queues ? &t->queue[t->queue_sel] : NULL;
}

static uint32_t selected_features(const struct virtio_mmio *t)
{
	return t->device_features_sel < 2
	               ? (uint32_t)(t->dev->features >> (32 * t->device_features_sel))
	               : 0;
}

/* The registers that depend on others. */
static void show_selected(struct virtio_mmio *t)
{
	const struct virtio_mmio_queue *q = selected(t);

	set(t, VIRTIO_MMIO_DEVICE_FEATURES, selected_features(t));
	set(t, VIRTIO_MMIO_QUEUE_NUM_MAX, q ? t->dev->ops->queue_max : 0);
	set(t, VIRTIO_MMIO_QUEUE_READY, q && q->ready);
}

void virtio_mmio_init(struct virtio_mmio *t, struct virtio_dev *dev, const struct gmem *mem,
                      uint32_t *shown)
{
	assert(dev->ops->n_queues <= VIRTIO_MMIO_QUEUES_MAX);
	*t = (struct virtio_mmio){ .dev = dev, .mem = mem };
	pthread_mutex_init(&t->lock, NULL);
	if (shown) {
		memcpy(shown, dev->reg, sizeof(dev->reg_here));
		dev->reg = shown;
	}
	set(t, VIRTIO_MMIO_MAGIC_VALUE, MAGIC);
	set(t, VIRTIO_MMIO_VERSION, 2);
	set(t, VIRTIO_MMIO_DEVICE_ID, dev->ops->id);
	set(t, VIRTIO_MMIO_VENDOR_ID, VIRTIO_MMIO_VENDOR);
	/* No such region: no device has one. */
	for (uint64_t reg = VIRTIO_MMIO_SHM_LEN_LOW; reg <= VIRTIO_MMIO_SHM_BASE_HIGH; reg += 4)
		set(t, reg, UINT32_MAX);
	show_selected(t);
}

/* Run on the device's thread, while the vCPU that holds the lock waits. */
static void reset_device(void *arg)
{
	virtio_dev_reset(arg);
}

static void reset(struct virtio_mmio *t)
{
	t->device_features_sel = 0;
	t->driver_features_sel = 0;
	t->queue_sel = 0;
	t->driver_features = 0;
	for (unsigned i = 0; i < VIRTIO_MMIO_QUEUES_MAX; i++)
		t->queue[i] = (struct virtio_mmio_queue){ 0 };
	show_selected(t);
	/* Last, as Status 0 says that all of it is done. */
	loop_call(t->dev->loop, reset_device, t->dev);
}

void virtio_mmio_reset(struct virtio_mmio *t)
{
	pthread_mutex_lock(&t->lock);
	reset(t);
	pthread_mutex_unlock(&t->lock);
}

/* Run on the device's thread, while the vCPU that holds the lock waits. */
static void activate_device(void *arg)
{
	struct virtio_mmio *t = arg;
	struct virtio_dev *d = t->dev;
	int r;

	for (unsigned i = 0; i < d->ops->n_queues; i++) {
		struct virtq_setup s = t->queue[i].setup;

		if (!t->queue[i].ready)
			continue;
		s.event_idx = virtio_dev_has(d, VIRTIO_RING_F_EVENT_IDX);
		s.indirect = virtio_dev_has(d, VIRTIO_RING_F_INDIRECT_DESC);
		r = virtq_activate(&d->queue[i].ring, t->mem, &s);
		if (r < 0) {
			virtio_dev_fail(d, r, "a queue's size or addresses are wrong");
			return;
		}
	}
	virtio_dev_start(d);
}

static bool features_fit(struct virtio_mmio *t)
{
	struct virtio_dev *d = t->dev;

	if ((t->driver_features & ~d->features) == 0 &&
	    (t->driver_features >> VIRTIO_F_VERSION_1 & 1))
		return true;
	complain(t, "features 0x%jx; 0x%jx are offered, and VERSION_1 is a must",
	         (uintmax_t)t->driver_features, (uintmax_t)d->features);
	return false;
}

/* Take one step of the status machine, if the device agrees. */
static bool enter(struct virtio_mmio *t, uint32_t bit)
{
	struct virtio_dev *d = t->dev;

	if (bit == VIRTIO_CONFIG_S_FEATURES_OK) {
		if (!features_fit(t))
			return false;
		d->acked = t->driver_features;
	}
	/* Release: pairs with virtio_dev_status(). Added, not stored: the device may be adding
	 * NEEDS_RESET. */
	__atomic_fetch_or(virtio_dev_reg(d, VIRTIO_MMIO_STATUS), bit, __ATOMIC_RELEASE);
	if (bit == VIRTIO_CONFIG_S_DRIVER_OK)
		loop_call(d->loop, activate_device, t);
	return true;
}

static void write_status(struct virtio_mmio *t, uint32_t value)
{
	static const uint32_t steps[] = {
		VIRTIO_CONFIG_S_ACKNOWLEDGE,
		VIRTIO_CONFIG_S_DRIVER,
		VIRTIO_CONFIG_S_FEATURES_OK,
		VIRTIO_CONFIG_S_DRIVER_OK,
	};
	uint32_t was = virtio_dev_status(t->dev) & STATUS_DRIVER_BITS;
	/* Drivers write back what they have read: the device's own bit says nothing. */
	uint32_t want = value & ~(uint32_t)VIRTIO_CONFIG_S_NEEDS_RESET;

	if (value == 0) {
		reset(t);
		return;
	}
	if ((want & ~STATUS_DRIVER_BITS) || (was & ~want)) {
		complain(t, "status 0x%x after 0x%x", value, was);
		return;
	}
	if (want & VIRTIO_CONFIG_S_FAILED)
		enter(t, VIRTIO_CONFIG_S_FAILED);
	for (unsigned i = 0; i < ARRAY_SIZE(steps) && (want & steps[i]); i++) {
		want &= ~steps[i];
		if (!(was & steps[i]) && !enter(t, steps[i]))
			return;
	}
	if (want & ~(uint32_t)VIRTIO_CONFIG_S_FAILED)
		complain(t, "status 0x%x after 0x%x skips a step", value, was);
}

/* Put @half into bits 0 to 31 or, if @high, 32 to 63 of *@to. */
static void set_half(uint64_t *to, bool high, uint32_t half)
{
	unsigned shift = high ? 32 : 0;

	*to = (*to & ~(UINT32_MAX * 1ULL << shift)) | (uint64_t)half << shift;
}

static void write_driver_features(struct virtio_mmio *t, uint32_t value)
{
	if (virtio_dev_status(t->dev) & VIRTIO_CONFIG_S_FEATURES_OK)
		complain(t, "features written after FEATURES_OK");
	else if (t->driver_features_sel < 2)
		set_half(&t->driver_features, t->driver_features_sel == 1, value);
	else if (value != 0)
		complain(t, "features of word %u", t->driver_features_sel);
}

/* Whether the driver is between FEATURES_OK and DRIVER_OK, where it describes its queues. */
static bool in_setup(const struct virtio_mmio *t)
{
	const uint32_t ok = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;

	return (virtio_dev_status(t->dev) & ok) == VIRTIO_CONFIG_S_FEATURES_OK;
}

static void write_ready(struct virtio_mmio *t, uint32_t value)
{
	struct virtio_mmio_queue *q = selected(t);

	/* Drivers put queues away that they never had ready: not worth a word. */
	if (value == 0 && !(q && q->ready))
		return;
	if (q && in_setup(t))
		q->ready = value & 1;
	else
		complain(t, "QueueReady %u of queue %u at the wrong time", value, t->queue_sel);
}

static void write_queue(struct virtio_mmio *t, uint64_t offset, uint32_t value)
{
	struct virtio_mmio_queue *q = selected(t);
	struct virtq_setup *s;

	if (!q || q->ready || !in_setup(t)) {
		complain(t, "register 0x%jx of queue %u at the wrong time", (uintmax_t)offset,
		         t->queue_sel);
		return;
	}
	s = &q->setup;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* A size that was not offered becomes one that no queue accepts. */
		s->size = value <= t->dev->ops->queue_max ? (uint16_t)value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&s->desc.a, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&s->avail.a, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&s->used.a, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	}
}

static void write_register(struct virtio_mmio *t, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		t->device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		t->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_driver_features(t, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		t->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		write_ready(t, value);
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		write_queue(t, offset, value);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(t, value);
		break;
	}
}

/* Only 32-bit accesses that are an exit reach registers; what is shown can be read in any width. */
static bool is_register(uint64_t offset, unsigned len)
{
	return len == 4 && offset % 4 == 0;
}

static uint64_t window_read(void *self, uint64_t offset, unsigned len)
{
	struct virtio_mmio *t = self;

	if (offset >= VIRTIO_MMIO_CONFIG)
		return virtio_dev_config_read(t->dev, offset - VIRTIO_MMIO_CONFIG, len);
	if (!is_register(offset, len))
		return 0;
	/* Acquire: pairs with the device's release. Only where the registers are not shown, or KVM
	 * emulates the instruction. */
	return __atomic_load_n(virtio_dev_reg(t->dev, offset), __ATOMIC_ACQUIRE);
}

static void window_write(void *self, uint64_t offset, unsigned len, uint64_t value)
{
	struct virtio_mmio *t = self;

	if (offset >= VIRTIO_MMIO_CONFIG) {
		(void)virtio_dev_config_write(t->dev, offset - VIRTIO_MMIO_CONFIG, len, value);
		return;
	}
	if (!is_register(offset, len))
		return;
	/* These two come often, and touch nothing that the lock guards. */
	if (offset == VIRTIO_MMIO_INTERRUPT_ACK) {
		__atomic_fetch_and(virtio_dev_reg(t->dev, VIRTIO_MMIO_INTERRUPT_STATUS),
		                   ~(uint32_t)value | VIRTIO_MMIO_IDLE_ACK, __ATOMIC_ACQ_REL);
		return;
	}
	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
		if (value < t->dev->ops->n_queues)
			virtio_dev_notify(t->dev, (uint16_t)value);
		return;
	}
	pthread_mutex_lock(&t->lock);
	write_register(t, offset, (uint32_t)value);
	show_selected(t);
	pthread_mutex_unlock(&t->lock);
}

const struct bus_ops virtio_mmio_bus_ops = { .read = window_read, .write = window_write };
