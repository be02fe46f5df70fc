/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_BUDGET_H
#define VMM_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How much of a processor may go to those who ask for work without end: bursts as fast as they
 * come, and in the long run one part in BUDGET_SHARE. Times are those of the wall, so that work
 * which is pushed aside by others counts for more: where processors are scarce it is less. One
 * piece of work that takes longer than BUDGET_DEBT_NS is not paid for in full.
 */
struct budget {
	int64_t at_ns; /* CLOCK_MONOTONIC: accounts are settled up to here */
	int64_t credit_ns; /* of work; negative: spent already, and to be earned */
};

#define BUDGET_SHARE    50
#define BUDGET_BURST_NS 2000000 /* the credit of those who have not asked for long */
#define BUDGET_DEBT_NS  200000 /* at most: where everything is slow, rests stay short */
#define BUDGET_REST_MS  10 /* the shortest rest: long beside what it takes to go on */

/**
 * budget_init() - Begin with a whole burst
 * @b: Any contents
 *
 * Context: the thread that does the work, as all the others here; none of them blocks.
 */
void budget_init(struct budget *b);

/**
 * budget_begin() - Work begins: what came before was rest, and has earned something
 * @b: Budget
 */
void budget_begin(struct budget *b);

/**
 * budget_spend() - Work has been done since budget_begin(), or the last call
 * @b: Budget
 *
 * Return: whether there is credit left for more.
 */
bool budget_spend(struct budget *b);

/**
 * budget_rest_ms() - How long to rest when there is none
 * @b: Budget
 *
 * Return: Milliseconds, at least BUDGET_REST_MS.
 */
uint64_t budget_rest_ms(const struct budget *b);

#endif /* VMM_BUDGET_H */
