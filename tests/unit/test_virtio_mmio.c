/* SPDX-License-Identifier: Apache-2.0 */
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

/* ---- registers ---- */

static const struct {
	uint64_t offset;
	uint32_t value;
} constants[] = {
	{ VIRTIO_MMIO_MAGIC_VALUE, 0x74726976 },
	{ VIRTIO_MMIO_VERSION, 2 },
	{ VIRTIO_MMIO_DEVICE_ID, 42 },
	{ VIRTIO_MMIO_VENDOR_ID, VIRTIO_MMIO_VENDOR },
	{ VIRTIO_MMIO_QUEUE_NUM_MAX, QUEUE_MAX },
	{ VIRTIO_MMIO_QUEUE_READY, 0 },
	{ VIRTIO_MMIO_INTERRUPT_STATUS, 0 },
	{ VIRTIO_MMIO_STATUS, 0 },
	{ VIRTIO_MMIO_SHM_LEN_LOW, UINT32_MAX },
	{ VIRTIO_MMIO_SHM_LEN_HIGH, UINT32_MAX },
	{ VIRTIO_MMIO_SHM_BASE_LOW, UINT32_MAX },
	{ VIRTIO_MMIO_SHM_BASE_HIGH, UINT32_MAX },
	/* write-only, of the legacy interface, or nothing at all */
	{ VIRTIO_MMIO_QUEUE_SEL, 0 },
	{ VIRTIO_MMIO_DRIVER_FEATURES, 0 },
	{ VIRTIO_MMIO_GUEST_PAGE_SIZE, 0 },
	{ VIRTIO_MMIO_QUEUE_PFN, 0 },
	{ VIRTIO_MMIO_QUEUE_DESC_LOW, 0 },
	{ 0x0c0, 0 }, /* QueueReset is not offered */
	{ 0x0f8, 0 },
};

START_TEST(read_register_gives_its_value)
{
	ck_assert_uint_eq(rd(constants[_i].offset), constants[_i].value);
}
END_TEST

static const struct {
	uint64_t offset;
	unsigned len;
} odd[] = {
	{ VIRTIO_MMIO_MAGIC_VALUE, 1 },     { VIRTIO_MMIO_MAGIC_VALUE, 2 },
	{ VIRTIO_MMIO_MAGIC_VALUE, 8 },     { VIRTIO_MMIO_MAGIC_VALUE + 1, 4 },
	{ VIRTIO_MMIO_MAGIC_VALUE + 2, 4 }, { VIRTIO_MMIO_CONFIG - 2, 4 },
	{ VIRTIO_MMIO_CONFIG - 4, 8 },
};

START_TEST(access_of_odd_width_or_place_is_ignored)
{
	to_driver_ok();
	ck_assert_uint_eq(bus_read(&x.bus, odd[_i].offset, odd[_i].len), 0);
	bus_write(&x.bus, odd[_i].offset, odd[_i].len, UINT64_MAX);
	bus_write(&x.bus, VIRTIO_MMIO_STATUS, 1, 0);
	bus_write(&x.bus, VIRTIO_MMIO_STATUS, 8, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_uint_eq(x.config[0], 1);
}
END_TEST

START_TEST(write_to_read_only_register_is_ignored)
{
	wr(VIRTIO_MMIO_MAGIC_VALUE, 1);
	wr(VIRTIO_MMIO_QUEUE_NUM_MAX, 1);
	wr(VIRTIO_MMIO_INTERRUPT_STATUS, 1);
	wr(VIRTIO_MMIO_CONFIG_GENERATION, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), QUEUE_MAX);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_CONFIG_GENERATION), 0);
}
END_TEST

/* ---- status machine ---- */

static const struct {
	uint32_t before, write, after; /* device status */
} steps[] = {
	{ 0, ACK, ACK },
	{ 0, ACK | DRIVER, ACK | DRIVER }, /* some drivers do two steps at once */
	{ 0, DRIVER, 0 },
	{ 0, NEEDS_RESET | DRIVER, 0 }, /* 0x42 */
	{ 0, NEEDS_RESET, 0 },
	{ 0, FEATURES_OK, 0 },
	{ 0, DRIVER_OK, 0 },
	{ 0, 0x10, 0 },
	{ 0, 0x100 | ACK, 0 },
	{ 0, UINT32_MAX, 0 },
	{ 0, FAILED, FAILED },
	{ 0, ACK | FEATURES_OK, ACK },
	{ ACK, DRIVER, ACK }, /* would go back */
	{ ACK, ACK | DRIVER_OK, ACK },
	{ ACK, ACK | DRIVER, ACK | DRIVER },
	{ ACK | DRIVER, ACK | DRIVER | DRIVER_OK, ACK | DRIVER },
	{ ACK | DRIVER, ACK | DRIVER | FAILED, ACK | DRIVER | FAILED },
	{ ACK | DRIVER, ACK, ACK | DRIVER },
	{ ACK | DRIVER, 0, 0 },
	/* the device's own bit is written back by drivers, and says nothing */
	{ ACK, ACK | DRIVER | NEEDS_RESET, ACK | DRIVER },
	{ ACK | DRIVER | FAILED, ACK | DRIVER, ACK | DRIVER | FAILED },
};

START_TEST(status_write_adds_steps_in_order_only)
{
	wr(VIRTIO_MMIO_STATUS, steps[_i].before);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), steps[_i].before);
	wr(VIRTIO_MMIO_STATUS, steps[_i].write);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), steps[_i].after);
	ck_assert_uint_eq(x.activates, 0);
}
END_TEST

START_TEST(status_driver_ok_activates_once)
{
	to_driver_ok();
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_uint_eq(x.activates, 1);
	ck_assert_uint_eq(x.kicks, 1);
	ck_assert_uint_eq(x.dev.acked, x.dev.features);
	ck_assert(x.dev.queue[0].ring.event_idx);
	ck_assert(x.dev.queue[0].ring.indirect);
	ck_assert_ptr_null(x.dev.queue[1].ring.desc);
}
END_TEST

START_TEST(status_driver_ok_with_refused_features_in_one_write_does_not_activate)
{
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), ACK | DRIVER);
	ck_assert_uint_eq(x.activates, 0);
}
END_TEST

START_TEST(status_driver_ok_that_cannot_activate_needs_reset)
{
	x.activate_r = -EIO;
	to_driver_ok();
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS),
	                  ACK | DRIVER | FEATURES_OK | DRIVER_OK | NEEDS_RESET);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS),
	                  VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
	ck_assert_uint_eq(x.kicks, 0);
	x.activate_r = 0;
	wr(VIRTIO_MMIO_STATUS, 0);
	to_driver_ok();
	ck_assert_uint_eq(x.kicks, 1);
}
END_TEST

START_TEST(status_zero_while_active_resets_all)
{
	to_driver_ok();
	offer();
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	wr(VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(x.resets, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert_uint_eq(x.dev.acked, 0);
	ck_assert_uint_eq(x.t.driver_features, 0);
	ck_assert_uint_eq(x.t.queue[0].setup.desc.a, 0);
	ck_assert_ptr_null(x.dev.queue[0].ring.desc);
}
END_TEST

START_TEST(reset_then_activate_again_serves_from_index_zero)
{
	to_driver_ok();
	offer();
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	virtio_mmio_reset(&x.t);
	x.r->avail->idx = 0;
	x.r->used->idx = 0;
	to_driver_ok();
	offer();
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert_uint_eq(x.r->used->idx, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), ACK | DRIVER | FEATURES_OK | DRIVER_OK);
}
END_TEST

/* ---- features ---- */

#define V1 (1ULL << VIRTIO_F_VERSION_1)

static const struct {
	uint64_t features;
	bool ok;
} acks[] = {
	{ V1, true },
	{ V1 | 1 << FEATURE, true },
	{ V1 | 1 << FEATURE | 1ULL << VIRTIO_RING_F_EVENT_IDX, true },
	{ 0, false },
	{ 1 << FEATURE, false },
	{ V1 | 1, false },
	{ V1 | 1ULL << VIRTIO_F_RING_PACKED, false },
	{ V1 | 1ULL << 63, false },
	{ UINT64_MAX, false },
};

START_TEST(features_ok_only_for_a_subset_with_version_1)
{
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write_features(acks[_i].features);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), ACK | DRIVER | (acks[_i].ok ? FEATURES_OK : 0));
	ck_assert_uint_eq(x.dev.acked, acks[_i].ok ? acks[_i].features : 0);
}
END_TEST

START_TEST(device_features_come_in_words)
{
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_DEVICE_FEATURES), (uint32_t)x.dev.features);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_DEVICE_FEATURES), 1);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_DEVICE_FEATURES), 0);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, UINT32_MAX);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_DEVICE_FEATURES), 0);
}
END_TEST

START_TEST(driver_features_of_far_words_are_ignored)
{
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write_features(V1);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, UINT32_MAX);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	ck_assert_uint_eq(x.t.driver_features, V1);
}
END_TEST

START_TEST(driver_features_after_features_ok_are_ignored)
{
	to_features_ok();
	write_features(V1);
	ck_assert_uint_eq(x.t.driver_features, x.dev.features);
	ck_assert_uint_eq(x.dev.acked, x.dev.features);
}
END_TEST

/* ---- queues ---- */

/* What a queue can be described as, that no queue can be. */
static const struct {
	uint32_t size;
	uint64_t desc, avail, used;
} hostile[] = {
	{ 0, 0x1000, 0x8000, 0xa000 },
	{ 11, 0x1000, 0x8000, 0xa000 },
	{ 2 * QUEUE_MAX, 0x1000, 0x8000, 0xa000 },
	{ 0x10000 + QUEUE_MAX, 0x1000, 0x8000, 0xa000 },
	{ UINT32_MAX, 0x1000, 0x8000, 0xa000 },
	{ QUEUE_MAX, 0x1001, 0x8000, 0xa000 },
	{ QUEUE_MAX, 0x1000, 0x8001, 0xa000 },
	{ QUEUE_MAX, 0x1000, 0x8000, 0xa001 },
	{ QUEUE_MAX, RING_LOW_BYTES - 16, 0x8000, 0xa000 },
	{ QUEUE_MAX, 0x1000, RING_LOW_BYTES - 2, 0xa000 },
	{ QUEUE_MAX, 0x1000, 0x8000, RING_HIGH_BASE + RING_HIGH_BYTES },
	{ QUEUE_MAX, 0x8000000000001000, 0x8000, 0xa000 },
	{ QUEUE_MAX, 0x1000, 0x8000, UINT64_MAX - 3 },
};

START_TEST(activate_with_hostile_queue_needs_reset)
{
	struct virtq_setup s = { .desc = GPA(hostile[_i].desc),
		                 .avail = GPA(hostile[_i].avail),
		                 .used = GPA(hostile[_i].used) };

	to_features_ok();
	describe_queue(1, &s);
	wr(VIRTIO_MMIO_QUEUE_NUM, hostile[_i].size);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET);
	ck_assert_uint_eq(x.activates, 0);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	ck_assert_uint_eq(x.kicks, 0);
	wr(VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), 0);
}
END_TEST

START_TEST(activate_with_queue_ready_but_never_described_needs_reset)
{
	to_features_ok();
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET);
}
END_TEST

START_TEST(activate_with_no_queue_ready_serves_nothing)
{
	to_features_ok();
	describe_queue(0, &x.r->setup);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	offer();
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert_uint_eq(x.activates, 1);
	ck_assert_uint_eq(x.kicks, 0);
	ck_assert_uint_eq(x.r->used->idx, 0);
}
END_TEST

/* Numbers of queues that the device does not have: the first, one past our array, the last. */
static const uint32_t absent[] = { QUEUES, VIRTIO_MMIO_QUEUES_MAX, UINT32_MAX };

START_TEST(queue_absent_reads_zero_and_ignores_writes)
{
	to_features_ok();
	describe_queue(absent[_i], &x.r->setup);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, absent[_i]);
	ck_assert_uint_eq(x.kicks, 0);
	ck_assert(!(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET));
}
END_TEST

static const struct virtq_setup poison = {
	.size = 2, .desc = { 0x5550 }, .avail = { 0x6660 }, .used = { 0x7770 }
};

START_TEST(queue_registers_before_features_ok_are_ignored)
{
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	describe_queue(0, &poison);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert_uint_eq(x.t.queue[0].setup.size, 0);
	ck_assert_uint_eq(x.t.queue[0].setup.desc.a, 0);
}
END_TEST

START_TEST(queue_registers_while_ready_are_ignored)
{
	to_features_ok();
	describe_queue(0, &x.r->setup);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	describe_queue(0, &poison);
	ck_assert_uint_eq(x.t.queue[0].setup.desc.a, x.r->setup.desc.a);
	wr(VIRTIO_MMIO_QUEUE_READY, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	describe_queue(0, &poison);
	ck_assert_uint_eq(x.t.queue[0].setup.desc.a, poison.desc.a);
}
END_TEST

START_TEST(queue_registers_after_driver_ok_are_ignored)
{
	to_driver_ok();
	describe_queue(0, &poison);
	wr(VIRTIO_MMIO_QUEUE_READY, 0);
	describe_queue(1, &poison);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	wr(VIRTIO_MMIO_QUEUE_SEL, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_QUEUE_READY), 1);
	offer();
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert_uint_eq(x.r->used->idx, 1);
}
END_TEST

START_TEST(queue_above_4_gib_is_served)
{
	struct virtq_setup s = { .size = QUEUE_MAX,
		                 .desc = GPA(RING_HIGH_BASE),
		                 .avail = GPA(RING_HIGH_BASE + 0x1000),
		                 .used = GPA(RING_HIGH_BASE + 0x2000) };

	to_features_ok();
	describe_queue(1, &s);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_ptr_eq(x.dev.queue[1].ring.desc, ring_host(x.r, RING_HIGH_BASE));
	ck_assert(!(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET));
}
END_TEST

START_TEST(notify_with_broken_ring_needs_reset_until_reset)
{
	to_driver_ok();
	ring_offer(x.r, QUEUE_MAX);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	ck_assert_uint_eq(x.kicks, 2);
	ck_assert_uint_eq(x.r->used->idx, 0);
	wr(VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), 0);
}
END_TEST

START_TEST(interrupt_ack_clears_all_but_used_buffers)
{
	const uint32_t both = VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG;

	to_driver_ok();
	*virtio_dev_reg(&x.dev, VIRTIO_MMIO_INTERRUPT_STATUS) = both;
	wr(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), both);
	wr(VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
}
END_TEST

/* ---- config space ---- */

static const struct {
	uint64_t offset;
	unsigned len;
	uint64_t value;
} configs[] = {
	{ 0, 1, 1 },
	{ 3, 1, 4 },
	{ 2, 2, 0x0403 },
	{ 8, 4, 0x0c0b0a09 },
	{ 0, 8, 0x0807060504030201 },
	{ 4, 8, 0x0c0b0a0908070605 },
	{ 8, 8, 0 },
	{ 12, 1, 0 },
	{ VIRTIO_MMIO_WINDOW - VIRTIO_MMIO_CONFIG - 8, 8, 0 },
};

START_TEST(config_read_of_each_width_stays_inside)
{
	ck_assert_uint_eq(
	        bus_read(&x.bus, VIRTIO_MMIO_CONFIG + configs[_i].offset, configs[_i].len),
	        configs[_i].value);
}
END_TEST

START_TEST(config_write_inside_reaches_the_device)
{
	bus_write(&x.bus, VIRTIO_MMIO_CONFIG + 2, 2, 0xbeef);
	bus_write(&x.bus, VIRTIO_MMIO_CONFIG + CONFIG_BYTES - 1, 2, 0xbeef);
	ck_assert_uint_eq(x.writes, 1);
	ck_assert_uint_eq(x.config[2], 0xef);
	ck_assert_uint_eq(x.config[CONFIG_BYTES - 1], CONFIG_BYTES);
}
END_TEST

static void change_all(struct virtio_dev *d, void *arg)
{
	memset(d->config, *(uint8_t *)arg, CONFIG_BYTES);
}

START_TEST(config_generation_moves_with_each_change)
{
	uint64_t before = rd(VIRTIO_MMIO_CONFIG_GENERATION);
	uint8_t value = 7;

	virtio_dev_config_changed(&x.dev, change_all, &value);
	ck_assert_uint_ne(rd(VIRTIO_MMIO_CONFIG_GENERATION), before);
	ck_assert_uint_eq(rd(VIRTIO_MMIO_CONFIG), 0x07070707);
}
END_TEST

/* ---- with a thread of the device ---- */

#define ROUNDS 300

static void *loop_main(void *arg)
{
	return loop_run(arg) == 0 ? arg : NULL;
}

static void *change_main(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t value = (uint8_t)i;

		virtio_dev_config_changed(&x.dev, change_all, &value);
	}
	return arg;
}

/* Read the space as drivers do; return whether it was one picture. */
static bool config_is_whole(void)
{
	uint64_t before, after, parts[3];

	do {
		before = rd(VIRTIO_MMIO_CONFIG_GENERATION);
		for (unsigned i = 0; i < 3; i++)
			parts[i] = rd(VIRTIO_MMIO_CONFIG + 4 * i);
		after = rd(VIRTIO_MMIO_CONFIG_GENERATION);
	} while (before != after);
	return parts[0] == parts[1] && parts[1] == parts[2];
}

START_TEST(config_read_while_it_changes_is_consistent)
{
	uint8_t value = 0;
	pthread_t changer;
	unsigned torn = 0;

	virtio_dev_config_changed(&x.dev, change_all, &value);
	ck_assert_int_eq(pthread_create(&changer, NULL, change_main, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		torn += !config_is_whole();
	pthread_join(changer, NULL);
	ck_assert_uint_eq(torn, 0);
}
END_TEST

START_TEST(reset_over_and_over_with_a_device_thread_does_not_hang)
{
	struct loop loop;
	pthread_t thread;

	teardown();
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	open_device(&loop);
	ck_assert_int_eq(pthread_create(&thread, NULL, loop_main, &loop), 0);
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		to_driver_ok();
		ring_offer(x.r, (uint16_t)(i % (QUEUE_MAX + 1)));
		wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		wr(VIRTIO_MMIO_STATUS, 0);
		ck_assert_uint_eq(rd(VIRTIO_MMIO_STATUS), 0);
		x.r->avail->idx = 0;
	}
	ck_assert_uint_eq(x.resets, ROUNDS / 10);
	loop_stop(&loop);
	pthread_join(thread, NULL);
	virtio_dev_fini(&x.dev); /* before its loop */
	loop_fini(&loop);
}
END_TEST

/* ---- what is said about it ---- */

START_TEST(complaints_are_few_and_name_the_device)
{
	int was = dup(STDERR_FILENO), ends[2];
	char text[8192] = "";
	unsigned lines = 0;

	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	ck_assert_int_eq(log_open(NULL, LOG_WARN, NULL), 0);
	for (uint32_t i = 1; i <= 1000; i++) {
		wr(VIRTIO_MMIO_STATUS, i << 8);
		wr(VIRTIO_MMIO_QUEUE_NUM, i);
		wr(VIRTIO_MMIO_QUEUE_READY, i);
	}
	dup2(was, STDERR_FILENO);
	ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	ck_assert_uint_eq(lines, LOG_LIMIT_BURST);
	ck_assert_ptr_nonnull(strstr(text, "echo0"));
	close(was);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(good_driver_hears_no_complaint)
{
	to_driver_ok();
	wr(VIRTIO_MMIO_STATUS, 0);
	wr(VIRTIO_MMIO_QUEUE_SEL, 0);
	wr(VIRTIO_MMIO_QUEUE_READY, 0); /* Linux puts its queues away after the reset */
	ck_assert_uint_eq(x.t.complaints.passed, 0);
}
END_TEST

static TCase *status_cases(void)
{
	TCase *tc = tcase_create("status");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, status_write_adds_steps_in_order_only, 0, ARRAY_SIZE(steps));
	tcase_add_test(tc, status_driver_ok_activates_once);
	tcase_add_test(tc, status_driver_ok_with_refused_features_in_one_write_does_not_activate);
	tcase_add_test(tc, status_driver_ok_that_cannot_activate_needs_reset);
	tcase_add_test(tc, status_zero_while_active_resets_all);
	tcase_add_test(tc, reset_then_activate_again_serves_from_index_zero);
	tcase_add_loop_test(tc, features_ok_only_for_a_subset_with_version_1, 0, ARRAY_SIZE(acks));
	tcase_add_test(tc, device_features_come_in_words);
	tcase_add_test(tc, driver_features_of_far_words_are_ignored);
	tcase_add_test(tc, driver_features_after_features_ok_are_ignored);
	return tc;
}

static TCase *queue_cases(void)
{
	TCase *tc = tcase_create("queues");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, activate_with_hostile_queue_needs_reset, 0, ARRAY_SIZE(hostile));
	tcase_add_test(tc, activate_with_queue_ready_but_never_described_needs_reset);
	tcase_add_test(tc, activate_with_no_queue_ready_serves_nothing);
	tcase_add_loop_test(tc, queue_absent_reads_zero_and_ignores_writes, 0, ARRAY_SIZE(absent));
	tcase_add_test(tc, queue_registers_before_features_ok_are_ignored);
	tcase_add_test(tc, queue_registers_while_ready_are_ignored);
	tcase_add_test(tc, queue_registers_after_driver_ok_are_ignored);
	tcase_add_test(tc, queue_above_4_gib_is_served);
	tcase_add_test(tc, notify_with_broken_ring_needs_reset_until_reset);
	tcase_add_test(tc, interrupt_ack_clears_all_but_used_buffers);
	return tc;
}

int main(void)
{
	Suite *s = suite_create("virtio_mmio");
	TCase *tc = tcase_create("registers");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, read_register_gives_its_value, 0, ARRAY_SIZE(constants));
	tcase_add_loop_test(tc, access_of_odd_width_or_place_is_ignored, 0, ARRAY_SIZE(odd));
	tcase_add_test(tc, write_to_read_only_register_is_ignored);
	tcase_add_loop_test(tc, config_read_of_each_width_stays_inside, 0, ARRAY_SIZE(configs));
	tcase_add_test(tc, config_write_inside_reaches_the_device);
	tcase_add_test(tc, config_generation_moves_with_each_change);
	tcase_add_test(tc, config_read_while_it_changes_is_consistent);
	tcase_add_test(tc, reset_over_and_over_with_a_device_thread_does_not_hang);
	tcase_add_test(tc, complaints_are_few_and_name_the_device);
	tcase_add_test(tc, good_driver_hears_no_complaint);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, status_cases());
	suite_add_tcase(s, queue_cases());
	return run_suite(s);
}
