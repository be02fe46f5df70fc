/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/patterns.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

static struct patterns *set;
static struct err err;

static void setup(void)
{
	set = calloc(1, sizeof(*set));
	err.msg[0] = '\0';
}

static void teardown(void)
{
	free(set);
}

/* Feed @text and return every pattern that matched. */
static uint32_t feed(const char *text)
{
	uint32_t matched = 0;

	for (; *text; text++)
		matched |= patterns_step(set, (uint8_t)*text);
	return matched;
}

/* What a pattern finds in a line, and the C library finds too. */
static const struct {
	const char *pattern, *line;
	bool matches;
} cases[] = {
	{ "abc", "xabcx", true },
	{ "abc", "ab abd bc", false },
	{ "a|b|cd", "xxcd", true },
	{ "a|b|cd", "c d", false },
	{ "a(b|c)+d", "abcbd", true },
	{ "a(b|c)+d", "ad", false },
	{ "a(b|c)*d", "ad", true },
	{ "colou?r", "color", true },
	{ "colou?r", "colouur", false },
	{ "^ab", "abc", true },
	{ "^ab", "cab", false },
	{ "ab$", "cab", true },
	{ "ab$", "abc", false },
	{ "^$", "", true },
	{ "^$", "a", false },
	{ "(^| )end($|\\.)", "the end.", true },
	{ "a.c", "a\tc", true },
	{ "[abc]{2}x", "bax", true },
	{ "[abc]{3}x", "bax", false },
	{ "xa{2,3}y", "xaay", true },
	{ "xa{2,3}y", "xaaay", true },
	{ "xa{2,3}y", "xay", false },
	{ "xa{2,3}y", "xaaaay", false },
	{ "xa{0,1}y", "xy", true },
	{ "xa{2,}y", "xaaaaaaay", true },
	{ "x(ab){2}y", "xababy", true },
	{ "x(a{2}|b){2}y", "xbaay", true },
	{ "[^a-z]Q", "1Q", true },
	{ "[^a-z]Q", "bQ", false },
	{ "[]x-]+:", "]-x:", true },
	{ "[[:digit:]]+[[:space:]][[:xdigit:]]z", "12 fz", true },
	{ "[[:upper:]_]{4}", "a_BCa", false },
	{ "\\[ *[0-9]+\\.[0-9]+\\]", "[    1.250]", true },
	{ "a**b", "aab", true },
	{ "(a|ab)(c|bcd)(d*)", "abcd", true },
	{ "(a*)*b", "aaab", true },
	{ "\xff+", "a\xff", true },
};

START_TEST(step_agrees_with_the_c_library)
{
	regex_t compiled;

	ck_assert_int_eq(regcomp(&compiled, cases[_i].pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_int_eq(regexec(&compiled, cases[_i].line, 0, NULL, 0) == 0, cases[_i].matches);
	regfree(&compiled);

	ck_assert_int_eq(patterns_add(set, cases[_i].pattern, &err), 0);
	ck_assert_int_eq(feed(cases[_i].line) | feed("\n"), cases[_i].matches);
}
END_TEST

START_TEST(step_ends_a_match_at_the_end_of_the_line)
{
	ck_assert_int_eq(patterns_add(set, "ab", &err), 0);
	ck_assert_uint_eq(feed("a\nb\n"), 0);
	ck_assert_uint_eq(feed("ab"), 1);
}
END_TEST

START_TEST(step_begins_each_line_anew)
{
	ck_assert_int_eq(patterns_add(set, "^b$", &err), 0);
	ck_assert_uint_eq(feed("ab\nbb\n"), 0);
	ck_assert_uint_eq(feed("b"), 0);
	ck_assert_uint_eq(feed("\n"), 1);
}
END_TEST

START_TEST(step_tells_patterns_apart)
{
	ck_assert_int_eq(patterns_add(set, "one", &err), 0);
	ck_assert_int_eq(patterns_add(set, "t[wx]o", &err), 1);
	ck_assert_int_eq(patterns_add(set, "[mn]e", &err), 2);
	ck_assert_uint_eq(feed("two"), 2);
	ck_assert_uint_eq(feed(" one"), 5);
}
END_TEST

/* Exponential in programs that go back; here each byte costs the same. */
START_TEST(step_of_a_costly_pattern_takes_linear_time)
{
	ck_assert_int_eq(patterns_add(set, "((a|aa)+)+((a|aa)+)+b", &err), 0);
	for (unsigned i = 0; i < 100000; i++)
		ck_assert_uint_eq(patterns_step(set, 'a'), 0);
	ck_assert_uint_eq(patterns_step(set, 'b'), 1);
}
END_TEST

static const struct {
	const char *pattern, *message;
} refused[] = {
	{ "", "matches any line" },
	{ "a*", "matches any line" },
	{ "^", "matches any line" },
	{ "$", "matches any line" },
	{ "x|(a?b*)", "matches any line" },
	{ "(a", "a ( without its ) at character 4" },
	{ "a)", "a ) without its (" },
	{ "[a", "a [ without its ]" },
	{ "[]", "a [ without its ]" },
	{ "[z-a]", "a range that ends" },
	{ "[[:none:]]", "an unknown class" },
	{ "[[:xdigit:x]", "an unknown class" },
	{ "[[.a.]]", "a collating symbol" },
	{ "*a", "a repetition of nothing" },
	{ "a|+", "a repetition of nothing" },
	{ "{\"ok\"", "a repetition of nothing" },
	{ "a{", "braces that are not" },
	{ "a{,2}", "braces that are not" },
	{ "a{3,2}", "braces that are not" },
	{ "a{0}", "braces that are not" },
	{ "a{256}", "braces that are not" },
	{ "a{1,256}", "braces that are not" },
	{ "a{4294967297}", "braces that are not" },
	{ "(a)\\1", "a \\ that is not before" },
	{ "a\\", "a \\ that is not before" },
	{ "((((((((((((((((((a))))))))))))))))))", "too many ( inside" },
	{ "(((a{99}){99}){99})", "too large" },
};

START_TEST(add_of_no_pattern_says_what_is_wrong)
{
	ck_assert_int_lt(patterns_add(set, refused[_i].pattern, &err), 0);
	ck_assert_msg(strstr(err.msg, refused[_i].message) != NULL, "%s", err.msg);
}
END_TEST

START_TEST(add_of_too_many_is_refused)
{
	for (int i = 0; i < PATTERN_MAX; i++)
		ck_assert_int_eq(patterns_add(set, "a", &err), i);
	ck_assert_int_eq(patterns_add(set, "a", &err), -E2BIG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("patterns");
	TCase *tc = tcase_create("pattern");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, step_agrees_with_the_c_library, 0, (int)ARRAY_SIZE(cases));
	tcase_add_test(tc, step_ends_a_match_at_the_end_of_the_line);
	tcase_add_test(tc, step_begins_each_line_anew);
	tcase_add_test(tc, step_tells_patterns_apart);
	tcase_add_test(tc, step_of_a_costly_pattern_takes_linear_time);
	tcase_add_loop_test(tc, add_of_no_pattern_says_what_is_wrong, 0, (int)ARRAY_SIZE(refused));
	tcase_add_test(tc, add_of_too_many_is_refused);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
