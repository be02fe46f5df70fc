/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/faults/wraps.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct wraps wraps;

void wraps_refuse(unsigned at)
{
	wraps.at = at;
	wraps.seen = 0;
}

/* Threads of the machine count, too. */
static bool due(const char *name)
{
	if (wraps.at == 0 || __atomic_add_fetch(&wraps.seen, 1, __ATOMIC_RELAXED) != wraps.at)
		return false;
	wraps.refused = name;
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

/* Of those with more than one form of arguments, registers are handed on as they are. */

WRAP(int, open64, (const char *path, int flags, int mode), (path, flags, mode), -1)
WRAP(int, openat64, (int dir, const char *path, int flags, int mode), (dir, path, flags, mode), -1)
WRAP(int, mkostemp64, (char *path, int flags), (path, flags), -1)
WRAP(int, ioctl, (int fd, unsigned long request, void *arg), (fd, request, arg), -1)
WRAP(void *, mmap64, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o),
     MAP_FAILED)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL)
WRAP(void *, malloc, (size_t size), (size), NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), NULL)
WRAP(char *, strdup, (const char *s), (s), NULL)
WRAP(char *, strndup, (const char *s, size_t n), (s, n), NULL)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1)
WRAP(int, eventfd, (unsigned n, int flags), (n, flags), -1)
WRAP(int, epoll_create1, (int flags), (flags), -1)
WRAP(int, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev), (e, op, fd, ev), -1)
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags), -1)
WRAP(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags), -1)
WRAP(int, inotify_init1, (int flags), (flags), -1)
WRAP(int, inotify_add_watch, (int fd, const char *path, unsigned mask), (fd, path, mask), -1)
WRAP(int, fstat64, (int fd, struct stat *st), (fd, st), -1)
WRAP(int, stat64, (const char *path, struct stat *st), (path, st), -1)
/* Not lstat(): by it the caretaker knows what is ours to remove. */
WRAP(int, fstatat64, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags),
     -1)
WRAP(int, statx, (int dir, const char *path, int flags, unsigned mask, void *ret),
     (dir, path, flags, mask, ret), -1)
WRAP(int, fcntl64, (int fd, int op, void *arg), (fd, op, arg), -1)
WRAP(int, flock, (int fd, int op), (fd, op), -1)
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), -1)
WRAP(off_t, lseek64, (int fd, off_t at, int whence), (fd, at, whence), -1)
WRAP(ssize_t, pread64, (int fd, void *buf, size_t n, off_t at), (fd, buf, n, at), -1)
WRAP(ssize_t, pwrite64, (int fd, const void *buf, size_t n, off_t at), (fd, buf, n, at), -1)
WRAP(int, madvise, (void *a, size_t n, int advice), (a, n, advice), -1)
WRAP(int, sigaction, (int signo, const struct sigaction *sa, struct sigaction *old),
     (signo, sa, old), -1)
WRAP(int, pthread_create,
     (pthread_t * t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
     (t, attr, fn, arg), ENOMEM)
WRAP(pid_t, fork, (void), (), -1)
WRAP(int, pipe2, (int fds[2], int flags), (fds, flags), -1)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1)
WRAP(int, socketpair, (int d, int t, int p, int fds[2]), (d, t, p, fds), -1)
WRAP(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1)
WRAP(int, listen, (int fd, int backlog), (fd, backlog), -1)
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1)
WRAP(int, setsockopt, (int fd, int level, int name, const void *v, socklen_t n),
     (fd, level, name, v, n), -1)
WRAP(int, dup2, (int fd, int to), (fd, to), -1)
WRAP(void *, fdopendir, (int fd), (fd), NULL)
WRAP(ssize_t, getrandom, (void *buf, size_t n, unsigned flags), (buf, n, flags), -1)
/* The jail. */
WRAP(struct passwd *, getpwnam, (const char *name), (name), NULL)
WRAP(int, prctl, (int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d),
     (op, a, b, c, d), -1)
WRAP(long, syscall, (long nr, long a, long b, long c, long d, long e, long f),
     (nr, a, b, c, d, e, f), -1)
WRAP(int, unshare, (int flags), (flags), -1)
WRAP(int, mount, (const char *s, const char *t, const char *fs, unsigned long flags, const void *d),
     (s, t, fs, flags, d), -1)
WRAP(int, mount_setattr, (int dir, const char *path, unsigned flags, void *attr, size_t n),
     (dir, path, flags, attr, n), -1)
WRAP(int, umount2, (const char *t, int flags), (t, flags), -1)
WRAP(int, chdir, (const char *path), (path), -1)
WRAP(int, chroot, (const char *path), (path), -1)
WRAP(int, setgroups, (size_t n, const gid_t *list), (n, list), -1)
WRAP(int, setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s), -1)
WRAP(int, setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s), -1)
WRAP(int, setrlimit64, (int what, const void *limit), (what, limit), -1)
