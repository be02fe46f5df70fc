/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_dev.h"
#include "tests/unit/ring.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <semaphore.h>
#include <string.h>
#include <sys/resource.h>

#define CONFIG_BYTES 12
#define QUEUES       2

/* A device that counts its verbs, and gives back what is offered. */
struct probe {
	struct virtio_dev base;
	uint8_t config[CONFIG_BYTES];
	int activate_r, kick_r; /* what the verbs return */
	unsigned activates, resets, kicks[QUEUES], writes;
	size_t written_off, written_len;
	pthread_t kicked_on;
	sem_t kicked; /* posted for each kick */
};

static struct probe *probe_of(struct virtio_dev *d)
{
	return container_of(d, struct probe, base);
}

static int probe_activate(struct virtio_dev *d)
{
	probe_of(d)->activates++;
	return probe_of(d)->activate_r;
}

static int probe_kick(struct virtio_dev *d, uint16_t qi)
{
	struct probe *p = probe_of(d);
	struct virtq_chain c;
	int r;

	p->kicks[qi]++;
	p->kicked_on = pthread_self();
	while ((r = virtq_next(&d->queue[qi].ring, &c)) > 0)
		virtq_push(&d->queue[qi].ring, c.head, 0);
	virtio_dev_signal(d, qi);
	sem_post(&p->kicked);
	return r < 0 ? r : p->kick_r;
}

static void probe_reset(struct virtio_dev *d)
{
	probe_of(d)->resets++;
}

static void probe_config_written(struct virtio_dev *d, size_t off, size_t len)
{
	probe_of(d)->writes++;
	probe_of(d)->written_off = off;
	probe_of(d)->written_len = len;
}

static const struct virtio_dev_ops probe_ops = {
	.name = "probe",
	.id = 42,
	.n_queues = QUEUES,
	.queue_max = 8,
	.config_size = CONFIG_BYTES,
	.activate = probe_activate,
	.kick = probe_kick,
	.reset = probe_reset,
	.config_written = probe_config_written,
};

/* The fewest verbs that a device can have. */
static const struct virtio_dev_ops plain_ops = {
	.name = "plain",
	.id = 43,
	.n_queues = 1,
	.queue_max = 8,
	.kick = probe_kick,
};

/* A device and a ring behind its queue 0; queue 1 is one that the driver left alone. */
static struct probe p;
static struct ring *r;

static void setup(void)
{
	ck_assert_int_eq(log_open(NULL, LOG_ERROR, NULL), 0);
	memset(&p, 0, sizeof(p));
	sem_init(&p.kicked, 0, 0);
	for (unsigned i = 0; i < CONFIG_BYTES; i++)
		p.config[i] = (uint8_t)(i + 1);
	ck_assert_int_eq(virtio_dev_init(&p.base, &probe_ops, "probe0", 1, p.config, NULL, NULL),
	                 0);
	r = ring_new(8);
}

static void teardown(void)
{
	virtio_dev_fini(&p.base);
	ring_free(r);
}

/* As a driver that has reached DRIVER_OK leaves it. */
static void start(void)
{
	ring_start(r, &p.base.queue[0].ring);
	*virtio_dev_reg(&p.base, VIRTIO_MMIO_STATUS) = VIRTIO_CONFIG_S_DRIVER_OK;
	virtio_dev_start(&p.base);
}

/* Edges sent since the last call. */
static uint64_t interrupts(void)
{
	uint64_t count = 0;

	return read(p.base.irq.fd, &count, sizeof(count)) < 0 ? 0 : count;
}

static void offer(void)
{
	struct ring_buf b = { ring_alloc(r, 16), 16, true };

	ring_chain(r, &b, 1);
}

START_TEST(init_offers_what_the_queue_can)
{
	ck_assert_uint_eq(p.base.features, 1 | 1ULL << VIRTIO_F_VERSION_1 |
	                                           1ULL << VIRTIO_RING_F_INDIRECT_DESC |
	                                           1ULL << VIRTIO_RING_F_EVENT_IDX);
	ck_assert_str_eq(p.base.label, "probe0");
	ck_assert_uint_eq(virtio_dev_status(&p.base), 0);
	ck_assert_int_ne(p.base.queue[0].kick.fd, p.base.queue[1].kick.fd);
	ck_assert_int_eq(fcntl(p.base.queue[0].kick.fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert_int_eq(fcntl(p.base.queue[0].kick.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}
END_TEST

/* Room for so many descriptors only: the interrupt's, the first queue's, the second's is missing.
 */
START_TEST(init_without_descriptors_fails_and_can_be_undone)
{
	struct virtio_dev d;
	struct err e = { "" };
	struct rlimit was, few;
	int lowest = dup(STDIN_FILENO);

	ck_assert_int_ge(lowest, 0);
	close(lowest);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = (struct rlimit){ .rlim_cur = (rlim_t)(lowest + _i), .rlim_max = was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(virtio_dev_init(&d, &probe_ops, "late0", 0, p.config, NULL, &e), -EMFILE);
	virtio_dev_fini(&d);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	ck_assert_ptr_nonnull(strstr(e.msg, "eventfd"));
	ck_assert_int_eq(dup(STDIN_FILENO), lowest);
	close(lowest);
}
END_TEST

START_TEST(fini_of_zeroed_and_finished_device_is_fine)
{
	struct virtio_dev d = { 0 };

	virtio_dev_fini(&d);
	ck_assert_int_eq(virtio_dev_init(&d, &plain_ops, "plain0", 0, NULL, NULL, NULL), 0);
	virtio_dev_fini(&d);
	virtio_dev_fini(&d);
	ck_assert_int_ge(fcntl(STDIN_FILENO, F_GETFD), 0); /* a zero is no descriptor of ours */
}
END_TEST

START_TEST(start_kicks_each_ready_queue_once)
{
	start();
	ck_assert_uint_eq(p.activates, 1);
	ck_assert_uint_eq(p.kicks[0], 1);
	ck_assert_uint_eq(p.kicks[1], 0);
}
END_TEST

START_TEST(start_serves_what_was_offered_before)
{
	offer();
	start();
	ck_assert_uint_eq(r->used->idx, 1);
	ck_assert_uint_eq(interrupts(), 1);
	ck_assert_uint_eq(*virtio_dev_reg(&p.base, VIRTIO_MMIO_INTERRUPT_STATUS),
	                  VIRTIO_MMIO_INT_VRING);
}
END_TEST

START_TEST(start_that_fails_needs_reset_and_is_not_kicked)
{
	p.activate_r = -EIO;
	start();
	ck_assert(virtio_dev_status(&p.base) & VIRTIO_CONFIG_S_NEEDS_RESET);
	ck_assert_uint_ne(
	        *virtio_dev_reg(&p.base, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG, 0);
	virtio_dev_kick(&p.base, 0);
	ck_assert_uint_eq(p.kicks[0], 0);
	virtio_dev_reset(&p.base);
	ck_assert_uint_eq(p.resets, 1);
}
END_TEST

START_TEST(kick_before_start_does_nothing)
{
	virtio_dev_kick(&p.base, 0);
	virtio_dev_notify(&p.base, 1);
	ck_assert_uint_eq(p.kicks[0] + p.kicks[1], 0);
}
END_TEST

START_TEST(kick_with_broken_ring_needs_reset)
{
	start();
	(void)interrupts();
	ring_offer(r, 8);
	virtio_dev_kick(&p.base, 0);
	ck_assert(virtio_dev_status(&p.base) & VIRTIO_CONFIG_S_NEEDS_RESET);
	ck_assert_uint_ne(
	        *virtio_dev_reg(&p.base, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG, 0);
	ck_assert_uint_eq(interrupts(), 1);
	ck_assert_uint_eq(r->used->idx, 0);
	virtio_dev_kick(&p.base, 0);
	ck_assert_uint_eq(p.kicks[0], 2);
}
END_TEST

START_TEST(kick_that_fails_needs_reset_once)
{
	start();
	p.kick_r = -EIO;
	virtio_dev_kick(&p.base, 0);
	virtio_dev_fail(&p.base, -EIO, "again");
	ck_assert_uint_eq(interrupts(), 1);
}
END_TEST

START_TEST(fail_before_driver_ok_does_not_interrupt)
{
	virtio_dev_fail(&p.base, -EIO, "early");
	ck_assert(virtio_dev_status(&p.base) & VIRTIO_CONFIG_S_NEEDS_RESET);
	ck_assert_uint_eq(interrupts(), 0);
}
END_TEST

START_TEST(fail_again_and_again_logs_a_few_lines)
{
	int was = dup(STDERR_FILENO), ends[2];
	char text[4096] = "";
	unsigned lines = 0;

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	ck_assert_int_eq(log_open(NULL, LOG_WARN, NULL), 0);
	for (unsigned i = 0; i < 100; i++) {
		virtio_dev_fail(&p.base, -EPROTO, "tested");
		virtio_dev_reset(&p.base);
	}
	dup2(was, STDERR_FILENO);
	ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	ck_assert_uint_eq(lines, LOG_LIMIT_BURST);
	ck_assert_ptr_nonnull(strstr(text, "probe0"));
	close(was);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(signal_without_push_does_not_interrupt)
{
	start();
	virtio_dev_signal(&p.base, 0);
	virtio_dev_signal(&p.base, 1);
	ck_assert_uint_eq(interrupts(), 0);
}
END_TEST

START_TEST(reset_while_active_forgets_the_driver)
{
	start();
	p.base.acked = p.base.features;
	ck_assert_uint_eq(*virtio_dev_reg(&p.base, VIRTIO_MMIO_INTERRUPT_STATUS),
	                  VIRTIO_MMIO_INT_VRING);
	virtio_dev_reset(&p.base);
	ck_assert_uint_eq(p.resets, 1);
	ck_assert(!p.base.active);
	ck_assert_uint_eq(p.base.acked, 0);
	ck_assert_uint_eq(*virtio_dev_reg(&p.base, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	ck_assert_uint_eq(virtio_dev_status(&p.base), 0);
	ck_assert_ptr_null(p.base.queue[0].ring.desc);
	virtio_dev_kick(&p.base, 0);
	ck_assert_uint_eq(p.kicks[0], 1);
}
END_TEST

START_TEST(reset_without_activity_calls_no_verb)
{
	virtio_dev_reset(&p.base);
	ck_assert_uint_eq(p.resets, 0);
}
END_TEST

static const struct {
	uint64_t off;
	unsigned len;
	uint64_t value;
} reads[] = {
	{ 0, 1, 0x01 },
	{ 1, 2, 0x0302 },
	{ 4, 4, 0x08070605 },
	{ 0, 8, 0x0807060504030201 },
	{ 4, 8, 0x0c0b0a0908070605 },
	{ 11, 1, 0x0c },
	{ 11, 2, 0 },
	{ 5, 8, 0 },
	{ 12, 1, 0 },
	{ UINT64_MAX, 1, 0 },
	{ UINT64_MAX - 3, 8, 0 },
	{ 0, 16, 0 },
};

START_TEST(config_read_stays_inside)
{
	ck_assert_uint_eq(virtio_dev_config_read(&p.base, reads[_i].off, reads[_i].len),
	                  reads[_i].value);
}
END_TEST

START_TEST(config_read_of_no_space_is_zero)
{
	struct virtio_dev d;

	ck_assert_int_eq(virtio_dev_init(&d, &plain_ops, "plain0", 0, NULL, NULL, NULL), 0);
	ck_assert_uint_eq(virtio_dev_config_read(&d, 0, 1), 0);
	ck_assert(!virtio_dev_config_write(&d, 0, 1, 1));
	virtio_dev_fini(&d);
}
END_TEST

START_TEST(config_write_inside_is_stored_and_told)
{
	ck_assert(virtio_dev_config_write(&p.base, 10, 2, 0xffffbeef));
	ck_assert_uint_eq(p.config[10], 0xef);
	ck_assert_uint_eq(p.config[11], 0xbe);
	ck_assert_uint_eq(p.writes, 1);
	ck_assert_uint_eq(p.written_off, 10);
	ck_assert_uint_eq(p.written_len, 2);
}
END_TEST

START_TEST(config_write_over_the_end_is_refused)
{
	ck_assert(!virtio_dev_config_write(&p.base, 9, 4, 0));
	ck_assert(!virtio_dev_config_write(&p.base, UINT64_MAX, 2, 0));
	ck_assert_uint_eq(p.writes, 0);
	ck_assert_uint_eq(p.config[9], 10);
}
END_TEST

static void change_first(struct virtio_dev *d, void *arg)
{
	d->config[0] = *(uint8_t *)arg;
}

START_TEST(config_changed_moves_generation_and_interrupts)
{
	uint8_t value = 99;
	uint32_t before = *virtio_dev_reg(&p.base, VIRTIO_MMIO_CONFIG_GENERATION);

	start();
	virtio_dev_config_changed(&p.base, change_first, &value);
	ck_assert_uint_eq(virtio_dev_config_read(&p.base, 0, 1), 99);
	ck_assert_uint_ne(*virtio_dev_reg(&p.base, VIRTIO_MMIO_CONFIG_GENERATION), before);
	ck_assert_uint_ne(
	        *virtio_dev_reg(&p.base, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG, 0);
	ck_assert_uint_eq(interrupts(), 1);
}
END_TEST

START_TEST(config_changed_without_driver_is_silent)
{
	uint8_t value = 99;

	virtio_dev_config_changed(&p.base, change_first, &value);
	ck_assert_uint_eq(interrupts(), 0);
	ck_assert_uint_eq(*virtio_dev_reg(&p.base, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}
END_TEST

static void *loop_main(void *arg)
{
	return loop_run(arg) == 0 ? arg : NULL;
}

static void start_ring_and_device(void *arg)
{
	(void)arg;
	start();
}

START_TEST(notify_with_a_loop_kicks_on_its_thread)
{
	struct loop loop;
	pthread_t thread;

	virtio_dev_fini(&p.base);
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	ck_assert_int_eq(virtio_dev_init(&p.base, &probe_ops, "probe0", 0, p.config, &loop, NULL),
	                 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, loop_main, &loop), 0);
	virtio_dev_notify(&p.base, 0); /* too early: to be repeated by the start */
	loop_call(&loop, start_ring_and_device, NULL);
	sem_wait(&p.kicked);
	offer();
	virtio_dev_notify(&p.base, 0);
	sem_wait(&p.kicked);
	loop_stop(&loop);
	pthread_join(thread, NULL);
	ck_assert(pthread_equal(p.kicked_on, thread));
	ck_assert_uint_eq(r->used->idx, 1);
	virtio_dev_fini(&p.base); /* before its loop */
	loop_fini(&loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio_dev");
	TCase *tc = tcase_create("virtio_dev");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, init_offers_what_the_queue_can);
	tcase_add_loop_test(tc, init_without_descriptors_fails_and_can_be_undone, 0, 3);
	tcase_add_test(tc, fini_of_zeroed_and_finished_device_is_fine);
	tcase_add_test(tc, start_kicks_each_ready_queue_once);
	tcase_add_test(tc, start_serves_what_was_offered_before);
	tcase_add_test(tc, start_that_fails_needs_reset_and_is_not_kicked);
	tcase_add_test(tc, kick_before_start_does_nothing);
	tcase_add_test(tc, kick_with_broken_ring_needs_reset);
	tcase_add_test(tc, kick_that_fails_needs_reset_once);
	tcase_add_test(tc, fail_before_driver_ok_does_not_interrupt);
	tcase_add_test(tc, fail_again_and_again_logs_a_few_lines);
	tcase_add_test(tc, signal_without_push_does_not_interrupt);
	tcase_add_test(tc, reset_while_active_forgets_the_driver);
	tcase_add_test(tc, reset_without_activity_calls_no_verb);
	tcase_add_loop_test(tc, config_read_stays_inside, 0, ARRAY_SIZE(reads));
	tcase_add_test(tc, config_read_of_no_space_is_zero);
	tcase_add_test(tc, config_write_inside_is_stored_and_told);
	tcase_add_test(tc, config_write_over_the_end_is_refused);
	tcase_add_test(tc, config_changed_moves_generation_and_interrupts);
	tcase_add_test(tc, config_changed_without_driver_is_silent);
	tcase_add_test(tc, notify_with_a_loop_kicks_on_its_thread);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
