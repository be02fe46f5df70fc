/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/panic_watch.h"

#include <string.h>

static void feed(struct panic_watch *w, const char *s)
{
	panic_watch_feed(w, (const uint8_t *)s, strlen(s));
}

static const char *const panics[] = {
	"[    1.0] Kernel panic - not syncing: VFS\n",
	"KKernel panic - not syncing",
	"Kernel panKernel panic - not syncing",
	"reboot: Restarting system\nKernel panic - not syncing: again",
};

START_TEST(feed_panic_text_is_a_panic)
{
	struct panic_watch w = { 0 };

	feed(&w, panics[_i]);

	ck_assert(w.panicked);
}
END_TEST

static const char *const others[] = {
	"",
	"Kernel panic - not syncin",
	"kernel panic - not syncing",
	"Kernel panic - not  syncing",
	"Kernel panic - not syncing: old log\n[ 9.0] reboot: Restarting system\n",
};

START_TEST(feed_other_text_is_none)
{
	struct panic_watch w = { 0 };

	feed(&w, others[_i]);

	ck_assert(!w.panicked);
}
END_TEST

START_TEST(feed_text_in_single_bytes_is_found)
{
	const char *text = panics[0];
	struct panic_watch w = { 0 };

	for (size_t i = 0; text[i]; i++)
		panic_watch_feed(&w, (const uint8_t *)text + i, 1);

	ck_assert(w.panicked);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("panic_watch");
	TCase *tc = tcase_create("feed");

	tcase_add_loop_test(tc, feed_panic_text_is_a_panic, 0, (int)ARRAY_SIZE(panics));
	tcase_add_loop_test(tc, feed_other_text_is_none, 0, (int)ARRAY_SIZE(others));
	tcase_add_test(tc, feed_text_in_single_bytes_is_found);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
