/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a control socket, and sockets that were inherited. */
#include "vmm/control_socket.h"

#include "tests/unit/control_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

START_TEST(inherit_listener_of_others_is_refused)
{
	struct err e = { 0 };
	bool listens = false;
	int fd = control_socket_listen(path, true, NULL);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert_int_eq(control_socket_inherit(fd, false, &listens, &e), -EPERM);
	ck_assert_ptr_nonnull(strstr(e.msg, "SocketMode=0600"));
	ck_assert_int_eq(control_socket_inherit(fd, true, &listens, &e), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_eq(control_socket_inherit(fd, false, &listens, &e), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(control_socket_inherit(fd, false, &listens, &e), -ENOENT);
	close(fd);
}
END_TEST

START_TEST(inherit_listener_without_a_file_is_refused)
{
	struct sockaddr_un abstract = { .sun_family = AF_UNIX };
	int unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err e = { 0 };
	bool listens;

	/* Bound to no more than its family, it gets a name of the kernel's choice. */
	ck_assert_int_eq(bind(unix_fd, (struct sockaddr *)&abstract, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(unix_fd, 1), 0);
	ck_assert_int_eq(listen(tcp_fd, 1), 0);

	ck_assert_int_eq(control_socket_inherit(unix_fd, true, &listens, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "bind it to a path"));
	ck_assert_int_eq(control_socket_inherit(tcp_fd, true, &listens, &e), -EINVAL);
	close(unix_fd);
	close(tcp_fd);
}
END_TEST

START_TEST(inherit_what_is_no_stream_socket_is_refused)
{
	struct err e = { 0 };
	bool listens;
	int pair[2];

	ck_assert_int_eq(control_socket_inherit(-1, false, &listens, &e), -EBADF);
	ck_assert_int_eq(control_socket_inherit(STDIN_FILENO, false, &listens, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "--control fd=0: this is not a socket"));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(control_socket_inherit(pair[0], false, &listens, &e), -EINVAL);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(listen_living_socket_is_refused_with_its_process)
{
	struct err e = { 0 };
	char pid[32];
	int fd = control_socket_listen(path, false, NULL);

	ck_assert_int_ge(fd, 0);
	(void)snprintf(pid, sizeof(pid), "process %d", (int)getpid());

	ck_assert_int_eq(control_socket_listen(path, false, &e), -EADDRINUSE);

	ck_assert_ptr_nonnull(strstr(e.msg, pid));
	close(fd);
}
END_TEST

START_TEST(listen_dead_socket_is_taken_over)
{
	int fd = control_socket_listen(path, false, NULL), again;

	ck_assert_int_ge(fd, 0);
	close(fd);

	again = control_socket_listen(path, false, NULL);

	ck_assert_int_ge(again, 0);
	close(connect_to(path));
	close(again);
}
END_TEST

START_TEST(listen_other_file_is_left_alone)
{
	struct err e = { 0 };
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);

	ck_assert_int_eq(control_socket_listen(path, false, &e), -EEXIST);

	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_ptr_nonnull(strstr(e.msg, "not a socket"));
}
END_TEST

#define TEN(s) s s s s s s s s s s

static const char *const long_names[] = { "qmp", TEN("0123456789") "x",
	                                  TEN(TEN("x")) TEN(TEN("y")) };

START_TEST(listen_long_path_works_again_and_again)
{
	char deep[256], socket_path[512];
	struct stat st;
	int fd;

	(void)snprintf(deep, sizeof(deep), "%s/%0150d", dir, 1);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/%s", deep, long_names[_i]);
	ck_assert_int_eq(mkdir(deep, 0700), 0);

	fd = control_socket_listen(socket_path, false, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(control_socket_listen(socket_path, false, NULL), -EADDRINUSE);
	close(fd);
	fd = control_socket_listen(socket_path, false, NULL);
	ck_assert_int_ge(fd, 0);

	ck_assert_int_eq(lstat(socket_path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	close(fd);
	ck_assert_int_eq(unlink(socket_path), 0);
	ck_assert_int_eq(rmdir(deep), 0);
}
END_TEST

static const char *const bad_paths[] = { "/nonexistent/folder/qmp", "/tmp/", "/dev/null/x" };

START_TEST(listen_impossible_path_is_named)
{
	struct err e = { 0 };

	ck_assert_int_lt(control_socket_listen(bad_paths[_i], false, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.msg, bad_paths[_i]));
}
END_TEST

static TCase *listen_case(void)
{
	TCase *t = tcase_create("listen");

	tcase_add_checked_fixture(t, make_dir, drop_dir);
	tcase_add_test(t, inherit_what_is_no_stream_socket_is_refused);
	tcase_add_test(t, inherit_listener_of_others_is_refused);
	tcase_add_test(t, inherit_listener_without_a_file_is_refused);
	tcase_add_test(t, listen_living_socket_is_refused_with_its_process);
	tcase_add_test(t, listen_dead_socket_is_taken_over);
	tcase_add_test(t, listen_other_file_is_left_alone);
	tcase_add_loop_test(t, listen_long_path_works_again_and_again, 0, ARRAY_SIZE(long_names));
	tcase_add_loop_test(t, listen_impossible_path_is_named, 0, ARRAY_SIZE(bad_paths));
	return t;
}

int main(void)
{
	Suite *s = suite_create("control_socket");

	suite_add_tcase(s, listen_case());
	return run_suite(s);
}
