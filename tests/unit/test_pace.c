/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pace.h"

#include "tests/unit/run.h"

#include <sched.h>

#define TRIAL_AFTER 32 /* lone requests */

static struct pace pace;

static void turns(unsigned n, unsigned requests)
{
	for (unsigned i = 0; i < n; i++)
		pace_turn(&pace, requests);
}

static void set_up(void)
{
	pace_init(&pace);
	ck_assert(pace.usable);
}

START_TEST(turn_of_many_requests_asks_for_nothing)
{
	turns(1000, 5);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

START_TEST(turn_of_lone_requests_tries_patience)
{
	turns(TRIAL_AFTER - 1, 1);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
	turns(1, 1);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
}
END_TEST

START_TEST(turn_of_many_requests_keeps_patience)
{
	turns(TRIAL_AFTER, 1);
	for (unsigned i = 0; i < 100; i++) {
		turns(1, 8);
		turns(2, 1);
	}
	ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
}
END_TEST

/* Each trial in vain makes the next one rarer. */
START_TEST(turn_of_lone_requests_ends_patience)
{
	turns(TRIAL_AFTER + 4, 1);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
	turns(2 * TRIAL_AFTER - 1, 1);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
	turns(1, 1);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
}
END_TEST

START_TEST(turn_without_requests_counts_nothing)
{
	turns(10 * TRIAL_AFTER, 0);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

/* What the user chose (chrt) stays. */
START_TEST(init_of_a_thread_with_another_policy_leaves_it)
{
	const struct sched_param none = { 0 };

	ck_assert_int_eq(sched_setscheduler(0, SCHED_IDLE, &none), 0);
	pace_init(&pace);
	turns(10 * TRIAL_AFTER, 1);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_IDLE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pace");
	TCase *t = tcase_create("pace");

	tcase_add_checked_fixture(t, set_up, NULL);
	suite_add_tcase(s, t);
	tcase_add_test(t, turn_of_many_requests_asks_for_nothing);
	tcase_add_test(t, turn_of_lone_requests_tries_patience);
	tcase_add_test(t, turn_of_many_requests_keeps_patience);
	tcase_add_test(t, turn_of_lone_requests_ends_patience);
	tcase_add_test(t, turn_without_requests_counts_nothing);
	tcase_add_test(t, init_of_a_thread_with_another_policy_leaves_it);
	return run_suite(s);
}
