/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/connector.h"

#include "vmm/jail_rights.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CHILD_FD 0 /* the only descriptor that the child keeps */
#define RIGHTS   (1U << CAP_DAC_OVERRIDE) /* of root's: sockets of other users */

struct question {
	uint64_t cookie;
	uint32_t port;
};

struct answer {
	uint64_t cookie;
	int32_t result; /* 0: a descriptor comes along; or -errno */
};

/* Room for the control message of one descriptor. */
union passing {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* Send an answer, and the descriptor if it is one. */
static bool give(int fd, const struct answer *a, int connection)
{
	union passing p = { 0 };
	struct iovec v = { .iov_base = (void *)(uintptr_t)a, .iov_len = sizeof(*a) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (connection >= 0) {
		m.msg_control = p.bytes;
		m.msg_controllen = sizeof(p.bytes);
		p.head.cmsg_level = SOL_SOCKET;
		p.head.cmsg_type = SCM_RIGHTS;
		p.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&p.head), &connection, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(*a);
}

void connector_serve(int fd, const char *path)
{
	char full[UNIXSOCK_PATH_MAX + 1];
	struct question q;
	bool heard = true;

	while (heard && recv(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
		struct answer a = { .cookie = q.cookie };
		int connection;

		snprintf(full, sizeof(full), "%s_%u", path, q.port);
		connection = unixsock_connect(full);
		if (connection < 0)
			a.result = connection;
		heard = give(fd, &a, connection);
		fd_close(&connection);
	}
}

/*
 * The child leaves the job's session, so that Ctrl-C at the terminal, which the VM takes as a wish
 * to power off, does not end it before.
 */
static void NORETURN child(int fd, const char *path, enum seccomp_mode filter,
                           const struct jail_rights *rights)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "vmm-connector");
	if (dup2(fd, CHILD_FD) < 0 || close_range(CHILD_FD + 1, ~0U, 0) < 0 ||
	    jail_rights_keep(rights, RIGHTS) < 0 || seccomp_enter(SECCOMP_CONNECTOR, 0, filter) < 0)
		_exit(EXIT_FAILURE);
	connector_serve(CHILD_FD, path);
	_exit(EXIT_SUCCESS); /* not exit(): the parent's buffers are not ours to flush */
}

static int start(struct connector *c, const char *path, enum seccomp_mode filter,
                 const struct jail_rights *rights, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, errno, "cannot start the connector");
	c->pid = fork();
	if (c->pid == 0)
		child(pair[1], path, filter, rights);
	close(pair[1]);
	c->fd = pair[0];
	if (c->pid > 0)
		return 0;
	c->pid = 0;
	return err_errno(e, errno, "cannot start the connector");
}

int connector_start(struct connector *c, const char *path, enum seccomp_mode filter, struct err *e)
{
	struct jail_rights rights;
	int r;

	*c = (struct connector){ .fd = -1 };
	if (strlen(path) + CONNECTOR_SUFFIX_MAX > UNIXSOCK_PATH_MAX)
		return err_set(e, ENAMETOOLONG,
		               "socket path '%.60s...' has %zu characters, but %zu is the most "
		               "that leaves room for '_PORT': use a shorter path",
		               path, strlen(path), UNIXSOCK_PATH_MAX - CONNECTOR_SUFFIX_MAX);
	r = jail_rights_load(&rights, e);
	if (r < 0)
		return r;
	r = start(c, path, filter, &rights, e);
	jail_rights_unload(&rights);
	return r;
}

void connector_finish(struct connector *c)
{
	fd_close(&c->fd);
	while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
}

int connector_ask(int fd, uint64_t cookie, uint32_t port)
{
	const struct question q = { .cookie = cookie, .port = port };

	return send(fd, &q, sizeof(q), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The descriptor that came with a message, or -EBADMSG. */
static int passed(struct msghdr *m)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(m);
	int fd;

	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(head), sizeof(int));
	return fd;
}

int connector_hear(int fd, uint64_t *ret_cookie, int *ret_fd)
{
	union passing p;
	struct answer a;
	struct iovec v = { .iov_base = &a, .iov_len = sizeof(a) };
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = p.bytes,
		.msg_controllen = sizeof(p.bytes),
	};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n != (ssize_t)sizeof(a))
		return -EPIPE;
	*ret_cookie = a.cookie;
	*ret_fd = a.result < 0 ? a.result : passed(&m);
	return 1;
}
