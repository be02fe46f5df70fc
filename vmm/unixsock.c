/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/unixsock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BACKLOG 128 /* clients that wait until we look */

static int make_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int make_address(struct sockaddr_un *ret, const char *path)
{
	size_t len = strlen(path);

	if (len > UNIXSOCK_PATH_MAX)
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, len);
	return 0;
}

int unixsock_connect(const char *path)
{
	struct sockaddr_un address;
	CLEANUP_FD int fd = -1;
	int r = make_address(&address, path);

	if (r < 0)
		return r;
	fd = make_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return fd_take(&fd);
}

/* Remove a socket that a process left behind which was killed. */
static int clear_way(const char *path, struct err *e)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, errno, "cannot make socket '%s'", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, EEXIST, "cannot make socket '%s': a file is there already", path);
	fd = unixsock_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd < 0 && fd != -ECONNREFUSED && fd != -EAGAIN)
		return err_errno(e, -fd, "cannot replace socket '%s'", path);
	if (fd != -ECONNREFUSED)
		return err_set(e, EADDRINUSE,
		               "cannot make socket '%s': another process listens there; use "
		               "another path",
		               path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(e, errno, "cannot replace socket '%s'", path);
	return 0;
}

int unixsock_too_long(const char *path, struct err *e)
{
	return err_set(e, ENAMETOOLONG,
	               "socket path '%.60s...' has %zu characters, but %zu is the most there can "
	               "be: use a shorter path",
	               path, strlen(path), UNIXSOCK_PATH_MAX);
}

int unixsock_listen(const char *path, struct err *e)
{
	struct sockaddr_un address;
	CLEANUP_FD int fd = -1;
	int r = make_address(&address, path);

	if (r < 0)
		return unixsock_too_long(path, e);
	r = clear_way(path, e);
	if (r < 0)
		return r;
	fd = make_socket();
	if (fd < 0)
		return err_errno(e, -fd, "cannot make socket '%s'", path);
	/* The file gets the mode of the socket, as far as the umask lets it. */
	if (fchmod(fd, S_IRUSR | S_IWUSR) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_errno(e, errno, "cannot make socket '%s'", path);
	if (listen(fd, BACKLOG) < 0) {
		r = err_errno(e, errno, "cannot listen on socket '%s'", path);
		(void)unlink(path);
		return r;
	}
	return fd_take(&fd);
}

int unixsock_accept(int fd)
{
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return client < 0 ? -errno : client;
}
