/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include "vmm/err.h"

/*
 * An address space of device registers: one for port I/O, one for memory-mapped I/O. Built during
 * set-up, then read by every vCPU thread without a lock.
 */

struct bus_ops {
	/* @offset lies inside the range with all of @len, which is 1, 2, 4 or 8. */
	uint64_t (*read)(void *self, uint64_t offset, unsigned len);
	void (*write)(void *self, uint64_t offset, unsigned len, uint64_t value);
};

struct bus_range {
	uint64_t base, len; /* bytes */
	const struct bus_ops *ops;
	void *self;
};

#define BUS_RANGES_MAX 64

struct bus {
	struct bus_range range[BUS_RANGES_MAX]; /* sorted, no overlap */
	unsigned n;
};

/**
 * bus_add() - Give a range of addresses to a device
 * @b: Zeroed, or with ranges
 * @r: Copied; len not 0, ops complete
 * @e: Says why not
 *
 * Context: set-up.
 * Return:  0.
 * Errors:  -EEXIST overlap; -ENOSPC too many ranges; -EINVAL empty or wrapping range.
 */
int bus_add(struct bus *b, const struct bus_range *r, struct err *e) MUST_CHECK;

/**
 * bus_read() - A guest's read
 * @b:    Bus
 * @addr: First address
 * @len:  1, 2, 4 or 8 bytes
 *
 * An access that does not lie inside one range reads as all ones, as on a real bus.
 * Context: any vCPU thread.
 * Return:  The value, its upper bytes 0 or of no meaning.
 */
uint64_t bus_read(const struct bus *b, uint64_t addr, unsigned len);

/**
 * bus_write() - A guest's write
 * @b:     Bus
 * @addr:  First address
 * @len:   1, 2, 4 or 8 bytes
 * @value: Upper bytes beyond @len are 0
 *
 * An access that does not lie inside one range is dropped.
 * Context: any vCPU thread.
 */
void bus_write(const struct bus *b, uint64_t addr, unsigned len, uint64_t value);

#endif /* VMM_BUS_H */
