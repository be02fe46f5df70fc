/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_GMEM_H
#define VMM_GMEM_H

#include "vmm/err.h"

#include <stdbool.h>

/* A guest physical address: a type of its own, so that it is never mixed up with a host pointer. */
typedef struct {
	uint64_t a;
} gpa_t;

#define GPA(x) ((gpa_t){ (x) })

#define GMEM_REGIONS_MAX 2 /* below and above the gap for devices */

/* One piece of guest RAM. */
struct gmem_region {
	gpa_t base;
	uint64_t size; /* bytes, whole 4 KiB pages */
	uint8_t *host; /* where the process sees it */
	int fd; /* a memfd that is this memory; -1: it is private */
};

/* A piece of RAM that gmem_restore() writes. */
struct gmem_kept {
	uint8_t *to;
	const uint8_t *from;
	uint64_t len; /* bytes */
};

#define GMEM_KEPT_MAX 32 /* a kernel, its tables and the initial RAM disk are some six */

/* All of guest RAM, sorted by address. */
struct gmem {
	struct gmem_region region[GMEM_REGIONS_MAX];
	unsigned n_regions;
	int keep_fd; /* between gmem_keep_begin() and gmem_keep_end(); 0: none */
	uint8_t *image; /* what is kept, as a whole; NULL: nothing is */
	struct gmem_kept kept[GMEM_KEPT_MAX];
	unsigned n_kept;
};

/**
 * gmem_add() - Make guest RAM at an address
 * @m:    Zeroed, or already holding regions below @base
 * @base: Guest physical address, 4 KiB aligned
 * @size: Bytes, whole 4 KiB pages, not 0
 * @e:    Says why not
 *
 * Anonymous private memory without reservation, 2 MiB aligned on the host and offered for
 * transparent huge pages: nothing is touched, so it costs nothing until the guest uses it. It is
 * left out of core dumps.
 * Context: set-up; maps memory.
 * Return:  0.
 * Errors:  -ENOMEM the host refuses; -EINVAL misaligned, overlapping or too many regions.
 */
int gmem_add(struct gmem *m, gpa_t base, uint64_t size, struct err *e) MUST_CHECK;

/**
 * gmem_share() - Make guest RAM such as other processes can map
 * @m: All regions added, nothing written
 * @e: Says why not
 *
 * Each region becomes a memfd of its own, whose size is sealed. It costs more than private memory,
 * so it is for VMs with back-ends that need it. What is kept of it by gmem_keep_begin() is not
 * shared.
 * Context: set-up, before KVM is told of the memory.
 * Return:  0, or -errno.
 */
int gmem_share(struct gmem *m, struct err *e) MUST_CHECK;

/**
 * gmem_fini() - Give all guest RAM back
 * @m: May be zeroed or half-built
 *
 * The end of the process does the same.
 */
void gmem_fini(struct gmem *m);

/**
 * gmem_span() - The host address of a guest range
 * @m:    Guest RAM
 * @base: First guest physical address
 * @len:  Bytes; 0 is allowed and gives the address of the first byte
 *
 * The only way from a guest address to a pointer.
 * Context: any thread, does not block.
 * Return:  Where the range begins, or NULL if it does not lie inside one region.
 */
void *gmem_span(const struct gmem *m, gpa_t base, uint64_t len) MUST_CHECK;

/**
 * gmem_keep_begin() - What is written from now on is to be kept
 * @m: All regions added and never written
 * @e: Says why not
 *
 * Context: set-up; nobody else uses guest RAM.
 * Return:  0, or -errno: the host refuses; gmem_fini() is due then.
 */
int gmem_keep_begin(struct gmem *m, struct err *e) MUST_CHECK;

/**
 * gmem_keep_end() - What was written until now is kept: gmem_restore() brings it back
 * @m: After gmem_keep_begin()
 * @e: Says why not
 *
 * Guest RAM is private memory again, at the same place. Costs as much memory as was written.
 * Context: as there.
 * Return:  0, or -errno: the host refuses; gmem_fini() is due then.
 */
int gmem_keep_end(struct gmem *m, struct err *e) MUST_CHECK;

/**
 * gmem_restore() - RAM as it was at gmem_keep_end(): what was written is there, the rest is zero
 * @m: After gmem_keep_end()
 *
 * Gives everything back to the host, then copies what is kept.
 * Context: any thread, while nobody uses guest RAM; takes as long as that takes. Makes no other
 *          call than madvise(MADV_DONTNEED).
 * Return:  0, or -errno.
 */
int gmem_restore(const struct gmem *m) MUST_CHECK;

/**
 * gmem_size() - Bytes of RAM in all regions
 * @m: Guest RAM
 *
 * Return: The sum.
 */
uint64_t gmem_size(const struct gmem *m);

#endif /* VMM_GMEM_H */
