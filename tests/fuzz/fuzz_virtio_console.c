/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_console.h"

#include "tests/fuzz/driver.h"

#include <fcntl.h>
#include <linux/virtio_console.h>
#include <signal.h>
#include <sys/socket.h>

/*
 * The whole console device with a console and a named port, each on a socket pair, between a driver
 * and users who do anything in any order. Input: one byte of flags, then steps: a byte says what,
 * the bytes behind it how.
 *
 * Watched: no byte of output is lost or made up while both ends live, what is given back is no more
 * than what was offered, and everything comes to rest.
 */
#define PORTS 2
#define STEPS 200

enum {
	DO_OUTPUT,
	DO_LEND,
	DO_CONTROL,
	DO_CONTROL_RAW,
	DO_TYPE,
	DO_READ,
	DO_HANG_UP,
	DO_RESET,
	DO_N
};

static struct loop loop;
static struct chardev host[PORTS];
static struct virtio_console *console;
static struct driver driver;
static int near_end[PORTS], far_end[PORTS];
static size_t offered[PORTS], seen[PORTS];
static bool cut[PORTS]; /* a reset or an end has made the counts useless */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)signal(SIGPIPE, SIG_IGN);
	if (log_open(NULL, LOG_ERROR, NULL) < 0 || loop_init(&loop, NULL) < 0)
		abort();
	return 0;
}

static void on_failed(void *arg, int r)
{
	(void)arg;
	(void)r;
}

static void on_other(void *arg)
{
	(void)arg;
}

static void open_host(unsigned i)
{
	struct config_where where = { .kind = WHERE_FD };
	const struct chardev_setup setup = { .where = &where,
		                             .escape = -1,
		                             .label = "console",
		                             .loop = &loop,
		                             .port = i > 0,
		                             .events = { on_failed, on_other, on_other, NULL } };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	where.fd = pair[0];
	if (chardev_open(&host[i], &setup, NULL) < 0)
		abort();
	near_end[i] = i > 0 ? -1 : pair[0]; /* a port's is its own to close */
	far_end[i] = pair[1];
	offered[i] = seen[i] = 0;
	cut[i] = false;
}

static void read_all(unsigned i)
{
	uint8_t bytes[4096];
	ssize_t n;

	while (far_end[i] >= 0 && (n = read(far_end[i], bytes, sizeof(bytes))) > 0)
		seen[i] += (size_t)n;
}

static void start(uint8_t flags)
{
	driver_start(&driver, virtio_console_dev(console),
	             flags & 1 ? 1ULL << VIRTIO_CONSOLE_F_MULTIPORT : 0, flags & 2);
}

static void output(struct driver_input *in, unsigned port)
{
	uint8_t bytes[255] = { 0 };
	uint8_t len = driver_byte(in);
	unsigned qi = port == 0 ? 1 : 5;
	uint16_t before = driver.ram->queue[qi].avail[1];

	driver_offer(&driver, qi, bytes, len, len / 3);
	if (driver.ram->queue[qi].avail[1] != before)
		offered[port] += len;
}

static void control(struct driver_input *in)
{
	struct virtio_console_control m = { .id = driver_byte(in) % (PORTS + 1),
		                            .event = driver_byte(in) % 9,
		                            .value = driver_byte(in) % 2 };

	/* What a closed port is still sent waits for the next user, who never comes. */
	if (m.event == VIRTIO_CONSOLE_PORT_OPEN && m.value == 0)
		cut[m.id % PORTS] = true;
	driver_offer(&driver, 3, (const uint8_t *)&m, sizeof(m), 4);
}

static void control_raw(struct driver_input *in)
{
	uint8_t bytes[16], len = driver_byte(in) % sizeof(bytes);

	cut[1] = true; /* it may say that the port is closed */

	for (unsigned i = 0; i < len; i++)
		bytes[i] = driver_byte(in);
	driver_offer(&driver, 3, bytes, len, len / 2);
}

static void hang_up(unsigned port)
{
	fd_close(&far_end[port]);
	cut[port] = true;
}

static void reset(uint8_t flags)
{
	driver_stop(&driver);
	start(flags);
	for (unsigned i = 0; i < PORTS; i++)
		cut[i] = true;
}

static void step(struct driver_input *in)
{
	uint8_t what = driver_byte(in), len;
	unsigned port = what >> 4 & 1;

	switch (what % DO_N) {
	case DO_OUTPUT:
		output(in, port);
		break;
	case DO_LEND:
		len = driver_byte(in);
		driver_offer(&driver, what & 0x20 ? 2 : port * 4, NULL, len, len / 2);
		break;
	case DO_CONTROL:
		control(in);
		break;
	case DO_CONTROL_RAW:
		control_raw(in);
		break;
	case DO_TYPE:
		if (far_end[port] >= 0 && write(far_end[port], "0123456789", 10) < 0)
			cut[port] = true;
		break;
	case DO_READ:
		read_all(port);
		break;
	case DO_HANG_UP:
		hang_up(port);
		break;
	case DO_RESET:
		reset(driver_byte(in));
		break;
	}
	if (what & 0x40)
		driver_run(&loop, 4);
}

static void check(void)
{
	bool alive = virtio_dev_status(driver.dev) == 0;

	for (unsigned i = 0; i < PORTS; i++) {
		for (unsigned n = 0; n < 8; n++) {
			driver_run(&loop, 8);
			read_all(i);
		}
		assert(seen[i] <= offered[i] || cut[i]);
		assert(seen[i] == offered[i] || cut[i] || !alive);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct virtio_console_end end[PORTS] = { { &host[0], NULL }, { &host[1], "agent" } };
	struct driver_input in = { data, size };

	for (unsigned i = 0; i < PORTS; i++)
		open_host(i);
	if (virtio_console_new(&console, end, PORTS, &loop, NULL) < 0)
		abort();
	start(driver_byte(&in));
	for (unsigned i = 0; i < PORTS; i++)
		chardev_start(&host[i]);
	for (unsigned i = 0; i < STEPS && in.left > 0; i++)
		step(&in);
	check();
	driver_stop(&driver);
	virtio_console_free(console);
	for (unsigned i = 0; i < PORTS; i++) {
		chardev_fini(&host[i]);
		fd_close(&near_end[i]);
		fd_close(&far_end[i]);
	}
	return 0;
}
