/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VSOCK_HOST_H
#define TESTS_UNIT_VSOCK_HOST_H

/* Programs of the host that talk through the rig's device, and connections that are made. */

#include "tests/unit/vsock_guest.h"

static inline void host_reads(int fd, const char *text)
{
	char buf[256] = { 0 };

	ck_assert_int_eq(read(fd, buf, sizeof(buf) - 1), (ssize_t)strlen(text));
	ck_assert_str_eq(buf, text);
}

static inline void host_writes(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	run();
}

static inline void host_closes(int *fd)
{
	fd_close(fd);
	run();
}

static inline bool host_sees_end(int fd)
{
	return read(fd, &(char){ 0 }, 1) == 0;
}

/* Turns until the connector, a process of its own, has answered and the guest hears of it. */
static inline void await_packet(void)
{
	while (!heard_something())
		run();
}

/* A client of the host's, as far as the guest's answer. */
static inline void call_guest(void)
{
	char line[32];

	client = unixsock_connect(path);
	ck_assert_int_ge(client, 0);
	snprintf(line, sizeof(line), "CONNECT %u\n", MINE);
	host_writes(client, line);
	host_port = expect(VIRTIO_VSOCK_OP_REQUEST).src_port;
}

/* A connection that the host began. */
static inline void set_up_called(void)
{
	char line[32];

	set_up();
	lend(16);
	call_guest();
	say(VIRTIO_VSOCK_OP_RESPONSE, 0);
	snprintf(line, sizeof(line), "OK %u\n", host_port);
	host_reads(client, line);
}

/* A connection that the guest began; the host's end is @server. */
static inline void set_up_calling(void)
{
	set_up();
	lend(16);
	host_port = PORT;
	listener = unixsock_listen(port_path, NULL);
	ck_assert_int_ge(listener, 0);
	say(VIRTIO_VSOCK_OP_REQUEST, 0);
	await_packet();
	server = unixsock_accept(listener);
	ck_assert_int_ge(server, 0);
	(void)expect(VIRTIO_VSOCK_OP_RESPONSE);
}

#endif /* TESTS_UNIT_VSOCK_HOST_H */
