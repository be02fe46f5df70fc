/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jsonpack.h"

#include "tests/unit/run.h"

static void expect(json_t *v, const char *text)
{
	char *shown = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

	ck_assert_str_eq(shown, text);
	free(shown);
	json_decref(v);
}

START_TEST(new_values_stand_where_the_format_says)
{
	expect(jsonpack_new("{s:s, s:i, s:I, s:b, s:o}", "a", "x", "b", -1, "c",
	                    (json_int_t)1 << 40, "d", 1, "e", json_real(0.5)),
	       "{\"a\":\"x\",\"b\":-1,\"c\":1099511627776,\"d\":true,\"e\":0.5}");
}
END_TEST

START_TEST(new_objects_and_lists_nest)
{
	expect(jsonpack_new("{s:{s:[s, i]}, s:[], s:{}}", "a", "b", "x", 1, "c", "d"),
	       "{\"a\":{\"b\":[\"x\",1]},\"c\":[],\"d\":{}}");
}
END_TEST

START_TEST(new_no_text_is_null)
{
	expect(jsonpack_new("[s]", NULL), "[null]");
}
END_TEST

START_TEST(new_value_that_could_not_be_made_fails_the_whole)
{
	/* The sanitizer would tell of the object behind the missing one. */
	ck_assert_ptr_null(jsonpack_new("{s:{s:o}, s:o, s:[o]}", "a", "b", NULL, "c", json_object(),
	                                "d", json_object()));
	ck_assert_ptr_null(jsonpack_new("o", NULL));
}
END_TEST

START_TEST(new_text_that_is_not_utf8_fails)
{
	ck_assert_ptr_null(jsonpack_new("{s:s}", "a", "\xff"));
}
END_TEST

START_TEST(new_format_without_an_end_is_not_followed)
{
	expect(jsonpack_new("[i", 1), "[1]");
	ck_assert_ptr_null(jsonpack_new(""));
	ck_assert_ptr_null(jsonpack_new("x"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("jsonpack");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, new_values_stand_where_the_format_says);
	tcase_add_test(tc, new_objects_and_lists_nest);
	tcase_add_test(tc, new_no_text_is_null);
	tcase_add_test(tc, new_value_that_could_not_be_made_fails_the_whole);
	tcase_add_test(tc, new_text_that_is_not_utf8_fails);
	tcase_add_test(tc, new_format_without_an_end_is_not_followed);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
