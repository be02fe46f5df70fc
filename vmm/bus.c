/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/bus.h"

#include "vmm/num.h"

#include <errno.h>
#include <string.h>

int bus_add(struct bus *b, const struct bus_range *r, struct err *e)
{
	unsigned at = 0;

	if (r->len == 0 || r->base + (r->len - 1) < r->base)
		return err_set(e, EINVAL, "bus range at 0x%jx is empty or wraps",
		               (uintmax_t)r->base);
	if (b->n == BUS_RANGES_MAX)
		return err_set(e, ENOSPC, "more than %d device ranges", BUS_RANGES_MAX);
	while (at < b->n && b->range[at].base < r->base)
		at++;
	if ((at > 0 && r->base - b->range[at - 1].base < b->range[at - 1].len) ||
	    (at < b->n && b->range[at].base - r->base < r->len))
		return err_set(e, EEXIST, "bus range at 0x%jx overlaps another",
		               (uintmax_t)r->base);
	memmove(&b->range[at + 1], &b->range[at], (b->n - at) * sizeof(b->range[0]));
	b->range[at] = *r;
	b->n++;
	return 0;
}

/* The range that holds the whole access, or NULL. */
static const struct bus_range *find(const struct bus *b, uint64_t addr, unsigned len)
{
	unsigned lo = 0, hi = b->n;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		const struct bus_range *r = &b->range[mid];

		if (addr < r->base)
			hi = mid;
		else if (addr - r->base >= r->len)
			lo = mid + 1;
		else
			return num_inside(addr - r->base, len, r->len) ? r : NULL;
	}
	return NULL;
}

uint64_t bus_read(const struct bus *b, uint64_t addr, unsigned len)
{
	const struct bus_range *r = find(b, addr, len);

	return r ? r->ops->read(r->self, addr - r->base, len) : UINT64_MAX;
}

void bus_write(const struct bus *b, uint64_t addr, unsigned len, uint64_t value)
{
	const struct bus_range *r = find(b, addr, len);

	if (r)
		r->ops->write(r->self, addr - r->base, len, value);
}
