/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/iov.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <string.h>

/* "abc" + "" + "defg" + "h": an empty segment in the middle, as a careless caller could make. */
struct fixture {
	char a[3], b[4], c[1];
	struct iovec v[4];
	struct iov_cur cur;
};

static void fill(struct fixture *f)
{
	memcpy(f->a, "abc", 3);
	memcpy(f->b, "defg", 4);
	memcpy(f->c, "h", 1);
	f->v[0] = (struct iovec){ f->a, 3 };
	f->v[1] = (struct iovec){ f->b, 0 };
	f->v[2] = (struct iovec){ f->b, 4 };
	f->v[3] = (struct iovec){ f->c, 1 };
	f->cur = (struct iov_cur){ .v = f->v, .n = 4, .left = 8 };
}

START_TEST(read_across_segments_copies_in_order)
{
	struct fixture f;
	char got[9] = "";

	fill(&f);
	ck_assert_int_eq(iov_read(&f.cur, got, 2), 0);
	ck_assert_int_eq(iov_read(&f.cur, got + 2, 6), 0);
	ck_assert_str_eq(got, "abcdefgh");
	ck_assert_uint_eq(f.cur.left, 0);
}
END_TEST

START_TEST(read_past_end_copies_nothing)
{
	struct fixture f;
	char got[9] = "untouch.";

	fill(&f);
	ck_assert_int_eq(iov_read(&f.cur, got, 9), -ENODATA);
	ck_assert_str_eq(got, "untouch.");
	ck_assert_uint_eq(f.cur.left, 8);
}
END_TEST

START_TEST(read_of_nothing_from_empty_cursor_succeeds)
{
	struct iov_cur c = { 0 };
	char none;

	ck_assert_int_eq(iov_read(&c, &none, 0), 0);
	ck_assert_int_eq(iov_read(&c, &none, 1), -ENODATA);
}
END_TEST

START_TEST(write_across_segments_fills_in_order)
{
	struct fixture f;

	fill(&f);
	ck_assert_int_eq(iov_write(&f.cur, "12345", 5), 0);
	ck_assert_mem_eq(f.a, "123", 3);
	ck_assert_mem_eq(f.b, "45fg", 4);
	ck_assert_uint_eq(f.cur.left, 3);
}
END_TEST

START_TEST(write_past_end_writes_nothing)
{
	struct fixture f;

	fill(&f);
	ck_assert_int_eq(iov_write(&f.cur, "123456789", 9), -ENODATA);
	ck_assert_mem_eq(f.a, "abc", 3);
}
END_TEST

/* Every place where the tail can begin. */
START_TEST(split_tail_anywhere_parts_the_bytes)
{
	size_t tail_len = (size_t)_i;
	struct fixture f;
	struct iov_cur tail;
	char got[9] = "";

	fill(&f);
	ck_assert_int_eq(iov_split_tail(&f.cur, tail_len, &tail), 0);
	ck_assert_uint_eq(f.cur.left, 8 - tail_len);
	ck_assert_uint_eq(tail.left, tail_len);
	ck_assert_int_eq(iov_read(&f.cur, got, 8 - tail_len), 0);
	ck_assert_int_eq(iov_read(&f.cur, got, 1), -ENODATA);
	ck_assert_int_eq(iov_read(&tail, got + 8 - tail_len, tail_len), 0);
	ck_assert_str_eq(got, "abcdefgh");
}
END_TEST

START_TEST(split_tail_longer_than_cursor_changes_nothing)
{
	struct fixture f;
	struct iov_cur tail = { .left = 77 };

	fill(&f);
	ck_assert_int_eq(iov_split_tail(&f.cur, 9, &tail), -ENODATA);
	ck_assert_uint_eq(f.cur.left, 8);
	ck_assert_uint_eq(f.cur.n, 4);
	ck_assert_uint_eq(tail.left, 77);
}
END_TEST

START_TEST(split_tail_counts_the_segments_that_stay)
{
	struct fixture f;
	struct iov_cur tail;

	fill(&f);
	ck_assert_int_eq(iov_split_tail(&f.cur, 1, &tail), 0);
	ck_assert_uint_eq(f.cur.n, 3);
	ck_assert_uint_eq(tail.n, 1);
}
END_TEST

START_TEST(take_part_of_a_cursor_gives_its_segments)
{
	struct fixture f;
	struct iovec got[4];
	unsigned n;
	char skipped;

	fill(&f);
	ck_assert_int_eq(iov_read(&f.cur, &skipped, 1), 0);
	ck_assert_uint_eq(iov_take(&f.cur, 4, got, 4, &n), 4);
	ck_assert_uint_eq(n, 2);
	ck_assert_ptr_eq(got[0].iov_base, f.a + 1);
	ck_assert_uint_eq(got[0].iov_len, 2);
	ck_assert_ptr_eq(got[1].iov_base, f.b);
	ck_assert_uint_eq(got[1].iov_len, 2);
	ck_assert_uint_eq(f.cur.left, 3);
}
END_TEST

START_TEST(take_with_too_few_segments_takes_less)
{
	struct fixture f;
	struct iovec got[1];
	unsigned n;

	fill(&f);
	ck_assert_uint_eq(iov_take(&f.cur, 8, got, 1, &n), 3);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(iov_take(&f.cur, 5, got, 1, &n), 4);
	ck_assert_uint_eq(iov_take(&f.cur, 1, got, 1, &n), 1);
	ck_assert_uint_eq(f.cur.left, 0);
}
END_TEST

START_TEST(take_more_than_left_is_cut)
{
	struct fixture f;
	struct iovec got[4];
	unsigned n;

	fill(&f);
	ck_assert_uint_eq(iov_take(&f.cur, SIZE_MAX, got, 4, &n), 8);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(iov_take(&f.cur, 1, got, 4, &n), 0);
	ck_assert_uint_eq(n, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("iov");
	TCase *tc = tcase_create("iov");

	tcase_add_test(tc, read_across_segments_copies_in_order);
	tcase_add_test(tc, read_past_end_copies_nothing);
	tcase_add_test(tc, read_of_nothing_from_empty_cursor_succeeds);
	tcase_add_test(tc, write_across_segments_fills_in_order);
	tcase_add_test(tc, write_past_end_writes_nothing);
	tcase_add_loop_test(tc, split_tail_anywhere_parts_the_bytes, 0, 9);
	tcase_add_test(tc, split_tail_longer_than_cursor_changes_nothing);
	tcase_add_test(tc, split_tail_counts_the_segments_that_stay);
	tcase_add_test(tc, take_part_of_a_cursor_gives_its_segments);
	tcase_add_test(tc, take_with_too_few_segments_takes_less);
	tcase_add_test(tc, take_more_than_left_is_cut);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
