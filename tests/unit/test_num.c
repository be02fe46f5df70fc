/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/num.h"

#include <errno.h>

/* What a failed parse must leave in its result. */
#define UNTOUCHED 0x5eedULL

struct sample {
	const char *text;
	int r;
	uint64_t value;
};

static const struct sample numbers[] = {
	{ "0", 0, 0 },
	{ "007", 0, 7 },
	{ "0x0", 0, 0 },
	{ "0xfF", 0, 255 },
	{ "0XA", 0, 10 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "0xffffffffffffffff", 0, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, UNTOUCHED },
	{ "0x10000000000000000", -ERANGE, UNTOUCHED },
	{ "", -EINVAL, UNTOUCHED },
	{ "0x", -EINVAL, UNTOUCHED },
	{ "-1", -EINVAL, UNTOUCHED },
	{ "+1", -EINVAL, UNTOUCHED },
	{ " 1", -EINVAL, UNTOUCHED },
	{ "1 ", -EINVAL, UNTOUCHED },
	{ "12a", -EINVAL, UNTOUCHED },
	{ "ff", -EINVAL, UNTOUCHED },
	{ "0x1g", -EINVAL, UNTOUCHED },
	{ "1.5", -EINVAL, UNTOUCHED },
};

static const struct sample sizes[] = {
	{ "256", 0, 256 * MiB },
	{ "0", 0, 0 },
	{ "512B", 0, 512 },
	{ "4k", 0, 4 * KiB },
	{ "4KB", 0, 4 * KiB },
	{ "1M", 0, MiB },
	{ "6GiB", 0, 6 * GiB },
	{ "2t", 0, 2 * TiB },
	{ "16777215T", 0, 16777215 * TiB },
	{ "16777216T", -ERANGE, UNTOUCHED },
	{ "17592186044416", -ERANGE, UNTOUCHED },
	{ "99999999999999999999", -ERANGE, UNTOUCHED },
	{ "", -EINVAL, UNTOUCHED },
	{ "M", -EINVAL, UNTOUCHED },
	{ "1iB", -EINVAL, UNTOUCHED },
	{ "1Mi", -EINVAL, UNTOUCHED },
	{ "1MM", -EINVAL, UNTOUCHED },
	{ "1P", -EINVAL, UNTOUCHED },
	{ "1 M", -EINVAL, UNTOUCHED },
	{ "-1M", -EINVAL, UNTOUCHED },
	{ "0x10", -EINVAL, UNTOUCHED },
	{ "1.5G", -EINVAL, UNTOUCHED },
};

static const struct sample times[] = {
	{ "10", 0, 10000 },
	{ "0", 0, 0 },
	{ "0.5", 0, 500 },
	{ "1.25", 0, 1250 },
	{ "0.001", 0, 1 },
	{ "0.0001", 0, 1 }, /* a time that is given is never none */
	{ "0.9999", 0, 1000 },
	{ "0.0000000", 0, 0 },
	{ "1.0010000", 0, 1001 },
	{ "18446744073709551.615", 0, UINT64_MAX },
	{ "18446744073709551.616", -ERANGE, UNTOUCHED },
	{ "18446744073709552", -ERANGE, UNTOUCHED },
	{ "", -EINVAL, UNTOUCHED },
	{ ".5", -EINVAL, UNTOUCHED },
	{ "1.", -EINVAL, UNTOUCHED },
	{ "1.5s", -EINVAL, UNTOUCHED },
	{ "1.5.1", -EINVAL, UNTOUCHED },
	{ "1s", -EINVAL, UNTOUCHED },
	{ "-1", -EINVAL, UNTOUCHED },
	{ "1e3", -EINVAL, UNTOUCHED },
	{ "1.-5", -EINVAL, UNTOUCHED },
};

START_TEST(parse_sample_gives_its_value)
{
	const struct sample *s = &numbers[_i];
	uint64_t v = UNTOUCHED;

	ck_assert_int_eq(num_parse(s->text, &v), s->r);
	ck_assert_uint_eq(v, s->value);
}
END_TEST

START_TEST(parse_size_sample_gives_its_bytes)
{
	const struct sample *s = &sizes[_i];
	uint64_t v = UNTOUCHED;

	ck_assert_int_eq(num_parse_size(s->text, MiB, &v), s->r);
	ck_assert_uint_eq(v, s->value);
}
END_TEST

START_TEST(parse_ms_sample_gives_its_time)
{
	const struct sample *s = &times[_i];
	uint64_t v = UNTOUCHED;

	ck_assert_int_eq(num_parse_ms(s->text, &v), s->r);
	ck_assert_uint_eq(v, s->value);
}
END_TEST

START_TEST(align_at_and_beside_a_multiple_rounds)
{
	ck_assert_uint_eq(num_align_up(0, 4096), 0);
	ck_assert_uint_eq(num_align_up(1, 4096), 4096);
	ck_assert_uint_eq(num_align_up(4096, 4096), 4096);
	ck_assert_uint_eq(num_align_down(4095, 4096), 0);
	ck_assert_uint_eq(num_align_down(4096, 4096), 4096);
}
END_TEST

START_TEST(is_pow2_of_zero_and_others_says_so)
{
	ck_assert(!num_is_pow2(0));
	ck_assert(num_is_pow2(1));
	ck_assert(!num_is_pow2(11));
	ck_assert(num_is_pow2(1ULL << 63));
}
END_TEST

START_TEST(inside_at_the_ends_does_not_wrap)
{
	ck_assert(num_inside(0, 10, 10));
	ck_assert(num_inside(10, 0, 10));
	ck_assert(!num_inside(10, 1, 10));
	ck_assert(!num_inside(11, 0, 10));
	ck_assert(!num_inside(5, UINT64_MAX, 10));
	ck_assert(!num_inside(UINT64_MAX, 2, 10));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("num");
	TCase *tc = tcase_create("num");

	tcase_add_loop_test(tc, parse_sample_gives_its_value, 0, ARRAY_SIZE(numbers));
	tcase_add_loop_test(tc, parse_size_sample_gives_its_bytes, 0, ARRAY_SIZE(sizes));
	tcase_add_loop_test(tc, parse_ms_sample_gives_its_time, 0, ARRAY_SIZE(times));
	tcase_add_test(tc, align_at_and_beside_a_multiple_rounds);
	tcase_add_test(tc, is_pow2_of_zero_and_others_says_so);
	tcase_add_test(tc, inside_at_the_ends_does_not_wrap);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
