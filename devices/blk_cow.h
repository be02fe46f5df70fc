/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_BLK_COW_H
#define DEVICES_BLK_COW_H

#include "vmm/err.h"

#include <stdbool.h>

/*
 * Copy on write: an unnamed, sparse file that holds what the guest has written, and a bit for each
 * cluster that says whether it does. Everything ends with the process, however that ends.
 *
 * A cluster is a page, as the guest's file systems write, so that hardly ever something has to be
 * copied from the base. The map takes 32 KiB of memory for each GiB that was written to.
 */

#define BLK_COW_CLUSTER 4096 /* bytes */

struct blk_cow {
	int fd; /* -1: not open */
	bool punches; /* the host's file system can give a range back */
	uint64_t bytes; /* of the disk */
	uint64_t *map; /* a bit for each cluster: it is in the overlay */
	size_t map_bytes;
};

/**
 * blk_cow_open() - Make an empty overlay in $TMPDIR, or /var/tmp
 * @ret:   Set only on success
 * @bytes: Of the disk
 * @e:     Names the folder and says why not
 *
 * Context: set-up.
 * Return:  0; blk_cow_close() undoes it.
 * Errors:  what open(2) and ftruncate(2) return; -ENOMEM.
 */
int blk_cow_open(struct blk_cow *ret, uint64_t bytes, struct err *e) MUST_CHECK;

/**
 * blk_cow_close() - Give the overlay back, and what was written with it
 * @c: fd -1 if not open
 */
void blk_cow_close(struct blk_cow *c);

/**
 * blk_cow_run() - Where bytes are to be read from
 * @c:       Overlay
 * @offset:  First byte, inside the disk
 * @len:     Bytes, at least 1; all inside the disk
 * @ret_len: How many of them have the same answer, at least 1
 *
 * Context: the disk's thread.
 * Return:  true: from the overlay; false: from the base.
 */
bool blk_cow_run(const struct blk_cow *c, uint64_t offset, uint64_t len, uint64_t *ret_len);

/**
 * blk_cow_has() - Whether the overlay has every cluster of a range
 * @c:      Overlay
 * @offset: First byte
 * @len:    Bytes, at least 1; all inside the disk
 *
 * Context: the disk's thread.
 */
bool blk_cow_has(const struct blk_cow *c, uint64_t offset, uint64_t len);

/**
 * blk_cow_prepare() - Bring the clusters that a write covers in part into the overlay
 * @c:       Overlay
 * @base_fd: Base image
 * @offset:  First byte that will be written
 * @len:     Bytes, at least 1; all inside the disk
 *
 * No write to these clusters may be under way.
 * Context: the disk's thread; blocks on the host's storage for at most two clusters.
 * Return:  0, or what preadv(2) and pwritev(2) return as -errno; -ENODATA if the base is short.
 */
int blk_cow_prepare(struct blk_cow *c, int base_fd, uint64_t offset, uint64_t len) MUST_CHECK;

/**
 * blk_cow_mark() - From now on the clusters that a write has covered are read from the overlay
 * @c:      Overlay
 * @offset: First byte that was written; blk_cow_prepare() was called for it
 * @len:    Bytes that were written
 *
 * Return: How many of these bytes count as written: fewer when the write ended inside a cluster
 *         that has to be written as a whole.
 */
uint64_t blk_cow_mark(struct blk_cow *c, uint64_t offset, uint64_t len);

#endif /* DEVICES_BLK_COW_H */
