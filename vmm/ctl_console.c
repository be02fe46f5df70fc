/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ctl_console.h"

#include "vmm/ctl_socket.h"
#include "vmm/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#define ESCAPE 1 /* Ctrl-a */

/* The part of a chardev's "unix:PATH,server=on" or "pty:PATH" that is the path; NULL: it is
 * another kind. */
static char *path_of(const char *filename, bool *ret_pty)
{
	static const char tail[] = ",server=on";
	size_t len = strlen(filename);

	*ret_pty = strncmp(filename, "pty:", 4) == 0;
	if (*ret_pty)
		return strdup(filename + 4);
	if (strncmp(filename, "unix:", 5) != 0)
		return NULL;
	if (len >= sizeof(tail) - 1 && strcmp(filename + len - (sizeof(tail) - 1), tail) == 0)
		len -= sizeof(tail) - 1;
	return strndup(filename + 5, len - 5);
}

static int open_path(const char *path, bool pty, struct err *e)
{
	int fd;

	if (!pty)
		return ctl_socket_open(path, e);
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? err_errno(e, errno, "cannot open '%.100s'", path) : fd;
}

int ctl_console_open(const json_t *list, const char *label, struct err *e)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "label"));
		const char *filename = json_string_value(json_object_get(one, "filename"));
		CLEANUP_FREE char *path = NULL;
		bool pty;

		if (!name || !filename || strncmp(name, "compat_monitor", 14) == 0 ||
		    (label && strcmp(name, label) != 0))
			continue;
		path = path_of(filename, &pty);
		if (path)
			return open_path(path, pty, e);
		if (label)
			return err_set(e, ENXIO,
			               "console '%.60s' is '%.100s': only unix=PATH and pty can be "
			               "attached to",
			               name, filename);
	}
	if (label)
		return err_set(e, ENOENT, "this VM has no console '%.60s'", label);
	return err_set(e, ENXIO,
	               "this VM has no console that can be attached to: start it with "
	               "--serial unix=PATH or pty");
}

struct console {
	int fd, signal_fd;
	struct terminal terminal;
	bool typing; /* standard input has more to give */
	uint8_t held[4096]; /* typed, and not with the VM yet */
	size_t n_held;
	int signo; /* that ends us; 0: none */
};

/* Returns 0, 1 = the user leaves, or -errno. */
static int take_input(struct console *c)
{
	enum terminal_key key;
	ssize_t n = read(STDIN_FILENO, c->held, sizeof(c->held));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0) {
		c->typing = false;
		return 0;
	}
	c->n_held = terminal_filter(&c->terminal, c->held, (size_t)n, &key);
	if (key == TERMINAL_KEY_HELP)
		fputs("vmmctl: Ctrl-a x leaves the console, Ctrl-a Ctrl-a sends Ctrl-a, Ctrl-a h "
		      "shows this\r\n",
		      stderr);
	return key == TERMINAL_KEY_END;
}

static int hand_on(struct console *c)
{
	ssize_t n = write(c->fd, c->held, c->n_held);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->n_held -= (size_t)n;
	memmove(c->held, c->held + n, c->n_held);
	return 0;
}

/* Returns 1 = go on, 0 = the console was closed, or -errno. */
static int show_output(struct console *c, struct err *e)
{
	uint8_t buf[4096];
	ssize_t n = read(c->fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n <= 0) /* EIO is a pseudo-terminal's way */
		return n == 0 || errno == EIO || errno == ECONNRESET
		               ? 0
		               : err_errno(e, errno, "cannot read from the console");
	for (ssize_t at = 0; at < n;) {
		ssize_t done = write(STDOUT_FILENO, buf + at, (size_t)(n - at));

		if (done < 0 && errno != EINTR)
			return err_errno(e, errno, "cannot write to standard output");
		at += done > 0 ? done : 0;
	}
	return 1;
}

/* Returns whether to go on. */
static bool take_signal(struct console *c)
{
	struct signalfd_siginfo info;

	if (read(c->signal_fd, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo != SIGTSTP && info.ssi_signo != SIGCONT) {
		c->signo = (int)info.ssi_signo;
		return false;
	}
	if (info.ssi_signo == SIGTSTP) {
		terminal_release(&c->terminal);
		(void)raise(SIGSTOP);
	}
	terminal_resume(&c->terminal);
	return true;
}

/* Returns 1 = go on, 0 = done, or -errno. */
static int turn(struct console *c, struct err *e)
{
	struct pollfd p[] = {
		{ .fd = c->typing && c->n_held == 0 ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = c->fd, .events = (short)(POLLIN | (c->n_held ? POLLOUT : 0)) },
		{ .fd = c->signal_fd, .events = POLLIN },
	};
	int r = 1;

	if (poll(p, ARRAY_SIZE(p), -1) < 0)
		return errno == EINTR ? 1 : err_errno(e, errno, "cannot wait for the console");
	if (p[2].revents && !take_signal(c))
		return 0;
	if (p[1].revents & (POLLIN | POLLHUP | POLLERR))
		r = show_output(c, e);
	if (r > 0 && p[1].revents & POLLOUT && hand_on(c) < 0)
		return 0;
	if (r > 0 && p[0].revents && take_input(c) > 0)
		return 0;
	return r;
}

static int watch_signals(struct console *c, struct err *e)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGTTOU, SIG_IGN); /* the terminal is put back from the background too */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(e, errno, "cannot block signals");
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signal_fd < 0 ? err_errno(e, errno, "cannot watch signals") : 0;
}

/* End as the signal would have ended us. */
static void die(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	(void)signal(signo, SIG_DFL);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(signo);
}

int ctl_console_attach(int fd, struct err *e)
{
	struct console c = { .fd = fd, .signal_fd = -1, .typing = true };
	int r = watch_signals(&c, e);

	if (r == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		r = err_errno(e, errno, "cannot set up the console");
	if (r < 0)
		return r;
	terminal_init(&c.terminal, STDIN_FILENO, ESCAPE, NULL);
	terminal_resume(&c.terminal);
	do
		r = turn(&c, e);
	while (r > 0);
	terminal_release(&c.terminal);
	fd_close(&c.signal_fd);
	if (c.signo)
		die(c.signo);
	return r;
}
