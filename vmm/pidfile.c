/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define MODE  0600 /* nobody else writes another id, or holds the lock */
#define TRIES 10 /* the last owner may remove the file between our open() and our lock */

static int in_use(const char *path, int fd, struct err *e)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) > 0 && strtol(text, NULL, 10) > 0)
		return err_set(e, EBUSY, "process %ld holds the pidfile '%.100s': it still runs",
		               strtol(text, NULL, 10), path);
	return err_set(e, EBUSY, "another process holds the pidfile '%.100s'", path);
}

/* Whether the path still leads to what is open. */
static bool is_same(const char *path, int fd)
{
	struct stat there, here;

	return lstat(path, &there) == 0 && fstat(fd, &here) == 0 && there.st_dev == here.st_dev &&
	       there.st_ino == here.st_ino;
}

static int lock(const char *path, int fd, struct err *e)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "cannot write the pidfile '%.100s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "the pidfile '%.100s' is not a regular file", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? in_use(path, fd, e)
	                            : err_errno(e, errno, "cannot lock the pidfile '%.100s'", path);
}

/*
 * The descriptor that stays cannot write: whoever takes over the VM must not make its supervisor
 * end another process. A lock belongs to what was opened, so that it does not go with a second one.
 */
static int open_locked(const char *path, struct err *e)
{
	const int flags = O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	for (unsigned i = 0; i < TRIES; i++) {
		CLEANUP_FD int fd = open(path, flags | O_EXCL, MODE);
		const bool made = fd >= 0;
		int r;

		if (!made && errno == EEXIST)
			fd = open(path, flags, MODE);
		r = lock(path, fd, e);
		if (r < 0 && made)
			(void)unlink(path);
		if (r < 0)
			return r;
		if (is_same(path, fd))
			return fd_take(&fd);
	}
	return err_set(e, EBUSY, "the pidfile '%.100s' changes hands too often", path);
}

/* Returns 0 or a positive errno. */
static int write_id(const char *path, int locked)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (fd < 0)
		return errno;
	if (!is_same(path, locked) || !is_same(path, fd))
		return ESTALE;
	errno = ENOSPC; /* of a short write */
	return ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len ? errno : 0;
}

int pidfile_create(const char *path, struct err *e)
{
	CLEANUP_FD int fd = open_locked(path, e);
	int error, r;

	if (fd < 0)
		return fd_take(&fd);
	error = fchmod(fd, MODE) < 0 ? errno : write_id(path, fd);
	if (error == 0)
		return fd_take(&fd);
	r = err_errno(e, error, "cannot write the pidfile '%.100s'", path);
	(void)unlink(path); /* ours by now, and of no more use than a stale one */
	return r;
}
