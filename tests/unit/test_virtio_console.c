/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_console.h"

#include "tests/unit/ring.h"
#include "tests/unit/run.h"

#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define ENTRIES   64
#define PORTS     2 /* hvc0 and "agent" */
#define QUEUES    (2 * (PORTS + 1))
#define TURNS     60 /* of the loop, in which whatever can happen has happened */
#define MULTIPORT (1ULL << VIRTIO_CONSOLE_F_MULTIPORT)
#define SIZE      (1ULL << VIRTIO_CONSOLE_F_SIZE)

/* Queues by the driver's names. */
enum { IN_0, OUT_0, CONTROL_IN, CONTROL_OUT, IN_1, OUT_1 };

static struct loop loop;
static struct chardev host[PORTS];
static int far_end[PORTS]; /* of the hosts' sockets: what a user sees */
static struct virtio_console *console;
static struct virtio_dev *dev;
static struct ring *ring[QUEUES];
static int master = -1, slave = -1;

static void on_failed(void *arg, int r)
{
	(void)arg;
	(void)r;
}

static void on_other(void *arg)
{
	(void)arg;
}

static bool event_idx; /* of the rings */
static unsigned turns_left;

static void count_turn(struct loop_source *s, uint32_t events)
{
	(void)s;
	(void)events;
	if (--turns_left == 0)
		loop_stop(&loop);
}

static void run(void)
{
	struct loop_source clock = { .fd = eventfd(1, EFD_CLOEXEC), .ready = count_turn };

	turns_left = TURNS;
	loop.stop = false;
	ck_assert_int_eq(loop_add(&loop, &clock, EPOLLIN), 0);
	ck_assert_int_eq(loop_run(&loop), 0);
	loop_del(&loop, &clock);
	close(clock.fd);
}

static void open_host(unsigned i)
{
	int pair[2];
	struct config_where where = { .kind = WHERE_FD };
	struct chardev_setup setup = {
		.where = &where,
		.escape = -1,
		.label = "console",
		.loop = &loop,
		.port = i > 0,
		.events = { on_failed, on_other, on_other, NULL },
	};

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	where.fd = pair[0];
	ck_assert_int_eq(chardev_open(&host[i], &setup, NULL), 0);
	far_end[i] = pair[1];
}

static void make_device(void)
{
	const struct virtio_console_end end[PORTS] = { { &host[0], NULL }, { &host[1], "agent" } };
	struct err e = { 0 };

	ck_assert_msg(virtio_console_new(&console, end, PORTS, &loop, &e) == 0, "%s", e.msg);
	dev = virtio_console_dev(console);
	for (unsigned i = 0; i < QUEUES; i++) {
		ring[i] = ring_new(ENTRIES);
		ring[i]->setup.event_idx = event_idx;
		ring_start(ring[i], &dev->queue[i].ring);
	}
}

static void start(uint64_t acked)
{
	dev->acked = acked;
	virtio_dev_start(dev);
	for (unsigned i = 0; i < PORTS; i++)
		chardev_start(&host[i]);
	run();
}

static void set_up(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	for (unsigned i = 0; i < PORTS; i++)
		open_host(i);
	make_device();
	start(MULTIPORT);
}

static void set_up_event_idx(void)
{
	event_idx = true;
	set_up();
}

/* With a terminal of 80 columns and 24 rows at hvc0. */
static void set_up_terminal(void)
{
	struct winsize size = { .ws_col = 80, .ws_row = 24 };

	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	for (unsigned i = 0; i < PORTS; i++)
		open_host(i);
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
	host[0].terminal.fd = slave;
	make_device();
	start(MULTIPORT | SIZE);
}

static void tear_down(void)
{
	virtio_console_free(console);
	for (unsigned i = 0; i < QUEUES; i++)
		ring_free(ring[i]);
	for (unsigned i = 0; i < PORTS; i++) {
		int fd = host[i].in.fd;

		chardev_fini(&host[i]);
		fd_close(&fd);
		fd_close(&far_end[i]);
	}
	fd_close(&master);
	fd_close(&slave);
	loop_fini(&loop);
}

static void kick(unsigned qi)
{
	virtio_dev_notify(dev, (uint16_t)qi);
	run();
}

/* A buffer for the device to fill. Returns where it is. */
static char *lend(unsigned qi, uint32_t len)
{
	uint64_t at = ring_alloc(ring[qi], len);

	ring_chain(ring[qi], &(struct ring_buf){ at, len, true }, 1);
	return ring_host(ring[qi], at);
}

static void send_bytes(unsigned qi, const void *bytes, uint32_t len)
{
	uint64_t at = ring_alloc(ring[qi], len);

	memcpy(ring_host(ring[qi], at), bytes, len);
	ring_chain(ring[qi], &(struct ring_buf){ at, len, false }, 1);
}

static void tell(uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control m = { .id = id, .event = event, .value = value };

	send_bytes(CONTROL_OUT, &m, sizeof(m));
	kick(CONTROL_OUT);
}

static unsigned used(unsigned qi)
{
	return ring[qi]->used->idx;
}

static uint32_t used_len(unsigned qi, unsigned i)
{
	return ring[qi]->used->ring[i].len;
}

static void expect_message(const char *at, uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control m;

	memcpy(&m, at, sizeof(m));
	ck_assert_uint_eq(m.id, id);
	ck_assert_uint_eq(m.event, event);
	ck_assert_uint_eq(m.value, value);
}

static void expect_seen(unsigned port, const char *text)
{
	char buf[128] = { 0 };

	ck_assert_int_eq(read(far_end[port], buf, sizeof(buf) - 1), (ssize_t)strlen(text));
	ck_assert_str_eq(buf, text);
}

static void type(unsigned port, const char *text)
{
	ck_assert_int_eq(write(far_end[port], text, strlen(text)), (ssize_t)strlen(text));
	run();
}

static bool has_failed(void)
{
	return virtio_dev_status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

START_TEST(new_describes_the_ports)
{
	struct virtio_console_config c = { 0 };

	memcpy(&c, dev->config, dev->ops->config_size);
	ck_assert_uint_eq(dev->ops->id, VIRTIO_ID_CONSOLE);
	ck_assert_uint_eq(dev->ops->n_queues, QUEUES);
	ck_assert_uint_eq(c.max_nr_ports, PORTS);
	ck_assert_uint_eq(dev->features & 7, MULTIPORT);
}
END_TEST

START_TEST(output_reaches_each_ports_host)
{
	send_bytes(OUT_0, "hello", 5);
	kick(OUT_0);
	send_bytes(OUT_1, "there", 5);
	kick(OUT_1);
	expect_seen(0, "hello");
	expect_seen(1, "there");
	ck_assert_uint_eq(used(OUT_0), 1);
	ck_assert_uint_eq(used_len(OUT_0, 0), 0);
}
END_TEST

START_TEST(output_in_pieces_keeps_its_order)
{
	uint64_t at = ring_alloc(ring[OUT_0], 6);
	const struct ring_buf buf[] = { { at, 2, false },
		                        { at + 2, 0, false },
		                        { at + 2, 4, false } };

	memcpy(ring_host(ring[OUT_0], at), "abcdef", 6);
	ring_chain(ring[OUT_0], buf, ARRAY_SIZE(buf));
	send_bytes(OUT_0, "ghi", 3);
	kick(OUT_0);
	expect_seen(0, "abcdefghi");
}
END_TEST

/* More than all queues on the way hold together: the guest's buffers wait, and the other port goes
 * on. */
START_TEST(output_to_slow_reader_waits_and_loses_nothing)
{
	const uint32_t len = 16384, n = 32;
	static uint8_t bytes[16384];
	size_t seen = 0, wrong = 0;
	ssize_t got = 1;

	for (unsigned i = 0; i < n; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		send_bytes(OUT_0, bytes, len);
	}
	kick(OUT_0);
	ck_assert_uint_lt(used(OUT_0), n);
	send_bytes(OUT_1, "x", 1);
	kick(OUT_1);
	expect_seen(1, "x");
	for (; got > 0; seen += got > 0 ? (size_t)got : 0) {
		got = read(far_end[0], bytes, sizeof(bytes));
		for (ssize_t k = 0; k < got; k++)
			wrong += bytes[k] != (seen + (size_t)k) / len;
		run();
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(seen, n * len);
	ck_assert_uint_eq(used(OUT_0), n);
}
END_TEST

START_TEST(output_of_many_empty_buffers_is_given_back)
{
	uint64_t at = ring_alloc(ring[OUT_0], 1);

	for (unsigned i = 0; i < ENTRIES; i++)
		ring_chain(ring[OUT_0], &(struct ring_buf){ at, 0, false }, 1);
	kick(OUT_0);
	ck_assert_uint_eq(used(OUT_0), ENTRIES);
}
END_TEST

START_TEST(reset_forgets_output_under_way)
{
	static const uint8_t bytes[0x80000];

	send_bytes(OUT_0, bytes, sizeof(bytes));
	kick(OUT_0);
	ck_assert_uint_eq(used(OUT_0), 0);
	virtio_dev_reset(dev);
	while (read(far_end[0], (uint8_t[4096]){ 0 }, 4096) > 0)
		run();
	ck_assert_uint_eq(used(OUT_0), 0);
}
END_TEST

START_TEST(input_waits_until_the_guest_listens)
{
	char *buf = lend(IN_0, 100);

	kick(IN_0);
	type(0, "early");
	ck_assert_uint_eq(used(IN_0), 0);
	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	ck_assert_uint_eq(used(IN_0), 1);
	ck_assert_uint_eq(used_len(IN_0, 0), 5);
	ck_assert_mem_eq(buf, "early", 5);
}
END_TEST

START_TEST(input_waits_for_buffers)
{
	char *first, *second;

	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	type(0, "abcdef");
	first = lend(IN_0, 4);
	second = lend(IN_0, 4);
	kick(IN_0);
	ck_assert_uint_eq(used(IN_0), 2);
	ck_assert_mem_eq(first, "abcd", 4);
	ck_assert_mem_eq(second, "ef", 2);
	ck_assert_uint_eq(used_len(IN_0, 1), 2);
}
END_TEST

START_TEST(input_of_one_port_is_not_the_others)
{
	char *buf = lend(IN_1, 16);

	lend(IN_0, 16);
	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	type(1, "ping");
	ck_assert_uint_eq(used(IN_0), 0);
	ck_assert_uint_eq(used(IN_1), 1);
	ck_assert_mem_eq(buf, "ping", 4);
}
END_TEST

START_TEST(input_after_close_waits_again)
{
	lend(IN_0, 16);
	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
	type(0, "x");
	ck_assert_uint_eq(used(IN_0), 0);
}
END_TEST

START_TEST(input_buffer_that_cannot_be_written_is_given_back)
{
	char *buf;

	send_bytes(IN_0, "?", 1);
	buf = lend(IN_0, 16);
	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	type(0, "x");
	ck_assert_uint_eq(used(IN_0), 2);
	ck_assert_uint_eq(used_len(IN_0, 0), 0);
	ck_assert_int_eq(buf[0], 'x');
}
END_TEST

START_TEST(input_without_multiport_needs_no_word)
{
	char *buf;

	virtio_dev_reset(dev);
	ring_free(ring[IN_0]);
	ring[IN_0] = ring_new(ENTRIES);
	ring_start(ring[IN_0], &dev->queue[IN_0].ring);
	buf = lend(IN_0, 16);
	start(0);
	type(0, "x");
	ck_assert_uint_eq(used(IN_0), 1);
	ck_assert_int_eq(buf[0], 'x');
}
END_TEST

START_TEST(device_ready_adds_the_ports)
{
	char *first = lend(CONTROL_IN, 64), *second = lend(CONTROL_IN, 64);

	tell(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	ck_assert_uint_eq(used(CONTROL_IN), 2);
	expect_message(first, 0, VIRTIO_CONSOLE_PORT_ADD, 1);
	expect_message(second, 1, VIRTIO_CONSOLE_PORT_ADD, 1);
	ck_assert_uint_eq(used(CONTROL_OUT), 1);
}
END_TEST

START_TEST(port_ready_makes_a_console_of_the_first)
{
	char *first = lend(CONTROL_IN, 64), *second = lend(CONTROL_IN, 64);

	tell(0, VIRTIO_CONSOLE_PORT_READY, 1);
	ck_assert_uint_eq(used(CONTROL_IN), 2);
	expect_message(first, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
	expect_message(second, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
}
END_TEST

START_TEST(port_ready_names_the_second)
{
	char *first = lend(CONTROL_IN, 64);

	lend(CONTROL_IN, 64);
	tell(1, VIRTIO_CONSOLE_PORT_READY, 1);
	ck_assert_uint_eq(used(CONTROL_IN), 2);
	expect_message(first, 1, VIRTIO_CONSOLE_PORT_NAME, 1);
	ck_assert_mem_eq(first + sizeof(struct virtio_console_control), "agent", 5);
	ck_assert_uint_eq(used_len(CONTROL_IN, 0), sizeof(struct virtio_console_control) + 5);
}
END_TEST

START_TEST(message_waits_for_a_buffer)
{
	char *buf;

	tell(1, VIRTIO_CONSOLE_PORT_READY, 1);
	lend(CONTROL_IN, 64);
	kick(CONTROL_IN);
	ck_assert_uint_eq(used(CONTROL_IN), 1);
	buf = lend(CONTROL_IN, 64);
	kick(CONTROL_IN);
	ck_assert_uint_eq(used(CONTROL_IN), 2);
	expect_message(buf, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
}
END_TEST

START_TEST(message_buffer_too_small_asks_for_a_reset)
{
	lend(CONTROL_IN, 7);
	tell(0, VIRTIO_CONSOLE_PORT_READY, 1);
	ck_assert(has_failed());
}
END_TEST

static const struct virtio_console_control nonsense[] = {
	{ PORTS, VIRTIO_CONSOLE_PORT_OPEN, 1 },
	{ VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_PORT_READY, 1 },
	{ 0, VIRTIO_CONSOLE_PORT_READY, 0 },
	{ 0, VIRTIO_CONSOLE_DEVICE_READY, 0 },
	{ 0, VIRTIO_CONSOLE_PORT_ADD, 1 },
	{ 0, 0xffff, 1 },
};

START_TEST(message_of_nonsense_is_ignored)
{
	lend(CONTROL_IN, 64);
	tell(nonsense[_i].id, nonsense[_i].event, nonsense[_i].value);
	ck_assert_uint_eq(used(CONTROL_OUT), 1);
	ck_assert_uint_eq(used(CONTROL_IN), 0);
	ck_assert(!has_failed());
}
END_TEST

START_TEST(message_too_short_is_ignored)
{
	send_bytes(CONTROL_OUT, "1234567", 7);
	kick(CONTROL_OUT);
	ck_assert_uint_eq(used(CONTROL_OUT), 1);
	ck_assert(!has_failed());
}
END_TEST

START_TEST(broken_ring_asks_for_a_reset)
{
	ring_offer(ring[OUT_1], ENTRIES);
	kick(OUT_1);
	ck_assert(has_failed());
}
END_TEST

START_TEST(window_is_in_the_config_space)
{
	struct virtio_console_config c = { 0 };

	memcpy(&c, dev->config, dev->ops->config_size);
	ck_assert_uint_eq(dev->features & 7, MULTIPORT | SIZE);
	ck_assert_uint_eq(c.cols, 80);
	ck_assert_uint_eq(c.rows, 24);
}
END_TEST

START_TEST(window_is_told_when_the_port_is_ready)
{
	char *buf[3];
	uint16_t size[2];

	for (unsigned i = 0; i < ARRAY_SIZE(buf); i++)
		buf[i] = lend(CONTROL_IN, 64);
	tell(0, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_message(buf[1], 0, VIRTIO_CONSOLE_RESIZE, 1);
	memcpy(size, buf[1] + sizeof(struct virtio_console_control), sizeof(size));
	ck_assert_uint_eq(size[0], 80);
	ck_assert_uint_eq(size[1], 24);
}
END_TEST

START_TEST(resized_terminal_is_told_once)
{
	const struct winsize bigger = { .ws_col = 132, .ws_row = 43 };
	uint32_t generation = *virtio_dev_reg(dev, VIRTIO_MMIO_CONFIG_GENERATION);
	struct virtio_console_config c = { 0 };

	for (unsigned i = 0; i < 8; i++)
		lend(CONTROL_IN, 64);
	tell(0, VIRTIO_CONSOLE_PORT_READY, 1);
	ck_assert_int_eq(ioctl(slave, TIOCSWINSZ, &bigger), 0);
	virtio_console_resized(console);
	virtio_console_resized(console);
	memcpy(&c, dev->config, dev->ops->config_size);
	ck_assert_uint_eq(c.cols, 132);
	ck_assert_uint_eq(*virtio_dev_reg(dev, VIRTIO_MMIO_CONFIG_GENERATION), generation + 1);
	ck_assert_uint_eq(used(CONTROL_IN), 4);
}
END_TEST

/* What the user sends before leaving is the guest's; then the guest is told. */
START_TEST(host_that_leaves_is_told_behind_its_last_byte)
{
	char *data = lend(IN_1, 16), *message;

	lend(IN_1, 16); /* for what would come next */
	lend(CONTROL_IN, 64);
	lend(CONTROL_IN, 64);
	tell(1, VIRTIO_CONSOLE_PORT_READY, 1);
	message = lend(CONTROL_IN, 64);
	type(1, "last");
	fd_close(&far_end[1]);
	run();
	ck_assert_uint_eq(used(CONTROL_IN), 2);
	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	ck_assert_mem_eq(data, "last", 4);
	ck_assert_uint_eq(used(CONTROL_IN), 3);
	expect_message(message, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
}
END_TEST

/* The driver's word comes by a queue of its own and may be ahead of the data. */
START_TEST(guest_that_closes_is_an_end_behind_its_last_byte)
{
	char byte;

	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	send_bytes(OUT_1, "last", 4);
	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	expect_seen(1, "last");
	ck_assert_int_eq(read(far_end[1], &byte, 1), 0);
}
END_TEST

START_TEST(guest_that_closes_a_console_is_no_end)
{
	char byte;

	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
	ck_assert_int_eq(read(far_end[0], &byte, 1), -1);
}
END_TEST

static unsigned interrupts(unsigned qi)
{
	return (unsigned)counter_get(&dev->queue[qi].ring.count.interrupts);
}

/* Both have their buffers back; the driver of the first has seen it, that of the second sleeps. */
START_TEST(output_that_the_driver_looks_for_raises_no_interrupt)
{
	send_bytes(OUT_0, "a", 1);
	virtio_dev_kick(dev, OUT_0);
	ring[OUT_0]->avail->ring[ENTRIES] = 1; /* used_event: the next one */
	send_bytes(OUT_1, "b", 1);
	virtio_dev_kick(dev, OUT_1);
	ck_assert_uint_eq(used(OUT_0), 1);
	ck_assert_uint_eq(used(OUT_1), 1);
	ck_assert_uint_eq(interrupts(OUT_1), 0);
	while (interrupts(OUT_1) == 0) /* the suite's time limit ends it */
		run();
	ck_assert_uint_eq(interrupts(OUT_0), 0);
}
END_TEST

START_TEST(output_of_half_a_queue_raises_an_interrupt_at_once)
{
	for (unsigned i = 0; i < ENTRIES / 2; i++)
		send_bytes(OUT_0, "a", 1);
	virtio_dev_kick(dev, OUT_0);
	ck_assert_uint_eq(interrupts(OUT_0), 1);
}
END_TEST

static void add_data_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, new_describes_the_ports);
	tcase_add_test(t, output_reaches_each_ports_host);
	tcase_add_test(t, output_in_pieces_keeps_its_order);
	tcase_add_test(t, output_to_slow_reader_waits_and_loses_nothing);
	tcase_add_test(t, output_of_many_empty_buffers_is_given_back);
	tcase_add_test(t, reset_forgets_output_under_way);
	tcase_add_test(t, input_waits_until_the_guest_listens);
	tcase_add_test(t, input_waits_for_buffers);
	tcase_add_test(t, input_of_one_port_is_not_the_others);
	tcase_add_test(t, input_after_close_waits_again);
	tcase_add_test(t, input_buffer_that_cannot_be_written_is_given_back);
	tcase_add_test(t, input_without_multiport_needs_no_word);
	tcase_add_test(t, broken_ring_asks_for_a_reset);
}

static void add_control_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, device_ready_adds_the_ports);
	tcase_add_test(t, port_ready_makes_a_console_of_the_first);
	tcase_add_test(t, port_ready_names_the_second);
	tcase_add_test(t, message_waits_for_a_buffer);
	tcase_add_test(t, message_buffer_too_small_asks_for_a_reset);
	tcase_add_loop_test(t, message_of_nonsense_is_ignored, 0, ARRAY_SIZE(nonsense));
	tcase_add_test(t, message_too_short_is_ignored);
	tcase_add_test(t, host_that_leaves_is_told_behind_its_last_byte);
	tcase_add_test(t, guest_that_closes_is_an_end_behind_its_last_byte);
	tcase_add_test(t, guest_that_closes_a_console_is_no_end);
}

static void add_window_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up_terminal, tear_down);
	tcase_add_test(t, window_is_in_the_config_space);
	tcase_add_test(t, window_is_told_when_the_port_is_ready);
	tcase_add_test(t, resized_terminal_is_told_once);
}

int main(void)
{
	Suite *s = suite_create("virtio_console");
	TCase *data = tcase_create("data"), *control = tcase_create("control"),
	      *window = tcase_create("window"), *signal = tcase_create("signal");

	add_data_tests(data);
	suite_add_tcase(s, data);
	tcase_add_checked_fixture(signal, set_up_event_idx, tear_down);
	tcase_add_test(signal, output_that_the_driver_looks_for_raises_no_interrupt);
	tcase_add_test(signal, output_of_half_a_queue_raises_an_interrupt_at_once);
	suite_add_tcase(s, signal);
	add_control_tests(control);
	suite_add_tcase(s, control);
	add_window_tests(window);
	suite_add_tcase(s, window);
	return run_suite(s);
}
