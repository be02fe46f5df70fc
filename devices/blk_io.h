/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_BLK_IO_H
#define DEVICES_BLK_IO_H

#include "vmm/compiler.h"

#include <stdbool.h>
#include <sys/uio.h>

/* One operation on a file of the host: what an engine is asked to do for a piece of a request. */

enum blk_io_op {
	BLK_IO_READ,
	BLK_IO_WRITE,
	BLK_IO_SYNC, /* everything written so far reaches the storage itself */
	BLK_IO_PUNCH, /* a range reads as zeroes from now on and takes no space */
	BLK_IO_ZERO, /* a range reads as zeroes from now on */
};

struct blk_io {
	enum blk_io_op op;
	int fd;
	unsigned file; /* index of @fd among an engine's registered files */
	bool durable; /* WRITE: done only when the bytes have reached the storage itself */
	uint64_t offset; /* bytes */
	size_t len; /* bytes; not 0, but for SYNC */
	const struct iovec *v; /* READ, WRITE: exactly @len bytes */
	unsigned n; /* segments of @v; at most IOV_MAX */
};

/**
 * blk_io_run() - Do it now, by one system call
 * @io: What to do
 *
 * Context: the disk's thread; blocks on the host's storage.
 * Return:  Bytes done, at least 1 and maybe fewer than asked for; 0 for SYNC.
 * Errors:  as blk_io_result().
 */
ssize_t blk_io_run(const struct blk_io *io) MUST_CHECK;

/**
 * blk_io_result() - What the outcome of the system call means
 * @io:  What was asked for
 * @raw: What the kernel answered: a count or -errno
 *
 * Return:  As blk_io_run().
 * Errors:  -ENODATA read beyond the end: the image has become shorter; -EIO a write that wrote
 *          nothing; else what preadv(2), pwritev2(2), fdatasync(2) and fallocate(2) return.
 */
ssize_t blk_io_result(const struct blk_io *io, ssize_t raw) MUST_CHECK;

/**
 * blk_io_fallocate_mode() - The mode of fallocate(2) for an operation
 * @op: PUNCH or ZERO
 *
 * Return: FALLOC_FL_*; the size of the file never changes.
 */
int blk_io_fallocate_mode(enum blk_io_op op);

#endif /* DEVICES_BLK_IO_H */
