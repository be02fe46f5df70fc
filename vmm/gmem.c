/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/gmem.h"

#include "vmm/num.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>

#define PAGE_BYTES 4096ULL
#define HUGE_BYTES                                                                                 \
	(2 * MiB) /* the host can back a region with huge pages only if it begins on one */

/* Reserve @size bytes that begin on a huge page: map more, give the ends back. */
static uint8_t *map_aligned(uint64_t size)
{
	uint64_t room = size + HUGE_BYTES;
	uint8_t *all, *begin;

	if (room < size)
		return NULL;
	all = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	           -1, 0);
	if (all == MAP_FAILED)
		return NULL;
	begin = (uint8_t *)num_align_up((uintptr_t)all, HUGE_BYTES);
	if (begin != all)
		munmap(all, (size_t)(begin - all));
	munmap(begin + size, (size_t)(all + room - (begin + size)));
	return begin;
}

/*
 * Wishes, without which the guest runs as well. The first huge page is left small: the boot tables
 * take a few KiB of it, and a guest that ends at once would pay for clearing 2 MiB.
 */
static void advise(uint8_t *host, uint64_t size)
{
	(void)madvise(host, size < HUGE_BYTES ? size : HUGE_BYTES, MADV_NOHUGEPAGE);
	if (size > HUGE_BYTES)
		(void)madvise(host + HUGE_BYTES, size - HUGE_BYTES, MADV_HUGEPAGE);
	(void)madvise(host, size, MADV_DONTDUMP);
}

int gmem_add(struct gmem *m, gpa_t base, uint64_t size, struct err *e)
{
	uint64_t begin = base.a;
	uint8_t *host;

	if (m->n_regions == GMEM_REGIONS_MAX || size == 0 || (begin | size) % PAGE_BYTES != 0)
		return err_set(e, EINVAL, "guest RAM at 0x%jx: not whole pages or too many regions",
		               (uintmax_t)begin);
	if (m->n_regions > 0) {
		const struct gmem_region *last = &m->region[m->n_regions - 1];

		if (begin < last->base.a || begin - last->base.a < last->size)
			return err_set(e, EINVAL, "guest RAM at 0x%jx overlaps", (uintmax_t)begin);
	}
	host = map_aligned(size);
	if (!host)
		return err_errno(e, ENOMEM,
		                 "cannot map %ju MiB of guest RAM; give --memory a smaller size",
		                 (uintmax_t)(size / MiB));
	advise(host, size);
	m->region[m->n_regions++] =
	        (struct gmem_region){ .base = base, .size = size, .host = host, .fd = -1 };
	return 0;
}

/*
 * How RAM is kept without knowing who wrote what: while it is written it is a file without a name,
 * whose holes are what was not written. Then it becomes what it was before, with huge pages, into
 * which the rest is copied: now, and at each gmem_restore().
 */

/* Put a mapping in the place of guest RAM. @fd -1: anonymous. */
static int replace(uint8_t *host, uint64_t size, int flags, int fd, uint64_t offset)
{
	if (fd < 0)
		flags |= MAP_ANONYMOUS;
	return mmap(host, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED | MAP_NORESERVE, fd,
	            (off_t)offset) == MAP_FAILED
	               ? -errno
	               : 0;
}

/* Memory that is a file counts as one. Returns @r. */
static int cannot(const char *what, int r, struct err *e)
{
	if (r == -EFBIG)
		return err_set(e, EFBIG, "cannot %s: raise 'ulimit -f' above --memory", what);
	return err_errno(e, -r, "cannot %s", what);
}

#define KEEP  "keep what the guest starts with"
#define SHARE "share guest RAM with a back-end"

int gmem_keep_begin(struct gmem *m, struct err *e)
{
	CLEANUP_FD int fd = memfd_create("guest-ram", MFD_CLOEXEC);
	uint64_t offset = 0;
	int r = fd < 0 || ftruncate(fd, (off_t)gmem_size(m)) < 0 ? -errno : 0;

	for (unsigned i = 0; i < m->n_regions && r == 0; i++) {
		r = replace(m->region[i].host, m->region[i].size, MAP_SHARED, fd, offset);
		offset += m->region[i].size;
	}
	if (r < 0)
		return cannot(KEEP, r, e);
	m->keep_fd = fd_take(&fd);
	return 0;
}

/* Find what was written of a region, which is at @offset of the file. */
static int find_kept(struct gmem *m, const struct gmem_region *g, uint64_t offset)
{
	const off_t end = (off_t)(offset + g->size);
	off_t data = (off_t)offset, hole;

	while ((data = lseek(m->keep_fd, data, SEEK_DATA)) >= 0 && data < end) {
		hole = lseek(m->keep_fd, data, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		if (m->n_kept == GMEM_KEPT_MAX)
			return -ENOSPC;
		m->kept[m->n_kept++] = (struct gmem_kept){
			.to = g->host + ((uint64_t)data - offset),
			.from = m->image + data,
			.len = (uint64_t)(hole - data),
		};
		data = hole;
	}
	return 0;
}

static void copy_kept(const struct gmem *m)
{
	for (unsigned i = 0; i < m->n_kept; i++)
		memcpy(m->kept[i].to, m->kept[i].from, m->kept[i].len);
}

int gmem_keep_end(struct gmem *m, struct err *e)
{
	uint64_t offset = 0;
	uint8_t *image = mmap(NULL, gmem_size(m), PROT_READ, MAP_SHARED, m->keep_fd, 0);
	int r = image == MAP_FAILED ? -errno : 0;

	m->image = r == 0 ? image : NULL;
	for (unsigned i = 0; i < m->n_regions && r == 0; i++) {
		const struct gmem_region *g = &m->region[i];

		r = find_kept(m, g, offset);
		if (r == 0)
			r = replace(g->host, g->size, g->fd < 0 ? MAP_PRIVATE : MAP_SHARED, g->fd,
			            0);
		advise(g->host, g->size);
		offset += g->size;
	}
	fd_close(&m->keep_fd);
	m->keep_fd = 0;
	if (r < 0)
		return cannot(KEEP, r, e);
	copy_kept(m);
	return 0;
}

int gmem_restore(const struct gmem *m)
{
	for (unsigned i = 0; i < m->n_regions; i++) {
		const struct gmem_region *g = &m->region[i];

		/* What is shared others still see, unless it is taken out of the file. */
		if (madvise(g->host, g->size, g->fd < 0 ? MADV_DONTNEED : MADV_REMOVE) < 0)
			return -errno;
	}
	copy_kept(m);
	return 0;
}

static int share(struct gmem_region *g)
{
	CLEANUP_FD int fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0 || ftruncate(fd, (off_t)g->size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	r = replace(g->host, g->size, MAP_SHARED, fd, 0);
	if (r < 0)
		return r;
	advise(g->host, g->size);
	g->fd = fd_take(&fd);
	return 0;
}

int gmem_share(struct gmem *m, struct err *e)
{
	for (unsigned i = 0; i < m->n_regions; i++) {
		int r = share(&m->region[i]);

		if (r < 0)
			return cannot(SHARE, r, e);
	}
	return 0;
}

void gmem_fini(struct gmem *m)
{
	if (m->image)
		munmap(m->image, gmem_size(m));
	for (unsigned i = 0; i < m->n_regions; i++) {
		munmap(m->region[i].host, m->region[i].size);
		fd_close(&m->region[i].fd);
	}
	if (m->keep_fd > 0)
		fd_close(&m->keep_fd);
	*m = (struct gmem){ 0 };
}

void *gmem_span(const struct gmem *m, gpa_t base, uint64_t len)
{
	for (unsigned i = 0; i < m->n_regions; i++) {
		const struct gmem_region *r = &m->region[i];

		if (base.a >= r->base.a && base.a - r->base.a < r->size)
			return num_inside(base.a - r->base.a, len, r->size)
			               ? r->host + (base.a - r->base.a)
			               : NULL;
	}
	return NULL;
}

uint64_t gmem_size(const struct gmem *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->n_regions; i++)
		sum += m->region[i].size;
	return sum;
}
