/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/net_stream.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define ROOM 2048 /* bytes of the receive buffer */

static struct net_backend *end;
static int peer;
static uint8_t room[ROOM];
static struct iovec in[4]; /* three segments of the buffer, and the one that a backend may add */

static void set_up(void)
{
	struct err e;
	int fd[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	peer = fd[1];
	ck_assert_int_eq(net_stream_new(&end, fd[0], "peer", &e), 0);
	memset(room, 0xaa, sizeof(room));
	in[0] = (struct iovec){ room, 5 };
	in[1] = (struct iovec){ room + 5, 20 };
	in[2] = (struct iovec){ room + 25, ROOM - 25 };
}

static void tear_down(void)
{
	end->ops->close(end);
	fd_close(&peer);
}

static ssize_t receive(void)
{
	return end->ops->receive(end, 0, in, 3, ROOM);
}

/* Put bytes on the socket; their number is counted, so that they may hold zeroes. */
#define PEER_WRITES(text) ck_assert_int_eq(write(peer, text, sizeof(text) - 1), sizeof(text) - 1)

START_TEST(receive_frame_follows_an_empty_header)
{
	PEER_WRITES("\0\0\0\5hello");
	ck_assert_int_eq(receive(), NET_HEADER + 5);
	ck_assert_mem_eq(room, "\0\0\0\0\0\0\0\0\0\0\0\0hello\xaa", NET_HEADER + 6);
	ck_assert_int_eq(receive(), -EAGAIN);
}
END_TEST

START_TEST(receive_in_bytes_gives_whole_frames)
{
	static const char bytes[] = "\0\0\0\2ab\0\0\0\1c";
	ssize_t got[sizeof(bytes) - 1];

	for (unsigned i = 0; i < sizeof(bytes) - 1; i++) {
		ck_assert_int_eq(write(peer, bytes + i, 1), 1);
		got[i] = receive();
	}
	ck_assert_int_eq(got[4], -EAGAIN);
	ck_assert_int_eq(got[5], NET_HEADER + 2);
	ck_assert_int_eq(got[9], -EAGAIN);
	ck_assert_int_eq(got[10], NET_HEADER + 1);
}
END_TEST

START_TEST(receive_of_several_at_once_gives_each)
{
	PEER_WRITES("\0\0\0\2ab\0\0\0\3cde\0\0\0\1f");
	ck_assert_int_eq(receive(), NET_HEADER + 2);
	ck_assert_int_eq(receive(), NET_HEADER + 3);
	ck_assert_mem_eq(room + NET_HEADER, "cde", 3);
	ck_assert_int_eq(receive(), NET_HEADER + 1);
}
END_TEST

START_TEST(receive_longer_than_the_room_is_dropped_and_the_next_is_whole)
{
	static const uint8_t frame[4 + ROOM] = { 0, 0, ROOM >> 8, 0 };

	ck_assert_int_eq(write(peer, frame, sizeof(frame) - 1), sizeof(frame) - 1);
	ck_assert_int_eq(receive(), -EAGAIN);
	PEER_WRITES("x\0\0\0\2ab");
	ck_assert_int_eq(receive(), -EMSGSIZE);
	ck_assert_int_eq(receive(), NET_HEADER + 2);
}
END_TEST

START_TEST(forget_drops_the_rest_of_a_frame)
{
	PEER_WRITES("\0\0\0\4ab");
	ck_assert_int_eq(receive(), -EAGAIN);
	end->ops->forget(end);
	memset(room, 0xaa, sizeof(room));
	PEER_WRITES("cd\0\0\0\1e");
	ck_assert_int_eq(receive(), -EMSGSIZE);
	ck_assert_uint_eq(room[NET_HEADER + 2], 0xaa);
	ck_assert_int_eq(receive(), NET_HEADER + 1);
}
END_TEST

START_TEST(forget_between_frames_drops_none)
{
	end->ops->forget(end);
	PEER_WRITES("\0\0\0\1a");
	ck_assert_int_eq(receive(), NET_HEADER + 1);
}
END_TEST

START_TEST(receive_of_an_absurd_length_is_the_end)
{
	const uint32_t lengths[] = { 0, 0x02000200 /* 131,074 in network order */ };

	ck_assert_int_eq(write(peer, &lengths[_i], 4), 4);
	ck_assert_int_eq(receive(), -EPROTO);
}
END_TEST

START_TEST(receive_after_the_peer_has_gone_is_the_end)
{
	fd_close(&peer);
	ck_assert_int_eq(receive(), -EPIPE);
}
END_TEST

/* Send a frame of @len bytes, in two segments, whose header ends in the first. */
static int send_frame(uint8_t *frame, size_t len)
{
	const struct iovec v[] = { { frame, NET_HEADER + 1 },
		                   { frame + NET_HEADER + 1, len - NET_HEADER - 1 } };

	return end->ops->send(end, 0, v, 2, len);
}

START_TEST(send_puts_the_length_before_the_frame)
{
	uint8_t frame[] = "hhhhhhhhhhhhhello", seen[32];

	ck_assert_int_eq(send_frame(frame, NET_HEADER + 5), 0);
	ck_assert_int_eq(read(peer, seen, sizeof(seen)), 9);
	ck_assert_mem_eq(seen, "\0\0\0\5hello", 9);
}
END_TEST

/* Send until the socket is full; returns how many frames went whole. */
static unsigned fill(uint8_t *frame, size_t len)
{
	unsigned n = 0;

	while (send_frame(frame, len) == 0)
		n++;
	return n;
}

/* Read all that is there; returns its bytes, of which those that are not @value are counted. */
static size_t drain(uint8_t value, size_t *others)
{
	uint8_t bytes[4096];
	size_t all = 0;
	ssize_t r;

	while ((r = read(peer, bytes, sizeof(bytes))) > 0) {
		all += (size_t)r;
		for (ssize_t i = 0; i < r; i++)
			*others += bytes[i] != value;
	}
	return all;
}

START_TEST(send_to_a_full_socket_goes_on_where_it_was)
{
	static uint8_t frame[NET_HEADER + 60000];
	size_t others = 0, bytes;
	unsigned n;

	memset(frame, 'z', sizeof(frame));
	n = fill(frame, sizeof(frame));
	ck_assert_int_eq(send_frame(frame, sizeof(frame)), -EAGAIN);
	bytes = drain('z', &others);
	ck_assert_int_eq(send_frame(frame, sizeof(frame)), 0);
	bytes += drain('z', &others);
	ck_assert_uint_eq(bytes, (n + 1) * 60004);
	ck_assert_uint_eq(others, (n + 1) * 4);
}
END_TEST

START_TEST(forget_while_sending_ends_the_frame_with_zeroes)
{
	static uint8_t frame[NET_HEADER + 60000];
	size_t others = 0, before, after;
	unsigned n;

	memset(frame, 'z', sizeof(frame));
	n = fill(frame, sizeof(frame));
	end->ops->forget(end);
	before = drain('z', &others);
	ck_assert_int_eq(send_frame(frame, NET_HEADER + 10), 0);
	others = 0;
	after = drain(0, &others);
	ck_assert_uint_eq(before + after, (n + 1) * 60004 + 14);
	ck_assert_uint_eq(others, 11); /* a byte of the length, and the frame */
}
END_TEST

START_TEST(send_after_the_peer_has_gone_is_the_end)
{
	uint8_t frame[NET_HEADER + 5] = { 0 };

	fd_close(&peer);
	ck_assert_int_eq(send_frame(frame, sizeof(frame)), -EPIPE);
}
END_TEST

START_TEST(connect_to_a_path_that_is_too_long_is_refused)
{
	struct net_backend *b = NULL;
	char path[200];
	struct err e;

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(net_stream_connect(&b, path, &e), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(e.msg, "199 characters"));
}
END_TEST

START_TEST(connect_to_a_missing_socket_is_refused_by_name)
{
	struct net_backend *b = NULL;
	struct err e;

	ck_assert_int_eq(net_stream_connect(&b, "/tmp/vmm-no-such-socket", &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "'/tmp/vmm-no-such-socket'"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net_stream");
	TCase *t = tcase_create("net_stream");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, receive_frame_follows_an_empty_header);
	tcase_add_test(t, receive_in_bytes_gives_whole_frames);
	tcase_add_test(t, receive_of_several_at_once_gives_each);
	tcase_add_test(t, receive_longer_than_the_room_is_dropped_and_the_next_is_whole);
	tcase_add_test(t, forget_drops_the_rest_of_a_frame);
	tcase_add_test(t, forget_between_frames_drops_none);
	tcase_add_loop_test(t, receive_of_an_absurd_length_is_the_end, 0, 2);
	tcase_add_test(t, receive_after_the_peer_has_gone_is_the_end);
	tcase_add_test(t, send_puts_the_length_before_the_frame);
	tcase_add_test(t, send_to_a_full_socket_goes_on_where_it_was);
	tcase_add_test(t, forget_while_sending_ends_the_frame_with_zeroes);
	tcase_add_test(t, send_after_the_peer_has_gone_is_the_end);
	tcase_add_test(t, connect_to_a_path_that_is_too_long_is_refused);
	tcase_add_test(t, connect_to_a_missing_socket_is_refused_by_name);
	suite_add_tcase(s, t);
	return run_suite(s);
}
