/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vsock_host.h"

START_TEST(client_names_a_port_and_is_connected)
{
	ck_assert_uint_ge(host_port, 1024);
	host_writes(client, "hello");
	expect_data("hello");
	say_bytes("world", 5);
	host_reads(client, "world");
	ck_assert(!heard_something());
}
END_TEST

/* What comes right behind the line is data, and waits for the guest's answer. */
START_TEST(client_that_does_not_wait_is_heard)
{
	lend(4);
	client = unixsock_connect(path);
	host_writes(client, "CONNECT 77\nhello");
	host_port = expect(VIRTIO_VSOCK_OP_REQUEST).src_port;
	ck_assert(!heard_something());
	say(VIRTIO_VSOCK_OP_RESPONSE, 0);
	expect_data("hello");
}
END_TEST

START_TEST(client_line_in_pieces_is_read)
{
	lend(4);
	client = unixsock_connect(path);
	host_writes(client, "CONN");
	host_writes(client, "ECT 7");
	ck_assert(!heard_something());
	host_writes(client, "7\n");
	ck_assert_uint_eq(expect(VIRTIO_VSOCK_OP_REQUEST).dst_port, 77);
}
END_TEST

static const char *const wrong_lines[] = {
	"CONNECT\n",    "CONNECT \n",           "CONNECT x\n",
	"CONNECT -1\n", "CONNECT 4294967295\n", "CONNECT 4294967296\n",
	"connect 77\n", "GET / HTTP/1.1\r\n",   "CONNECT 77 and a line without an end",
	"\n",
};

START_TEST(client_line_that_is_wrong_is_refused)
{
	lend(4);
	client = unixsock_connect(path);
	host_writes(client, wrong_lines[_i]);
	errno = 0; /* the end, or a reset when bytes behind the line were not read */
	ck_assert_int_le(read(client, &(char){ 0 }, 1), 0);
	ck_assert_int_ne(errno, EAGAIN);
	ck_assert(!heard_something());
}
END_TEST

START_TEST(client_is_refused_by_the_guest)
{
	lend(4);
	call_guest();
	say(VIRTIO_VSOCK_OP_RST, 0);
	ck_assert(host_sees_end(client));
}
END_TEST

START_TEST(client_that_gives_up_is_forgotten)
{
	lend(4);
	call_guest();
	host_closes(&client);
	(void)expect(VIRTIO_VSOCK_OP_RST);
	say(VIRTIO_VSOCK_OP_RESPONSE, 0);
	(void)expect(VIRTIO_VSOCK_OP_RST);
}
END_TEST

/* Gone before the guest has lent a buffer: it never hears of it. */
START_TEST(client_that_gives_up_early_is_not_mentioned)
{
	client = unixsock_connect(path);
	host_writes(client, "CONNECT 77\n");
	host_closes(&client);
	lend(4);
	ck_assert(!heard_something());
}
END_TEST

START_TEST(client_before_the_driver_waits)
{
	make_device();
	client = unixsock_connect(path);
	host_writes(client, "CONNECT 77\n");
	start_device();
	lend(4);
	(void)expect(VIRTIO_VSOCK_OP_REQUEST);
	tear_down();
}
END_TEST

START_TEST(client_too_many_is_refused)
{
	static int fd[VIRTIO_VSOCK_CONNS_MAX];

	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++) {
		fd[i] = unixsock_connect(path);
		ck_assert_int_ge(fd[i], 0);
		if (i % 64 == 0)
			run();
	}
	run();
	client = unixsock_connect(path);
	run();
	ck_assert(host_sees_end(client));
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++)
		close(fd[i]);
	run();
	fd_close(&client);
	lend(4);
	call_guest();
}
END_TEST

START_TEST(two_clients_are_told_apart)
{
	uint32_t first = host_port;
	int first_fd = client;

	call_guest();
	say(VIRTIO_VSOCK_OP_RESPONSE, 0);
	ck_assert_uint_ne(host_port, first);
	ck_assert_int_gt(read(client, (char[32]){ 0 }, 32), 3);
	say_bytes("b", 1);
	host_reads(client, "b");
	host_port = first;
	say_bytes("a", 1);
	host_reads(first_fd, "a");
	close(first_fd);
}
END_TEST

/* --- connections of the guest --- */

START_TEST(guest_reaches_a_listener)
{
	say_bytes("hello", 5);
	host_reads(server, "hello");
	host_writes(server, "world");
	expect_data("world");
}
END_TEST

START_TEST(guest_finds_nobody_and_is_refused)
{
	lend(4);
	host_port = PORT;
	say(VIRTIO_VSOCK_OP_REQUEST, 0);
	await_packet();
	ck_assert_uint_eq(expect(VIRTIO_VSOCK_OP_RST).src_port, PORT);
}
END_TEST

START_TEST(guest_that_gives_up_leaves_nothing)
{
	host_port = PORT;
	listener = unixsock_listen(port_path, NULL);
	say(VIRTIO_VSOCK_OP_REQUEST, 0);
	say(VIRTIO_VSOCK_OP_RST, 0);
	(void)poll(&(struct pollfd){ .fd = listener, .events = POLLIN }, 1, -1);
	server = unixsock_accept(listener);
	lend(4); /* only now: an answer to the request may have been under way before the guest gave
	            up */
	while (poll(&(struct pollfd){ .fd = server, .events = POLLIN }, 1, 0) == 0)
		run();
	ck_assert(host_sees_end(server));
	run();
	ck_assert(!heard_something());
}
END_TEST

START_TEST(guest_without_connector_is_refused)
{
	lend(4);
	host_port = PORT;
	ck_assert_int_eq(shutdown(connector.fd, SHUT_RDWR), 0);
	run();
	say(VIRTIO_VSOCK_OP_REQUEST, 0);
	(void)expect(VIRTIO_VSOCK_OP_RST);
}
END_TEST

/* --- ends --- */

int main(void)
{
	Suite *s = suite_create("virtio_vsock");
	TCase *host = tcase_create("host"), *called = tcase_create("called"),
	      *calling = tcase_create("calling"), *early = tcase_create("early");

	tcase_add_checked_fixture(host, set_up, tear_down);
	tcase_add_test(host, client_that_does_not_wait_is_heard);
	tcase_add_test(host, client_line_in_pieces_is_read);
	tcase_add_loop_test(host, client_line_that_is_wrong_is_refused, 0, ARRAY_SIZE(wrong_lines));
	tcase_add_test(host, client_is_refused_by_the_guest);
	tcase_add_test(host, client_that_gives_up_is_forgotten);
	tcase_add_test(host, client_that_gives_up_early_is_not_mentioned);
	tcase_add_test(host, client_too_many_is_refused);
	tcase_add_test(host, guest_finds_nobody_and_is_refused);
	tcase_add_test(host, guest_that_gives_up_leaves_nothing);
	tcase_add_test(host, guest_without_connector_is_refused);
	suite_add_tcase(s, host);
	tcase_add_checked_fixture(called, set_up_called, tear_down);
	tcase_add_test(called, client_names_a_port_and_is_connected);
	tcase_add_test(called, two_clients_are_told_apart);
	suite_add_tcase(s, called);
	tcase_add_checked_fixture(calling, set_up_calling, tear_down);
	tcase_add_test(calling, guest_reaches_a_listener);
	suite_add_tcase(s, calling);
	tcase_add_test(early, client_before_the_driver_waits);
	suite_add_tcase(s, early);
	return run_suite(s);
}
