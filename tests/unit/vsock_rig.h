/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VSOCK_RIG_H
#define TESTS_UNIT_VSOCK_RIG_H

/* A vsock device with programs on both sides, for the one program that includes this. */

#include "devices/virtio_vsock.h"

#include "devices/vsock_conn.h"
#include "tests/unit/ring.h"
#include "tests/unit/run.h"
#include "vmm/connector.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_vsock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define ENTRIES 128
#define QUEUES  3
#define TURNS   60 /* of the loop, in which whatever can happen has happened */
#define CID     7
#define PORT    5000 /* of a program on the other side */
#define MINE    77 /* of the guest's program that connects */
#define PACKET  4096 /* a buffer of Linux's driver, without the header */
#define CREDIT  8192 /* what the guest says that it can hold */
#define HDR     sizeof(struct virtio_vsock_hdr)

enum { RECEIVE, TRANSMIT, EVENT };

static struct loop loop;
static struct connector connector;
static struct virtio_vsock *vsock;
static struct virtio_dev *dev;
static struct ring *ring[QUEUES];
static char dir[] = "/tmp/vmm-vsock-XXXXXX";
static char path[64], port_path[80];
static int listener, client, server; /* the host's programs */
static unsigned n_heard; /* packets that the guest has looked at */
static uint64_t lent[ENTRIES]; /* where its buffers are, in the order in which it lent them */
static unsigned n_lent;
static uint32_t host_port; /* of the connection that a test works with */

static unsigned turns_left;

static inline void count_turn(struct loop_source *s, uint32_t events)
{
	(void)s;
	(void)events;
	if (--turns_left == 0)
		loop_stop(&loop);
}

static inline void run(void)
{
	struct loop_source clock = { .fd = eventfd(1, EFD_CLOEXEC), .ready = count_turn };

	turns_left = TURNS;
	loop.stop = false;
	ck_assert_int_eq(loop_add(&loop, &clock, EPOLLIN), 0);
	ck_assert_int_eq(loop_run(&loop), 0);
	loop_del(&loop, &clock);
	close(clock.fd);
}

static inline void start_device(void)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		ring[i] = ring_new(ENTRIES);
		ring_start(ring[i], &dev->queue[i].ring);
	}
	n_heard = n_lent = 0;
	virtio_dev_start(dev);
}

static inline void make_device(void)
{
	struct virtio_vsock_setup setup = { .cid = CID };
	struct err e = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/v", dir);
	snprintf(port_path, sizeof(port_path), "%s_%u", path, PORT);
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_msg(connector_start(&connector, path, SECCOMP_OFF, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	setup.listener = unixsock_listen(path, &e);
	setup.connector = connector.fd;
	ck_assert_msg(virtio_vsock_new(&vsock, &setup, &loop, &e) == 0, "%s", e.msg);
	dev = virtio_vsock_dev(vsock);
	listener = client = server = -1;
}

static inline void set_up(void)
{
	make_device();
	start_device();
}

static inline void tear_down(void)
{
	virtio_vsock_free(vsock);
	connector_finish(&connector);
	loop_fini(&loop);
	for (unsigned i = 0; i < QUEUES; i++)
		ring_free(ring[i]);
	fd_close(&listener);
	fd_close(&client);
	fd_close(&server);
	(void)unlink(path);
	(void)unlink(port_path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

/* --- the guest --- */

/* Lend @n buffers. */
static inline void lend(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = ring_alloc(ring[RECEIVE], HDR + PACKET);
		const struct ring_buf buf[] = { { at, HDR, true }, { at + HDR, PACKET, true } };

		lent[n_lent++] = at;
		ring_chain(ring[RECEIVE], buf, ARRAY_SIZE(buf));
	}
	virtio_dev_notify(dev, RECEIVE);
	run();
}

static inline struct virtio_vsock_hdr packet(uint16_t op)
{
	return (struct virtio_vsock_hdr){
		.src_cid = CID,
		.dst_cid = 2,
		.src_port = MINE,
		.dst_port = host_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = CREDIT,
	};
}

/* Send a packet with @len bytes behind it, whatever its header says. */
static inline void send_packet(const struct virtio_vsock_hdr *h, const void *bytes, uint32_t len)
{
	uint64_t at = ring_alloc(ring[TRANSMIT], (uint32_t)HDR + len);
	const struct ring_buf buf[] = { { at, HDR, false }, { at + HDR, len, false } };

	memcpy(ring_host(ring[TRANSMIT], at), h, HDR);
	if (len > 0)
		memcpy(ring_host(ring[TRANSMIT], at + HDR), bytes, len);
	ring_chain(ring[TRANSMIT], buf, ARRAY_SIZE(buf));
	virtio_dev_notify(dev, TRANSMIT);
	run();
}

static inline void say(uint16_t op, uint32_t flags)
{
	struct virtio_vsock_hdr h = packet(op);

	h.flags = flags;
	send_packet(&h, NULL, 0);
}

static inline void say_bytes(const void *bytes, uint32_t len)
{
	struct virtio_vsock_hdr h = packet(VIRTIO_VSOCK_OP_RW);

	h.len = len;
	send_packet(&h, bytes, len);
}

static inline bool heard_something(void)
{
	return n_heard < ring[RECEIVE]->used->idx;
}

/* The next packet that came; there must be one. @ret_bytes: of its body, PACKET of them. */
static inline struct virtio_vsock_hdr hear(const char **ret_bytes)
{
	struct virtio_vsock_hdr h;
	uint64_t at = lent[n_heard];

	ck_assert(heard_something());
	memcpy(&h, ring_host(ring[RECEIVE], at), sizeof(h));
	ck_assert_uint_eq(ring[RECEIVE]->used->ring[n_heard].len, HDR + h.len);
	ck_assert_uint_eq(h.src_cid, 2);
	ck_assert_uint_eq(h.dst_cid, CID);
	ck_assert_uint_eq(h.type, VIRTIO_VSOCK_TYPE_STREAM);
	*ret_bytes = ring_host(ring[RECEIVE], at + HDR);
	n_heard++;
	return h;
}

static inline struct virtio_vsock_hdr expect(uint16_t op)
{
	const char *bytes;
	struct virtio_vsock_hdr h = hear(&bytes);

	ck_assert_uint_eq(h.op, op);
	return h;
}

static inline void expect_data(const char *text)
{
	const char *bytes;
	struct virtio_vsock_hdr h = hear(&bytes);

	ck_assert_uint_eq(h.op, VIRTIO_VSOCK_OP_RW);
	ck_assert_uint_eq(h.len, strlen(text));
	ck_assert_mem_eq(bytes, text, h.len);
}

static inline bool has_failed(void)
{
	return virtio_dev_status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* --- the host --- */

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

/* --- connections of the host --- */

#endif /* TESTS_UNIT_VSOCK_RIG_H */
