/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/connector.h"

#include "tests/unit/run.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PORT 4294967294U

static struct connector connector;
static char dir[] = "/tmp/vmm-connector-XXXXXX";
static char path[64], port_path[96];

static void set_up(void)
{
	struct err e = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/v", dir);
	snprintf(port_path, sizeof(port_path), "%s_%u", path, PORT);
	ck_assert_msg(connector_start(&connector, path, SECCOMP_OFF, &e) == 0, "%s", e.msg);
}

static void tear_down(void)
{
	connector_finish(&connector);
	(void)unlink(port_path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

/* Wait for an answer. Returns the descriptor or -errno. */
static int answer(uint64_t *ret_cookie)
{
	struct pollfd p = { .fd = connector.fd, .events = POLLIN };
	int fd = -1;

	ck_assert_int_eq(poll(&p, 1, -1), 1);
	ck_assert_int_eq(connector_hear(connector.fd, ret_cookie, &fd), 1);
	return fd;
}

START_TEST(ask_for_a_listener_gives_a_stream)
{
	int listener = unixsock_listen(port_path, NULL), fd, server;
	uint64_t cookie = 0;
	char byte = 0;

	ck_assert_int_eq(connector_ask(connector.fd, 42, PORT), 0);
	fd = answer(&cookie);
	ck_assert_uint_eq(cookie, 42);
	ck_assert_int_ge(fd, 0);
	server = unixsock_accept(listener);
	ck_assert_int_eq(write(server, "x", 1), 1);
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	ck_assert_int_eq(read(fd, &byte, 1), -1); /* it does not block */
	close(fd);
	close(server);
	close(listener);
}
END_TEST

START_TEST(ask_for_nobody_gives_the_errno)
{
	uint64_t cookie;

	ck_assert_int_eq(connector_ask(connector.fd, 1, PORT), 0);
	ck_assert_int_eq(answer(&cookie), -ENOENT);
}
END_TEST

START_TEST(ask_twice_is_answered_in_order)
{
	uint64_t first, second;

	ck_assert_int_eq(connector_ask(connector.fd, 1, 10), 0);
	ck_assert_int_eq(connector_ask(connector.fd, 2, 11), 0);
	ck_assert_int_lt(answer(&first), 0);
	ck_assert_int_lt(answer(&second), 0);
	ck_assert_uint_eq(first, 1);
	ck_assert_uint_eq(second, 2);
}
END_TEST

START_TEST(hear_without_answer_is_none)
{
	uint64_t cookie;
	int fd;

	ck_assert_int_eq(connector_hear(connector.fd, &cookie, &fd), 0);
}
END_TEST

START_TEST(hear_after_the_end_says_so)
{
	uint64_t cookie;
	int fd;

	ck_assert_int_eq(kill(connector.pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(connector.pid, NULL, 0), connector.pid);
	connector.pid = 0;
	ck_assert_int_lt(connector_hear(connector.fd, &cookie, &fd), 0);
	ck_assert_int_lt(connector_ask(connector.fd, 1, PORT), 0);
}
END_TEST

START_TEST(start_path_without_room_for_a_port_is_refused)
{
	struct connector c;
	char name[UNIXSOCK_PATH_MAX - CONNECTOR_SUFFIX_MAX + 2];
	struct err e = { 0 };

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(connector_start(&c, name, SECCOMP_OFF, &e), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(e.msg, "96"));
	connector_finish(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("connector");
	TCase *t = tcase_create("connector");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, ask_for_a_listener_gives_a_stream);
	tcase_add_test(t, ask_for_nobody_gives_the_errno);
	tcase_add_test(t, ask_twice_is_answered_in_order);
	tcase_add_test(t, hear_without_answer_is_none);
	tcase_add_test(t, hear_after_the_end_says_so);
	tcase_add_test(t, start_path_without_room_for_a_port_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
