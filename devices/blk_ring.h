/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_BLK_RING_H
#define DEVICES_BLK_RING_H

#include "devices/blk_io.h"
#include "vmm/err.h"

struct io_uring;

/*
 * The asynchronous engine: an io_uring that can do what a disk needs, on the files registered at
 * set-up, and nothing else. Its descriptor is readable while there are results to take, so that an
 * event loop needs no eventfd beside it.
 *
 * There is a ring for each disk: two disks share no object, and no limit. It is enabled at set-up
 * and used by the disk's thread, which does not exist then; hence no IORING_SETUP_SINGLE_ISSUER.
 */
struct blk_ring {
	struct io_uring *uring; /* NULL: not open */
	unsigned queued; /* operations not yet submitted */
	unsigned in_flight; /* submitted, result not yet taken */
	bool let_go; /* of its files */
};

/* Operations in flight at once. */
#define BLK_RING_DEPTH 256

/**
 * blk_ring_open() - Make a ring for some files
 * @r:  Zeroed
 * @fd: Files; struct blk_io.file is the index in here
 * @n:  Count
 *
 * Context: set-up.
 * Return:  0, or -errno: the host has no io_uring or refuses it. @r is then as zeroed.
 */
int blk_ring_open(struct blk_ring *r, const int *fd, unsigned n) MUST_CHECK;

/**
 * blk_ring_let_go() - Close its files
 * @r: Zeroed, or open with nothing queued or in flight
 *
 * Where it is left to the end of the process, the kernel does it some time after that: until then
 * an image is locked, and its file system cannot be unmounted. Nothing can be queued any more.
 *
 * Context: the disk's thread, or set-up; blocks, on Linux 6.1 for some milliseconds.
 */
void blk_ring_let_go(struct blk_ring *r);

/**
 * blk_ring_close() - Give it back
 * @r: Zeroed, or open with nothing in flight
 */
void blk_ring_close(struct blk_ring *r);

/**
 * blk_ring_fd() - What an event loop watches for EPOLLIN
 * @r: Open
 *
 * Return: The ring's own descriptor.
 */
int blk_ring_fd(const struct blk_ring *r);

/**
 * blk_ring_queue() - Put an operation behind the others
 * @r:   Open, with fewer than BLK_RING_DEPTH operations queued or in flight
 * @io:  Copied, but for the segments that it points to, which stay until the result is taken
 * @tag: Comes back with the result; not NULL
 *
 * Context: the disk's thread; a system call only when many are queued.
 * Return:  0, or -EAGAIN: the kernel takes no more at present.
 */
int blk_ring_queue(struct blk_ring *r, const struct blk_io *io, void *tag) MUST_CHECK;

/**
 * blk_ring_submit() - Hand everything queued to the kernel, by one system call
 * @r: Open
 *
 * What the kernel cannot take now stays queued: try again once results have been taken.
 * Context: the disk's thread. What is in the page cache is done before this returns.
 */
void blk_ring_submit(struct blk_ring *r);

/**
 * blk_ring_next() - Take a result
 * @r:       Open
 * @ret_tag: Of blk_ring_queue()
 * @ret_raw: For blk_io_result()
 *
 * Context: the disk's thread; no system call unless results had overflowed.
 * Return:  Whether there was one.
 */
bool blk_ring_next(struct blk_ring *r, void **ret_tag, ssize_t *ret_raw) MUST_CHECK;

/**
 * blk_ring_wait() - Block until a result can be taken
 * @r: Open, with something queued or in flight
 *
 * Context: the disk's thread, or any once that has ended.
 */
void blk_ring_wait(struct blk_ring *r);

#endif /* DEVICES_BLK_RING_H */
