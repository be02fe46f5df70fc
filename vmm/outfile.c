/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int outfile_open(struct outfile *o, const char *path, int flags)
{
	int fd;

	/* O_NONBLOCK: a FIFO without a reader is an error now rather than a hang in open(). */
	flags |= O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	*o = (struct outfile){ .path = path };
	fd = open(path, flags | O_EXCL, 0666);
	o->made = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(path, flags, 0666);
	return fd < 0 ? -errno : fd;
}

void outfile_begin(struct outfile *o, int fd)
{
	if (o->path)
		(void)!ftruncate(fd, 0); /* devices and FIFOs refuse it */
	*o = (struct outfile){ 0 };
}

void outfile_end(struct outfile *o)
{
	if (o->made)
		(void)unlink(o->path);
	*o = (struct outfile){ 0 };
}
