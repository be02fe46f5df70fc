/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/disk_lock.h"

#include "vmm/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/*
 * Whether a descriptor of another process (or of this one) carries a lock that ours met. The
 * kernel lists a description's own locks in fdinfo: "lock: 1: OFDLCK ADVISORY WRITE -1 fe:00:INO
 * 0 EOF". The device number there is not st_dev on every file system, so the descriptor itself is
 * looked at too.
 */
static bool fd_holds(const char *pid, const char *fd, const struct stat *st, bool readonly)
{
	char path[sizeof("/proc//fdinfo/") + 2UL * NAME_MAX], line[256], inode[32];
	struct stat other;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	if (!f)
		return false;
	snprintf(inode, sizeof(inode), ":%ju ", (uintmax_t)st->st_ino);
	while (!found && fgets(line, sizeof(line), f))
		found = strncmp(line, "lock:", 5) == 0 && strstr(line, inode) &&
		        (strstr(line, "OFDLCK") || strstr(line, "POSIX")) &&
		        (!readonly || strstr(line, "WRITE"));
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, fd);
	return found && stat(path, &other) == 0 && other.st_dev == st->st_dev &&
	       other.st_ino == st->st_ino;
}

static bool process_holds(const char *pid, const struct stat *st, bool readonly)
{
	char path[sizeof("/proc//fdinfo") + NAME_MAX];
	const struct dirent *d;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	dir = opendir(path);
	if (!dir)
		return false; /* gone, or another user's */
	while (!found && (d = readdir(dir)))
		found = isdigit((unsigned char)d->d_name[0]) &&
		        fd_holds(pid, d->d_name, st, readonly);
	closedir(dir);
	return found;
}

/* The process that keeps us from the lock; 0 if it cannot be found. */
static pid_t find_holder(const struct stat *st, bool readonly)
{
	DIR *dir = opendir("/proc");
	const struct dirent *d;
	pid_t pid = 0;

	if (!dir)
		return 0;
	while (pid == 0 && (d = readdir(dir)))
		if (isdigit((unsigned char)d->d_name[0]) && process_holds(d->d_name, st, readonly))
			pid = (pid_t)strtol(d->d_name, NULL, 10);
	closedir(dir);
	return pid;
}

int disk_lock_in_use(const char *path, const struct stat *st, bool readonly, struct err *e)
{
	pid_t pid = find_holder(st, readonly);

	if (pid == getpid())
		return err_set(e, EBUSY, "'%s' is given twice: have both read it, by 'ro' or 'cow'",
		               path);
	if (pid > 0)
		return err_set(e, EBUSY,
		               "'%s' is in use by process %d: end it, or have both read it, by "
		               "'ro' or 'cow'",
		               path, (int)pid);
	if (S_ISBLK(st->st_mode))
		return err_set(e, EBUSY,
		               "'%s' is in use: mounted, part of a volume, or another VM's", path);
	return err_set(e, EBUSY, "'%s' is in use by another process", path);
}

#define LOCK_TRIES    100
#define LOCK_PAUSE_US 20000

int disk_lock_take(const char *path, int fd, const struct stat *st, bool readonly, struct err *e)
{
	struct flock whole = {
		.l_type = readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	/*
	 * A process that was killed may hold its lock for a moment longer, while the kernel takes
	 * its io_uring apart; then nobody is seen to hold it.
	 */
	for (unsigned tries = 0; tries <= LOCK_TRIES; tries++) {
		if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			break;
		if (tries == LOCK_TRIES || find_holder(st, readonly) > 0)
			return disk_lock_in_use(path, st, readonly, e);
		usleep(LOCK_PAUSE_US);
	}
	log_warn("cannot lock '%s' (%s): nothing keeps another process from it", path,
	         strerror(errno));
	return 0;
}
