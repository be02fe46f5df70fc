/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/err.h"

#include <errno.h>
#include <string.h>

START_TEST(set_formats_and_returns_the_negative_code)
{
	struct err e = { "old" };

	ck_assert_int_eq(err_set(&e, EINVAL, "'%s' is %d", "x", 7), -EINVAL);
	ck_assert_str_eq(e.msg, "'x' is 7");
}
END_TEST

START_TEST(errno_adds_its_text)
{
	struct err e;

	ck_assert_int_eq(err_errno(&e, ENOENT, "cannot open '%s'", "f"), -ENOENT);
	ck_assert_str_eq(e.msg, "cannot open 'f': No such file or directory");
}
END_TEST

START_TEST(wrap_puts_context_before_and_keeps_the_code)
{
	struct err e;

	(void)err_set(&e, EINVAL, "too short");
	ck_assert_int_eq(err_wrap(&e, -ENOMEM, "kernel '%s'", "k"), -ENOMEM);
	ck_assert_str_eq(e.msg, "kernel 'k': too short");
}
END_TEST

START_TEST(every_function_without_object_only_returns)
{
	ck_assert_int_eq(err_set(NULL, EIO, "x"), -EIO);
	ck_assert_int_eq(err_errno(NULL, EIO, "x"), -EIO);
	ck_assert_int_eq(err_wrap(NULL, -EIO, "x"), -EIO);
}
END_TEST

/* Texts around the room there is: 239 bytes fit, 240 do not. */
static const struct {
	int len;
	const char *end;
} texts[] = { { 238, "xxx" }, { 239, "xxx" }, { 240, "..." }, { 1000, "..." } };

START_TEST(set_long_text_is_cut_visibly)
{
	char text[1001] = "";
	struct err e;

	memset(text, 'x', (size_t)texts[_i].len);
	(void)err_set(&e, EINVAL, "%s", text);
	ck_assert_uint_lt(strlen(e.msg), sizeof(e.msg));
	ck_assert_str_eq(e.msg + strlen(e.msg) - 3, texts[_i].end);
}
END_TEST

START_TEST(errno_text_that_does_not_fit_is_cut_visibly)
{
	struct err e;
	char text[231] = "";

	memset(text, 'x', sizeof(text) - 1);
	(void)err_errno(&e, ENOENT, "%s", text);
	ck_assert_uint_eq(strlen(e.msg), sizeof(e.msg) - 1);
	ck_assert_str_eq(e.msg + strlen(e.msg) - 3, "...");
}
END_TEST

START_TEST(wrap_that_does_not_fit_is_cut_visibly)
{
	struct err e;
	char text[201] = "";

	memset(text, 'x', sizeof(text) - 1);
	(void)err_set(&e, EINVAL, "%s", text);
	(void)err_wrap(&e, -EINVAL, "%s", text);
	ck_assert_uint_eq(strlen(e.msg), sizeof(e.msg) - 1);
	ck_assert_str_eq(e.msg + strlen(e.msg) - 3, "...");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("err");
	TCase *tc = tcase_create("err");

	tcase_add_test(tc, set_formats_and_returns_the_negative_code);
	tcase_add_test(tc, errno_adds_its_text);
	tcase_add_test(tc, wrap_puts_context_before_and_keeps_the_code);
	tcase_add_test(tc, every_function_without_object_only_returns);
	tcase_add_loop_test(tc, set_long_text_is_cut_visibly, 0, ARRAY_SIZE(texts));
	tcase_add_test(tc, errno_text_that_does_not_fit_is_cut_visibly);
	tcase_add_test(tc, wrap_that_does_not_fit_is_cut_visibly);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
