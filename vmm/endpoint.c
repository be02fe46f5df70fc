/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define CHUNK      16384 /* so that one busy console does not keep the loop from the others */
#define CHUNK_PIPE PIPE_BUF /* a pipe that polls writable takes this much at once: pipe(7) */
#define CHUNK_TTY  64 /* a terminal that polls writable has some room, nobody says how much */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

int endpoint_reserve_stdio(struct err *e)
{
	int fd;

	if (is_open(STDIN_FILENO) && is_open(STDOUT_FILENO) && is_open(STDERR_FILENO))
		return 0;
	do {
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
		if (fd < 0)
			return err_errno(e, errno, "cannot open '/dev/null'");
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

bool endpoint_is_terminal(int fd)
{
	unsigned number;

	return isatty(fd) && ioctl(fd, TIOCGPTN, &number) < 0;
}

/*
 * Open the file behind @fd once more. Returns -1 if that is refused, gives another file, or asks
 * for more than @fd allows.
 */
static int open_again(int fd, int access, const struct stat *st)
{
	char path[32];
	struct stat now;
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	CLEANUP_FD int again = -1;

	if (mode != O_RDWR && mode != access)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again < 0 || fstat(again, &now) < 0)
		return -1;
	if (now.st_dev != st->st_dev || now.st_ino != st->st_ino || now.st_rdev != st->st_rdev)
		return -1;
	return fd_take(&again);
}

void endpoint_inherit(struct endpoint *ep, int fd, int access)
{
	struct stat st;

	*ep = (struct endpoint){ .kind = ENDPOINT_CAREFUL, .fd = fd, .chunk = CHUNK_PIPE };
	if (fstat(fd, &st) < 0) {
		*ep = (struct endpoint){ .kind = ENDPOINT_NONE, .fd = -1 };
	} else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode)) {
		ep->kind = ENDPOINT_PLAIN;
		ep->chunk = CHUNK;
	} else if (S_ISSOCK(st.st_mode)) {
		ep->kind = ENDPOINT_SOCKET;
		ep->chunk = CHUNK;
	} else if (S_ISFIFO(st.st_mode) || endpoint_is_terminal(fd)) {
		int again = open_again(fd, access, &st);

		if (again >= 0)
			*ep = (struct endpoint){ .kind = ENDPOINT_NONBLOCK,
				                 .fd = again,
				                 .owned = true,
				                 .chunk = CHUNK };
		else if (!S_ISFIFO(st.st_mode))
			ep->chunk = CHUNK_TTY;
	}
}

int endpoint_inherit_both(struct endpoint *in, struct endpoint *out, int fd, struct err *e)
{
	int mode = fcntl(fd, F_GETFL), twin;

	*in = (struct endpoint){ .kind = ENDPOINT_NONE, .fd = -1 };
	*out = *in;
	if (mode < 0)
		return err_errno(e, errno, "cannot use descriptor %d, which the caller has to open",
		                 fd);
	mode &= O_ACCMODE;
	if (mode != O_WRONLY)
		endpoint_inherit(in, fd, O_RDONLY);
	if (mode != O_RDONLY)
		endpoint_inherit(out, fd, O_WRONLY);
	if (in->kind == ENDPOINT_NONE || in->fd != out->fd)
		return 0;
	/* Epoll knows a descriptor but once: the other direction gets one of its own. */
	twin = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (twin < 0) {
		*in = *out = (struct endpoint){ .kind = ENDPOINT_NONE, .fd = -1 };
		return err_errno(e, errno, "cannot use descriptor %d", fd);
	}
	out->fd = twin;
	out->owned = true;
	return 0;
}

struct endpoint endpoint_borrow(int fd, enum endpoint_kind kind)
{
	return (struct endpoint){ .kind = kind, .fd = fd, .chunk = CHUNK };
}

int endpoint_create(struct endpoint *ep, const char *path, struct err *e)
{
	struct stat st;
	int fd;

	*ep = (struct endpoint){ .kind = ENDPOINT_NONE, .fd = -1 };
	fd = outfile_open(&ep->file, path, 0);
	if (fd == -ENXIO)
		return err_set(e, ENXIO,
		               "cannot write to '%s': nothing reads it; start the reader first",
		               path);
	if (fd < 0)
		return err_errno(e, -fd, "cannot write to '%s'", path);
	ep->kind = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
	                   ? ENDPOINT_PLAIN
	                   : ENDPOINT_NONBLOCK;
	ep->fd = fd;
	ep->owned = true;
	ep->chunk = CHUNK;
	return 0;
}

void endpoint_close(struct endpoint *ep)
{
	if (ep->kind != ENDPOINT_NONE && ep->owned)
		close(ep->fd);
	outfile_end(&ep->file);
	*ep = (struct endpoint){ .kind = ENDPOINT_NONE, .fd = -1 };
}

ssize_t endpoint_read(struct endpoint *ep, void *buf, size_t len)
{
	struct iovec v = { .iov_base = buf, .iov_len = len };
	/* Not recv(): one system call fewer for the jail to allow. */
	struct msghdr message = { .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t n;

	do {
		if (ep->kind == ENDPOINT_SOCKET)
			n = recvmsg(ep->fd, &message, MSG_DONTWAIT);
		else
			n = read(ep->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t endpoint_write(struct endpoint *ep, const void *buf, size_t len)
{
	ssize_t n;

	if (len > ep->chunk)
		len = ep->chunk;
	do {
		if (ep->kind == ENDPOINT_SOCKET)
			n = send(ep->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(ep->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == EAGAIN && ep->kind == ENDPOINT_PLAIN))
		return -EIO; /* takes nothing, and there is no way to wait until it does */
	return n < 0 ? -errno : n;
}
