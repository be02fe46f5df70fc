/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for each row of the table of options. Whole command lines: test_cli.c. */
#include "tests/unit/cli_rig.h"
#include "vmm/options.h"

#define OPTION_LEN 40 /* bytes of "--name=", with room */

/* A value that each type accepts. */
static const char *const sample[OPT_N_TYPES] = {
	[OPT_TEXT] = "quiet",
	[OPT_PATH] = "file",
	[OPT_NAME] = "vm-1",
	[OPT_CPU] = "host",
	[OPT_UINT] = "2",
	[OPT_SIZE] = "64M",
	[OPT_SECONDS] = "9",
	[OPT_DISK] = "img,ro",
	[OPT_CONTROL] = "fd=9",
	[OPT_ROOT] = "root.img",
	[OPT_WHERE] = "none",
	[OPT_RESULT] = "fd=9",
	[OPT_ESCAPE] = "^b",
	[OPT_VSOCK] = "cid=3,socket=s",
	[OPT_FD] = "fd=9",
	[OPT_NET] = "passt",
	[OPT_PATTERN] = "a|b",
	[OPT_CONSOLE_LOG] = "log,max=1M",
	[OPT_SHARE] = "d:p0",
	[OPT_VHOST_USER] = "blk,socket=s",
	[OPT_VPORT] = "p0=file=/dev/null",
};

static const char *sample_of(const struct opt *o)
{
	return o->type == OPT_WORD ? o->words[0] : sample[o->type];
}

/* Rows of the table that a loop test is about. */
struct rows {
	const struct opt *row[64];
	int n;
};

static struct rows valued, bare, once, repeated, numbers, lettered;

static void rows_add(struct rows *rows, const struct opt *o, bool wanted)
{
	if (wanted)
		rows->row[rows->n++] = o;
}

static void rows_collect(void)
{
	for (unsigned i = 0; i < options_n; i++) {
		const struct opt *o = &options[i];
		bool prints = o->type == OPT_HELP || o->type == OPT_VERSION;

		rows_add(&valued, o, o->arg && o->arg[0] != '[');
		rows_add(&bare, o, !o->arg);
		rows_add(&once, o, !o->repeat && !prints);
		rows_add(&repeated, o, o->repeat);
		rows_add(&numbers, o, options_is_number(o));
		rows_add(&lettered, o, o->letter && o->arg);
	}
}

/* "--name" or "--name=value" in @ret. */
static const char *spell(const struct opt *o, const char *value, char ret[OPTION_LEN])
{
	snprintf(ret, OPTION_LEN, value ? "--%s=%s" : "--%s", o->name, value);
	return ret;
}

/* Parse "--check-host --name=value": any option by itself, with no kernel needed. */
static int parse_alone(const struct opt *o, const char *value)
{
	char word[OPTION_LEN];

	return PARSE("--check-host", spell(o, value, word));
}

/* The next number that the type can tell from @value. */
static uint64_t step(const struct opt *o)
{
	return o->type == OPT_SIZE ? 4096 : 1;
}

START_TEST(parse_number_at_least_is_accepted)
{
	char text[OPTIONS_NUMBER_MAX];

	options_number(numbers.row[_i], numbers.row[_i]->min, text);
	ck_assert_int_eq(parse_alone(numbers.row[_i], text), 0);
}
END_TEST

START_TEST(parse_number_at_most_is_accepted)
{
	char text[OPTIONS_NUMBER_MAX];

	options_number(numbers.row[_i], numbers.row[_i]->max, text);
	ck_assert_int_eq(parse_alone(numbers.row[_i], text), 0);
}
END_TEST

START_TEST(parse_number_above_most_is_refused)
{
	const struct opt *o = numbers.row[_i];
	char text[OPTIONS_NUMBER_MAX];

	options_number(o, o->max + step(o), text);
	assert_refused(parse_alone(o, text), ERANGE, o->name);
}
END_TEST

/* Below a least of 0 the number wraps, and is above the most. */
START_TEST(parse_number_below_least_is_refused)
{
	const struct opt *o = numbers.row[_i];
	char text[OPTIONS_NUMBER_MAX];

	options_number(o, o->min - step(o), text);
	assert_refused(parse_alone(o, text), ERANGE, o->name);
}
END_TEST

START_TEST(parse_number_over_64_bits_is_refused)
{
	assert_refused(parse_alone(numbers.row[_i], "18446744073709551616"), ERANGE,
	               numbers.row[_i]->name);
}
END_TEST

START_TEST(parse_number_of_all_ones_is_refused)
{
	assert_refused(parse_alone(numbers.row[_i], "18446744073709551615"), ERANGE,
	               numbers.row[_i]->name);
}
END_TEST

static const char *const not_numbers[] = { "-2", "x", "", " 1", "1 ", "+1", "1x", "1,5" };

START_TEST(parse_number_malformed_is_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_numbers); i++) {
		teardown();
		assert_refused(parse_alone(numbers.row[_i], not_numbers[i]), EINVAL,
		               numbers.row[_i]->name);
	}
}
END_TEST

START_TEST(parse_value_missing_at_the_end_is_refused)
{
	assert_refused(parse_alone(valued.row[_i], NULL), EINVAL, valued.row[_i]->name);
	ck_assert_ptr_nonnull(strstr(err.msg, "needs a value"));
}
END_TEST

START_TEST(parse_value_missing_before_an_option_is_refused)
{
	char word[OPTION_LEN];

	assert_refused(PARSE("--check-host", spell(valued.row[_i], NULL, word), "--version"),
	               EINVAL, valued.row[_i]->name);
	ck_assert_ptr_nonnull(strstr(err.msg, "--version"));
}
END_TEST

START_TEST(parse_value_on_a_bare_option_is_refused)
{
	char word[OPTION_LEN];

	assert_refused(PARSE("-k", "a", spell(bare.row[_i], "on", word)), EINVAL,
	               bare.row[_i]->name);
	ck_assert_ptr_nonnull(strstr(err.msg, "takes no value"));
}
END_TEST

START_TEST(parse_option_given_twice_is_refused)
{
	char word[OPTION_LEN];

	spell(once.row[_i], sample_of(once.row[_i]), word);
	assert_refused(PARSE(word, word), EINVAL, once.row[_i]->name);
	ck_assert_ptr_nonnull(strstr(err.msg, "twice"));
}
END_TEST

/* Parse one option @times over, each time with a value that is read-only or harmless; of ports
 * and directories each has a name of its own. */
static int parse_times(const struct opt *o, unsigned times)
{
	const char *words[WORDS_MAX] = { "--check-host" };
	static char text[WORDS_MAX][OPTION_LEN];

	for (unsigned i = 1; i <= times; i++) {
		char *digit;

		words[i] = spell(o, sample_of(o), text[i]);
		digit = strstr(text[i], "p0");
		if (digit)
			digit[1] = (char)('0' + i);
	}
	return parse(words);
}

START_TEST(parse_option_repeated_up_to_its_limit_is_accepted)
{
	ck_assert_int_eq(parse_times(repeated.row[_i], repeated.row[_i]->repeat), 0);
}
END_TEST

START_TEST(parse_option_repeated_beyond_its_limit_is_refused)
{
	assert_refused(parse_times(repeated.row[_i], repeated.row[_i]->repeat + 1), E2BIG,
	               repeated.row[_i]->name);
}
END_TEST

START_TEST(parse_letter_takes_its_value_from_either_word)
{
	const struct opt *o = lettered.row[_i];
	const char letter[] = { '-', o->letter, '\0' };
	char joined[OPTION_LEN];

	snprintf(joined, sizeof(joined), "%s%s", letter, sample_of(o));
	ck_assert_int_eq(PARSE("--check-host", letter, sample_of(o)), 0);
	teardown();
	ck_assert_int_eq(PARSE("--check-host", joined), 0);
}
END_TEST

static void add_table_tests(TCase *t)
{
	tcase_add_loop_test(t, parse_number_at_least_is_accepted, 0, numbers.n);
	tcase_add_loop_test(t, parse_number_at_most_is_accepted, 0, numbers.n);
	tcase_add_loop_test(t, parse_number_above_most_is_refused, 0, numbers.n);
	tcase_add_loop_test(t, parse_number_below_least_is_refused, 0, numbers.n);
	tcase_add_loop_test(t, parse_number_over_64_bits_is_refused, 0, numbers.n);
	tcase_add_loop_test(t, parse_number_of_all_ones_is_refused, 0, numbers.n);
	tcase_add_loop_test(t, parse_number_malformed_is_refused, 0, numbers.n);
	tcase_add_loop_test(t, parse_value_missing_at_the_end_is_refused, 0, valued.n);
	tcase_add_loop_test(t, parse_value_missing_before_an_option_is_refused, 0, valued.n);
	tcase_add_loop_test(t, parse_value_on_a_bare_option_is_refused, 0, bare.n);
	tcase_add_loop_test(t, parse_option_given_twice_is_refused, 0, once.n);
	tcase_add_loop_test(t, parse_option_repeated_up_to_its_limit_is_accepted, 0, repeated.n);
	tcase_add_loop_test(t, parse_option_repeated_beyond_its_limit_is_refused, 0, repeated.n);
	tcase_add_loop_test(t, parse_letter_takes_its_value_from_either_word, 0, lettered.n);
}

int main(void)
{
	Suite *s = suite_create("cli_options");
	TCase *t = tcase_create("rows");

	rows_collect();
	tcase_add_checked_fixture(t, setup, teardown);
	add_table_tests(t);
	suite_add_tcase(s, t);
	return run_suite(s);
}
