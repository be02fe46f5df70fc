/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/ending.h"

/* What the main thread was told. */
struct told {
	struct loop loop;
	struct ending ending;
	unsigned begun, panicked, reset, crashed;
};

static struct told t;

static void on_begin(void *arg)
{
	struct told *told = arg;

	told->begun++;
	loop_stop(&told->loop);
}

static void on_panicked(void *arg)
{
	struct told *told = arg;

	told->panicked++;
	loop_stop(&told->loop);
}

static void on_reset(void *arg)
{
	struct told *told = arg;

	told->reset++;
	loop_stop(&told->loop);
}

static void on_crashed(void *arg)
{
	struct told *told = arg;

	told->crashed++;
	loop_stop(&told->loop);
}

static void setup(void)
{
	const struct ending_calls calls = {
		.begin = on_begin,
		.reset = on_reset,
		.crashed = on_crashed,
		.panicked = on_panicked,
		.arg = &t,
	};
	struct err e = { 0 };

	t = (struct told){ 0 };
	ck_assert_msg(loop_init(&t.loop, &e) == 0, "%s", e.msg);
	ck_assert_msg(ending_init(&t.ending, &t.loop, &calls, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	ending_fini(&t.ending);
	loop_fini(&t.loop);
}

/* Deliver what is pending: each of the calls stops the loop. */
static void deliver(void)
{
	ck_assert_int_eq(loop_run(&t.loop), 0);
}

START_TEST(request_first_one_is_believed)
{
	ending_request(&t.ending, (struct stop){ .reason = STOP_EXIT, .status = 42 });
	ending_request(&t.ending, (struct stop){ .reason = STOP_POWEROFF });
	deliver();

	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_EXIT);
	ck_assert_int_eq(ending_get(&t.ending).status, 42);
	ck_assert_uint_eq(t.begun, 1);
}
END_TEST

START_TEST(get_without_request_is_none)
{
	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_NONE);
}
END_TEST

START_TEST(reset_without_panic_is_a_reboot)
{
	ending_request_reset(&t.ending);

	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_REBOOT);
	ck_assert_int_eq(ending_get(&t.ending).status, 0);
}
END_TEST

START_TEST(reset_after_panic_is_a_panic)
{
	ending_note_panic(&t.ending);
	ending_request_reset(&t.ending);

	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_PANIC);
	ck_assert_int_eq(ending_get(&t.ending).status, STATUS_PANIC);
}
END_TEST

START_TEST(note_panic_tells_the_main_thread_once)
{
	ending_note_panic(&t.ending);
	ending_note_panic(&t.ending);
	deliver();

	ck_assert_uint_eq(t.panicked, 1);
	ck_assert_uint_eq(t.begun, 0);
}
END_TEST

START_TEST(note_panic_with_request_only_begins_the_end)
{
	ending_note_panic(&t.ending);
	ending_request_reset(&t.ending);
	deliver();

	ck_assert_uint_eq(t.begun, 1);
	ck_assert_uint_eq(t.panicked, 0);
}
END_TEST

START_TEST(reset_that_is_listened_for_ends_nothing)
{
	t.ending.hears_reset = true;
	ending_request_reset(&t.ending);
	deliver();

	ck_assert_uint_eq(t.reset, 1);
	ck_assert_uint_eq(t.begun, 0);
	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_NONE);
}
END_TEST

START_TEST(panic_that_is_listened_for_ends_nothing)
{
	t.ending.hears_reset = t.ending.hears_crash = true;
	ending_note_panic(&t.ending);
	ending_request_reset(&t.ending);
	deliver();

	ck_assert_uint_eq(t.crashed, 1);
	ck_assert_uint_eq(t.reset, 0);
	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_NONE);
}
END_TEST

START_TEST(panic_is_not_listened_for_by_who_wants_resets)
{
	t.ending.hears_reset = true;
	ending_note_panic(&t.ending);
	ending_request_reset(&t.ending);
	deliver();

	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_PANIC);
	ck_assert_uint_eq(t.reset, 0);
}
END_TEST

START_TEST(forget_makes_the_next_reset_a_reboot)
{
	ending_note_panic(&t.ending);
	deliver();
	ending_forget(&t.ending);
	ending_request_reset(&t.ending);

	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_REBOOT);
}
END_TEST

START_TEST(decide_ends_whoever_listens)
{
	t.ending.hears_reset = t.ending.hears_crash = true;
	ending_decide(&t.ending, (struct stop){ .reason = STOP_REBOOT });
	deliver();

	ck_assert_uint_eq(t.begun, 1);
	ck_assert_int_eq(ending_get(&t.ending).reason, STOP_REBOOT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ending");
	TCase *tc = tcase_create("ending");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, request_first_one_is_believed);
	tcase_add_test(tc, get_without_request_is_none);
	tcase_add_test(tc, reset_that_is_listened_for_ends_nothing);
	tcase_add_test(tc, panic_that_is_listened_for_ends_nothing);
	tcase_add_test(tc, panic_is_not_listened_for_by_who_wants_resets);
	tcase_add_test(tc, forget_makes_the_next_reset_a_reboot);
	tcase_add_test(tc, decide_ends_whoever_listens);
	tcase_add_test(tc, reset_without_panic_is_a_reboot);
	tcase_add_test(tc, reset_after_panic_is_a_panic);
	tcase_add_test(tc, note_panic_tells_the_main_thread_once);
	tcase_add_test(tc, note_panic_with_request_only_begins_the_end);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
