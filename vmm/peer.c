/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/peer.h"

#include "vmm/log.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <termios.h>

static void welcome(struct peer *p)
{
	p->here = true;
	p->came(p, p->fd);
}

/* Whether a client of a socket is taken: only while none is here. */
static void watch_listener(struct peer *p, bool on)
{
	int r = 0;

	if (on)
		r = loop_add(p->loop, &p->source, EPOLLIN);
	else
		loop_del(p->loop, &p->source);
	if (r < 0)
		log_error("cannot wait for a console's next client: %s", strerror(-r));
}

static void client_waits(struct loop_source *s, uint32_t events)
{
	struct peer *p = container_of(s, struct peer, source);
	int fd = unixsock_accept(s->fd);

	(void)events;
	if (fd == -EAGAIN || fd == -ECONNABORTED)
		return; /* it did not wait */
	watch_listener(p, false);
	if (fd < 0) {
		log_error("cannot take a console's client: %s", strerror(-fd));
		return;
	}
	p->fd = fd;
	welcome(p);
}

int peer_listen(struct peer *p, const char *path, struct loop *loop,
                void (*came)(struct peer *p, int fd), struct err *e)
{
	int r;

	*p = (struct peer){ .kind = PEER_SOCKET,
		            .loop = loop,
		            .came = came,
		            .source.ready = client_waits,
		            .fd = -1 };
	p->source.fd = unixsock_listen(path, e);
	if (p->source.fd < 0)
		return p->source.fd;
	r = loop_add(loop, &p->source, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "cannot watch socket '%s'", path) : 0;
}

/* Whether anybody has the other side of the pseudo-terminal open. */
static bool is_open(int master)
{
	struct pollfd look = { .fd = master };

	return poll(&look, 1, 0) == 0;
}

/* The kernel tells the master when its other side is closed for good, but not when it is opened. */
static void somebody_opens(struct loop_source *s, uint32_t events)
{
	struct peer *p = container_of(s, struct peer, source);
	uint8_t heard[256]; /* of no interest; bigger than one event without a name */

	(void)events;
	while (read(s->fd, heard, sizeof(heard)) > 0)
		;
	if (!p->here && is_open(p->fd))
		welcome(p);
}

/* Bytes go through as they are, whatever the one who opens it sets later. The other side is
 * closed again: the master then knows whether somebody is there. */
static int make_raw(const char *name)
{
	CLEANUP_FD int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios modes;

	if (slave < 0 || tcgetattr(slave, &modes) < 0)
		return -errno;
	cfmakeraw(&modes);
	return tcsetattr(slave, TCSANOW, &modes) < 0 ? -errno : 0;
}

static int open_master(struct peer *p, char ret_name[PEER_PTY_NAME])
{
	unsigned number;
	int locked = 0;

	p->fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0 || ioctl(p->fd, TIOCSPTLCK, &locked) < 0 ||
	    ioctl(p->fd, TIOCGPTN, &number) < 0)
		return -errno;
	snprintf(ret_name, PEER_PTY_NAME, "/dev/pts/%u", number);
	return make_raw(ret_name);
}

int peer_open_pty(struct peer *p, struct loop *loop, void (*came)(struct peer *p, int fd),
                  char ret_name[PEER_PTY_NAME], struct err *e)
{
	int r;

	*p = (struct peer){ .kind = PEER_PTY,
		            .loop = loop,
		            .came = came,
		            .source = { .fd = -1, .ready = somebody_opens },
		            .fd = -1 };
	r = open_master(p, ret_name);
	if (r < 0)
		return err_errno(e, -r, "cannot make a pseudo-terminal");
	p->source.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->source.fd < 0 || inotify_add_watch(p->source.fd, ret_name, IN_OPEN) < 0)
		return err_errno(e, errno, "cannot watch '%s'", ret_name);
	r = loop_add(loop, &p->source, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "cannot watch '%s'", ret_name) : 0;
}

void peer_adopt(struct peer *p, int fd, struct loop *loop, void (*came)(struct peer *p, int fd))
{
	*p = (struct peer){
		.kind = PEER_ONLY, .loop = loop, .came = came, .source.fd = -1, .fd = fd
	};
}

void peer_begin(struct peer *p)
{
	if (p->kind == PEER_ONLY)
		welcome(p);
}

void peer_give(struct peer *p, int fd)
{
	if (p->kind == PEER_SOCKET)
		watch_listener(p, false);
	p->fd = fd;
	welcome(p);
}

void peer_leave(struct peer *p)
{
	p->here = false;
	if (p->kind != PEER_PTY) {
		fd_close(&p->fd);
		if (p->kind == PEER_SOCKET)
			watch_listener(p, true);
	} else if (is_open(p->fd)) {
		welcome(p); /* opened again before we knew that it had been closed */
	}
}

void peer_fini(struct peer *p)
{
	if (p->kind == PEER_NONE)
		return;
	if (p->source.fd >= 0)
		loop_del(p->loop, &p->source);
	fd_close(&p->source.fd);
	fd_close(&p->fd);
	*p = (struct peer){ .source.fd = -1, .fd = -1 };
}
