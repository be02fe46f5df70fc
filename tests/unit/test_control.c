/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: who gets in, what becomes of clients that misbehave, and what is left behind. */
#include "vmm/control.h"

#include "tests/unit/control_rig.h"
#include "tests/unit/qmp_rig.h"
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

static void create(void)
{
	struct err e = { 0 };

	ck_assert_msg(control_create(&control, &rig.qmp, &loop, NULL, &e) == 0, "%s", e.msg);
}

static void start(void)
{
	loop_expect(&loop);
	ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

static void serve(void)
{
	create();
	start();
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

/* The loop's thread gets a debt of work before there is any. */
static void serve_in_debt(void)
{
	create();
	control.budget.credit_ns = -1000000;
	start();
}

START_TEST(client_waits_while_the_budget_is_spent_and_is_served_then)
{
	int fd, other;

	serve_in_debt();
	fd = connect_to(path);
	tell_and_hear(fd, HELLO "{\"execute\":\"query-uuid\"}", "UUID");
	ck_assert_uint_ge(counter_get(&control.rests), 1);
	other = connect_to(path);
	talk(other);
	close(other);
	close(fd);
}
END_TEST

/* Gone before anybody had time for them. */
START_TEST(client_that_vanishes_in_a_rest_leaves_nothing)
{
	int fd;

	serve_in_debt();
	for (unsigned i = 0; i < 2 * CONTROL_CLIENTS_MAX; i++) {
		fd = connect_to(path);
		tell(fd, stages[i % ARRAY_SIZE(stages)]);
		close(fd);
	}
	fd = connect_to(path);
	talk(fd);
	close(fd);
}
END_TEST

/* More than the budget has at first: whoever asks without end gets all answers, in their order. */
START_TEST(client_that_asks_without_end_is_answered)
{
	char question[80], answer[32];
	int fd;

	serve();
	fd = connect_to(path);
	tell_and_hear(fd, HELLO, "return");
	for (unsigned i = 0; counter_get(&control.rests) < 3; i++) {
		(void)snprintf(question, sizeof(question),
		               "{\"execute\":\"query-status\",\"id\":%u}", i);
		(void)snprintf(answer, sizeof(answer), "\"id\": %u}", i);
		tell_and_hear(fd, question, answer);
	}
	close(fd);
}
END_TEST

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
	tcase_add_test(t, client_waits_while_the_budget_is_spent_and_is_served_then);
	tcase_add_test(t, client_that_vanishes_in_a_rest_leaves_nothing);
	tcase_add_test(t, client_that_asks_without_end_is_answered);
	suite_add_tcase(s, t);
	if (geteuid() == 0) /* who can be somebody else */
		suite_add_tcase(s, users_case());
	return run_suite(s);
}
