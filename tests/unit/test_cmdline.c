/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/cmdline.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <string.h>

/* What comes of adding up to three pieces, in order. */
static const struct {
	const char *piece[3];
	const char *line;
} sums[] = {
	{ { NULL }, "" },
	{ { "" }, "" },
	{ { "quiet" }, "quiet" },
	{ { "a=1", "b", "c" }, "a=1 b c" },
	{ { "  a   b  ", " c " }, "a   b c" },
	{ { "a", "b -- init words" }, "a b -- init words" },
	{ { "a -- x", "b", "c" }, "a b c -- x" },
	{ { "a -- x", "b -- y z" }, "a b -- x y z" },
	{ { "-- x", "a" }, "a -- x" },
	{ { "a --", "b" }, "a b" },
	{ { "a -- x -- y", "b" }, "a b -- x -- y" },
	{ { "--x a--b c--", "d" }, "--x a--b c-- d" },
	{ { "a=\"b -- c\" d", "e" }, "a=\"b -- c\" d e" },
	{ { "\xc3\xa9=1" }, "\xc3\xa9=1" }, /* not ASCII, not a control character */
};

START_TEST(add_pieces_makes_line)
{
	struct cmdline c;
	struct err e = { 0 };

	cmdline_init(&c);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(cmdline_add(&c, sums[_i].piece[i], &e), 0);
	ck_assert_str_eq(cmdline_text(&c) + strspn(cmdline_text(&c), " "), sums[_i].line);
	ck_assert_uint_eq(strlen(cmdline_text(&c)), c.len);
}
END_TEST

/* What is refused, and a word of the reason. */
static const struct {
	const char *words, *why;
} refused[] = {
	{ "a\nb", "control character 0x0a" },
	{ "a\tb", "control character 0x09" },
	{ "\x7f", "control character 0x7f" },
	{ "\x1b[31m", "control character 0x1b" },
	{ "a=\"b c", "quote" },
};

START_TEST(add_bad_words_is_refused_and_changes_nothing)
{
	struct cmdline c;
	struct err e = { 0 };

	cmdline_init(&c);
	ck_assert_int_eq(cmdline_add(&c, "a -- b", &e), 0);
	ck_assert_int_eq(cmdline_add(&c, refused[_i].words, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, refused[_i].why));
	ck_assert_str_eq(cmdline_text(&c), "a -- b");
}
END_TEST

START_TEST(add_up_to_the_limit_fits)
{
	char words[CMDLINE_MAX] = { 0 };
	struct cmdline c;
	struct err e = { 0 };

	memset(words, 'a', CMDLINE_MAX - 1);
	cmdline_init(&c);
	ck_assert_int_eq(cmdline_add(&c, words, &e), 0);
	ck_assert_str_eq(cmdline_text(&c), words);
}
END_TEST

START_TEST(add_over_the_limit_names_it)
{
	char words[CMDLINE_MAX - 1] = { 0 };
	struct cmdline c;
	struct err e = { 0 };

	memset(words, 'a', CMDLINE_MAX - 2);
	cmdline_init(&c);
	ck_assert_int_eq(cmdline_add(&c, words, &e), 0);
	ck_assert_int_eq(cmdline_add(&c, "b", &e), -E2BIG); /* the blank fits, the word does not */
	ck_assert_ptr_nonnull(strstr(e.msg, "2048 characters, and at most 2047"));
	ck_assert_str_eq(cmdline_text(&c), words);
}
END_TEST

START_TEST(add_dashes_over_the_limit_is_refused)
{
	char words[CMDLINE_MAX - 4] = { 0 };
	struct cmdline c;
	struct err e = { 0 };

	memset(words, 'a', CMDLINE_MAX - 5);
	cmdline_init(&c);
	ck_assert_int_eq(cmdline_add(&c, words, &e), 0);
	ck_assert_int_eq(cmdline_add(&c, "-- x", &e), -E2BIG);
	ck_assert_str_eq(cmdline_text(&c), words);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cmdline");
	TCase *t = tcase_create("add");

	tcase_add_loop_test(t, add_pieces_makes_line, 0, ARRAY_SIZE(sums));
	tcase_add_loop_test(t, add_bad_words_is_refused_and_changes_nothing, 0,
	                    ARRAY_SIZE(refused));
	tcase_add_test(t, add_up_to_the_limit_fits);
	tcase_add_test(t, add_over_the_limit_names_it);
	tcase_add_test(t, add_dashes_over_the_limit_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
