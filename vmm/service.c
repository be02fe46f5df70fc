/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* The process that was started: wait for the word of the one that stays, or for its end. */
static int await_ready(int fd, pid_t child)
{
	char byte;
	int status;
	ssize_t n;

	do
		n = read(fd, &byte, sizeof(byte));
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int daemonize(struct service *s, int *ret_status, struct err *e)
{
	int pair[2];
	pid_t child;

	s->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (s->null_fd < 0 || pipe2(pair, O_CLOEXEC) < 0)
		return err_errno(e, errno, "cannot begin to --daemonize");
	child = fork();
	if (child < 0) {
		int code = errno;

		close(pair[0]);
		close(pair[1]);
		return err_errno(e, code, "cannot --daemonize");
	}
	close(pair[child > 0]);
	if (child > 0) {
		*ret_status = await_ready(pair[0], child);
		close(pair[0]);
		return 1;
	}
	s->ready_fd = pair[1];
	(void)setsid();
	return 0;
}

/* Returns a socket, or -1: nobody waits, or cannot be reached, which is no reason not to run. */
static int open_notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP_FD int fd = -1;
	size_t len;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(addr.sun_path))
		return -1;
	len = strlen(path);
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0'; /* an abstract name, which has no terminator */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -1;
	return fd_take(&fd);
}

int service_begin(struct service *s, const struct config *cfg, int *ret_status, struct err *e)
{
	int r = 0;

	*s = (struct service){ .ready_fd = -1, .null_fd = -1, .notify_fd = -1 };
	if (cfg->exit_with_parent)
		s->parent = getppid();
	if (cfg->daemonize)
		r = daemonize(s, ret_status, e);
	if (r == 0)
		s->notify_fd = open_notify();
	return r;
}

void service_enter(const struct service *s)
{
	if (s->parent == 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != s->parent) /* it has gone meanwhile */
		(void)raise(SIGTERM);
}

static void notify(const struct service *s, const char *text)
{
	if (s->notify_fd >= 0)
		(void)send(s->notify_fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void service_ready(struct service *s)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", (int)getpid());
	notify(s, text);
	if (s->ready_fd < 0)
		return;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)dup2(s->null_fd, fd);
	fd_close(&s->null_fd);
	(void)!write(s->ready_fd, "", 1);
	fd_close(&s->ready_fd);
}

void service_end(struct service *s)
{
	notify(s, "STOPPING=1");
	fd_close(&s->notify_fd);
}
