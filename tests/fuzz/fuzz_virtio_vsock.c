/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_vsock.h"

#include "devices/vsock_conn.h"
#include "tests/fuzz/driver.h"
#include "vmm/connector.h"

#include <errno.h>
#include <linux/virtio_vsock.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * The whole vsock device between a driver and programs of the host that do anything in any order.
 * Input: one byte of flags, then steps: a byte says what, the bytes behind it how. Ports are few,
 * so that packets meet connections.
 *
 * Watched: every packet to the guest is well-formed and inside its buffer, the device never fails
 * while the guest's buffers are big enough, and a reset leaves no connection.
 */
#define STEPS   300
#define CLIENTS 8
#define CID     3
#define HDR     sizeof(struct virtio_vsock_hdr)

enum {
	DO_PACKET,
	DO_LEND,
	DO_CONNECT,
	DO_WRITE,
	DO_READ,
	DO_CLOSE,
	DO_SHUT,
	DO_ANSWER,
	DO_RESET,
	DO_N
};

static struct loop loop;
static struct virtio_vsock *vsock;
static struct driver driver;
static struct sockaddr_un address = { .sun_family =
	                                      AF_UNIX }; /* of no name: see listen_anywhere() */
static socklen_t address_len;
static int connector; /* our end */
static int fds[CLIENTS]; /* ends of the host's programs */
static unsigned next_fd;
static uint16_t checked; /* used entries of the receive queue that were looked at */
static uint32_t host_port; /* that the device has last named */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)signal(SIGPIPE, SIG_IGN);
	if (log_open(NULL, LOG_ERROR, NULL) < 0 || loop_init(&loop, NULL) < 0)
		abort();
	for (unsigned i = 0; i < CLIENTS; i++)
		fds[i] = -1;
	return 0;
}

/* A listening socket with a name that the kernel makes up. */
static int listen_anywhere(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address_len = sizeof(address);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    listen(fd, CLIENTS) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &address_len) < 0)
		abort();
	return fd;
}

static void keep(int fd)
{
	fd_close(&fds[next_fd % CLIENTS]);
	fds[next_fd++ % CLIENTS] = fd;
}

static void send_packet(struct driver_input *in)
{
	uint8_t bytes[HDR + 255] = { 0 }, odd = driver_byte(in), len = driver_byte(in);
	struct virtio_vsock_hdr h = {
		.src_cid = odd & 1 ? CID + 1 : CID,
		.dst_cid = 2,
		.src_port = driver_byte(in) % 4,
		.dst_port = odd & 2 ? driver_byte(in) % 4 : host_port,
		.len = odd & 4 ? driver_word(in) : len,
		.type = odd & 8 ? driver_byte(in) : VIRTIO_VSOCK_TYPE_STREAM,
		.op = driver_byte(in) % 10,
		.flags = driver_byte(in) % 4,
		.buf_alloc = odd & 16 ? driver_word(in) : 4096,
		.fwd_cnt = odd & 32 ? driver_word(in) : 0,
	};

	memcpy(bytes, &h, HDR);
	driver_offer(&driver, 1, bytes, odd & 64 ? len % HDR : (uint32_t)HDR + len,
	             odd & 64 ? 0 : (odd & 128 ? HDR : HDR / 2));
}

static void host_connects(struct driver_input *in)
{
	char line[32];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int len = snprintf(line, sizeof(line), "CONNECT %u\nx", driver_byte(in) % 4);
	uint8_t cut = driver_byte(in);

	if (cut & 0x80)
		line[cut % sizeof(line)] ^= 1;
	if (fd < 0)
		abort();
	if (connect(fd, (struct sockaddr *)&address, address_len) == 0 &&
	    write(fd, line, (size_t)(cut % 32 < len ? len - cut % 32 : len)) > 0)
		keep(fd);
	else
		close(fd);
}

/* What the connector is asked, and what it says. */
static void answer(uint8_t how)
{
	struct {
		uint64_t cookie;
		uint32_t port;
	} q;
	struct {
		uint64_t cookie;
		int32_t result;
	} a = { 0 };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} passing = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec v = { .iov_base = &a, .iov_len = sizeof(a) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int pair[2];

	if (recv(connector, &q, sizeof(q), MSG_DONTWAIT) != sizeof(q))
		return;
	a.cookie = q.cookie;
	if (how & 1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		a.result = -ECONNREFUSED;
		(void)sendmsg(connector, &m, MSG_DONTWAIT);
		return;
	}
	memcpy(CMSG_DATA(&passing.head), &pair[0], sizeof(int));
	m.msg_control = passing.bytes;
	m.msg_controllen = sizeof(passing.bytes);
	(void)sendmsg(connector, &m, MSG_DONTWAIT);
	close(pair[0]);
	keep(pair[1]);
}

/* Look at what the guest was given since the last time. */
static void check_packets(void)
{
	const struct driver_ram *ram = driver.ram;

	for (; checked != ram->queue[0].used.idx; checked++) {
		const struct vring_used_elem *e =
		        &ram->queue[0].used.ring[checked % DRIVER_ENTRIES];
		const struct vring_desc *desc = &ram->queue[0].desc[e->id];
		struct virtio_vsock_hdr h;

		assert(e->len >= HDR && e->len <= desc[0].len + desc[1].len);
		memcpy(&h, (const uint8_t *)ram + desc[0].addr, HDR);
		assert(h.src_cid == 2 && h.dst_cid == CID && h.len == e->len - HDR);
		assert(h.type == VIRTIO_VSOCK_TYPE_STREAM);
		assert(h.op >= VIRTIO_VSOCK_OP_REQUEST && h.op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST);
		assert(h.len == 0 || h.op == VIRTIO_VSOCK_OP_RW);
		host_port = h.src_port;
	}
}

static void restart(uint8_t flags)
{
	driver_stop(&driver);
	driver_start(&driver, virtio_vsock_dev(vsock), 0, flags & 1);
	checked = 0;
}

static void step(struct driver_input *in)
{
	uint8_t what = driver_byte(in), bytes[256] = { 0 };
	int *fd = &fds[driver_byte(in) % CLIENTS];

	switch (what % DO_N) {
	case DO_PACKET:
		send_packet(in);
		break;
	case DO_LEND: /* in two pieces, as old drivers do, or almost one */
		driver_offer(&driver, 0, NULL, (uint32_t)HDR + 1 + driver_byte(in),
		             driver_byte(in) % (HDR + 1));
		break;
	case DO_CONNECT:
		host_connects(in);
		break;
	case DO_WRITE:
		(void)!write(*fd, bytes, driver_byte(in));
		break;
	case DO_READ:
		(void)!read(*fd, bytes, sizeof(bytes));
		break;
	case DO_CLOSE:
		fd_close(fd);
		break;
	case DO_SHUT:
		(void)shutdown(*fd, driver_byte(in) % 3);
		break;
	case DO_ANSWER:
		answer(driver_byte(in));
		break;
	case DO_RESET:
		restart(driver_byte(in));
		break;
	}
	if (what & 0x80)
		driver_run(&loop, 3);
	check_packets();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct driver_input in = { data, size };
	struct virtio_vsock_setup setup = { .cid = CID, .listener = listen_anywhere() };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	connector = pair[0];
	setup.connector = pair[1];
	if (virtio_vsock_new(&vsock, &setup, &loop, NULL) < 0)
		abort();
	checked = 0;
	host_port = 0;
	driver_start(&driver, virtio_vsock_dev(vsock), 0, driver_byte(&in) & 1);
	for (unsigned i = 0; i < STEPS && in.left > 0; i++)
		step(&in);
	driver_run(&loop, 16);
	check_packets();
	assert(virtio_dev_status(driver.dev) == 0);
	driver_stop(&driver);
	virtio_vsock_free(vsock);
	for (unsigned i = 0; i < CLIENTS; i++)
		fd_close(&fds[i]);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
