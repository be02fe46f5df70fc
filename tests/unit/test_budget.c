/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/budget.h"

#include "tests/unit/run.h"

#define SECOND 1000000000LL

static struct budget budget;

static void set_up(void)
{
	budget_init(&budget);
}

/* As if that much time had gone by since accounts were settled. */
static void pass(int64_t ns)
{
	budget.at_ns -= ns;
}

START_TEST(spend_a_burst_is_free)
{
	budget_begin(&budget);
	ck_assert(budget_spend(&budget));
}
END_TEST

START_TEST(spend_more_than_there_is_asks_for_a_rest)
{
	budget_begin(&budget);
	pass(BUDGET_BURST_NS);
	ck_assert(!budget_spend(&budget));
	ck_assert_uint_ge(budget_rest_ms(&budget), BUDGET_REST_MS);
}
END_TEST

START_TEST(rest_pays_the_debt_of_one_long_command)
{
	uint64_t rest_ms;

	budget_begin(&budget);
	pass(BUDGET_BURST_NS + BUDGET_DEBT_NS / 2);
	ck_assert(!budget_spend(&budget));
	rest_ms = budget_rest_ms(&budget);
	ck_assert_uint_ge(rest_ms, BUDGET_SHARE * (BUDGET_DEBT_NS / 2) / 1000000);

	pass((int64_t)rest_ms * 1000000);
	budget_begin(&budget);
	ck_assert(budget_spend(&budget));
}
END_TEST

START_TEST(rest_after_hours_of_standing_still_is_short)
{
	budget_begin(&budget);
	pass(3600 * SECOND);
	ck_assert(!budget_spend(&budget));
	ck_assert_uint_le(budget_rest_ms(&budget), 20);
}
END_TEST

START_TEST(rest_earns_no_more_than_a_burst)
{
	pass(1000 * SECOND);
	budget_begin(&budget);
	ck_assert_int_eq(budget.credit_ns, BUDGET_BURST_NS);
}
END_TEST

/* Rest earns a share of its time, and the work in between nothing. */
START_TEST(begin_earns_a_share_of_the_time_since)
{
	budget.credit_ns = -SECOND;
	pass(BUDGET_SHARE * SECOND / 2);
	budget_begin(&budget);
	ck_assert_int_ge(budget.credit_ns, -SECOND / 2);
	ck_assert_int_lt(budget.credit_ns, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("budget");
	TCase *t = tcase_create("budget");

	tcase_add_checked_fixture(t, set_up, NULL);
	tcase_add_test(t, spend_a_burst_is_free);
	tcase_add_test(t, spend_more_than_there_is_asks_for_a_rest);
	tcase_add_test(t, rest_pays_the_debt_of_one_long_command);
	tcase_add_test(t, rest_after_hours_of_standing_still_is_short);
	tcase_add_test(t, rest_earns_no_more_than_a_burst);
	tcase_add_test(t, begin_earns_a_share_of_the_time_since);
	suite_add_tcase(s, t);
	return run_suite(s);
}
