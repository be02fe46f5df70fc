/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/peer_rig.h"

START_TEST(client_talks_both_ways)
{
	int fd = join();

	run();
	ck_assert(chardev_is_connected(&c));
	offer("hello");
	expect_read(fd, "hello");
	ck_assert_int_eq(write(fd, "hi", 2), 2);
	run();
	expect_received("hi");
	ck_assert_uint_eq(comings, 1);
	close(fd);
}
END_TEST

START_TEST(late_client_is_shown_what_it_missed)
{
	int fd;

	offer("early words, ");
	run();
	offer("later words");
	ck_assert(chardev_drain(&c));
	fd = join();
	run();
	expect_read(fd, "early words, later words");
	ck_assert_uint_eq(n_tapped, strlen("early words, later words"));
	close(fd);
}
END_TEST

START_TEST(abandoned_output_is_shown_to_the_tap)
{
	ck_assert_uint_eq(chardev_offer(&c, (const uint8_t *)"unread", 6), 6);
	chardev_abandon(&c);
	ck_assert_uint_eq(n_tapped, 6);
}
END_TEST

/* Much more than the queue holds, and nobody to read it: the guest is not held up. */
START_TEST(late_client_is_shown_the_last_64_kib)
{
	static uint8_t bytes[1000];
	uint8_t last = 0;
	int fd;

	for (unsigned i = 0; i < 200; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		ck_assert_uint_eq(chardev_offer(&c, bytes, sizeof(bytes)), sizeof(bytes));
		chardev_flush(&c);
	}
	fd = join();
	run();
	ck_assert_uint_eq(drink(fd, &last), OUTQ_SIZE);
	ck_assert_uint_eq(last, 199);
	ck_assert_uint_eq(n_tapped, 200 * sizeof(bytes));
	close(fd);
}
END_TEST

START_TEST(slow_client_loses_nothing)
{
	static uint8_t bytes[OUTQ_SIZE];
	int fd = join();
	size_t taken = 0, seen = 0, n;
	uint8_t last;

	run();
	do {
		n = chardev_offer(&c, bytes, sizeof(bytes));
		taken += n;
		chardev_flush(&c);
	} while (n > 0);
	run();
	ck_assert_uint_eq(writables, 0);
	for (unsigned i = 0; i < 20; i++) {
		seen += drink(fd, &last);
		run();
	}
	ck_assert_uint_eq(seen, taken);
	ck_assert_uint_ge(writables, 1);
	close(fd);
}
END_TEST

START_TEST(client_that_leaves_makes_way_for_the_next)
{
	int first = join(), second = join();

	run();
	ck_assert_uint_eq(comings, 1);
	close(first);
	run();
	ck_assert_uint_eq(goings, 1);
	ck_assert_uint_eq(comings, 2);
	offer("x");
	expect_read(second, "x");
	close(second);
}
END_TEST

/* Half-way through a full queue; what it did not read is shown to the next. */
START_TEST(client_that_is_given_takes_the_place_of_the_other)
{
	int old = join(), pair[2], next;
	char byte;

	run();
	offer("old words");
	expect_read(old, "old words");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(chardev_give(&c, pair[0]), 0);
	run();
	ck_assert_int_eq(recv(old, &byte, 1, MSG_DONTWAIT), 0);
	expect_read(pair[1], "old words"); /* as anybody who comes is shown */
	ck_assert_int_eq(write(pair[1], "in", 2), 2);
	run();
	expect_received("in");
	ck_assert_int_eq(comings, 2);
	ck_assert_int_eq(goings, 1);
	close(pair[1]);
	run();
	next = join();
	run();
	ck_assert_int_eq(comings, 3);
	close(next);
	close(old);
}
END_TEST

START_TEST(client_that_leaves_unread_bytes_holds_nobody_up)
{
	static uint8_t bytes[OUTQ_SIZE];
	int fd = join();
	uint8_t last;

	run();
	while (chardev_offer(&c, bytes, sizeof(bytes)) > 0)
		chardev_flush(&c);
	close(fd);
	run();
	ck_assert_uint_eq(goings, 1);
	ck_assert_uint_ge(writables, 1);
	fd = join();
	run();
	ck_assert_uint_ge(drink(fd, &last), 1);
	close(fd);
}
END_TEST

START_TEST(client_that_has_sent_all_still_listens)
{
	int fd = join();

	ck_assert_int_eq(write(fd, "question", 8), 8);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	run();
	expect_received("question");
	offer("answer");
	expect_read(fd, "answer");
	ck_assert_uint_eq(goings, 0);
	close(fd);
	run();
	ck_assert_uint_eq(goings, 1);
}
END_TEST

/* printf 'command\n' | socat - UNIX-CONNECT:... while the guest still boots. */
START_TEST(words_of_a_client_that_left_are_kept)
{
	int fd = join();

	device_room = 0;
	ck_assert_int_eq(write(fd, "command", 7), 7);
	close(fd);
	run();
	offer("a line of the guest");
	run();
	ck_assert_uint_eq(goings, 1);
	device_room = 100;
	chardev_input_ready(&c);
	run();
	expect_received("command");
}
END_TEST

START_TEST(client_that_left_more_than_fits_makes_way)
{
	static const char many[3 * CHARDEV_HOLD];
	int fd = join();

	device_room = 0;
	ck_assert_int_eq(write(fd, many, sizeof(many)), sizeof(many));
	close(fd);
	run();
	ck_assert_uint_eq(goings, 1);
	close(join());
	run();
	ck_assert_uint_eq(comings, 2);
}
END_TEST

START_TEST(client_is_read_only_as_far_as_the_device_has_room)
{
	int fd = join();

	device_room = 3;
	ck_assert_int_eq(write(fd, "abcdef", 6), 6);
	run();
	expect_received("abc");
	device_room = 3;
	chardev_input_ready(&c);
	run();
	expect_received("abcdef");
	close(fd);
}
END_TEST

START_TEST(open_socket_taken_is_refused)
{
	struct err e = { 0 };
	int fd;

	set_up();
	fd = unixsock_listen(path, &e);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(open_where(WHERE_UNIX, -1, &e), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(e.msg, path));
	close(fd);
	tear_down();
}
END_TEST

START_TEST(open_socket_left_behind_is_replaced)
{
	int fd;

	set_up();
	fd = unixsock_listen(path, NULL);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(open_where(WHERE_UNIX, -1, NULL), 0);
	tear_down();
}
END_TEST

START_TEST(open_file_in_the_way_is_refused)
{
	struct err e = { 0 };

	set_up();
	close(open(path, O_WRONLY | O_CREAT, 0600));
	ck_assert_int_eq(open_where(WHERE_UNIX, -1, &e), -EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
	tear_down();
}
END_TEST

START_TEST(listen_path_too_long_is_refused)
{
	char name[200];
	struct err e = { 0 };

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(unixsock_listen(name, &e), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(e.msg, "107"));
}
END_TEST

static int open_terminal(void)
{
	char name[PEER_PTY_NAME];
	unsigned number;
	int fd;

	ck_assert_int_eq(ioctl(c.peer.fd, TIOCGPTN, &number), 0);
	snprintf(name, sizeof(name), "/dev/pts/%u", number);
	fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void set_up_pty(void)
{
	set_up();
	ck_assert_int_eq(open_where(WHERE_PTY, -1, NULL), 0);
	chardev_start(&c);
}

START_TEST(pty_is_raw_and_talks_both_ways)
{
	int fd = open_terminal();

	run();
	offer("a\nb\tc");
	expect_read(fd, "a\nb\tc");
	ck_assert_int_eq(write(fd, "\r\x03", 2), 2);
	await_input(c.peer.fd);
	run();
	expect_received("\r\x03");
	close(fd);
}
END_TEST

START_TEST(pty_opened_late_shows_what_was_missed)
{
	int fd;

	offer("early");
	run();
	ck_assert(!chardev_is_connected(&c));
	fd = open_terminal();
	run();
	expect_read(fd, "early");
	close(fd);
}
END_TEST

START_TEST(pty_opened_again_is_noticed)
{
	int fd = open_terminal();

	run();
	close(fd);
	run();
	ck_assert_uint_eq(goings, 1);
	fd = open_terminal();
	run();
	ck_assert_uint_eq(comings, 2);
	close(fd);
}
END_TEST

START_TEST(fd_socket_carries_both_directions)
{
	int pair[2];

	set_up();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(open_where(WHERE_FD, pair[0], NULL), 0);
	chardev_start(&c);
	offer("out");
	expect_read(pair[1], "out");
	ck_assert_int_eq(write(pair[1], "in", 2), 2);
	run();
	expect_received("in");
	ck_assert_int_eq(fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0);
	tear_down();
	ck_assert_int_ge(fcntl(pair[0], F_GETFD), 0);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(fd_write_only_has_no_input)
{
	int ends[2];

	set_up();
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(open_where(WHERE_FD, ends[1], NULL), 0);
	offer("out");
	expect_read(ends[0], "out");
	ck_assert_int_eq(c.in.kind, ENDPOINT_NONE);
	tear_down();
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* Of a port it is an input: test_chardev_port.c. */
START_TEST(fd_read_only_is_refused)
{
	struct err e = { 0 };
	int ends[2];

	set_up();
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(open_where(WHERE_FD, ends[0], &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "cannot be written: open it"));
	tear_down();
	ck_assert_int_eq(close(ends[0]), 0); /* it is still ours */
	close(ends[1]);
}
END_TEST

START_TEST(fd_not_open_is_refused)
{
	struct err e = { 0 };

	set_up();
	ck_assert_int_eq(open_where(WHERE_FD, 999, &e), -EBADF);
	ck_assert_ptr_nonnull(strstr(e.msg, "999"));
	tear_down();
}
END_TEST

START_TEST(window_without_terminal_is_unknown)
{
	uint16_t cols = 1, rows = 2;

	ck_assert(!chardev_window(&c, &cols, &rows));
	ck_assert_uint_eq(cols, 1);
	ck_assert_uint_eq(rows, 2);
}
END_TEST

static void add_client_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up_socket, tear_down);
	tcase_add_test(t, client_talks_both_ways);
	tcase_add_test(t, late_client_is_shown_what_it_missed);
	tcase_add_test(t, abandoned_output_is_shown_to_the_tap);
	tcase_add_test(t, late_client_is_shown_the_last_64_kib);
	tcase_add_test(t, slow_client_loses_nothing);
	tcase_add_test(t, client_that_leaves_makes_way_for_the_next);
	tcase_add_test(t, client_that_is_given_takes_the_place_of_the_other);
	tcase_add_test(t, client_that_leaves_unread_bytes_holds_nobody_up);
	tcase_add_test(t, client_that_has_sent_all_still_listens);
	tcase_add_test(t, words_of_a_client_that_left_are_kept);
	tcase_add_test(t, client_that_left_more_than_fits_makes_way);
	tcase_add_test(t, client_is_read_only_as_far_as_the_device_has_room);
	tcase_add_test(t, window_without_terminal_is_unknown);
}

static void add_open_tests(TCase *t)
{
	tcase_add_test(t, open_socket_taken_is_refused);
	tcase_add_test(t, open_socket_left_behind_is_replaced);
	tcase_add_test(t, open_file_in_the_way_is_refused);
	tcase_add_test(t, listen_path_too_long_is_refused);
	tcase_add_test(t, fd_socket_carries_both_directions);
	tcase_add_test(t, fd_write_only_has_no_input);
	tcase_add_test(t, fd_read_only_is_refused);
	tcase_add_test(t, fd_not_open_is_refused);
}

static void add_pty_tests(TCase *t)
{
	tcase_add_checked_fixture(t, set_up_pty, tear_down);
	tcase_add_test(t, pty_is_raw_and_talks_both_ways);
	tcase_add_test(t, pty_opened_late_shows_what_was_missed);
	tcase_add_test(t, pty_opened_again_is_noticed);
}

int main(void)
{
	Suite *s = suite_create("chardev_peer");
	TCase *client = tcase_create("client"), *opening = tcase_create("open"),
	      *pty = tcase_create("pty");

	add_client_tests(client);
	suite_add_tcase(s, client);
	add_open_tests(opening);
	suite_add_tcase(s, opening);
	add_pty_tests(pty);
	suite_add_tcase(s, pty);
	return run_suite(s);
}
