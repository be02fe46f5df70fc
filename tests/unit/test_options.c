/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/options.h"
#include "vmm/optval.h"

#include <string.h>

START_TEST(table_row_is_found_by_each_of_its_names)
{
	const struct opt *o = &options[_i];

	ck_assert_ptr_eq(options_find(o->name, strlen(o->name)), o);
	ck_assert(!o->alias || options_find(o->alias, strlen(o->alias)) == o);
	ck_assert(!o->letter || options_find_letter(o->letter) == o);
}
END_TEST

START_TEST(table_row_is_complete)
{
	const struct opt *o = &options[_i];

	ck_assert_str_ne(o->help, "");
	ck_assert_int_lt(o->type, OPT_N_TYPES);
	ck_assert_int_lt(o->group, GROUP_N);
	ck_assert(!o->repeat || o->count);
	ck_assert(!o->def || o->arg);
	ck_assert(o->type != OPT_WORD || o->words[0] != NULL);
	ck_assert(!options_is_number(o) || o->min < o->max);
}
END_TEST

/* Help is put together from phrases: it must not bring the full stop itself. */
START_TEST(table_help_is_a_phrase_and_more_is_sentences)
{
	const struct opt *o = &options[_i];

	ck_assert_int_ne(o->help[strlen(o->help) - 1], '.');
	ck_assert(!o->more || o->more[strlen(o->more) - 1] == '.');
}
END_TEST

START_TEST(find_letter_nul_is_none)
{
	ck_assert_ptr_null(options_find_letter('\0'));
}
END_TEST

START_TEST(find_part_of_a_name_is_none)
{
	ck_assert_ptr_null(options_find("kernel", 5));
	ck_assert_ptr_null(options_find("", 0));
}
END_TEST

static const struct {
	const char *name, *meant;
} near[] = {
	{ "kernal", "kernel" },
	{ "kernl", "kernel" },
	{ "KERNEL", "kernel" },
	{ "kern", "kernel" },
	{ "mem", "memory" },
	{ "cmdlin", "cmdline" },
	{ "initrfs", "initrd" },
	{ "time-out", "timeout" },
	{ "verbose", NULL },
	{ "x", NULL },
	{ "", NULL },
	{ "qqqqqqqqqqqq", NULL },
	{ "kernelkernelkernelkernelkernelkernelkernel", NULL },
};

START_TEST(nearest_name_is_what_was_meant)
{
	const char *meant = options_nearest(near[_i].name, strlen(near[_i].name));

	ck_assert_pstr_eq(meant, near[_i].meant);
}
END_TEST

static const struct {
	enum opt_type type;
	uint64_t value;
	const char *text;
} numbers[] = {
	{ OPT_UINT, 0, "0" },
	{ OPT_UINT, UINT64_MAX, "18446744073709551615" },
	{ OPT_SIZE, 4096, "4K" },
	{ OPT_SIZE, 1ULL << 20, "1M" },
	{ OPT_SIZE, 1536ULL << 20, "1536M" },
	{ OPT_SIZE, 16ULL << 40, "16T" },
	{ OPT_SIZE, 2048ULL << 40, "2048T" },
	{ OPT_SIZE, 0, "0K" },
	{ OPT_SECONDS, 0, "0" },
	{ OPT_SECONDS, 1, "0.001" },
	{ OPT_SECONDS, 500, "0.5" },
	{ OPT_SECONDS, 100000, "100" },
};

START_TEST(number_is_written_as_it_would_be_typed)
{
	const struct opt o = { .type = numbers[_i].type };
	char text[OPTIONS_NUMBER_MAX];

	options_number(&o, numbers[_i].value, text);
	ck_assert_str_eq(text, numbers[_i].text);
}
END_TEST

START_TEST(defaults_are_values_of_their_options)
{
	struct config c;
	struct err e = { 0 };

	ck_assert_int_eq(optval_defaults(&c, &e), 0);
	ck_assert_str_eq(e.msg, "");
	config_fini(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");

	tcase_add_loop_test(t, table_row_is_found_by_each_of_its_names, 0, (int)options_n);
	tcase_add_loop_test(t, table_row_is_complete, 0, (int)options_n);
	tcase_add_loop_test(t, table_help_is_a_phrase_and_more_is_sentences, 0, (int)options_n);
	tcase_add_test(t, find_letter_nul_is_none);
	tcase_add_test(t, find_part_of_a_name_is_none);
	tcase_add_loop_test(t, nearest_name_is_what_was_meant, 0, ARRAY_SIZE(near));
	tcase_add_loop_test(t, number_is_written_as_it_would_be_typed, 0, ARRAY_SIZE(numbers));
	tcase_add_test(t, defaults_are_values_of_their_options);
	suite_add_tcase(s, t);
	return run_suite(s);
}
