/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_SYS_H
#define BOOT_INIT_SYS_H

#include "vmm/compiler.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>

/*
 * System calls of the guest's first process, which has no C library: each returns what the kernel
 * does, a negative errno for an error. Names and arguments are those of section 2 of the manual.
 */

/**
 * sys_call0(), sys_call1(), sys_call2(), sys_call3(), sys_call5() - Call the kernel
 * @nr: Number of the call
 * @a:  First argument
 * @b:  Second
 * @c:  Third
 * @d:  Fourth
 * @e:  Fifth
 *
 * Return: What the kernel returns.
 */
long sys_call0(long nr);
long sys_call1(long nr, long a);
long sys_call2(long nr, long a, long b);
long sys_call3(long nr, long a, long b, long c);
long sys_call5(long nr, long a, long b, long c, long d, long e);

static inline int sys_open(const char *path, int flags)
{
	return (int)sys_call5(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, 0, 0);
}

static inline int sys_close(int fd)
{
	return (int)sys_call1(SYS_close, fd);
}

static inline long sys_read(int fd, void *buf, size_t len)
{
	return sys_call3(SYS_read, fd, (long)buf, (long)len);
}

static inline long sys_pread(int fd, void *buf, size_t len, long at)
{
	return sys_call5(SYS_pread64, fd, (long)buf, (long)len, at, 0);
}

static inline long sys_write(int fd, const void *buf, size_t len)
{
	return sys_call3(SYS_write, fd, (long)buf, (long)len);
}

static inline int sys_mkdir(const char *path, unsigned mode)
{
	return (int)sys_call3(SYS_mkdirat, AT_FDCWD, (long)path, mode);
}

static inline int sys_unlink(const char *path, int flags)
{
	return (int)sys_call3(SYS_unlinkat, AT_FDCWD, (long)path, flags);
}

static inline int sys_symlink(const char *target, const char *path)
{
	return (int)sys_call3(SYS_symlinkat, (long)target, AT_FDCWD, (long)path);
}

static inline int sys_mount(const char *source, const char *target, const char *type,
                            unsigned long flags, const char *data)
{
	return (int)sys_call5(SYS_mount, (long)source, (long)target, (long)type, (long)flags,
	                      (long)data);
}

static inline int sys_chdir(const char *path)
{
	return (int)sys_call1(SYS_chdir, (long)path);
}

static inline int sys_dup3(int fd, int to, int flags)
{
	return (int)sys_call3(SYS_dup3, fd, to, flags);
}

static inline int sys_fcntl(int fd, int command, long arg)
{
	return (int)sys_call3(SYS_fcntl, fd, command, arg);
}

static inline int sys_ioctl(int fd, unsigned long request, const void *arg)
{
	return (int)sys_call3(SYS_ioctl, fd, (long)request, (long)arg);
}

static inline int sys_pipe(int ends[2], int flags)
{
	return (int)sys_call2(SYS_pipe2, (long)ends, flags);
}

static inline int sys_kill(int pid, int signo)
{
	return (int)sys_call2(SYS_kill, pid, signo);
}

static inline int sys_fork(void)
{
	return (int)sys_call5(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static inline int sys_wait(int pid, int *status, int options)
{
	return (int)sys_call5(SYS_wait4, pid, (long)status, options, 0, 0);
}

static inline int sys_execve(const char *path, const char *const *argv, const char *const *envp)
{
	return (int)sys_call3(SYS_execve, (long)path, (long)argv, (long)envp);
}

static inline int sys_chown(int fd, unsigned uid, unsigned gid)
{
	return (int)sys_call3(SYS_fchown, fd, uid, gid);
}

static inline void sys_sleep_ms(long ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	sys_call2(SYS_nanosleep, (long)&ts, 0);
}

/* CLOCK_MONOTONIC, in microseconds. */
static inline long sys_now_us(void)
{
	struct timespec ts = { 0, 0 };

	sys_call2(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&ts);
	return ts.tv_sec * 1000000L + ts.tv_nsec / 1000;
}

static inline int sys_poll(struct pollfd *fds, unsigned n, int timeout_ms)
{
	const struct timespec ts = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	return (int)sys_call5(SYS_ppoll, (long)fds, n, timeout_ms < 0 ? 0 : (long)&ts, 0, 0);
}

/* Block (SIG_BLOCK) or unblock signals; a bit for each, the first for signal 1. */
static inline int sys_mask(int how, uint64_t signals)
{
	return (int)sys_call5(SYS_rt_sigprocmask, how, (long)&signals, 0, sizeof(signals), 0);
}

static inline int sys_signalfd(uint64_t signals, int flags)
{
	return (int)sys_call5(SYS_signalfd4, -1, (long)&signals, sizeof(signals), flags, 0);
}

static inline NORETURN void sys_exit(int status)
{
	for (;;)
		sys_call1(SYS_exit_group, status);
}

#endif /* BOOT_INIT_SYS_H */
