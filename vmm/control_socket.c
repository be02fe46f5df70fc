/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define BACKLOG 64 /* connections that have not been accepted yet */

/* A file in a folder that is open. */
struct place {
	int dir_fd;
	const char *path;
	const char *name; /* in the folder */
	bool is_long; /* the path does not fit into a socket's address */
	char name_at_first[24]; /* of a long one, whose own may be too long as well */
};

static int find_place(struct place *p, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *dir = NULL;

	*p = (struct place){ .dir_fd = -1, .path = path, .name = slash ? slash + 1 : path };
	p->is_long = strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path);
	(void)snprintf(p->name_at_first, sizeof(p->name_at_first), "/.vmm-%d", (int)getpid());
	if (!*p->name)
		return err_set(e, EINVAL, "'%.100s' is not the name of a socket", path);
	dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!dir)
		return err_errno(e, ENOMEM, "cannot listen on '%.100s'", path);
	p->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir_fd < 0) /* a folder that may be searched, but not listed */
		p->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->dir_fd < 0)
		return err_errno(e, errno, "cannot listen on '%.100s'", path);
	return 0;
}

/* The path, or what stands for a long one: the open file @at, or "/NAME" in the folder @at. */
static struct sockaddr_un address(const struct place *p, int at, const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (p->is_long)
		(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d%s", at,
		               name);
	else
		memcpy(addr.sun_path, p->path, strlen(p->path) + 1);
	return addr;
}

#define LOCK_TRIES   100
#define LOCK_WAIT_NS 10000000

/*
 * Between "nobody listens" and "this is ours now" no other VM may think the same. The lock is that
 * of the folder, which needs no file of its own; somebody who holds it for other reasons, or a file
 * system without locks, only costs the protection.
 */
static void lock_place(const struct place *p)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(p->dir_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return;
		(void)nanosleep(&(struct timespec){ .tv_nsec = LOCK_WAIT_NS }, NULL);
	}
}

/* Somebody listens there: say who. */
static int in_use(const struct place *p, int fd, struct err *e)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0)
		return err_set(e, EADDRINUSE,
		               "cannot listen on '%.100s': process %d does, maybe another VM; "
		               "end it, or use another path",
		               p->path, (int)peer.pid);
	return err_set(
	        e, EADDRINUSE,
	        "cannot listen on '%.100s': another process does; end it, or use another path",
	        p->path);
}

/* Remove what stands at the place, if that is the socket of a process that has gone. */
static int take_over(const struct place *p, struct err *e)
{
	CLEANUP_FD int fd = -1, file = -1;
	struct sockaddr_un addr;
	struct stat st;

	if (fstatat(p->dir_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0
		                       : err_errno(e, errno, "cannot listen on '%.100s'", p->path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(
		        e, EEXIST,
		        "cannot listen on '%.100s': it exists and is not a socket; remove it, "
		        "or use another name",
		        p->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, errno, "cannot make a socket");
	file = openat(p->dir_fd, p->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	addr = address(p, file, "");
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return in_use(p, fd, e);
	if (errno == EAGAIN || errno == EPROTOTYPE) /* its queue is full, or another kind listens */
		return in_use(p, -1, e);
	if (errno != ECONNREFUSED && errno != ENOENT)
		return err_errno(e, errno, "cannot tell whether '%.100s' is in use", p->path);
	if (unlinkat(p->dir_fd, p->name, 0) < 0 && errno != ENOENT)
		return err_errno(e, errno, "cannot remove '%.100s', which nobody listens on",
		                 p->path);
	return 0;
}

/* The name that bind() gives to the file. */
static const char *bound_name(const struct place *p)
{
	return p->is_long ? p->name_at_first + 1 : p->name;
}

/* A long name comes last: nobody else takes the place meanwhile, as it is locked. */
static int go_public(const struct place *p, int fd)
{
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	if (p->is_long && renameat(p->dir_fd, bound_name(p), p->dir_fd, p->name) < 0)
		return -errno;
	return 0;
}

static int bind_here(const struct place *p, bool shared, struct err *e)
{
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const struct sockaddr_un addr = address(p, p->dir_fd, p->name_at_first);
	int r;

	if (fd < 0)
		return err_errno(e, errno, "cannot make a socket");
	/* The file gets the mode of the socket, less the umask. */
	if ((!shared && fchmod(fd, S_IRUSR | S_IWUSR) < 0) ||
	    bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(e, errno, "cannot listen on '%.100s'", p->path);
	r = go_public(p, fd);
	if (r < 0) {
		(void)unlinkat(p->dir_fd, bound_name(p), 0);
		return err_errno(e, -r, "cannot listen on '%.100s'", p->path);
	}
	return fd_take(&fd);
}

int control_socket_listen(const char *path, bool shared, struct err *e)
{
	struct place p;
	int r = find_place(&p, path, e);

	if (r == 0) {
		lock_place(&p);
		r = take_over(&p, e);
	}
	if (r == 0)
		r = bind_here(&p, shared, e);
	fd_close(&p.dir_fd);
	return r;
}

/* Who may connect to a socket that somebody else has made, by its file: in the jail nothing else
 * tells. A file that has gone, or lies elsewhere than its name says, is not taken for a good one.
 */
static int judge_listener(int fd, bool shared, struct err *e)
{
	struct sockaddr_un addr = { 0 };
	socklen_t len = sizeof(addr) - 1;
	struct stat st;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0 || addr.sun_family != AF_UNIX ||
	    addr.sun_path[0] == '\0')
		return err_set(e, EINVAL,
		               "--control fd=%d: this socket listens elsewhere than in the file "
		               "system; bind it to a path",
		               fd);
	if (shared)
		return 0;
	if (stat(addr.sun_path, &st) < 0)
		return err_errno(e, errno, "--control fd=%d: cannot tell who may use '%.100s'", fd,
		                 addr.sun_path);
	if (st.st_mode & (S_IWGRP | S_IWOTH) || (st.st_uid != 0 && st.st_uid != geteuid()))
		return err_set(e, EPERM,
		               "--control fd=%d: '%.60s' lets other users in: SocketMode=0600 in "
		               "its systemd unit keeps them out, --control-shared wants them",
		               fd, addr.sun_path);
	return 0;
}

int control_socket_inherit(int fd, bool shared, bool *ret_listens, struct err *e)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int);
	int type, listens, r;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return errno == EBADF
		               ? err_set(e, EBADF, "--control fd=%d: no such descriptor is open",
		                         fd)
		               : err_set(e, EINVAL, "--control fd=%d: this is not a socket", fd);
	len = sizeof(int);
	if (type != SOCK_STREAM || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
		return err_set(e, EINVAL, "--control fd=%d: this is not a stream socket", fd);
	len = sizeof(peer);
	if (!listens && getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return err_set(e, ENOTCONN,
		               "--control fd=%d: this socket neither listens nor is connected", fd);
	r = listens ? judge_listener(fd, shared, e) : 0;
	if (r < 0)
		return r;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    (listens && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0))
		return err_errno(e, errno, "--control fd=%d", fd);
	*ret_listens = listens;
	return 0;
}

/* What the kernel shows for a user that this namespace does not know. */
#define NO_NUMBER 65534

bool control_socket_is_friend(int fd, unsigned uid, bool apart)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == uid || peer.uid == 0 || (apart && peer.uid == NO_NUMBER);
}
