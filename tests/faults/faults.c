/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: faults KERNEL
 *
 * Makes a machine again and again, each time with another call of the set-up refused, and prints a
 * line for each: the failure has to be told in one line, everything has to be given back, and a
 * call that vmm can do without must not fail the set-up. The calls are wrapped by the linker
 * (--wrap), so that the code under test is the code of the program; with 64-bit file offsets their
 * names end in 64.
 */
#include "vmm/machine.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_do_recoverable_leak_check() 0
#endif

#define CALLS_MAX 1000 /* far more than a set-up makes */

enum outcome { REPORTED, TOLERATED, NOT_REACHED, WRONG };

/* Which call to refuse; the one object that the wrappers can reach. */
static struct {
	unsigned seen, at; /* calls so far; 0: refuse none */
	const char *refused; /* name of the call that was */
} fault;

static bool due(const char *name)
{
	if (fault.at == 0 || ++fault.seen != fault.at)
		return false;
	fault.refused = name;
	errno = ENOMEM; /* every one of these calls can run out of something */
	return true;
}

/* A wrapper: parameters, arguments, result when refused. */
#define WRAP(type, name, params, args, failed)                                                     \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return due(#name) ? (failed) : __real_##name args;                                 \
	}

WRAP(int, open64, (const char *path, int flags, int mode), (path, flags, mode), -1)
WRAP(int, ioctl, (int fd, unsigned long request, void *arg), (fd, request, arg), -1)
WRAP(void *, mmap64, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o),
     MAP_FAILED)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL)
WRAP(void *, malloc, (size_t size), (size), NULL)
WRAP(int, eventfd, (unsigned n, int flags), (n, flags), -1)
WRAP(int, epoll_create1, (int flags), (flags), -1)
WRAP(int, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev), (e, op, fd, ev), -1)
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags), -1)
WRAP(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags), -1)
WRAP(int, fstat64, (int fd, struct stat *st), (fd, st), -1)
WRAP(int, fcntl64, (int fd, int op, void *arg), (fd, op, arg), -1)
WRAP(ssize_t, pread64, (int fd, void *buf, size_t n, off_t at), (fd, buf, n, at), -1)
WRAP(int, madvise, (void *a, size_t n, int advice), (a, n, advice), -1)
WRAP(int, sigaction, (int signo, const struct sigaction *sa, struct sigaction *old),
     (signo, sa, old), -1)
WRAP(int, pthread_create,
     (pthread_t * t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
     (t, attr, fn, arg), ENOMEM)

/* Entries of a folder of /proc/self: descriptors or threads. */
static unsigned count(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static enum outcome wrong(const char *what)
{
	printf("# %s\n", what);
	return WRONG;
}

/* One set-up and its undoing, in a process of its own. */
static enum outcome try_setup(const struct config *cfg, unsigned at)
{
	unsigned fds = count("/proc/self/fd");
	struct signals signals;
	struct machine m;
	struct err e = { 0 };
	int r;

	fault.at = at;
	r = signals_init(&signals, &e);
	if (r == 0) {
		r = machine_create(&m, cfg, &signals, &e);
		if (r == 0)
			r = machine_start(&m, SECCOMP_OFF, &e);
		machine_destroy(&m);
		signals_restore(&signals);
	}
	fault.at = 0;
	if (count("/proc/self/task") != 3) /* ".", ".." and this one */
		return wrong("a thread is left");
	if (count("/proc/self/fd") != fds)
		return wrong("a descriptor is left open");
	if (__lsan_do_recoverable_leak_check())
		return wrong("memory is lost");
	if (r < 0 && (e.msg[0] == '\0' || strchr(e.msg, '\n')))
		return wrong("the failure is not told in one line");
	if (r < 0 && !fault.refused)
		return wrong(e.msg);
	printf("# %s: %s\n", fault.refused ? fault.refused : "none", r < 0 ? e.msg : "goes on");
	if (!fault.refused)
		return NOT_REACHED;
	return r < 0 ? REPORTED : TOLERATED;
}

/* Returns an enum outcome, or WRONG if the child did not get so far. */
static enum outcome run_child(const struct config *cfg, unsigned at)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		enum outcome o = try_setup(cfg, at);

		fflush(stdout);
		_exit((int)o);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) > WRONG)
		return WRONG;
	return (enum outcome)WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	char disk[] = "/tmp/vmm-faults-XXXXXX";
	int fd = mkstemp(disk);
	struct config cfg = {
		.kernel = argc > 1 ? argv[1] : NULL,
		.n_disks = 1,
		.cpus = 2,
		.memory = 64ULL << 20,
		.cpu = "host",
		.serial = { .kind = WHERE_STDIO },
		.result_fd = -1,
		.timeout_ms = 1000,
		.grace_ms = 1000,
		.escape = -1,
	};
	bool failed = false;
	unsigned at;

	if (!cfg.kernel || fd < 0 || ftruncate(fd, 65536) < 0)
		return 2;
	cfg.disk[0].path = disk;
	for (at = 1; at < CALLS_MAX; at++) {
		enum outcome o = run_child(&cfg, at);

		if (o == NOT_REACHED)
			break;
		failed |= o == WRONG;
		printf("%s - call %u refused\n", o == WRONG ? "not ok" : "ok", at);
	}
	unlink(disk);
	close(fd);
	if (at < 50) { /* a set-up makes more calls than that: the wrappers are not in place */
		printf("not ok - only %u calls were seen\n", at);
		failed = true;
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
