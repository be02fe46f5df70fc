/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage: ring
 * Makes a disk's ring as the disk does, and has the kernel do in it, as a thread that somebody has
 * taken over could, what no table of system calls would let it do. Prints each operation that the
 * ring did not refuse. Status 0: it refused all; 1: it did not; 77: the host has no io_uring.
 */
#include "devices/blk_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>

static char buffer[512];
static struct iovec iov = { buffer, sizeof(buffer) };

/* An operation on the file that the ring has, unless @flags says another. */
static const struct attempt {
	const char *name;
	unsigned char opcode, flags;
	bool allowed; /* to see that the others fail for what they are */
} attempts[] = {
	{ "read", IORING_OP_READV, IOSQE_FIXED_FILE, true },
	{ "read of a file that it was not given", IORING_OP_READV, 0, false },
	{ "read that is linked", IORING_OP_READV, IOSQE_FIXED_FILE | IOSQE_IO_LINK, false },
	{ "read by a thread of the kernel", IORING_OP_READV, IOSQE_FIXED_FILE | IOSQE_ASYNC,
	  false },
	{ "openat", IORING_OP_OPENAT, IOSQE_FIXED_FILE, false },
	{ "openat2", IORING_OP_OPENAT2, IOSQE_FIXED_FILE, false },
	{ "close", IORING_OP_CLOSE, IOSQE_FIXED_FILE, false },
	{ "socket", IORING_OP_SOCKET, IOSQE_FIXED_FILE, false },
	{ "connect", IORING_OP_CONNECT, IOSQE_FIXED_FILE, false },
	{ "sendmsg", IORING_OP_SENDMSG, IOSQE_FIXED_FILE, false },
	{ "unlinkat", IORING_OP_UNLINKAT, IOSQE_FIXED_FILE, false },
	{ "splice", IORING_OP_SPLICE, IOSQE_FIXED_FILE, false },
	{ "files_update", IORING_OP_FILES_UPDATE, IOSQE_FIXED_FILE, false },
	{ "nop", IORING_OP_NOP, IOSQE_FIXED_FILE, false },
};

/* The result, or what stood in the way. */
static int run(struct blk_ring *ring, const struct attempt *a)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring->uring);
	struct io_uring_cqe *cqe;
	int r;

	if (!sqe)
		return -EAGAIN;
	*sqe = (struct io_uring_sqe){ .opcode = a->opcode, .flags = a->flags };
	if (a->opcode == IORING_OP_READV) {
		sqe->addr = (uint64_t)(uintptr_t)&iov;
		sqe->len = 1;
	}
	r = io_uring_submit_and_wait(ring->uring, 1);
	if (r < 0 || io_uring_peek_cqe(ring->uring, &cqe) != 0)
		return r < 0 ? r : -EIO;
	r = cqe->res;
	io_uring_cqe_seen(ring->uring, cqe);
	return r;
}

int main(void)
{
	struct blk_ring ring = { 0 };
	const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int r = blk_ring_open(&ring, &fd, 1), status = EXIT_SUCCESS;

	if (r < 0) {
		fprintf(stderr, "no io_uring: %s\n", strerror(-r));
		return 77;
	}
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		r = run(&ring, &attempts[i]);
		if (attempts[i].allowed ? r >= 0 : r == -EACCES)
			continue;
		printf("%s: %d\n", attempts[i].name, r);
		status = EXIT_FAILURE;
	}
	r = io_uring_register_files_update(ring.uring, 0, &fd, 1);
	if (r != -EACCES) {
		printf("another file of the ring: %d\n", r);
		status = EXIT_FAILURE;
	}
	blk_ring_close(&ring);
	return status;
}
