/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: who gets in, what becomes of clients that misbehave, and what is left behind. */
#include "vmm/control.h"

#include "tests/unit/qmp_rig.h"
#include "tests/unit/run.h"
#include "vmm/control_socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define HELLO "{\"execute\":\"qmp_capabilities\"}"

static struct qmp_rig rig;
static struct control control;
static struct loop loop;
static pthread_t thread;
static char dir[] = "/tmp/vmm-control-XXXXXX";
static char path[128];
static int fds_before;

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void *run(void *arg)
{
	(void)arg;
	ck_assert_int_eq(loop_run(&loop), 0);
	return NULL;
}

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/qmp", dir);
}

static void drop_dir(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

static void serve(void)
{
	struct err e = { 0 };

	ck_assert_msg(control_create(&control, &rig.qmp, &loop, NULL, &e) == 0, "%s", e.msg);
	loop_expect(&loop);
	ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

static void set_up(void)
{
	make_dir();
	fds_before = count_fds();
	qmp_rig_init(&rig);
	rig.cfg.control[0] = (struct config_control){ .path = path, .fd = -1 };
	rig.cfg.n_control = 1;
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
}

static void tear_down(void)
{
	loop_stop(&loop);
	pthread_join(thread, NULL);
	control_destroy(&control);
	qmp_fini(&rig.qmp);
	loop_fini(&loop);
	ck_assert_int_eq(count_fds(), fds_before);
	drop_dir();
}

static int connect_to(const char *to)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(strlen(to), sizeof(addr.sun_path));
	memcpy(addr.sun_path, to, strlen(to) + 1);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void tell(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Read until @text has come. */
static void hear(int fd, const char *text)
{
	char heard[65536] = "";
	size_t len = 0;

	while (!strstr(heard, text)) {
		ssize_t n = recv(fd, heard + len, sizeof(heard) - 1 - len, 0);

		ck_assert_msg(n > 0, "'%s' did not come, but '%s'", text, heard);
		len += (size_t)n;
		heard[len] = '\0';
	}
}

static void tell_and_hear(int fd, const char *text, const char *answer)
{
	tell(fd, text);
	hear(fd, answer);
}

/* Read until the other side closes. */
static void hear_end(int fd)
{
	char heard[4096];
	ssize_t n;

	do
		n = recv(fd, heard, sizeof(heard), 0);
	while (n > 0);
	ck_assert(n == 0 || errno == ECONNRESET);
}

/* Lines until the other side closes. */
static unsigned count_lines(int fd)
{
	unsigned lines = 0;
	char heard[4096];
	ssize_t n;

	while ((n = recv(fd, heard, sizeof(heard), 0)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += heard[i] == '\n';
	ck_assert_int_eq(n, 0);
	return lines;
}

static void talk(int fd)
{
	tell(fd, HELLO);
	hear(fd, "{\"return\": {}}\r\n");
	tell(fd, "{\"execute\":\"query-status\"}");
	hear(fd, "\"running\": true}}\r\n");
}

START_TEST(create_two_clients_are_served_at_once)
{
	int a, b;

	serve();
	a = connect_to(path);
	b = connect_to(path);

	talk(b);
	talk(a);

	close(a);
	close(b);
}
END_TEST

START_TEST(create_file_is_for_its_owner_only)
{
	struct stat st;

	serve();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* All that may be there, each of which stays connected. */
START_TEST(create_many_clients_are_served_and_one_more_is_told)
{
	int fd[CONTROL_CLIENTS_MAX], more;

	serve();
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fd[i] = connect_to(path);
		talk(fd[i]);
	}
	more = connect_to(path);
	hear(more, "this VM has too many clients");
	hear_end(more);
	tell(fd[0], "{\"execute\":\"query-uuid\"}");
	hear(fd[0], "UUID");
	close(more);

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fd[i]);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		more = connect_to(path);
		hear(more, "\"QMP\"");
		close(more);
	}
}
END_TEST

START_TEST(client_that_wrote_before_the_greeting_is_served)
{
	int fd;

	serve();
	fd = connect_to(path);
	tell(fd, HELLO "{\"execute\":\"query-uuid\"}");
	hear(fd, "UUID");
	close(fd);
}
END_TEST

START_TEST(client_that_closed_its_half_is_answered_in_full)
{
	int fd;

	serve();
	fd = connect_to(path);
	tell(fd, HELLO);
	for (unsigned i = 0; i < 200; i++)
		tell(fd, "{\"execute\":\"query-commands\"}");
	tell(fd, "{\"execute\":\"query-uuid\"}");
	shutdown(fd, SHUT_WR);

	ck_assert_uint_eq(count_lines(fd), 1 + 1 + 200 + 1);
	close(fd);
}
END_TEST

START_TEST(client_that_never_reads_does_not_hold_others_up)
{
	const char *command = "{\"execute\":\"query-commands\"}";
	int stuck, other;
	ssize_t n;

	serve();
	stuck = connect_to(path);
	tell(stuck, HELLO);
	do
		n = send(stuck, command, strlen(command), MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n > 0);
	ck_assert_int_eq(errno, EAGAIN);
	other = connect_to(path);
	talk(other);

	for (unsigned i = 0; i < 3000; i++)
		tell_and_hear(other, "{\"execute\":\"system_powerdown\"}", "return");

	hear_end(stuck);
	close(stuck);
	close(other);
}
END_TEST

START_TEST(client_with_no_end_of_a_command_is_sent_away)
{
	static char many[1 << 16];
	size_t sent = 0;
	int fd, other;
	ssize_t n;

	serve();
	fd = connect_to(path);
	other = connect_to(path);
	memset(many, 'a', sizeof(many));
	tell(fd, "{\"");
	do {
		n = send(fd, many, sizeof(many), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	} while (n > 0 && sent < 1UL << 30);

	ck_assert_uint_lt(sent, 1UL << 24);
	talk(other);
	close(fd);
	close(other);
}
END_TEST

/* How far a client comes before it goes without a word. */
static const char *const stages[] = {
	"",
	"{",
	"{\"execute\":\"qmp_capabilities\"",
	HELLO,
	HELLO "{\"execute\":\"x",
	HELLO "{\"execute\":\"stop\"}",
	HELLO "{\"execute\":\"stop\"}{\"execute\":\"query-commands\"}{",
	HELLO "{\"execute\":\"quit\"}",
	HELLO "{\"execute\":\"query-commands\"}{\"execute\":\"query-commands\"}",
	"\xff\xff\xff",
};

START_TEST(client_that_vanishes_leaves_nothing)
{
	int other;

	serve();
	for (unsigned i = 0; i < 50; i++) {
		int fd = connect_to(path);

		tell(fd, stages[_i]);
		close(fd);
	}
	other = connect_to(path);
	talk(other);
	close(other);
}
END_TEST

/* Send @text with a descriptor. */
static void tell_with_fd(int to, const char *text, int fd)
{
	union {
		struct cmsghdr head;
		char buf[CMSG_SPACE(sizeof(int))];
	} c = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
		          .cmsg_level = SOL_SOCKET,
		          .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)
	};

	memcpy(CMSG_DATA(&c.head), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(to, &msg, 0), (ssize_t)strlen(text));
}

START_TEST(client_descriptor_on_a_blank_before_the_command_is_taken)
{
	int fd;

	serve();
	fd = connect_to(path);
	talk(fd);

	tell_with_fd(fd, " ", fd);
	tell(fd, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"a\"}}");
	hear(fd, "{\"return\": {}}\r\n");
	tell_with_fd(fd, "{\"execute\":\"add-fd\"}", fd);
	hear(fd, "\"fdset-id\": 0");

	close(fd);
}
END_TEST

START_TEST(client_descriptor_of_a_command_that_failed_is_not_the_next_ones)
{
	struct stat st;
	int fd, null;

	serve();
	fd = connect_to(path);
	talk(fd);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	tell_with_fd(fd, "{\"execute\":\"nope\"}", fd);
	hear(fd, "CommandNotFound");
	tell_with_fd(fd, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"a\"}}", null);
	hear(fd, "{\"return\": {}}\r\n");

	ck_assert_int_eq(fstat(qmp_fds_get_named(&rig.qmp.fds, "a"), &st), 0);
	ck_assert(S_ISCHR(st.st_mode));
	close(null);
	close(fd);
}
END_TEST

/* They are closed with their sender: the count of descriptors at the end tells. */
START_TEST(client_descriptors_that_nobody_asked_for_are_closed)
{
	int fd;

	serve();
	fd = connect_to(path);
	for (unsigned i = 0; i < 100; i++)
		tell_with_fd(fd, " ", fd);
	talk(fd);
	close(fd);
}
END_TEST

START_TEST(create_inherited_connection_is_a_client)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	rig.cfg.control[1] = (struct config_control){ .fd = pair[1] };
	rig.cfg.n_control = 2;
	serve();

	talk(pair[0]);
	close(pair[0]);
}
END_TEST

/* Connect as another user, where the file lets everybody in, and hear what that user hears. */
static void hear_as(uid_t uid, const char *text)
{
	pid_t child;
	int status;

	ck_assert_int_eq(chmod(dir, 0711), 0);
	ck_assert_int_eq(chmod(path, 0666), 0);
	child = fork();
	if (child == 0) {
		ck_assert_int_eq(setresuid(uid, uid, uid), 0);
		hear(connect_to(path), text);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

#define STRANGER 54321
#define NOBODY   65534
#define REFUSED  "only the user of this VM and root may command it"

START_TEST(create_other_users_are_refused)
{
	serve();
	hear_as(STRANGER, REFUSED);
	hear_as(NOBODY, REFUSED);
}
END_TEST

START_TEST(create_in_a_user_namespace_the_file_decides)
{
	serve();
	control.apart = true;
	hear_as(NOBODY, "\"QMP\"");
	hear_as(STRANGER, REFUSED);
}
END_TEST

START_TEST(create_shared_takes_whom_the_file_lets_in)
{
	struct stat st;
	mode_t before = umask(007);

	rig.cfg.control_shared = true;
	serve();
	umask(before);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0770);
	hear_as(STRANGER, "\"QMP\"");
}
END_TEST

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

START_TEST(create_inherited_listener_is_served)
{
	int listener = control_socket_listen(path, false, NULL), fd;

	ck_assert_int_ge(listener, 0);
	rig.cfg.control[0] = (struct config_control){ .fd = listener };
	serve();

	fd = connect_to(path);
	talk(fd);
	close(fd);
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

static TCase *users_case(void)
{
	TCase *t = tcase_create("users");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, create_other_users_are_refused);
	tcase_add_test(t, create_in_a_user_namespace_the_file_decides);
	tcase_add_test(t, create_shared_takes_whom_the_file_lets_in);
	return t;
}

int main(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("clients");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, create_two_clients_are_served_at_once);
	tcase_add_test(t, create_file_is_for_its_owner_only);
	tcase_add_test(t, create_many_clients_are_served_and_one_more_is_told);
	tcase_add_test(t, client_that_wrote_before_the_greeting_is_served);
	tcase_add_test(t, client_that_closed_its_half_is_answered_in_full);
	tcase_add_test(t, client_that_never_reads_does_not_hold_others_up);
	tcase_add_test(t, client_with_no_end_of_a_command_is_sent_away);
	tcase_add_loop_test(t, client_that_vanishes_leaves_nothing, 0, ARRAY_SIZE(stages));
	tcase_add_test(t, client_descriptor_on_a_blank_before_the_command_is_taken);
	tcase_add_test(t, client_descriptor_of_a_command_that_failed_is_not_the_next_ones);
	tcase_add_test(t, client_descriptors_that_nobody_asked_for_are_closed);
	tcase_add_test(t, create_inherited_connection_is_a_client);
	tcase_add_test(t, create_inherited_listener_is_served);
	suite_add_tcase(s, t);
	suite_add_tcase(s, listen_case());
	if (geteuid() == 0) /* who can be somebody else */
		suite_add_tcase(s, users_case());
	return run_suite(s);
}
