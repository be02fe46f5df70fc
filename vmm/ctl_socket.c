/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ctl_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Longer paths than an address has room for go by the descriptor of their file. */
static int set_address(struct sockaddr_un *addr, const char *path, int *file_fd, struct err *e)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(addr->sun_path)) {
		memcpy(addr->sun_path, path, strlen(path) + 1);
		return 0;
	}
	*file_fd = open(path, O_PATH | O_CLOEXEC);
	if (*file_fd < 0)
		return err_errno(e, errno, "cannot connect to '%.100s'", path);
	(void)snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d", *file_fd);
	return 0;
}

int ctl_socket_open(const char *path, struct err *e)
{
	CLEANUP_FD int file_fd = -1, fd = -1;
	struct sockaddr_un addr;
	int r = set_address(&addr, path, &file_fd, e);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, errno, "cannot make a socket");
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno == ECONNREFUSED)
			return err_set(e, ECONNREFUSED,
			               "nobody listens on '%.100s': the VM has ended", path);
		return err_errno(e, errno, "cannot connect to '%.100s'", path);
	}
	return fd_take(&fd);
}

int ctl_socket_connect(struct ctl_socket *s, const char *path, struct err *e)
{
	*s = (struct ctl_socket){ .fd = ctl_socket_open(path, e) };
	if (s->fd < 0)
		return s->fd;
	s->in = fdopen(s->fd, "r");
	return s->in ? 0 : err_errno(e, errno, "cannot read from '%.100s'", path);
}

/* Send some of the bytes, and the descriptor if there is one. */
static ssize_t send_some(int to, const char *text, size_t len, int fd)
{
	union {
		struct cmsghdr head;
		char buf[CMSG_SPACE(sizeof(int))];
	} rights = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
		               .cmsg_level = SOL_SOCKET,
		               .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&rights.head), &fd, sizeof(fd));
		msg.msg_control = &rights;
		msg.msg_controllen = sizeof(rights);
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL);
}

int ctl_socket_send(struct ctl_socket *s, const json_t *message, int fd, struct err *e)
{
	CLEANUP_FREE char *text = message ? json_dumps(message, 0) : NULL;
	size_t len, at = 0;

	if (!text)
		return err_set(e, ENOMEM, "no memory for the command");
	for (len = strlen(text); at < len;) {
		ssize_t n = send_some(s->fd, text + at, len - at, at == 0 ? fd : -1);

		if (n < 0 && errno != EINTR)
			return err_errno(e, errno, "cannot send the command");
		if (n > 0)
			at += (size_t)n;
	}
	return 0;
}

int ctl_socket_receive(struct ctl_socket *s, json_t **ret, struct err *e)
{
	ssize_t n;

	errno = 0;
	n = getline(&s->line, &s->room, s->in);
	if (n < 0)
		return feof(s->in) || errno == ECONNRESET
		               ? 0
		               : err_errno(e, errno ? errno : EIO, "cannot read the answer");
	*ret = json_loadb(s->line, (size_t)n, 0, NULL);
	if (json_is_object(*ret))
		return 1;
	json_decref(*ret);
	return err_set(e, EPROTO, "what answers is no QMP socket");
}

void ctl_socket_close(struct ctl_socket *s)
{
	if (s->in)
		fclose(s->in);
	else
		fd_close(&s->fd);
	free(s->line);
	*s = (struct ctl_socket){ .fd = -1 };
}
