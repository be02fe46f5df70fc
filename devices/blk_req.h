/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_BLK_REQ_H
#define DEVICES_BLK_REQ_H

#include "devices/blk_io.h"
#include "devices/iov.h"

#include <stdbool.h>

/*
 * A request of the guest between the ring and its status byte, and the pool that bounds how many
 * there are. A request owns its segments, so that any number of them can be in flight: the queue's
 * own are overwritten by the next chain.
 */

#define BLK_REQ_MAX   256 /* requests of one disk at once */
#define BLK_REQ_SMALL 6 /* segments kept in the request itself, as most need no more */
#define BLK_REQ_BIG   254 /* segments at most: VIRTQ_IOV_MAX */

enum blk_op {
	BLK_READ,
	BLK_WRITE,
	BLK_FLUSH,
	BLK_DISCARD,
	BLK_ZERO,
	BLK_FILL, /* zeroes into what the guest lent us and nothing else filled */
};

struct blk_req {
	struct blk_req *next; /* in a list, or free */
	enum blk_op op;
	enum blk_op asked; /* what the guest asked for, whatever @op has become since */
	uint64_t bytes; /* that it asked for */
	uint64_t begun_ns; /* counter_now_ns() when it was taken */
	uint8_t status; /* VIRTIO_BLK_S_*; what it will be if nothing else goes wrong */
	uint8_t *status_at; /* in guest memory */
	uint16_t queue, head;
	uint32_t room; /* bytes of the device-writable part, status included */
	bool unmap; /* BLK_ZERO: the range may lose its space */
	bool claims; /* a write that gives clusters to the overlay: see blk_work.c */
	uint64_t offset; /* on the disk, of what is left, in bytes */
	uint64_t left; /* bytes still to do; of data, or of the range */
	struct iovec *v; /* the data, @left bytes; not of a range */
	unsigned n; /* segments of @v */
	struct blk_io io; /* the piece under way */
	size_t cut; /* bytes of its last segment that are not in it */
	struct iovec small[BLK_REQ_SMALL];
};

/* Requests not in use. Untouched parts of it take no memory. */
struct blk_pool {
	void *map; /* NULL: not made */
	struct blk_req *free;
	unsigned n_used; /* requests taken from @map so far: those behind were never touched */
	unsigned n_busy; /* requests given out */
};

/* First in, first out. */
struct blk_list {
	struct blk_req *first, *last;
};

/**
 * blk_req_pool_init() - Make room for BLK_REQ_MAX requests
 * @p: Zeroed
 *
 * Context: set-up; maps memory.
 * Return:  0, or -errno.
 */
int blk_req_pool_init(struct blk_pool *p) MUST_CHECK;

/**
 * blk_req_pool_fini() - Give the room back
 * @p: Zeroed or made
 */
void blk_req_pool_fini(struct blk_pool *p);

/**
 * blk_req_pool_get() - Take a request, and segments for it
 * @p:    Pool
 * @data: Its data; copied, may be empty
 *
 * Those used last are given out first, so that little memory is touched.
 * Context: the disk's thread.
 * Return:  The request, its data set and the rest zero; NULL if all are in use.
 */
struct blk_req *blk_req_pool_get(struct blk_pool *p, const struct iov_cur *data);

/**
 * blk_req_pool_put() - Give a request back
 * @p:  Pool
 * @rq: From blk_req_pool_get(); no longer in a list
 */
void blk_req_pool_put(struct blk_pool *p, struct blk_req *rq);

/**
 * blk_req_pool_clear() - Take every request back
 * @p: Pool; none of its requests is used any more
 */
void blk_req_pool_clear(struct blk_pool *p);

/**
 * blk_req_pool_zeroes() - A mebibyte of zeroes to write
 * @p: Pool
 *
 * Return: Their address; only to be read.
 */
void *blk_req_pool_zeroes(const struct blk_pool *p);

#define BLK_REQ_BOUNCE (64U << 10) /* bytes */

/**
 * blk_req_pool_bounce() - BLK_REQ_BOUNCE bytes for one operation that guest memory does not suit
 * @p: Pool
 *
 * Return: Their address, aligned to a page.
 */
void *blk_req_pool_bounce(const struct blk_pool *p);

/**
 * blk_req_list_add() - Put a request behind the others
 * @l:  List; zeroed is empty
 * @rq: Not in a list
 */
void blk_req_list_add(struct blk_list *l, struct blk_req *rq);

/**
 * blk_req_list_take() - Take the first request out
 * @l: List
 *
 * Return: The request, or NULL.
 */
struct blk_req *blk_req_list_take(struct blk_list *l);

/**
 * blk_req_cut() - Make the next bytes the data of a piece
 * @rq:  READ or WRITE; its io gets offset, length and segments
 * @len: Bytes, 1 to @left
 */
void blk_req_cut(struct blk_req *rq, size_t len);

/**
 * blk_req_cut_range() - Make the next bytes of a range a piece
 * @rq:  DISCARD or ZERO; its io gets offset and length
 * @len: Bytes, 1 to @left
 */
void blk_req_cut_range(struct blk_req *rq, size_t len);

/**
 * blk_req_consume() - End the piece, and move on behind what was done of it
 * @rq:   Request with a piece
 * @done: Bytes, at most the piece's
 */
void blk_req_consume(struct blk_req *rq, size_t done);

/**
 * blk_req_copy_in() - Copy bytes into guest memory at the data left, and move on
 * @rq:  Request that the guest lent memory to write
 * @src: Bytes; NULL: zeroes
 * @len: At most @left
 */
void blk_req_copy_in(struct blk_req *rq, const void *src, size_t len);

#endif /* DEVICES_BLK_REQ_H */
