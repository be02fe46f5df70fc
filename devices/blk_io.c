/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/blk_io.h"

#include <errno.h>
#include <fcntl.h>

int blk_io_fallocate_mode(enum blk_io_op op)
{
	return FALLOC_FL_KEEP_SIZE |
	       (op == BLK_IO_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

static ssize_t call(const struct blk_io *io)
{
	switch (io->op) {
	case BLK_IO_READ:
		return preadv(io->fd, io->v, (int)io->n, (off_t)io->offset);
	case BLK_IO_WRITE:
		return pwritev2(io->fd, io->v, (int)io->n, (off_t)io->offset,
		                io->durable ? RWF_DSYNC : 0);
	case BLK_IO_SYNC:
		return fdatasync(io->fd);
	case BLK_IO_PUNCH:
	case BLK_IO_ZERO:
		break;
	}
	return fallocate(io->fd, blk_io_fallocate_mode(io->op), (off_t)io->offset, (off_t)io->len);
}

ssize_t blk_io_run(const struct blk_io *io)
{
	ssize_t r;

	do
		r = call(io);
	while (r < 0 && errno == EINTR);
	return blk_io_result(io, r < 0 ? -errno : r);
}

ssize_t blk_io_result(const struct blk_io *io, ssize_t raw)
{
	if (raw < 0)
		return raw;
	switch (io->op) {
	case BLK_IO_READ:
		return raw == 0 ? -ENODATA : raw;
	case BLK_IO_WRITE:
		return raw == 0 ? -EIO : raw;
	default:
		return (ssize_t)io->len;
	}
}
