/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VSOCK_RIG_H
#define TESTS_UNIT_VSOCK_RIG_H

/* A vsock device, for the one program that includes this. Its users are in vsock_guest.h and
 * vsock_host.h. */

#include "devices/virtio_vsock.h"

#include "devices/vsock_conn.h"
#include "tests/unit/ring.h"
#include "tests/unit/run.h"
#include "vmm/connector.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_vsock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define ENTRIES 128
#define QUEUES  3
#define TURNS   60 /* of the loop, in which whatever can happen has happened */
#define CID     7
#define PORT    5000 /* of a program on the other side */
#define MINE    77 /* of the guest's program that connects */
#define PACKET  4096 /* a buffer of Linux's driver, without the header */
#define CREDIT  8192 /* what the guest says that it can hold */
#define HDR     sizeof(struct virtio_vsock_hdr)

enum { RECEIVE, TRANSMIT, EVENT };

static struct loop loop;
static struct connector connector;
static struct virtio_vsock *vsock;
static struct virtio_dev *dev;
static struct ring *ring[QUEUES];
static char dir[] = "/tmp/vmm-vsock-XXXXXX";
static char path[64], port_path[80];
static int listener, client, server; /* the host's programs */
static unsigned n_heard; /* packets that the guest has looked at */
static uint64_t lent[ENTRIES]; /* where its buffers are, in the order in which it lent them */
static unsigned n_lent;
static uint32_t host_port; /* of the connection that a test works with */

static unsigned turns_left;

static inline void count_turn(struct loop_source *s, uint32_t events)
{
	(void)s;
	(void)events;
	if (--turns_left == 0)
		loop_stop(&loop);
}

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

static inline void start_device(void)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		ring[i] = ring_new(ENTRIES);
		ring_start(ring[i], &dev->queue[i].ring);
	}
	n_heard = n_lent = 0;
	virtio_dev_start(dev);
}

static inline void make_device(void)
{
	struct virtio_vsock_setup setup = { .cid = CID };
	struct err e = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/v", dir);
	snprintf(port_path, sizeof(port_path), "%s_%u", path, PORT);
	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_msg(connector_start(&connector, path, SECCOMP_OFF, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	setup.listener = unixsock_listen(path, &e);
	setup.connector = connector.fd;
	ck_assert_msg(virtio_vsock_new(&vsock, &setup, &loop, &e) == 0, "%s", e.msg);
	dev = virtio_vsock_dev(vsock);
	listener = client = server = -1;
}

static inline void set_up(void)
{
	make_device();
	start_device();
}

static inline void tear_down(void)
{
	virtio_vsock_free(vsock);
	connector_finish(&connector);
	loop_fini(&loop);
	for (unsigned i = 0; i < QUEUES; i++)
		ring_free(ring[i]);
	fd_close(&listener);
	fd_close(&client);
	fd_close(&server);
	(void)unlink(path);
	(void)unlink(port_path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

#endif /* TESTS_UNIT_VSOCK_RIG_H */
