/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_PEER_RIG_H
#define TESTS_UNIT_PEER_RIG_H

/* A console or port for peers, and the device behind it, for the one program that includes this. */

#include "tests/unit/run.h"
#include "vmm/chardev.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define TURNS       40 /* of the loop, in which whatever can happen has happened */
#define PATIENCE_MS 10000 /* far more than it takes; only a failure waits so long */

static struct loop loop;
static struct chardev c;
static char dir[] = "/tmp/vmm-peer-XXXXXX";
static char path[64];
static size_t device_room, n_received, n_tapped;
static char received[65536];
static unsigned comings, goings, writables, n_failed;
static int last_failure;

static inline size_t room(void *self)
{
	(void)self;
	return device_room;
}

static inline void input(void *self, const uint8_t *buf, size_t len)
{
	(void)self;
	memcpy(received + n_received, buf, len);
	n_received += len;
	device_room -= len;
}

static inline void writable(void *self)
{
	(void)self;
	writables++;
}

static inline void presence(void *self, bool here)
{
	(void)self;
	comings += here;
	goings += !here;
}

static const struct chardev_ops device = {
	.room = room, .input = input, .writable = writable, .presence = presence
};

static inline void on_failed(void *arg, int r)
{
	(void)arg;
	n_failed++;
	last_failure = r;
}

static inline void on_other(void *arg)
{
	(void)arg;
}

static inline void tap(void *arg, const uint8_t *buf, size_t len)
{
	(void)arg;
	(void)buf;
	n_tapped += len;
}

static unsigned turns_left;

static inline void count_turn(struct loop_source *s, uint32_t events)
{
	(void)s;
	(void)events;
	if (--turns_left == 0)
		loop_stop(&loop);
}

/* Give the loop a bounded number of turns. */
static inline void run(void)
{
	struct loop_source clock = { .fd = eventfd(1, EFD_CLOEXEC), .ready = count_turn };

	turns_left = TURNS;
	loop.stop = false;
	ck_assert_int_eq(loop_add(&loop, &clock, EPOLLIN), 0);
	ck_assert_int_eq(loop_run(&loop), 0);
	loop_del(&loop, &clock);
	close(clock.fd);
}

static bool is_port; /* for open_where() */

static inline int open_where(enum config_where_kind kind, int fd, struct err *e)
{
	const struct config_where where = { .kind = kind, .path = path, .fd = fd };
	const struct chardev_setup setup = { .where = &where,
		                             .escape = -1,
		                             .label = "console",
		                             .loop = &loop,
		                             .port = is_port,
		                             .events = { on_failed, on_other, on_other, NULL },
		                             .tap = tap };
	int r = chardev_open(&c, &setup, e);

	chardev_attach(&c, &device, NULL);
	return r;
}

static inline void set_up(void)
{
	device_room = sizeof(received);
	n_received = n_tapped = 0;
	comings = goings = writables = n_failed = 0;
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
}

static inline void set_up_socket(void)
{
	set_up();
	ck_assert_int_eq(open_where(WHERE_UNIX, -1, NULL), 0);
	chardev_start(&c);
}

static inline void tear_down(void)
{
	ck_assert_uint_eq(n_failed, 0);
	chardev_fini(&c);
	loop_fini(&loop);
	(void)unlink(path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

static inline int join(void)
{
	int fd = unixsock_connect(path);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline void offer(const char *text)
{
	ck_assert_uint_eq(chardev_offer(&c, (const uint8_t *)text, strlen(text)), strlen(text));
	chardev_flush(&c);
}

/* A terminal's bytes are carried from one side to the other by the kernel's own thread. */
static inline void await_input(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
}

static inline void expect_read(int fd, const char *text)
{
	char buf[256] = { 0 };

	await_input(fd);
	ck_assert_int_eq(read(fd, buf, sizeof(buf) - 1), (ssize_t)strlen(text));
	ck_assert_str_eq(buf, text);
}

static inline void expect_received(const char *text)
{
	ck_assert_uint_eq(n_received, strlen(text));
	ck_assert_mem_eq(received, text, n_received);
}

/* Read all there is. Returns how much, and its last byte. */
static inline size_t drink(int fd, uint8_t *ret_last)
{
	uint8_t buf[4096];
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		sum += (size_t)n;
		*ret_last = buf[n - 1];
	}
	return sum;
}

#endif /* TESTS_UNIT_PEER_RIG_H */
