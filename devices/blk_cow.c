/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/blk_cow.h"

#include "devices/blk_io.h"
#include "vmm/num.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#define CLUSTER  ((uint64_t)BLK_COW_CLUSTER)
#define MAP_BITS 64 /* clusters of one word of the map */

static int refused(const char *dir, struct err *e)
{
	return err_errno(e, errno,
	                 "cannot make the overlay of 'cow' in '%s', for which TMPDIR can name "
	                 "another folder",
	                 dir);
}

/* A file without a name; where the file system cannot do that, one that loses it at once. */
static int open_unnamed(const char *dir, struct err *e)
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd >= 0 ? fd : refused(dir, e);
	if ((size_t)snprintf(path, sizeof(path), "%s/vmm-cow-XXXXXX", dir) >= sizeof(path))
		return err_errno(e, ENAMETOOLONG, "TMPDIR");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return refused(dir, e);
	unlink(path);
	return fd;
}

int blk_cow_open(struct blk_cow *ret, uint64_t bytes, struct err *e)
{
	const char *dir = getenv("TMPDIR");
	struct blk_cow c = { .bytes = bytes };
	CLEANUP_FD int fd = -1;

	if (!dir || !*dir)
		dir = "/var/tmp";
	fd = open_unnamed(dir, e);
	if (fd < 0)
		return fd;
	/* Whole clusters: the last one is written as the others are. */
	if (ftruncate(fd, (off_t)num_align_up(bytes, CLUSTER)) < 0)
		return err_errno(e, errno, "cannot make an overlay of this size in '%s'", dir);
	c.punches = fallocate(fd, blk_io_fallocate_mode(BLK_IO_PUNCH), 0, BLK_COW_CLUSTER) == 0;
	c.map_bytes = num_align_up(bytes, CLUSTER * MAP_BITS) / CLUSTER / 8;
	c.map = mmap(NULL, c.map_bytes, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c.map == MAP_FAILED)
		return err_errno(e, errno, "cannot make the map of an overlay");
	c.fd = fd_take(&fd);
	*ret = c;
	return 0;
}

void blk_cow_close(struct blk_cow *c)
{
	if (c->map)
		munmap(c->map, c->map_bytes);
	fd_close(&c->fd);
	*c = (struct blk_cow){ .fd = -1 };
}

static bool has(const struct blk_cow *c, uint64_t cluster)
{
	return c->map[cluster / MAP_BITS] >> cluster % MAP_BITS & 1;
}

static void set(struct blk_cow *c, uint64_t cluster)
{
	c->map[cluster / MAP_BITS] |= 1ULL << cluster % MAP_BITS;
}

bool blk_cow_run(const struct blk_cow *c, uint64_t offset, uint64_t len, uint64_t *ret_len)
{
	const bool here = has(c, offset / CLUSTER);
	const uint64_t end = offset + len;
	uint64_t at = (offset / CLUSTER + 1) * CLUSTER;

	while (at < end && has(c, at / CLUSTER) == here)
		at += CLUSTER;
	*ret_len = (at < end ? at : end) - offset;
	return here;
}

bool blk_cow_has(const struct blk_cow *c, uint64_t offset, uint64_t len)
{
	uint64_t run;

	return blk_cow_run(c, offset, len, &run) && run == len;
}

/* Read or write one cluster, or what there is of the last, throughout. */
static int move_cluster(enum blk_io_op op, int fd, uint64_t offset, void *data, size_t len)
{
	struct iovec v = { .iov_base = data, .iov_len = len };
	struct blk_io io = { .op = op, .fd = fd, .offset = offset, .v = &v, .n = 1 };

	while (v.iov_len > 0) {
		ssize_t n;

		io.len = v.iov_len;
		n = blk_io_run(&io);
		if (n < 0)
			return (int)n;
		v.iov_base = (char *)v.iov_base + n;
		v.iov_len -= (size_t)n;
		io.offset += (uint64_t)n;
	}
	return 0;
}

static int copy_cluster(struct blk_cow *c, int base_fd, uint64_t cluster)
{
	uint8_t data[BLK_COW_CLUSTER];
	uint64_t offset = cluster * CLUSTER;
	size_t len = c->bytes - offset < CLUSTER ? (size_t)(c->bytes - offset) : CLUSTER;
	int r = move_cluster(BLK_IO_READ, base_fd, offset, data, len);

	if (r == 0)
		r = move_cluster(BLK_IO_WRITE, c->fd, offset, data, len);
	if (r == 0)
		set(c, cluster);
	return r;
}

/* Where the last cluster that is written as a whole ends: the end of the disk is such a place. */
static uint64_t whole_end(const struct blk_cow *c, uint64_t end)
{
	return end == c->bytes ? end : end / CLUSTER * CLUSTER;
}

int blk_cow_prepare(struct blk_cow *c, int base_fd, uint64_t offset, uint64_t len)
{
	const uint64_t end = offset + len;
	int r = 0;

	if (offset % CLUSTER != 0 && !has(c, offset / CLUSTER))
		r = copy_cluster(c, base_fd, offset / CLUSTER);
	if (r == 0 && whole_end(c, end) != end && !has(c, end / CLUSTER))
		r = copy_cluster(c, base_fd, end / CLUSTER);
	return r;
}

uint64_t blk_cow_mark(struct blk_cow *c, uint64_t offset, uint64_t len)
{
	const uint64_t end = offset + len;
	uint64_t at = offset / CLUSTER * CLUSTER;

	for (; at < end && (at + CLUSTER <= end || end == c->bytes); at += CLUSTER)
		set(c, at / CLUSTER);
	if (at >= end || has(c, at / CLUSTER))
		return len;
	return at > offset ? at - offset : 0;
}
