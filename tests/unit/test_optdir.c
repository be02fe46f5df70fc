/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optdir.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <string.h>

static struct config_root_dir root;
static struct err e;

static void setup(void)
{
	root = (struct config_root_dir){ 0 };
}

static void teardown(void)
{
	free(root.value);
}

START_TEST(root_that_is_a_directory_is_taken)
{
	ck_assert_int_eq(optdir_parse_root(&root, "/tmp", &e), 1);
	ck_assert_str_eq(root.path, "/tmp");
	ck_assert(!root.owner_root);
}
END_TEST

START_TEST(root_key_owner_is_taken)
{
	ck_assert_int_eq(optdir_parse_root(&root, "/tmp,owner=root", &e), 1);
	ck_assert_str_eq(root.path, "/tmp");
	ck_assert(root.owner_root);
}
END_TEST

/* Files, devices, and what is not there are for --rootfs as a disk to judge. */
static const char *const others[] = { "/dev/null", "/proc/version,ro", "/no/such", "path=/tmp",
	                              "" };

START_TEST(root_that_is_no_directory_is_left_alone)
{
	ck_assert_int_eq(optdir_parse_root(&root, others[_i], &e), 0);
	ck_assert_ptr_null(root.value);
}
END_TEST

static const struct {
	const char *value, *why;
} wrong_roots[] = {
	{ "/tmp,ro", "'ro' is not a key of a root that is a directory" },
	{ "/tmp,owner", "'owner' is not a key" },
	{ "/tmp,owner=me", "owner='me' is not owner=root" },
	{ "/tmp,owner=root,owner=root", "is not a key" },
	{ "/tmp,", "'' is not a key" },
};

START_TEST(root_with_wrong_key_is_refused_by_name)
{
	ck_assert_int_eq(optdir_parse_root(&root, wrong_roots[_i].value, &e), -EINVAL);
	ck_assert_msg(strstr(e.msg, wrong_roots[_i].why), "%s", e.msg);
	ck_assert_ptr_null(root.value);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("optdir");
	TCase *t = tcase_create("optdir");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, root_that_is_a_directory_is_taken);
	tcase_add_test(t, root_key_owner_is_taken);
	tcase_add_loop_test(t, root_that_is_no_directory_is_left_alone, 0,
	                    sizeof(others) / sizeof(others[0]));
	tcase_add_loop_test(t, root_with_wrong_key_is_refused_by_name, 0,
	                    sizeof(wrong_roots) / sizeof(wrong_roots[0]));
	suite_add_tcase(s, t);
	return run_suite(s);
}
