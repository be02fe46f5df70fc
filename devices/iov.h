/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_IOV_H
#define DEVICES_IOV_H

#include "vmm/compiler.h"

#include <sys/uio.h>

/* A place in a vector of buffers, and what is left behind it. */
struct iov_cur {
	struct iovec *v; /* current segment; lives in the queue or in the caller's array */
	unsigned n; /* segments left, this one included */
	size_t off; /* bytes of the current segment already used */
	size_t left; /* bytes in all */
};

/**
 * iov_read() - Copy bytes out of guest memory and move on
 * @c:   Cursor over buffers that the guest lets us read
 * @dst: At least @len bytes
 * @len: Bytes; 0 is allowed
 *
 * Context: the queue's thread; does not block.
 * Return:  0, or -ENODATA with nothing copied when fewer bytes are left.
 */
int iov_read(struct iov_cur *c, void *dst, size_t len) MUST_CHECK;

/**
 * iov_write() - Copy bytes into guest memory and move on
 * @c:   Cursor over buffers that the guest lets us write
 * @src: At least @len bytes
 * @len: Bytes; 0 is allowed
 *
 * Context: the queue's thread; does not block.
 * Return:  0, or -ENODATA with nothing copied when less room is left.
 */
int iov_write(struct iov_cur *c, const void *src, size_t len) MUST_CHECK;

/**
 * iov_split_tail() - Cut the last bytes off into a cursor of their own
 * @c:    Cursor; shortened by @len
 * @len:  Bytes
 * @tail: The cut-off part; shares the segments
 *
 * Context: the queue's thread; does not block.
 * Return:  0, or -ENODATA when fewer than @len bytes are left; then nothing changed.
 */
int iov_split_tail(struct iov_cur *c, size_t len, struct iov_cur *tail) MUST_CHECK;

/**
 * iov_take() - Hand the next bytes over as a vector for preadv, pwritev, readv or writev
 * @c:   Cursor; moves on by the bytes taken
 * @len: Bytes wanted; at most c->left
 * @dst: Array of @max segments to fill
 * @max: Segments in @dst, at least 1
 * @ret: Segments filled
 *
 * Context: the queue's thread; does not block.
 * Return:  Bytes taken: less than @len only when @max segments were not enough.
 */
size_t iov_take(struct iov_cur *c, size_t len, struct iovec *dst, unsigned max, unsigned *ret);

#endif /* DEVICES_IOV_H */
