/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/peer_rig.h"

/* What sets the host's end of a port apart from a console's: test_chardev_peer.c. */

static int reader = -1, writer = -1; /* our ends of what the port was given */

static void set_up_port(void)
{
	is_port = true;
	set_up_socket();
}

/* A port at the end of a socket pair. */
static void set_up_pair(void)
{
	int pair[2];

	is_port = true;
	set_up();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(open_where(WHERE_FD, pair[0], NULL), 0);
	chardev_start(&c);
	reader = pair[1];
}

/* A port that only writes, to a pipe. */
static void set_up_out_pipe(void)
{
	int pair[2];

	is_port = true;
	set_up();
	ck_assert_int_eq(pipe2(pair, O_NONBLOCK), 0);
	ck_assert_int_eq(open_where(WHERE_FD, pair[1], NULL), 0);
	chardev_start(&c);
	reader = pair[0];
}

/* A port that only reads, from a pipe. */
static void set_up_in_pipe(void)
{
	int pair[2];

	is_port = true;
	set_up();
	ck_assert_int_eq(pipe2(pair, O_NONBLOCK), 0);
	ck_assert_int_eq(open_where(WHERE_FD, pair[0], NULL), 0);
	chardev_start(&c);
	writer = pair[1];
}

static void tear_down_ends(void)
{
	tear_down();
	fd_close(&reader);
	fd_close(&writer);
}

static void expect_end(int fd)
{
	char buf[4];

	await_input(fd);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 0);
}

static void expect_nothing(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	run();
	ck_assert_int_eq(poll(&p, 1, 0), 0);
}

/* Two buffers of it hold more than 64 KiB. */
static size_t offer_much(void)
{
	static uint8_t bytes[50000];
	size_t n = chardev_offer(&c, bytes, sizeof(bytes));

	chardev_flush(&c);
	return n;
}

START_TEST(port_is_connected_before_its_first_client)
{
	ck_assert(chardev_is_connected(&c));
}
END_TEST

START_TEST(output_before_the_first_client_waits_for_it)
{
	int fd;

	offer("early");
	run();
	ck_assert_uint_eq(n_tapped, 0);
	fd = join();
	run();
	expect_read(fd, "early");
	close(fd);
}
END_TEST

START_TEST(output_for_nobody_is_taken_as_far_as_the_queue_goes)
{
	uint8_t last;
	int fd;

	ck_assert_uint_eq(offer_much(), 50000);
	ck_assert_uint_eq(offer_much(), OUTQ_SIZE - 50000);
	run();
	ck_assert_uint_eq(writables, 0);
	fd = join();
	run();
	ck_assert_uint_eq(drink(fd, &last), OUTQ_SIZE);
	ck_assert_uint_eq(writables, 1);
	close(fd);
}
END_TEST

START_TEST(second_client_is_not_shown_what_the_first_read)
{
	int fd = join();

	run();
	offer("once");
	expect_read(fd, "once");
	close(fd);
	run();
	fd = join();
	expect_nothing(fd);
	close(fd);
}
END_TEST

START_TEST(client_that_leaves_is_an_end_behind_its_last_byte)
{
	int fd = join();

	run();
	device_room = 3;
	ck_assert_int_eq(write(fd, "abcdef", 6), 6);
	close(fd);
	run();
	expect_received("abc");
	ck_assert_uint_eq(goings, 0);
	device_room = 100;
	chardev_input_ready(&c);
	run();
	expect_received("abcdef");
	ck_assert_uint_eq(goings, 1);
	ck_assert(!chardev_is_connected(&c));
}
END_TEST

/* Many times what we read at once, and the device takes it in small pieces. */
START_TEST(client_that_leaves_much_behind_loses_nothing)
{
	static uint8_t bytes[60000];
	int fd = join();

	run();
	device_room = 0;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 251);
	ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	for (unsigned i = 0; i < 61; i++) {
		run();
		ck_assert_uint_eq(goings, 0);
		device_room = 1000;
		chardev_input_ready(&c);
	}
	run();
	ck_assert_uint_eq(n_received, sizeof(bytes));
	ck_assert_mem_eq(received, bytes, sizeof(bytes));
	ck_assert_uint_eq(goings, 1);
}
END_TEST

START_TEST(end_of_output_is_seen_behind_the_last_byte)
{
	int fd = join();

	run();
	ck_assert_uint_eq(chardev_offer(&c, (const uint8_t *)"last", 4), 4);
	chardev_guest_open(&c, false);
	run();
	expect_read(fd, "last");
	expect_end(fd);
	ck_assert_uint_eq(goings, 0);
	close(fd);
	run();
	ck_assert_uint_eq(goings, 1);
}
END_TEST

START_TEST(client_can_send_behind_the_end_of_output)
{
	int fd = join();

	run();
	chardev_guest_open(&c, false);
	ck_assert_int_eq(write(fd, "hi", 2), 2);
	run();
	expect_received("hi");
	close(fd);
}
END_TEST

START_TEST(output_behind_an_end_is_the_next_clients)
{
	int fd = join();

	run();
	chardev_guest_open(&c, false);
	offer("next");
	expect_end(fd);
	close(fd);
	run();
	fd = join();
	run();
	expect_read(fd, "next");
	close(fd);
}
END_TEST

START_TEST(end_of_output_frees_the_port_of_one_who_has_left)
{
	int fd = join();

	run();
	device_room = 0;
	ck_assert_int_eq(write(fd, "unread", 6), 6);
	close(fd);
	run();
	ck_assert_uint_eq(goings, 0);
	chardev_guest_open(&c, false);
	ck_assert_uint_eq(goings, 1);
	device_room = 100;
	fd = join();
	run();
	ck_assert_uint_eq(comings, 2);
	expect_received("");
	close(fd);
}
END_TEST

START_TEST(late_client_sees_the_end_of_output_too)
{
	int fd;

	offer("all");
	chardev_guest_open(&c, false);
	fd = join();
	run();
	expect_read(fd, "all");
	expect_end(fd);
	close(fd);
}
END_TEST

START_TEST(late_client_sees_no_end_of_a_port_opened_again)
{
	int fd;

	offer("all");
	chardev_guest_open(&c, false);
	chardev_guest_open(&c, true);
	fd = join();
	run();
	expect_read(fd, "all");
	expect_nothing(fd);
	close(fd);
}
END_TEST

START_TEST(drain_does_not_wait_for_a_client_to_come)
{
	offer("unheard");
	ck_assert(chardev_drain(&c));
}
END_TEST

START_TEST(socket_given_is_there_from_the_start)
{
	ck_assert(chardev_is_connected(&c));
	offer("out");
	expect_read(reader, "out");
	ck_assert_int_eq(write(reader, "in", 2), 2);
	run();
	expect_received("in");
}
END_TEST

START_TEST(socket_given_ends_as_a_whole)
{
	ck_assert_int_eq(write(reader, "last", 4), 4);
	fd_close(&reader);
	run();
	expect_received("last");
	ck_assert_uint_eq(goings, 1);
	ck_assert(!chardev_is_connected(&c));
	ck_assert_uint_eq(offer_much(), 50000); /* for nobody, ever */
	ck_assert_uint_eq(offer_much(), 50000);
}
END_TEST

START_TEST(socket_given_sees_the_end_of_output)
{
	chardev_guest_open(&c, false);
	expect_end(reader);
	ck_assert_int_eq(write(reader, "more", 4), 4);
	run();
	expect_received("more");
}
END_TEST

START_TEST(pipe_sees_the_end_of_output)
{
	ck_assert_uint_eq(chardev_offer(&c, (const uint8_t *)"last", 4), 4);
	chardev_guest_open(&c, false);
	expect_read(reader, "last");
	expect_end(reader);
	ck_assert_uint_eq(goings, 1);
	ck_assert_uint_eq(offer_much(), 50000);
}
END_TEST

/* The pipe holds 64 KiB, our queue as much again. */
START_TEST(slow_pipe_sees_the_end_of_output_last)
{
	size_t sum = offer_much() + offer_much() + offer_much(), seen = 0;
	uint8_t last;

	ck_assert_uint_gt(sum, OUTQ_SIZE);
	chardev_guest_open(&c, false);
	ck_assert_uint_eq(goings, 0);
	for (unsigned i = 0; i < 4; i++) {
		seen += drink(reader, &last);
		run();
	}
	ck_assert_uint_eq(seen, sum);
	expect_end(reader);
}
END_TEST

START_TEST(pipe_without_reader_is_told_and_no_hindrance)
{
	fd_close(&reader);
	offer("x");
	ck_assert_uint_eq(n_failed, 1);
	ck_assert_int_eq(last_failure, -EPIPE);
	n_failed = 0; /* as it should be */
	ck_assert_uint_eq(goings, 1);
	ck_assert(!chardev_is_connected(&c));
	ck_assert_uint_eq(offer_much(), 50000);
	ck_assert_uint_eq(offer_much(), 50000);
}
END_TEST

START_TEST(pipe_that_ends_is_an_end_behind_its_last_byte)
{
	device_room = 3;
	ck_assert_int_eq(write(writer, "abcdef", 6), 6);
	fd_close(&writer);
	run();
	expect_received("abc");
	ck_assert_uint_eq(goings, 0);
	device_room = 100;
	chardev_input_ready(&c);
	run();
	expect_received("abcdef");
	ck_assert_uint_eq(goings, 1);
	ck_assert(!chardev_is_connected(&c));
}
END_TEST

START_TEST(file_stays_open_behind_the_end_of_output)
{
	char text[8] = { 0 };
	int fd;

	is_port = true;
	set_up();
	ck_assert_int_eq(open_where(WHERE_FILE, -1, NULL), 0);
	chardev_start(&c);
	offer("one");
	chardev_guest_open(&c, false);
	offer("two");
	ck_assert_uint_eq(goings, 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, text, sizeof(text)), 6);
	ck_assert_str_eq(text, "onetwo");
	close(fd);
	tear_down();
}
END_TEST

static TCase *client_tests(void)
{
	TCase *t = tcase_create("client");

	tcase_add_checked_fixture(t, set_up_port, tear_down);
	tcase_add_test(t, port_is_connected_before_its_first_client);
	tcase_add_test(t, output_before_the_first_client_waits_for_it);
	tcase_add_test(t, output_for_nobody_is_taken_as_far_as_the_queue_goes);
	tcase_add_test(t, second_client_is_not_shown_what_the_first_read);
	tcase_add_test(t, client_that_leaves_is_an_end_behind_its_last_byte);
	tcase_add_test(t, client_that_leaves_much_behind_loses_nothing);
	tcase_add_test(t, end_of_output_is_seen_behind_the_last_byte);
	tcase_add_test(t, client_can_send_behind_the_end_of_output);
	tcase_add_test(t, output_behind_an_end_is_the_next_clients);
	tcase_add_test(t, end_of_output_frees_the_port_of_one_who_has_left);
	tcase_add_test(t, late_client_sees_the_end_of_output_too);
	tcase_add_test(t, late_client_sees_no_end_of_a_port_opened_again);
	tcase_add_test(t, drain_does_not_wait_for_a_client_to_come);
	return t;
}

static TCase *pair_tests(void)
{
	TCase *t = tcase_create("pair");

	tcase_add_checked_fixture(t, set_up_pair, tear_down_ends);
	tcase_add_test(t, socket_given_is_there_from_the_start);
	tcase_add_test(t, socket_given_ends_as_a_whole);
	tcase_add_test(t, socket_given_sees_the_end_of_output);
	return t;
}

static TCase *out_pipe_tests(void)
{
	TCase *t = tcase_create("out_pipe");

	tcase_add_checked_fixture(t, set_up_out_pipe, tear_down_ends);
	tcase_add_test(t, pipe_sees_the_end_of_output);
	tcase_add_test(t, slow_pipe_sees_the_end_of_output_last);
	tcase_add_test(t, pipe_without_reader_is_told_and_no_hindrance);
	return t;
}

static TCase *in_pipe_tests(void)
{
	TCase *t = tcase_create("in_pipe");

	tcase_add_checked_fixture(t, set_up_in_pipe, tear_down_ends);
	tcase_add_test(t, pipe_that_ends_is_an_end_behind_its_last_byte);
	return t;
}

int main(void)
{
	Suite *s = suite_create("chardev_port");
	TCase *file = tcase_create("file");

	suite_add_tcase(s, client_tests());
	suite_add_tcase(s, pair_tests());
	suite_add_tcase(s, out_pipe_tests());
	suite_add_tcase(s, in_pipe_tests());
	tcase_add_test(file, file_stays_open_behind_the_end_of_output);
	suite_add_tcase(s, file);
	return run_suite(s);
}
