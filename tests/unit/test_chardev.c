/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/chardev.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define CTRL_A    1
#define SMALL     4096 /* capacity of the pipes: one page, the least there is */
#define MANY      300000 /* bytes: more than pipe and queue hold together, several times around */
#define RECEIVED  65536
#define SOME_TURN 5 /* turns of the loop in which whatever can happen has happened */

static struct loop loop;
static struct chardev c;
static int in[2], out[2]; /* pipes: we write in[1] and read out[0] */
static int saved[2];

/* What the owner heard. */
static int failed;
static unsigned n_failed, quits, drains;

/* The device. */
static size_t device_room, device_wants;
static uint8_t received[RECEIVED];
static size_t n_received;
static unsigned writables;

/* The reader at the other end of the output. */
static struct loop_source reader;
static size_t n_read, n_wanted;
static bool in_order;

static void on_failed(void *arg, int r)
{
	(void)arg;
	failed = r;
	n_failed++;
	loop_stop(&loop);
}

static void on_quit(void *arg)
{
	(void)arg;
	quits++;
	loop_stop(&loop);
}

static void on_drained(void *arg)
{
	(void)arg;
	drains++;
	loop_stop(&loop);
}

static size_t room(void *self)
{
	(void)self;
	return device_room;
}

static void input(void *self, const uint8_t *buf, size_t len)
{
	(void)self;
	ck_assert_uint_le(len, device_room);
	memcpy(received + n_received, buf, len);
	n_received += len;
	device_room -= len;
	if (n_received == device_wants)
		loop_stop(&loop);
}

static void writable(void *self)
{
	(void)self;
	writables++;
}

static const struct chardev_ops device = { .room = room, .input = input, .writable = writable };

static uint8_t nth(size_t i)
{
	return (uint8_t)(i % 251);
}

static void read_some(struct loop_source *s, uint32_t events)
{
	uint8_t buf[1000];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	(void)events;
	for (ssize_t i = 0; i < n; i++)
		in_order = in_order && buf[i] == nth(n_read + (size_t)i);
	n_read += n > 0 ? (size_t)n : 0;
	if (n_read == n_wanted)
		loop_stop(&loop);
}

static void *write_many(void *arg)
{
	static uint8_t bytes[MANY];

	(void)arg;
	for (size_t i = 0; i < MANY; i++)
		bytes[i] = nth(i);
	chardev_put(&c, bytes, MANY);
	return NULL;
}

/* A source that is always ready and ends the loop after some turns. */
static unsigned turns_left;

static void count_turn(struct loop_source *s, uint32_t events)
{
	(void)s;
	(void)events;
	if (--turns_left == 0)
		loop_stop(&loop);
}

static void run_turns(unsigned n)
{
	struct loop_source clock = { .fd = eventfd(1, EFD_CLOEXEC), .ready = count_turn };

	turns_left = n;
	loop.stop = false;
	ck_assert_int_eq(loop_add(&loop, &clock, EPOLLIN), 0);
	ck_assert_int_eq(loop_run(&loop), 0);
	loop_del(&loop, &clock);
	close(clock.fd);
}

static void run(void)
{
	loop.stop = false;
	ck_assert_int_eq(loop_run(&loop), 0);
}

static void open_where(int kind, const char *path)
{
	const struct config_where where = { .kind = kind, .path = path };
	const struct chardev_setup setup = { .where = &where,
		                             .escape = CTRL_A,
		                             .label = "serial",
		                             .loop = &loop,
		                             .events = { on_failed, on_quit, on_drained, NULL } };

	ck_assert_int_eq(chardev_open(&c, &setup, NULL), 0);
	chardev_attach(&c, &device, NULL);
}

static void open_stdio(void)
{
	open_where(WHERE_STDIO, NULL);
}

static void put(const char *text)
{
	chardev_put(&c, (const uint8_t *)text, strlen(text));
}

static void type(const char *text)
{
	ck_assert_int_eq(write(in[1], text, strlen(text)), (ssize_t)strlen(text));
}

static void set_up(void)
{
	failed = 0;
	n_failed = quits = drains = writables = 0;
	device_room = RECEIVED;
	device_wants = n_received = n_read = n_wanted = 0;
	in_order = true;
	(void)signal(SIGPIPE, SIG_IGN);
	saved[0] = dup(STDIN_FILENO);
	saved[1] = dup(STDOUT_FILENO);
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_gt(fcntl(out[1], F_SETPIPE_SZ, SMALL), 0);
	ck_assert_int_eq(dup2(in[0], STDIN_FILENO), STDIN_FILENO);
	ck_assert_int_eq(dup2(out[1], STDOUT_FILENO), STDOUT_FILENO);
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	reader = (struct loop_source){ .fd = out[0], .ready = read_some };
}

static void tear_down(void)
{
	chardev_fini(&c);
	loop_fini(&loop);
	for (int i = 0; i < 2; i++) {
		(void)dup2(saved[i], i);
		close(saved[i]);
		fd_close(&in[i]);
		fd_close(&out[i]);
	}
}

START_TEST(put_text_reaches_stdout)
{
	char buf[8] = { 0 };

	open_stdio();
	put("hel");
	put("lo");

	ck_assert(chardev_drain(&c));
	ck_assert_int_eq(read(out[0], buf, sizeof(buf)), 5);
	ck_assert_str_eq(buf, "hello");
}
END_TEST

START_TEST(put_wakes_the_loop)
{
	open_stdio();
	ck_assert_int_eq(loop_add(&loop, &reader, EPOLLIN), 0);
	n_wanted = 3;
	in_order = true;
	chardev_put(&c, (const uint8_t[]){ 0, 1, 2 }, 3);

	run();

	ck_assert_uint_eq(n_read, 3);
	ck_assert(in_order);
}
END_TEST

static const bool careful[] = { false, true };

START_TEST(put_to_slow_reader_loses_nothing)
{
	pthread_t guest;

	open_stdio();
	ck_assert_int_eq(loop_add(&loop, &reader, EPOLLIN), 0);
	n_wanted = MANY;
	if (careful[_i]) { /* as after su: the pipe could not be opened again */
		endpoint_close(&c.out);
		c.out = (struct endpoint){ .kind = ENDPOINT_CAREFUL,
			                   .fd = STDOUT_FILENO,
			                   .chunk = 64 };
	}
	ck_assert_int_eq(pthread_create(&guest, NULL, write_many, NULL), 0);

	run();

	ck_assert_int_eq(pthread_join(guest, NULL), 0);
	ck_assert_uint_eq(n_read, MANY);
	ck_assert(in_order);
	ck_assert_int_eq(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

START_TEST(put_to_blocked_reader_leaves_the_loop_running)
{
	static const uint8_t zeros[2 * SMALL];

	open_stdio();
	chardev_put(&c, zeros, sizeof(zeros));

	ck_assert(!chardev_drain(&c));
	run_turns(SOME_TURN);

	ck_assert_uint_eq(drains, 0);
	chardev_abandon(&c);
	ck_assert_uint_eq(drains, 1);
}
END_TEST

START_TEST(drain_calls_back_when_all_is_written)
{
	static const uint8_t zeros[2 * SMALL];
	uint8_t buf[2 * SMALL];

	open_stdio();
	chardev_put(&c, zeros, sizeof(zeros));
	ck_assert(!chardev_drain(&c));

	ck_assert_int_eq(read(out[0], buf, sizeof(buf)), SMALL);
	run();

	ck_assert_uint_eq(drains, 1);
	ck_assert_int_eq(read(out[0], buf, sizeof(buf)), SMALL);
}
END_TEST

START_TEST(abandon_frees_blocked_writer)
{
	pthread_t guest;

	open_stdio();
	ck_assert_int_eq(pthread_create(&guest, NULL, write_many, NULL), 0);

	chardev_abandon(&c);

	ck_assert_int_eq(pthread_join(guest, NULL), 0);
	ck_assert(chardev_has_room(&c));
}
END_TEST

START_TEST(has_room_after_refusal_tells_device)
{
	static const uint8_t zeros[OUTQ_SIZE];

	open_stdio();
	chardev_put(&c, zeros, sizeof(zeros));
	ck_assert(!chardev_has_room(&c));
	ck_assert_int_eq(loop_add(&loop, &reader, EPOLLIN), 0);
	n_wanted = OUTQ_SIZE;

	run();

	ck_assert_uint_eq(writables, 1);
}
END_TEST

START_TEST(put_without_reader_reports_epipe_once)
{
	open_stdio();
	fd_close(&out[0]);
	put("x");
	run();
	put("y");
	ck_assert(chardev_drain(&c));

	ck_assert_int_eq(failed, -EPIPE);
	ck_assert_uint_eq(n_failed, 1);
}
END_TEST

START_TEST(put_on_full_disk_reports_enospc)
{
	open_where(WHERE_FILE, "/dev/full");
	put("x");

	run();

	ck_assert_int_eq(failed, -ENOSPC);
}
END_TEST

START_TEST(put_to_null_device_is_done_at_once)
{
	open_where(WHERE_FILE, "/dev/null");
	put("x");

	ck_assert(chardev_drain(&c));
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(put_to_none_is_dropped)
{
	open_where(WHERE_NONE, NULL);
	put("x");

	ck_assert(chardev_drain(&c));
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(open_missing_folder_names_file)
{
	const struct config_where where = { .kind = WHERE_FILE, .path = "/nonexistent/log" };
	const struct chardev_setup setup = { .where = &where, .label = "serial", .loop = &loop };
	struct err e = { 0 };

	ck_assert_int_eq(chardev_open(&c, &setup, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "serial: cannot write to '/nonexistent/log'"));
}
END_TEST

START_TEST(input_is_read_only_as_far_as_the_device_has_room)
{
	int left = 0;

	open_stdio();
	device_room = 4;
	device_wants = 4;
	type("0123456789");
	chardev_start(&c);
	run();

	run_turns(SOME_TURN);
	ck_assert_int_eq(ioctl(in[0], FIONREAD, &left), 0);
	ck_assert_int_eq(left, 6);

	device_room = 100;
	device_wants = 10;
	chardev_input_ready(&c);
	run();
	ck_assert_mem_eq(received, "0123456789", 10);
}
END_TEST

START_TEST(input_before_start_waits)
{
	open_stdio();
	type("x");

	run_turns(SOME_TURN);

	ck_assert_uint_eq(n_received, 0);
}
END_TEST

START_TEST(input_end_stops_reading_and_nothing_else)
{
	open_stdio();
	type("x");
	fd_close(&in[1]);
	chardev_start(&c);

	run_turns(SOME_TURN);

	ck_assert_uint_eq(n_received, 1);
	ck_assert_int_eq(c.in.kind, ENDPOINT_NONE);
	put("still here");
	ck_assert(chardev_drain(&c));
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

/* A hang-up that is reported again and again must not be watched while nothing can be read. */
START_TEST(input_end_without_room_does_not_spin)
{
	open_stdio();
	type("xy");
	fd_close(&in[1]);
	device_room = 1;
	chardev_start(&c);

	run_turns(SOME_TURN);

	ck_assert_uint_eq(n_received, 1);
	ck_assert_uint_eq(c.in_events, 0);
}
END_TEST

static void stdin_from(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
}

static const char *const empty_inputs[] = { "/dev/null", "/" };

START_TEST(input_of_nothing_ends_at_once)
{
	stdin_from(empty_inputs[_i]);
	open_stdio();

	chardev_start(&c);

	ck_assert_int_eq(c.in.kind, ENDPOINT_NONE);
}
END_TEST

START_TEST(input_of_endless_device_is_paced_by_room)
{
	stdin_from("/dev/zero");
	open_stdio();
	device_room = 100;
	device_wants = 100;
	chardev_start(&c);

	run_turns(SOME_TURN);

	ck_assert_uint_eq(n_received, 100);
}
END_TEST

START_TEST(input_of_closed_descriptor_is_none)
{
	close(STDIN_FILENO);
	open_stdio();
	chardev_start(&c);

	ck_assert_int_eq(c.in.kind, ENDPOINT_NONE);
}
END_TEST

START_TEST(input_file_arrives_whole)
{
	char path[] = "/tmp/vmm-chardev-XXXXXX";
	int fd = mkstemp(path);

	for (size_t i = 0; i < 1000; i++)
		ck_assert_int_eq(write(fd, &(uint8_t){ nth(i) }, 1), 1);
	close(fd);
	stdin_from(path);
	(void)unlink(path);
	open_stdio();
	device_room = 600;
	chardev_start(&c);
	ck_assert_uint_eq(n_received, 600);
	device_room = RECEIVED;
	device_wants = 1000;
	chardev_input_ready(&c);
	run();

	for (size_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(received[i], nth(i));
}
END_TEST

START_TEST(socket_carries_both_directions)
{
	char buf[4] = { 0 };
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(dup2(pair[0], STDIN_FILENO), STDIN_FILENO);
	ck_assert_int_eq(dup2(pair[0], STDOUT_FILENO), STDOUT_FILENO);
	open_stdio();
	device_wants = 2;
	chardev_start(&c);
	ck_assert_int_eq(write(pair[1], "hi", 2), 2);
	run();
	put("ho");

	ck_assert(chardev_drain(&c));
	ck_assert_int_eq(read(pair[1], buf, sizeof(buf)), 2);
	ck_assert_str_eq(buf, "ho");
	ck_assert_int_eq(fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

static const size_t rooms[] = { 0, 100 };

/* The guest may hang: the escape key is heard even if nothing is taken. */
START_TEST(escape_x_quits_whether_or_not_the_guest_reads)
{
	open_stdio();
	c.terminal.raw = true; /* a pipe instead of a terminal: only the keys matter here */
	device_room = rooms[_i];
	type("abc\001x");
	chardev_start(&c);

	run();

	ck_assert_uint_eq(quits, 1);
	ck_assert_uint_eq(n_received, rooms[_i] ? 3 : 0);
}
END_TEST

START_TEST(typing_ahead_arrives_when_the_guest_reads)
{
	open_stdio();
	c.terminal.raw = true;
	device_room = 0;
	type("abc");
	chardev_start(&c);
	run_turns(SOME_TURN);

	device_room = 2;
	device_wants = 2;
	chardev_input_ready(&c);
	run();
	device_room = 2;
	device_wants = 3;
	chardev_input_ready(&c);
	run();

	ck_assert_mem_eq(received, "abc", 3);
}
END_TEST

START_TEST(typing_without_raw_terminal_has_no_escape)
{
	open_stdio();
	device_wants = 2;
	type("\001x");
	chardev_start(&c);

	run();

	ck_assert_uint_eq(quits, 0);
	ck_assert_mem_eq(received, "\001x", 2);
}
END_TEST

static void add_output(TCase *tc)
{
	tcase_add_test(tc, put_text_reaches_stdout);
	tcase_add_test(tc, put_wakes_the_loop);
	tcase_add_loop_test(tc, put_to_slow_reader_loses_nothing, 0, ARRAY_SIZE(careful));
	tcase_add_test(tc, put_to_blocked_reader_leaves_the_loop_running);
	tcase_add_test(tc, drain_calls_back_when_all_is_written);
	tcase_add_test(tc, abandon_frees_blocked_writer);
	tcase_add_test(tc, has_room_after_refusal_tells_device);
	tcase_add_test(tc, put_without_reader_reports_epipe_once);
	tcase_add_test(tc, put_on_full_disk_reports_enospc);
	tcase_add_test(tc, put_to_null_device_is_done_at_once);
	tcase_add_test(tc, put_to_none_is_dropped);
	tcase_add_test(tc, open_missing_folder_names_file);
}

static void add_input(TCase *tc)
{
	tcase_add_test(tc, input_is_read_only_as_far_as_the_device_has_room);
	tcase_add_test(tc, input_before_start_waits);
	tcase_add_test(tc, input_end_stops_reading_and_nothing_else);
	tcase_add_test(tc, input_end_without_room_does_not_spin);
	tcase_add_loop_test(tc, input_of_nothing_ends_at_once, 0, ARRAY_SIZE(empty_inputs));
	tcase_add_test(tc, input_of_endless_device_is_paced_by_room);
	tcase_add_test(tc, input_of_closed_descriptor_is_none);
	tcase_add_test(tc, input_file_arrives_whole);
	tcase_add_test(tc, socket_carries_both_directions);
	tcase_add_loop_test(tc, escape_x_quits_whether_or_not_the_guest_reads, 0,
	                    ARRAY_SIZE(rooms));
	tcase_add_test(tc, typing_ahead_arrives_when_the_guest_reads);
	tcase_add_test(tc, typing_without_raw_terminal_has_no_escape);
}

int main(void)
{
	Suite *s = suite_create("chardev");
	TCase *output = tcase_create("output");
	TCase *input_case = tcase_create("input");

	tcase_add_checked_fixture(output, set_up, tear_down);
	add_output(output);
	suite_add_tcase(s, output);
	tcase_add_checked_fixture(input_case, set_up, tear_down);
	add_input(input_case);
	suite_add_tcase(s, input_case);
	return run_suite(s);
}
