/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/gmem.h"

#include "vmm/num.h"

#include <errno.h>

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
	        (struct gmem_region){ .base = base, .size = size, .host = host };
	return 0;
}

void gmem_fini(struct gmem *m)
{
	for (unsigned i = 0; i < m->n_regions; i++)
		munmap(m->region[i].host, m->region[i].size);
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
