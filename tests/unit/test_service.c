/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/service.h"

#include "tests/unit/run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct service service;
static int listener;

/* Abstract, so that there is no file to remove. */
static void listen_for_words(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char name[64];
	int len = snprintf(name, sizeof(name), "@vmm-test-service-%d", (int)getpid());

	memcpy(addr.sun_path, name, (size_t)len);
	addr.sun_path[0] = '\0';
	listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listener, (const struct sockaddr *)&addr,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
	                 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void expect_words(const char *want)
{
	char have[128] = "";

	ck_assert_int_gt(recv(listener, have, sizeof(have) - 1, 0), 0);
	ck_assert_str_eq(have, want);
}

START_TEST(ready_and_end_are_told_to_systemd)
{
	const struct config cfg = { 0 };
	char ready[64];
	int status;

	listen_for_words();
	ck_assert_int_eq(service_begin(&service, &cfg, &status, NULL), 0);
	service_ready(&service);
	(void)snprintf(ready, sizeof(ready), "READY=1\nMAINPID=%d", (int)getpid());
	expect_words(ready);
	service_end(&service);
	expect_words("STOPPING=1");
	close(listener);
}
END_TEST

static const char *const no_sockets[] = { "", "relative", "/nonexistent/socket", "@vmm-nobody" };

START_TEST(begin_nobody_to_tell_goes_on)
{
	const struct config cfg = { 0 };
	int status;

	ck_assert_int_eq(setenv("NOTIFY_SOCKET", no_sockets[_i], 1), 0);
	ck_assert_int_eq(service_begin(&service, &cfg, &status, NULL), 0);
	ck_assert_int_eq(service.notify_fd, -1);
	service_ready(&service);
	service_end(&service);
}
END_TEST

/* Runs in a process of its own, in both senses: Check forks, and so does --daemonize. */
static int daemonize_and(void (*then)(void))
{
	const struct config cfg = { .daemonize = true };
	int status = -1;

	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	if (service_begin(&service, &cfg, &status, NULL) == 0) {
		then();
		_exit(99);
	}
	return status;
}

static void be_ready(void)
{
	service_ready(&service);
}

static void end_with_error(void)
{
	_exit(125);
}

static void crash(void)
{
	(void)raise(SIGKILL);
}

static const struct {
	void (*then)(void);
	int status;
} fates[] = { { be_ready, 0 }, { end_with_error, 125 }, { crash, 128 + SIGKILL } };

START_TEST(begin_daemonize_returns_the_fate_of_the_start)
{
	ck_assert_int_eq(daemonize_and(fates[_i].then), fates[_i].status);
}
END_TEST

START_TEST(enter_parent_gone_ends_by_sigterm)
{
	const struct service orphan = { .parent = getppid() + 1 };

	service_enter(&orphan);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("service");
	TCase *t = tcase_create("service");

	tcase_add_test(t, ready_and_end_are_told_to_systemd);
	tcase_add_loop_test(t, begin_nobody_to_tell_goes_on, 0, ARRAY_SIZE(no_sockets));
	tcase_add_loop_test(t, begin_daemonize_returns_the_fate_of_the_start, 0, ARRAY_SIZE(fates));
	tcase_add_test_raise_signal(t, enter_parent_gone_ends_by_sigterm, SIGTERM);
	suite_add_tcase(s, t);
	return run_suite(s);
}
