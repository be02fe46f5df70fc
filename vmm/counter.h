/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_COUNTER_H
#define VMM_COUNTER_H

#include "vmm/compiler.h"

#include <time.h>

/*
 * Counters that one thread writes and any thread reads. They stand on hot paths, so counting is a
 * plain load and store, without a locked instruction: only the owner may add. A reader finds some
 * recent value, never half of one.
 */

#define COUNTER_BINS 24 /* of a histogram: up to 2 us, 4 us, 8 us... and the rest, over 8 s */

/* Times of something, by their order of magnitude. */
struct counter_times {
	uint64_t n, total_ns;
	uint64_t bin[COUNTER_BINS]; /* bin i: below counter_bound_ns(i) and not in one before */
};

/**
 * counter_add() - Count
 * @c: Owned by the calling thread
 * @n: How many
 */
static inline void counter_add(uint64_t *c, uint64_t n)
{
	__atomic_store_n(c, *c + n, __ATOMIC_RELAXED);
}

/**
 * counter_get() - Read a counter
 * @c: Any thread's
 *
 * Return: Its value.
 */
static inline uint64_t counter_get(const uint64_t *c)
{
	return __atomic_load_n(c, __ATOMIC_RELAXED);
}

/**
 * counter_now_ns() - The time, for differences
 *
 * Return: CLOCK_MONOTONIC.
 */
static inline uint64_t counter_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/**
 * counter_bound_ns() - Where a bin of a histogram ends
 * @bin: Not the last one, which has no end
 *
 * Return: The first time that is not in it any more.
 */
static inline uint64_t counter_bound_ns(unsigned bin)
{
	return UINT64_C(2000) << bin;
}

/**
 * counter_time() - Count one more time
 * @t:  Owned by the calling thread
 * @ns: What it took
 */
static inline void counter_time(struct counter_times *t, uint64_t ns)
{
	unsigned bin = 0;

	while (bin < COUNTER_BINS - 1 && ns >= counter_bound_ns(bin))
		bin++;
	counter_add(&t->n, 1);
	counter_add(&t->total_ns, ns);
	counter_add(&t->bin[bin], 1);
}

#endif /* VMM_COUNTER_H */
