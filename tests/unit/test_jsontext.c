/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/jsontext.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static const struct {
	const char *bytes, *text;
} rows[] = {
	{ "", "" },
	{ "plain /path", "plain /path" },
	{ "\x01\x7f", "\x01\x7f" },
	{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, /* U+10FFFF, the last */
	{ "\xff", BAD },
	{ "a\x80z", "a" BAD "z" },
	{ "\xc3", BAD }, /* cut after the first byte of two */
	{ "\xe2\x82", BAD BAD },
	{ "\xf0\x9f\x98", BAD BAD BAD },
	{ "\xc0\xaf", BAD BAD }, /* overlong '/' */
	{ "\xe0\x80\xaf", BAD BAD BAD },
	{ "\xf0\x80\x80\xaf", BAD BAD BAD BAD },
	{ "\xed\xa0\x80", BAD BAD BAD }, /* surrogate */
	{ "\xf4\x90\x80\x80", BAD BAD BAD BAD }, /* over U+10FFFF */
	{ "\xe2(\xa1", BAD "(" BAD },
};

START_TEST(new_of_any_bytes_is_utf8)
{
	json_t *json = jsontext_new(rows[_i].bytes);

	ck_assert_str_eq(json_string_value(json), rows[_i].text);
	json_decref(json);
}
END_TEST

/* What jansson would refuse to write must not get into an object. */
START_TEST(new_of_any_bytes_can_be_written)
{
	json_t *json = jsontext_new(rows[_i].bytes);
	char *text = json_dumps(json, JSON_ENCODE_ANY);

	ck_assert_ptr_nonnull(text);
	free(text);
	json_decref(json);
}
END_TEST

START_TEST(new_of_null_is_null)
{
	ck_assert(json_is_null(jsontext_new(NULL)));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("jsontext");
	TCase *t = tcase_create("jsontext");

	tcase_add_loop_test(t, new_of_any_bytes_is_utf8, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(t, new_of_any_bytes_can_be_written, 0, ARRAY_SIZE(rows));
	tcase_add_test(t, new_of_null_is_null);
	suite_add_tcase(s, t);
	return run_suite(s);
}
