/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void file_name(char name[FILE_NAME_MAX], const char *path)
{
	size_t len = strlen(path);

	if (len < FILE_NAME_MAX)
		memcpy(name, path, len + 1);
	else
		snprintf(name, FILE_NAME_MAX, "...%s", path + len - (FILE_NAME_MAX - 4));
}

int file_open(struct file *ret, const char *path, const char *what, struct err *e)
{
	/* O_NONBLOCK: opening a FIFO without a writer must not hang; regular files ignore it. */
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char name[FILE_NAME_MAX];
	struct stat st;

	file_name(name, path);
	if (fd < 0)
		return err_set(e, errno, "cannot open %s '%s': %s; %s", what, name, strerror(errno),
		               errno == EACCES ? "copy it, or let this user read it"
		                               : "check the name");
	if (fstat(fd, &st) < 0)
		return err_errno(e, errno, "cannot size %s '%s'", what, name);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "%s '%s' is a directory: give a file", what, name);
	if (!S_ISREG(st.st_mode))
		return err_set(
		        e, EINVAL,
		        "%s '%s' is not a regular file: copy its contents to one and give that",
		        what, name);
	if (st.st_size <= 0)
		return err_set(e, EINVAL, "%s '%s' is empty: copy it again", what, name);
	*ret = (struct file){ .size = (uint64_t)st.st_size };
	memcpy(ret->name, name, sizeof(name));
	ret->fd = fd_take(&fd);
	return 0;
}

void file_close(struct file *f)
{
	fd_close(&f->fd);
}

int file_read(const struct file *f, uint64_t off, void *dst, uint64_t len, struct err *e)
{
	uint8_t *at = dst;

	while (len > 0) {
		ssize_t n = pread(f->fd, at, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "cannot read '%s'", f->name);
		if (n == 0)
			return err_set(
			        e, EIO,
			        "'%s' became shorter while it was read: wait until it is complete",
			        f->name);
		at += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}
