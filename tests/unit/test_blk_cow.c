/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/blk_cow.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CLUSTER BLK_COW_CLUSTER
#define BYTES   (100 * CLUSTER + 512) /* the last cluster is not whole */

static struct blk_cow cow;
static int base;
static struct err e;

static void set_up(void)
{
	static char bytes[BYTES];
	char path[] = "/tmp/vmm-base-XXXXXX";

	base = mkostemp(path, O_CLOEXEC);
	ck_assert_int_ge(base, 0);
	unlink(path);
	memset(bytes, 'b', sizeof(bytes));
	ck_assert_int_eq(write(base, bytes, sizeof(bytes)), BYTES);
	cow.fd = -1;
	ck_assert_msg(blk_cow_open(&cow, BYTES, &e) == 0, "%s", e.msg);
}

static void tear_down(void)
{
	blk_cow_close(&cow);
	close(base);
}

/* Whether a byte of the overlay file came from the base. */
static bool copied(uint64_t offset)
{
	char byte;

	ck_assert_int_eq(pread(cow.fd, &byte, 1, (off_t)offset), 1);
	return byte == 'b';
}

START_TEST(open_makes_a_file_without_name_or_space)
{
	struct stat st;

	ck_assert_int_eq(fstat(cow.fd, &st), 0);
	ck_assert_int_eq(st.st_nlink, 0);
	ck_assert_int_eq(st.st_blocks, 0);
}
END_TEST

START_TEST(open_in_a_missing_folder_is_refused)
{
	struct blk_cow other = { .fd = -1 };

	setenv("TMPDIR", "/tmp/vmm-no-such-folder", 1);
	ck_assert_int_eq(blk_cow_open(&other, BYTES, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "'/tmp/vmm-no-such-folder', for which TMPDIR can name "
	                                    "another folder: No such file"));
	ck_assert_int_eq(other.fd, -1);
}
END_TEST

START_TEST(run_of_an_empty_overlay_is_all_base)
{
	uint64_t run;

	ck_assert(!blk_cow_run(&cow, 0, BYTES, &run));
	ck_assert_uint_eq(run, BYTES);
}
END_TEST

START_TEST(run_stops_where_the_answer_changes)
{
	uint64_t run;

	ck_assert_uint_eq(blk_cow_mark(&cow, 2 * CLUSTER, 3 * CLUSTER), 3 * CLUSTER);
	ck_assert(!blk_cow_run(&cow, 512, 10 * CLUSTER, &run));
	ck_assert_uint_eq(run, 2 * CLUSTER - 512);
	ck_assert(blk_cow_run(&cow, 2 * CLUSTER + 512, 10 * CLUSTER, &run));
	ck_assert_uint_eq(run, 3 * CLUSTER - 512);
	ck_assert(blk_cow_run(&cow, 4 * CLUSTER, 512, &run));
	ck_assert_uint_eq(run, 512);
}
END_TEST

START_TEST(has_asks_for_every_cluster)
{
	blk_cow_mark(&cow, 2 * CLUSTER, 2 * CLUSTER);
	ck_assert(blk_cow_has(&cow, 2 * CLUSTER + 1, 2 * CLUSTER - 1));
	ck_assert(!blk_cow_has(&cow, 2 * CLUSTER, 2 * CLUSTER + 1));
	ck_assert(!blk_cow_has(&cow, 2 * CLUSTER - 1, 2));
}
END_TEST

/* Writes: where, how long, and which of clusters 0, 1, 2 and 100 have to be copied first. */
static const struct {
	uint64_t offset, len;
	bool copies[4];
} writes[] = {
	{ 0, CLUSTER, { false, false, false, false } },
	{ 0, CLUSTER - 512, { true, false, false, false } },
	{ 512, CLUSTER - 512, { true, false, false, false } },
	{ 512, 512, { true, false, false, false } },
	{ 512, CLUSTER, { true, true, false, false } },
	{ 0, 2 * CLUSTER + 512, { false, false, true, false } },
	{ 512, 2 * CLUSTER, { true, false, true, false } },
	{ 100 * CLUSTER, 512, { false, false, false, false } },
	{ 99 * CLUSTER, CLUSTER + 512, { false, false, false, false } },
	{ 100 * CLUSTER, 256, { false, false, false, true } },
};

START_TEST(prepare_copies_the_clusters_at_the_edges)
{
	static const uint64_t at[] = { 0, CLUSTER, 2 * CLUSTER, 100 * CLUSTER };

	ck_assert_int_eq(blk_cow_prepare(&cow, base, writes[_i].offset, writes[_i].len), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		ck_assert_int_eq(copied(at[i]), writes[_i].copies[i]);
		ck_assert_int_eq(blk_cow_has(&cow, at[i], 1), writes[_i].copies[i]);
	}
	ck_assert_uint_eq(blk_cow_mark(&cow, writes[_i].offset, writes[_i].len), writes[_i].len);
	ck_assert(blk_cow_has(&cow, writes[_i].offset, writes[_i].len));
}
END_TEST

/* What the overlay has already is newer than the base. */
START_TEST(prepare_leaves_written_clusters_alone)
{
	blk_cow_mark(&cow, 0, CLUSTER);
	ck_assert_int_eq(blk_cow_prepare(&cow, base, 512, 512), 0);
	ck_assert(!copied(0));
}
END_TEST

START_TEST(prepare_on_a_short_base_fails)
{
	ck_assert_int_eq(ftruncate(base, CLUSTER), 0);
	ck_assert_int_eq(blk_cow_prepare(&cow, base, 2 * CLUSTER, 512), -ENODATA);
	ck_assert(!blk_cow_has(&cow, 2 * CLUSTER, 512));
}
END_TEST

START_TEST(mark_of_a_short_write_counts_whole_clusters)
{
	ck_assert_int_eq(blk_cow_prepare(&cow, base, 512, 4 * CLUSTER), 0);
	ck_assert_uint_eq(blk_cow_mark(&cow, 512, 2 * CLUSTER), 2 * CLUSTER - 512);
	ck_assert(blk_cow_has(&cow, 0, 2 * CLUSTER));
	ck_assert(!blk_cow_has(&cow, 2 * CLUSTER, 1));
}
END_TEST

START_TEST(mark_of_less_than_a_cluster_counts_nothing)
{
	ck_assert_uint_eq(blk_cow_mark(&cow, CLUSTER, 512), 0);
	ck_assert(!blk_cow_has(&cow, CLUSTER, 512));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blk_cow");
	TCase *t = tcase_create("cow");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, open_makes_a_file_without_name_or_space);
	tcase_add_test(t, open_in_a_missing_folder_is_refused);
	tcase_add_test(t, run_of_an_empty_overlay_is_all_base);
	tcase_add_test(t, run_stops_where_the_answer_changes);
	tcase_add_test(t, has_asks_for_every_cluster);
	tcase_add_loop_test(t, prepare_copies_the_clusters_at_the_edges, 0, ARRAY_SIZE(writes));
	tcase_add_test(t, prepare_leaves_written_clusters_alone);
	tcase_add_test(t, prepare_on_a_short_base_fails);
	tcase_add_test(t, mark_of_a_short_write_counts_whole_clusters);
	tcase_add_test(t, mark_of_less_than_a_cluster_counts_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
