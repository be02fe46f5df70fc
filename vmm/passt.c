/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/passt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FIXED_WORDS 4 /* "passt", "--quiet", "--fd", N */
#define WORDS_MAX   (FIXED_WORDS + 2 * CONFIG_PORTS_MAX + 1)

/* Nothing of ours is inherited but one end of the socket; what passt says goes to our messages. */
static int prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr, int fd)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(files, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0) /* onto itself: it is kept over the exec */
		r = posix_spawn_file_actions_adddup2(files, fd, fd);
	return r;
}

/* Returns 0 or a positive errno. */
static int spawn(pid_t *ret, char *const *argv, int fd)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r = posix_spawn_file_actions_init(&files);

	if (r != 0)
		return r;
	posix_spawnattr_init(&attr);
	r = prepare(&files, &attr, fd);
	if (r == 0)
		r = posix_spawnp(ret, argv[0], &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

/* Wait until it is ready or has failed. */
static int await(pid_t pid, struct err *e)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, errno, "cannot wait for passt");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(e, EIO, "passt was ended by signal %d", WTERMSIG(status));
	return err_set(e, EIO, "passt ended with status %d: see its message above",
	               WEXITSTATUS(status));
}

/* The words of its command line; they are only read. */
static void fill_words(char **argv, const char *fd, const struct config_port *port, unsigned n)
{
	const char *word[WORDS_MAX] = { "passt", "--quiet", "--fd", fd };
	unsigned n_words = FIXED_WORDS;

	for (unsigned i = 0; i < n; i++) {
		word[n_words++] = port[i].udp ? "--udp-ports" : "--tcp-ports";
		word[n_words++] = port[i].text;
	}
	for (unsigned i = 0; i <= n_words; i++)
		argv[i] = (char *)(uintptr_t)word[i];
}

int passt_start(const struct config_port *port, unsigned n, struct err *e)
{
	CLEANUP_FD int ours = -1;
	CLEANUP_FD int theirs = -1;
	char *argv[WORDS_MAX], number[16];
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, errno, "cannot make a socket for passt");
	ours = pair[0];
	theirs = pair[1];
	if (fcntl(ours, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return err_errno(e, errno, "cannot make passt's socket non-blocking");
	snprintf(number, sizeof(number), "%d", theirs);
	fill_words(argv, number, port, n);
	r = spawn(&pid, argv, theirs);
	if (r == ENOENT)
		return err_set(e, ENOENT,
		               "passt is not on PATH: install it (package passt), or give "
		               "passt=PATH of a running one");
	if (r != 0)
		return err_errno(e, r, "cannot start passt");
	r = await(pid, e);
	return r < 0 ? r : fd_take(&ours);
}
