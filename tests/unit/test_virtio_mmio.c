/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/mmio_rig.h"

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
	return run_suite(s);
}
