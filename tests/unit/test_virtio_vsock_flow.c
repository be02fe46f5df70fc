/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vsock_host.h"

START_TEST(host_that_finishes_sending_still_reads)
{
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	run();
	ck_assert_uint_eq(expect(VIRTIO_VSOCK_OP_SHUTDOWN).flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	say_bytes("late", 4);
	host_reads(client, "late");
	host_closes(&client);
	ck_assert_uint_eq(expect(VIRTIO_VSOCK_OP_SHUTDOWN).flags,
	                  VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RCV);
}
END_TEST

START_TEST(host_that_closes_sends_its_last_bytes)
{
	ck_assert_int_eq(write(client, "last", 4), 4);
	host_closes(&client);
	expect_data("last");
	ck_assert_uint_eq(expect(VIRTIO_VSOCK_OP_SHUTDOWN).flags,
	                  VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RCV);
	say(VIRTIO_VSOCK_OP_RST, 0);
	ck_assert(!heard_something());
}
END_TEST

START_TEST(host_that_closed_resets_a_guest_that_writes)
{
	host_closes(&client);
	(void)expect(VIRTIO_VSOCK_OP_SHUTDOWN);
	say_bytes("x", 1);
	(void)expect(VIRTIO_VSOCK_OP_RST);
}
END_TEST

START_TEST(guest_that_finishes_sending_still_reads)
{
	say_bytes("last", 4);
	say(VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND);
	host_reads(client, "last");
	ck_assert(host_sees_end(client));
	host_writes(client, "answer");
	expect_data("answer");
}
END_TEST

START_TEST(guest_that_closes_is_confirmed_by_a_reset)
{
	say_bytes("last", 4);
	say(VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RCV);
	(void)expect(VIRTIO_VSOCK_OP_RST);
	host_reads(client, "last");
	ck_assert(host_sees_end(client));
}
END_TEST

START_TEST(guest_that_takes_no_more_is_not_sent_to)
{
	say(VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_RCV);
	ck_assert_int_eq(write(client, "x", 1), -1);
	say_bytes("y", 1);
	host_reads(client, "y");
	ck_assert(!heard_something());
}
END_TEST

/* Fill the host's socket and our buffer. Returns the bytes. */
static size_t fill_up(void)
{
	static uint8_t bytes[VSOCK_CONN_BUFFER];
	struct virtio_vsock_hdr h = packet(VIRTIO_VSOCK_OP_RW);
	size_t sum = 0;
	uint32_t passed = 0, last;

	do {
		uint32_t room = VSOCK_CONN_BUFFER - ((uint32_t)sum - passed);

		last = passed;
		h.len = room;
		sum += room;
		send_packet(&h, bytes, room);
		while (heard_something())
			passed = expect(VIRTIO_VSOCK_OP_CREDIT_UPDATE).fwd_cnt;
	} while (passed != last);
	return sum;
}

static size_t drain(int fd)
{
	uint8_t bytes[4096];
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		sum += (size_t)n;
		run();
	}
	return sum;
}

/* The guest closes, waits as long as it waits, and forgets; the host reads at its leisure. */
START_TEST(guest_that_has_gone_is_read_to_the_end)
{
	size_t sent;

	lend(16);
	sent = fill_up();
	say(VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RCV);
	ck_assert(!heard_something());
	say(VIRTIO_VSOCK_OP_RST, 0);
	ck_assert_uint_eq(drain(client), sent);
	ck_assert(host_sees_end(client));
	ck_assert(!heard_something());
}
END_TEST

START_TEST(guest_that_resets_ends_the_host)
{
	say(VIRTIO_VSOCK_OP_RST, 0);
	ck_assert(host_sees_end(client));
	ck_assert(!heard_something());
}
END_TEST

/* --- credit --- */

START_TEST(credit_of_the_guest_bounds_what_it_is_sent)
{
	static char bytes[3 * CREDIT];
	struct virtio_vsock_hdr more = packet(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	uint32_t sum = 0;

	ck_assert_int_eq(write(client, bytes, sizeof(bytes)), sizeof(bytes));
	run();
	while (sum < CREDIT)
		sum += expect(VIRTIO_VSOCK_OP_RW).len;
	ck_assert_uint_eq(sum, CREDIT);
	(void)expect(VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	ck_assert(!heard_something());
	more.fwd_cnt = 100;
	send_packet(&more, NULL, 0);
	ck_assert_uint_eq(expect(VIRTIO_VSOCK_OP_RW).len, 100);
}
END_TEST

START_TEST(credit_that_makes_no_sense_is_none)
{
	struct virtio_vsock_hdr odd = packet(VIRTIO_VSOCK_OP_CREDIT_UPDATE);

	odd.fwd_cnt = 1; /* it has taken more than it was sent */
	send_packet(&odd, NULL, 0);
	host_writes(client, "x");
	(void)expect(VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	ck_assert(!heard_something());
}
END_TEST

START_TEST(credit_request_is_answered)
{
	struct virtio_vsock_hdr h;

	say_bytes("12345", 5);
	say(VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	h = expect(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	ck_assert_uint_eq(h.buf_alloc, VSOCK_CONN_BUFFER);
	ck_assert_uint_eq(h.fwd_cnt, 5);
}
END_TEST

START_TEST(credit_comes_back_as_the_host_reads)
{
	size_t sent;
	uint32_t passed = 0;

	lend(32);
	sent = fill_up();
	ck_assert_uint_eq(drain(client), sent);
	while (heard_something())
		passed = expect(VIRTIO_VSOCK_OP_CREDIT_UPDATE).fwd_cnt;
	ck_assert_uint_gt(passed, sent - VSOCK_CONN_BUFFER / 2);
}
END_TEST

START_TEST(credit_overdrawn_is_a_reset)
{
	static uint8_t bytes[VSOCK_CONN_BUFFER + 1];

	say_bytes(bytes, sizeof(bytes));
	(void)expect(VIRTIO_VSOCK_OP_RST);
	ck_assert(host_sees_end(client));
}
END_TEST

START_TEST(slow_host_holds_up_nobody_else)
{
	uint32_t slow = host_port;
	int slow_fd = client;

	lend(16);
	(void)fill_up();
	call_guest();
	say(VIRTIO_VSOCK_OP_RESPONSE, 0);
	ck_assert_int_gt(read(client, (char[32]){ 0 }, 32), 3);
	say_bytes("quick", 5);
	host_reads(client, "quick");
	host_port = slow;
	say(VIRTIO_VSOCK_OP_RST, 0);
	close(slow_fd);
}
END_TEST

/* --- packets that no driver sends --- */

/* A packet's field that is changed, and whether that is answered by a reset or not at all. */
struct wrong {
	size_t off, len;
	uint64_t value;
	bool answered;
};

#define WRONG(field, value_, answered_)                                                            \
	{                                                                                          \
		offsetof(struct virtio_vsock_hdr, field),                                          \
		        sizeof(((struct virtio_vsock_hdr *)0)->field), value_, answered_           \
	}

static const struct wrong wrongs[] = {
	WRONG(src_cid, CID + 1, false),
	WRONG(src_cid, 1ULL << 32 | CID, false),
	WRONG(dst_cid, 1, false),
	WRONG(dst_cid, UINT64_MAX, false),
	WRONG(src_port, UINT32_MAX, false),
	WRONG(dst_port, UINT32_MAX, false),
	WRONG(src_port, 1, true),
	WRONG(dst_port, 1, true),
	WRONG(type, VIRTIO_VSOCK_TYPE_SEQPACKET, true),
	WRONG(type, 0, true),
	WRONG(len, 6, true),
	WRONG(len, UINT32_MAX, true),
	WRONG(op, VIRTIO_VSOCK_OP_INVALID, true),
	WRONG(op, VIRTIO_VSOCK_OP_REQUEST, true),
	WRONG(op, VIRTIO_VSOCK_OP_RESPONSE, true),
	WRONG(op, 8, true),
	WRONG(op, 0xffff, true),
};

START_TEST(wrong_packet_is_reset_or_dropped)
{
	struct virtio_vsock_hdr h = packet(VIRTIO_VSOCK_OP_RW);
	const struct wrong *w = &wrongs[_i];

	h.len = 5;
	memcpy((char *)&h + w->off, &w->value, w->len);
	send_packet(&h, "hello", 5);
	ck_assert_int_eq(heard_something(), w->answered);
	for (unsigned i = 0; i < w->answered; i++)
		(void)expect(VIRTIO_VSOCK_OP_RST);
	ck_assert_uint_eq(ring[TRANSMIT]->used->idx, 2);
	ck_assert(!has_failed());
}
END_TEST

START_TEST(short_packet_is_dropped)
{
	uint64_t at = ring_alloc(ring[TRANSMIT], 8);

	ring_chain(ring[TRANSMIT], &(struct ring_buf){ at, 8, false }, 1);
	virtio_dev_notify(dev, TRANSMIT);
	run();
	ck_assert_uint_eq(ring[TRANSMIT]->used->idx, 1);
	ck_assert(!has_failed());
}
END_TEST

START_TEST(stray_reset_is_not_answered)
{
	host_port = PORT;
	lend(4);
	say(VIRTIO_VSOCK_OP_RST, 0);
	ck_assert(!heard_something());
}
END_TEST

/* More than there is room to remember: some are dropped, nothing breaks. */
START_TEST(stray_packets_without_end_are_bounded)
{
	unsigned n = 0;

	for (host_port = 1; host_port <= 200; host_port++)
		say(VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	lend(ENTRIES / 2);
	for (; heard_something(); n++)
		(void)expect(VIRTIO_VSOCK_OP_RST);
	ck_assert_uint_eq(n, 64);
}
END_TEST

START_TEST(buffer_too_small_asks_for_a_reset)
{
	uint64_t at = ring_alloc(ring[RECEIVE], HDR);

	ring_chain(ring[RECEIVE], &(struct ring_buf){ at, HDR, true }, 1);
	host_port = PORT;
	say(VIRTIO_VSOCK_OP_SHUTDOWN, 0);
	ck_assert(has_failed());
}
END_TEST

START_TEST(buffers_that_come_late_bring_everything)
{
	client = unixsock_connect(path);
	host_writes(client, "CONNECT 77\n");
	lend(1);
	host_port = expect(VIRTIO_VSOCK_OP_REQUEST).src_port;
	say(VIRTIO_VSOCK_OP_RESPONSE, 0);
	host_writes(client, "hello");
	ck_assert(!heard_something());
	lend(1);
	expect_data("hello");
}
END_TEST

START_TEST(reset_closes_everything_and_can_begin_anew)
{
	virtio_dev_reset(dev);
	ck_assert(host_sees_end(client));
	fd_close(&client);
	for (unsigned i = 0; i < QUEUES; i++)
		ring_free(ring[i]);
	start_device();
	lend(4);
	call_guest();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio_vsock_flow");
	TCase *host = tcase_create("host"), *called = tcase_create("called");

	tcase_add_checked_fixture(host, set_up, tear_down);
	tcase_add_test(host, short_packet_is_dropped);
	tcase_add_test(host, stray_reset_is_not_answered);
	tcase_add_test(host, stray_packets_without_end_are_bounded);
	tcase_add_test(host, buffer_too_small_asks_for_a_reset);
	tcase_add_test(host, buffers_that_come_late_bring_everything);
	suite_add_tcase(s, host);
	tcase_add_checked_fixture(called, set_up_called, tear_down);
	tcase_add_test(called, host_that_finishes_sending_still_reads);
	tcase_add_test(called, host_that_closes_sends_its_last_bytes);
	tcase_add_test(called, host_that_closed_resets_a_guest_that_writes);
	tcase_add_test(called, guest_that_finishes_sending_still_reads);
	tcase_add_test(called, guest_that_closes_is_confirmed_by_a_reset);
	tcase_add_test(called, guest_that_takes_no_more_is_not_sent_to);
	tcase_add_test(called, guest_that_has_gone_is_read_to_the_end);
	tcase_add_test(called, guest_that_resets_ends_the_host);
	tcase_add_test(called, credit_of_the_guest_bounds_what_it_is_sent);
	tcase_add_test(called, credit_that_makes_no_sense_is_none);
	tcase_add_test(called, credit_request_is_answered);
	tcase_add_test(called, credit_comes_back_as_the_host_reads);
	tcase_add_test(called, credit_overdrawn_is_a_reset);
	tcase_add_test(called, slow_host_holds_up_nobody_else);
	tcase_add_loop_test(called, wrong_packet_is_reset_or_dropped, 0, ARRAY_SIZE(wrongs));
	tcase_add_test(called, reset_closes_everything_and_can_begin_anew);
	suite_add_tcase(s, called);
	return run_suite(s);
}
