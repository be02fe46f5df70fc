/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_NUM_H
#define VMM_NUM_H

#include "vmm/compiler.h"

#include <stdbool.h>

#define KiB (1024ULL)
#define MiB (1024ULL * KiB)
#define GiB (1024ULL * MiB)
#define TiB (1024ULL * GiB)

/* @align is a power of two. */
static inline uint64_t num_align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline uint64_t num_align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

static inline bool num_is_pow2(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* Whether [@off, @off + @len) lies inside [0, @size), with no sum that can wrap. */
static inline bool num_inside(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/**
 * num_parse() - Read a whole decimal or 0x number
 * @s:   NUL-terminated text; no sign, no blank, nothing after the digits
 * @ret: Set on success
 *
 * Context: any.
 * Return:  0, or -EINVAL (not a number) or -ERANGE (over 64 bits).
 */
int num_parse(const char *s, uint64_t *ret) MUST_CHECK;

/**
 * num_parse_size() - Read a size with an optional unit
 * @s:    Decimal digits, then optionally K, M, G or T in either case (powers of 1024), which "iB"
 *        or "B" may follow; "B" alone means bytes
 * @unit: Bytes that a plain number counts, e.g. MiB; not 0
 * @ret:  Bytes; set on success
 *
 * Context: any.
 * Return:  0, or -EINVAL or -ERANGE as num_parse().
 */
int num_parse_size(const char *s, uint64_t unit, uint64_t *ret) MUST_CHECK;

/**
 * num_parse_ms() - Read a time in seconds, with an optional fraction, as milliseconds
 * @s:   Decimal, e.g. "10", "0.5"; there is a digit on both sides of the point
 * @ret: Milliseconds, rounded up, so that only a zero gives 0; set on success
 *
 * Context: any.
 * Return:  0, or -EINVAL or -ERANGE as num_parse().
 */
int num_parse_ms(const char *s, uint64_t *ret) MUST_CHECK;

#endif /* VMM_NUM_H */
