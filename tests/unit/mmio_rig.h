/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_MMIO_RIG_H
#define TESTS_UNIT_MMIO_RIG_H

/* A device behind its window, and a driver for it, for the one program that includes this. */

#include "devices/virtio_mmio.h"
#include "tests/unit/ring.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#define ACK         VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER      VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK   VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED      VIRTIO_CONFIG_S_FAILED

#define FEATURE      5 /* what the test device offers of its own */
#define QUEUES       2
#define QUEUE_MAX    8
#define CONFIG_BYTES 12

static int echo_activate(struct virtio_dev *d);
static int echo_kick(struct virtio_dev *d, uint16_t qi);
static void echo_reset(struct virtio_dev *d);
static void echo_config_written(struct virtio_dev *d, size_t off, size_t len);

static const struct virtio_dev_ops echo_ops = {
	.name = "echo",
	.id = 42,
	.n_queues = QUEUES,
	.queue_max = QUEUE_MAX,
	.config_size = CONFIG_BYTES,
	.activate = echo_activate,
	.kick = echo_kick,
	.reset = echo_reset,
	.config_written = echo_config_written,
};

/* A device that gives back what is offered, the window before it, and a ring for it. */
static struct {
	struct virtio_dev dev;
	struct virtio_mmio t;
	struct bus bus;
	uint8_t config[CONFIG_BYTES];
	int activate_r;
	unsigned activates, kicks, resets, writes;
	struct ring *r;
} x;

static int echo_activate(struct virtio_dev *d)
{
	(void)d;
	x.activates++;
	return x.activate_r;
}

static int echo_kick(struct virtio_dev *d, uint16_t qi)
{
	struct virtq_chain c;
	int r;

	x.kicks++;
	while ((r = virtq_next(&d->queue[qi].ring, &c)) > 0)
		virtq_push(&d->queue[qi].ring, c.head, 0);
	virtio_dev_signal(d, qi);
	return r;
}

static void echo_reset(struct virtio_dev *d)
{
	(void)d;
	x.resets++;
}

static void echo_config_written(struct virtio_dev *d, size_t off, size_t len)
{
	(void)d;
	(void)off;
	(void)len;
	x.writes++;
}

static uint64_t rd(uint64_t offset)
{
	return bus_read(&x.bus, offset, 4);
}

static void wr(uint64_t offset, uint32_t value)
{
	bus_write(&x.bus, offset, 4, value);
}

static void open_device(struct loop *loop)
{
	struct bus_range window = { .len = VIRTIO_MMIO_WINDOW,
		                    .ops = &virtio_mmio_bus_ops,
		                    .self = &x.t };

	memset(&x, 0, sizeof(x));
	for (unsigned i = 0; i < CONFIG_BYTES; i++)
		x.config[i] = (uint8_t)(i + 1);
	ck_assert_int_eq(
	        virtio_dev_init(&x.dev, &echo_ops, "echo0", 1ULL << FEATURE, x.config, loop, NULL),
	        0);
	x.r = ring_new(QUEUE_MAX);
	virtio_mmio_init(&x.t, &x.dev, &x.r->mem, NULL);
	ck_assert_int_eq(bus_add(&x.bus, &window, NULL), 0);
}

static void setup(void)
{
	/* The complaints have a test of their own. */
	ck_assert_int_eq(log_open(NULL, LOG_ERROR, NULL), 0);
	open_device(NULL);
}

static void teardown(void)
{
	virtio_dev_fini(&x.dev);
	ring_free(x.r);
}

/* ---- a well-behaved driver, in steps ---- */

static void write_features(uint64_t features)
{
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static void to_features_ok(void)
{
	wr(VIRTIO_MMIO_STATUS, ACK);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write_features(x.dev.features);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), ACK | DRIVER | FEATURES_OK);
}

static void describe_queue(uint32_t qi, const struct virtq_setup *s)
{
	wr(VIRTIO_MMIO_QUEUE_SEL, qi);
	wr(VIRTIO_MMIO_QUEUE_NUM, s->size);
	wr(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)s->desc.a);
	wr(VIRTIO_MMIO_QUEUE_DESC_HIGH, (uint32_t)(s->desc.a >> 32));
	wr(VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)s->avail.a);
	wr(VIRTIO_MMIO_QUEUE_AVAIL_HIGH, (uint32_t)(s->avail.a >> 32));
	wr(VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)s->used.a);
	wr(VIRTIO_MMIO_QUEUE_USED_HIGH, (uint32_t)(s->used.a >> 32));
}

static void to_driver_ok(void)
{
	to_features_ok();
	describe_queue(0, &x.r->setup);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void offer(void)
{
	struct ring_buf b = { ring_alloc(x.r, 16), 16, true };

	ring_chain(x.r, &b, 1);
}

#endif /* TESTS_UNIT_MMIO_RIG_H */
