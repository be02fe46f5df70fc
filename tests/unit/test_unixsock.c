/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/unixsock.h"

#include "tests/unit/run.h"

#include <stdio.h>
#include <sys/stat.h>

static char dir[32], path[64];

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/vmm-unixsock-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/socket", dir);
}

static void tear_down(void)
{
	(void)remove(path);
	(void)rmdir(dir);
}

/* The caller's umask, and the mode of a socket made under it. */
static const struct {
	mode_t umask, mode;
} modes[] = {
	{ 0, 0600 },
	{ 0022, 0600 },
	{ 0077, 0600 },
	{ 0277, 0400 },
};

START_TEST(listen_is_for_its_owner_alone)
{
	struct stat st;
	int fd;

	umask(modes[_i].umask);
	fd = unixsock_listen(path, NULL);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, modes[_i].mode);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("unixsock");
	TCase *t = tcase_create("unixsock");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, listen_is_for_its_owner_alone, 0, ARRAY_SIZE(modes));
	suite_add_tcase(s, t);
	return run_suite(s);
}
