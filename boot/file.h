/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_FILE_H
#define BOOT_FILE_H

/*
 * A file that is read into guest memory: opened without ever waiting for it, sized once, and read
 * exactly. Its name is kept short enough that a message always has room for what is wrong.
 */

#include "vmm/err.h"

#define FILE_NAME_MAX 96 /* bytes of a path that messages show; of a longer one, the end */

struct file {
	int fd; /* -1: not open */
	uint64_t size; /* bytes, not 0 */
	char name[FILE_NAME_MAX];
};

/**
 * file_name() - What messages call a file
 * @name: Set: the whole path if it is short, else its end, which tells files apart
 * @path: Path
 */
void file_name(char name[FILE_NAME_MAX], const char *path);

/**
 * file_open() - Open a regular file for reading
 * @ret:  Set on success; file_close()
 * @path: Path
 * @what: What it is to the user: "kernel", "initrd"; begins the message
 * @e:    Names the file and says why not
 *
 * Context: set-up. A FIFO or a device is refused, and not waited for.
 * Return:  0.
 * Errors:  -errno of open(2) or fstat(2); -EISDIR; -EINVAL not a regular file, or empty.
 */
int file_open(struct file *ret, const char *path, const char *what, struct err *e) MUST_CHECK;

/**
 * file_close() - Close it
 * @f: Open, or fd -1
 */
void file_close(struct file *f);

/**
 * file_read() - Read a part of the file, all of it or an error
 * @f:   Open file
 * @off: First byte
 * @dst: Where to; may be guest memory, which then receives the only copy
 * @len: Bytes
 * @e:   Names the file
 *
 * Context: set-up; blocks on the disk, survives signals.
 * Return:  0.
 * Errors:  -errno of pread(2); -EIO the file ends before @off + @len: it shrank since it was sized.
 */
int file_read(const struct file *f, uint64_t off, void *dst, uint64_t len,
              struct err *e) MUST_CHECK;

#endif /* BOOT_FILE_H */
