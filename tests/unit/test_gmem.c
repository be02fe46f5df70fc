/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/gmem.h"
#include "vmm/num.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define LOW_SIZE  (4 * MiB)
#define HIGH_BASE (4 * GiB)
#define HIGH_SIZE (64 * KiB)

/* Two regions with a gap between them, as every guest above 3 GiB has. */
static void two_regions(struct gmem *m)
{
	*m = (struct gmem){ 0 };
	ck_assert_int_eq(gmem_add(m, GPA(0), LOW_SIZE, NULL), 0);
	ck_assert_int_eq(gmem_add(m, GPA(HIGH_BASE), HIGH_SIZE, NULL), 0);
}

START_TEST(add_aligned_region_begins_on_a_huge_page_of_zeros)
{
	struct gmem m;

	two_regions(&m);
	ck_assert_uint_eq((uintptr_t)m.region[0].host % (2 * MiB), 0);
	ck_assert_uint_eq((uintptr_t)m.region[1].host % (2 * MiB), 0);
	ck_assert_uint_eq(m.region[1].host[HIGH_SIZE - 1], 0);
	ck_assert_uint_eq(gmem_size(&m), LOW_SIZE + HIGH_SIZE);
	gmem_fini(&m);
}
END_TEST

static const struct {
	uint64_t base, size;
	int r;
} refused[] = {
	{ HIGH_BASE, 0, -EINVAL },          { HIGH_BASE, 4095, -EINVAL },
	{ HIGH_BASE + 1, 4096, -EINVAL },   { 0, 4096, -EINVAL }, /* overlaps the first */
	{ LOW_SIZE - 4096, 8192, -EINVAL }, { HIGH_BASE, UINT64_MAX - 4095, -ENOMEM },
	{ HIGH_BASE, 1ULL << 62, -ENOMEM },
};

START_TEST(add_bad_region_is_refused_in_words)
{
	struct gmem m = { 0 };
	struct err e = { "" };

	ck_assert_int_eq(gmem_add(&m, GPA(0), LOW_SIZE, &e), 0);
	ck_assert_int_eq(gmem_add(&m, GPA(refused[_i].base), refused[_i].size, &e), refused[_i].r);
	ck_assert_str_ne(e.msg, "");
	ck_assert_uint_eq(m.n_regions, 1);
	gmem_fini(&m);
}
END_TEST

START_TEST(add_third_region_is_refused)
{
	struct gmem m;

	two_regions(&m);
	ck_assert_int_eq(gmem_add(&m, GPA(2 * HIGH_BASE), 4096, NULL), -EINVAL);
	gmem_fini(&m);
}
END_TEST

static const struct {
	uint64_t base, len;
	int region; /* -1: no pointer */
} spans[] = {
	{ 0, 1, 0 },
	{ 0, LOW_SIZE, 0 },
	{ LOW_SIZE - 1, 1, 0 },
	{ LOW_SIZE - 1, 2, -1 },
	{ LOW_SIZE, 0, -1 },
	{ LOW_SIZE, 1, -1 },
	{ 1, UINT64_MAX, -1 },
	{ 0, HIGH_BASE + 1, -1 }, /* both regions and the gap */
	{ HIGH_BASE - 1, 2, -1 },
	{ HIGH_BASE, 0, 1 },
	{ HIGH_BASE, HIGH_SIZE, 1 },
	{ HIGH_BASE, HIGH_SIZE + 1, -1 },
	{ HIGH_BASE + HIGH_SIZE, 1, -1 },
	{ UINT64_MAX, 1, -1 },
	{ UINT64_MAX, UINT64_MAX, -1 },
};

START_TEST(span_lies_in_one_region_or_is_refused)
{
	struct gmem m;
	const void *want[3] = { NULL };

	two_regions(&m);
	want[1] = m.region[0].host + spans[_i].base;
	want[2] = m.region[1].host + (spans[_i].base - HIGH_BASE);
	ck_assert_ptr_eq(gmem_span(&m, GPA(spans[_i].base), spans[_i].len),
	                 want[spans[_i].region + 1]);
	gmem_fini(&m);
}
END_TEST

START_TEST(fini_of_zeroed_and_finished_memory_is_fine)
{
	struct gmem m = { 0 };

	gmem_fini(&m);
	two_regions(&m);
	gmem_fini(&m);
	gmem_fini(&m);
	ck_assert_uint_eq(gmem_size(&m), 0);
	ck_assert_ptr_null(gmem_span(&m, GPA(0), 0));
}
END_TEST

/* The second one others map too. */
static const bool shared[] = { false, true };

START_TEST(restore_brings_back_what_was_kept_and_clears_the_rest)
{
	struct gmem m;

	two_regions(&m);
	ck_assert(!shared[_i] || gmem_share(&m, NULL) == 0);
	ck_assert_int_eq(gmem_keep_begin(&m, NULL), 0);
	m.region[0].host[5000] = 1;
	m.region[1].host[HIGH_SIZE - 1] = 2;
	ck_assert_int_eq(gmem_keep_end(&m, NULL), 0);
	ck_assert_uint_eq(m.region[0].host[5000], 1);
	memset(m.region[0].host, 0xff, LOW_SIZE);
	memset(m.region[1].host, 0xff, HIGH_SIZE);

	ck_assert_int_eq(gmem_restore(&m), 0);

	ck_assert_uint_eq(m.region[0].host[5000], 1);
	ck_assert_uint_eq(m.region[0].host[5001], 0);
	ck_assert_uint_eq(m.region[0].host[0], 0);
	ck_assert_uint_eq(m.region[0].host[LOW_SIZE - 1], 0);
	ck_assert_uint_eq(m.region[1].host[HIGH_SIZE - 1], 2);
	ck_assert_uint_eq(m.region[1].host[0], 0);
	ck_assert_int_eq(m.region[1].fd >= 0, shared[_i]);
	gmem_fini(&m);
}
END_TEST

START_TEST(restore_brings_back_a_second_time)
{
	struct gmem m;

	two_regions(&m);
	ck_assert_int_eq(gmem_keep_begin(&m, NULL), 0);
	m.region[0].host[0] = 1;
	ck_assert_int_eq(gmem_keep_end(&m, NULL), 0);
	m.region[0].host[0] = 2;
	ck_assert_int_eq(gmem_restore(&m), 0);
	m.region[0].host[0] = 3;

	ck_assert_int_eq(gmem_restore(&m), 0);

	ck_assert_uint_eq(m.region[0].host[0], 1);
	gmem_fini(&m);
}
END_TEST

START_TEST(keep_begin_half_done_is_given_back)
{
	struct gmem m;
	int next;

	two_regions(&m);
	next = dup(STDIN_FILENO);
	close(next);
	ck_assert_int_eq(gmem_keep_begin(&m, NULL), 0);

	gmem_fini(&m);

	ck_assert_int_eq(dup(STDIN_FILENO), next);
	close(next);
}
END_TEST

START_TEST(file_beyond_the_limit_of_files_names_it)
{
	const struct rlimit low = { LOW_SIZE / 2, RLIM_INFINITY };
	struct rlimit was;
	struct err e = { "" };
	struct gmem m;

	two_regions(&m);
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);

	ck_assert_int_eq(_i ? gmem_share(&m, &e) : gmem_keep_begin(&m, &e), -EFBIG);

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	ck_assert_ptr_nonnull(strstr(e.msg, "ulimit -f"));
	gmem_fini(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gmem");
	TCase *tc = tcase_create("gmem");

	tcase_add_test(tc, add_aligned_region_begins_on_a_huge_page_of_zeros);
	tcase_add_loop_test(tc, add_bad_region_is_refused_in_words, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, add_third_region_is_refused);
	tcase_add_loop_test(tc, restore_brings_back_what_was_kept_and_clears_the_rest, 0, 2);
	tcase_add_test(tc, restore_brings_back_a_second_time);
	tcase_add_test(tc, keep_begin_half_done_is_given_back);
	tcase_add_loop_test(tc, file_beyond_the_limit_of_files_names_it, 0, 2);
	tcase_add_loop_test(tc, span_lies_in_one_region_or_is_refused, 0, ARRAY_SIZE(spans));
	tcase_add_test(tc, fini_of_zeroed_and_finished_memory_is_fine);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
