/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/budget.h"

#include "vmm/counter.h"

/* Returns how long it has been since accounts were settled. */
static int64_t settle(struct budget *b)
{
	int64_t was = b->at_ns;

	b->at_ns = (int64_t)counter_now_ns();
	return b->at_ns - was;
}

void budget_init(struct budget *b)
{
	(void)settle(b);
	b->credit_ns = BUDGET_BURST_NS;
}

void budget_begin(struct budget *b)
{
	b->credit_ns += settle(b) / BUDGET_SHARE;
	if (b->credit_ns > BUDGET_BURST_NS)
		b->credit_ns = BUDGET_BURST_NS;
}

bool budget_spend(struct budget *b)
{
	b->credit_ns -= settle(b);
	if (b->credit_ns < -BUDGET_DEBT_NS)
		b->credit_ns = -BUDGET_DEBT_NS;
	return b->credit_ns > 0;
}

uint64_t budget_rest_ms(const struct budget *b)
{
	int64_t debt_ms = b->credit_ns < 0 ? -b->credit_ns * BUDGET_SHARE / 1000000 : 0;

	return (uint64_t)debt_ms + BUDGET_REST_MS;
}
