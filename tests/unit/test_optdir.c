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
	ck_assert(!root.share);
}
END_TEST

START_TEST(root_that_is_readonly_is_taken)
{
	ck_assert_int_eq(optdir_parse_root(&root, "/tmp,ro,owner=root", &e), 1);
	ck_assert(root.readonly && root.owner_root);
}
END_TEST

START_TEST(root_that_is_shared_is_taken)
{
	ck_assert_int_eq(optdir_parse_root(&root, "/tmp,share", &e), 1);
	ck_assert_str_eq(root.path, "/tmp");
	ck_assert(root.share);
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
	{ "/tmp,cow", "'cow' is not a key of a root that is a directory" },
	{ "/tmp,owner", "'owner' is not a key" },
	{ "/tmp,owner=me", "owner='me' is not owner=root" },
	{ "/tmp,owner=root,owner=root", "is not a key" },
	{ "/tmp,", "'' is not a key" },
	{ "/tmp,share=1", "'share=1' is not a key" },
	{ "/tmp,share,owner=root", "do not go together" },
};

START_TEST(root_with_wrong_key_is_refused_by_name)
{
	ck_assert_int_eq(optdir_parse_root(&root, wrong_roots[_i].value, &e), -EINVAL);
	ck_assert_msg(strstr(e.msg, wrong_roots[_i].why), "%s", e.msg);
	ck_assert_ptr_null(root.value);
}
END_TEST

static const struct {
	const char *value, *dir, *tag;
	bool readonly;
} shares[] = {
	{ "/srv:data", "/srv", "data", false },
	{ "/srv:data,ro", "/srv", "data", true },
	{ "a:b:c", "a:b", "c", false },
	{ "a,,b:c", "a,b", "c", false },
	{ "path=/a:b,tag=c,ro", "/a:b", "c", true },
	{ "tag=c,path=d", "d", "c", false },
};

START_TEST(share_is_taken)
{
	struct config_backend b;

	ck_assert_msg(optdir_parse_backend(&b, shares[_i].value, true, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(b.kind, BACKEND_FS);
	ck_assert_str_eq(b.dir, shares[_i].dir);
	ck_assert_str_eq(b.tag, shares[_i].tag);
	ck_assert_int_eq(b.readonly, shares[_i].readonly);
	free(b.value);
}
END_TEST

static const struct {
	const char *value, *why;
	int r;
} wrong_shares[] = {
	{ "/srv", "'/srv' is not DIR:TAG", -EINVAL },
	{ "", "'' is not DIR:TAG", -EINVAL },
	{ ":tag", "a directory and a tag are needed", -EINVAL },
	{ "path=/srv", "a directory and a tag are needed", -EINVAL },
	{ "/srv:", "'' has 0 characters", -ERANGE },
	{ "/srv:a b", "'a b' has a character other than", -EINVAL },
	{ "/srv:1234567890123456789012345678901234567", "has 37 characters, not 1 to 36", -ERANGE },
	{ "/srv:data,rw", "unknown word 'rw'", -EINVAL },
	{ "/srv:data,tag=more", "'tag' is given twice", -EINVAL },
};

START_TEST(share_that_is_wrong_is_refused_by_name)
{
	struct config_backend b;

	ck_assert_int_eq(optdir_parse_backend(&b, wrong_shares[_i].value, true, &e),
	                 wrong_shares[_i].r);
	ck_assert_msg(strstr(e.msg, wrong_shares[_i].why), "%s", e.msg);
}
END_TEST

static const struct {
	const char *value;
	enum config_backend_kind kind;
	const char *tag;
} peers[] = {
	{ "fs,socket=/s,tag=t", BACKEND_FS, "t" },
	{ "socket=/s,tag=t,fs", BACKEND_FS, "t" },
	{ "blk,socket=/s", BACKEND_BLK, NULL },
	{ "net,socket=/s", BACKEND_NET, NULL },
};

START_TEST(vhost_user_is_taken)
{
	struct config_backend b;

	ck_assert_msg(optdir_parse_backend(&b, peers[_i].value, false, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(b.kind, peers[_i].kind);
	ck_assert_ptr_null(b.dir);
	ck_assert_str_eq(b.socket, "/s");
	ck_assert_pstr_eq(b.tag, peers[_i].tag);
	free(b.value);
}
END_TEST

static const struct {
	const char *value, *why;
} wrong_peers[] = {
	{ "socket=/s", "one kind of device is needed" },
	{ "fs,blk,socket=/s", "one kind of device is needed" },
	{ "gpu,socket=/s", "unknown word 'gpu'" },
	{ "blk", "'socket=PATH' is needed" },
	{ "blk,socket=", "'socket=PATH' is needed" },
	{ "fs,socket=/s", "'tag=' is needed with 'fs'" },
	{ "net,socket=/s,tag=t", "goes with nothing else" },
	{ "fs,socket=/s,tag=a/b", "'a/b'" },
};

START_TEST(vhost_user_that_is_wrong_is_refused_by_name)
{
	struct config_backend b;

	ck_assert_int_eq(optdir_parse_backend(&b, wrong_peers[_i].value, false, &e), -EINVAL);
	ck_assert_msg(strstr(e.msg, wrong_peers[_i].why), "%s", e.msg);
}
END_TEST

#define N(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	Suite *s = suite_create("optdir");
	TCase *t = tcase_create("optdir");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, root_that_is_a_directory_is_taken);
	tcase_add_test(t, root_key_owner_is_taken);
	tcase_add_test(t, root_that_is_readonly_is_taken);
	tcase_add_test(t, root_that_is_shared_is_taken);
	tcase_add_loop_test(t, root_that_is_no_directory_is_left_alone, 0,
	                    sizeof(others) / sizeof(others[0]));
	tcase_add_loop_test(t, root_with_wrong_key_is_refused_by_name, 0,
	                    sizeof(wrong_roots) / sizeof(wrong_roots[0]));
	tcase_add_loop_test(t, share_is_taken, 0, N(shares));
	tcase_add_loop_test(t, share_that_is_wrong_is_refused_by_name, 0, N(wrong_shares));
	tcase_add_loop_test(t, vhost_user_is_taken, 0, N(peers));
	tcase_add_loop_test(t, vhost_user_that_is_wrong_is_refused_by_name, 0, N(wrong_peers));
	suite_add_tcase(s, t);
	return run_suite(s);
}
