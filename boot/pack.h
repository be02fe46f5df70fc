/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_PACK_H
#define BOOT_PACK_H

/* A directory as an archive that a kernel unpacks as its root: no image, no rights of root. */

#include "boot/cpio.h"

/* What a directory came to. */
struct pack_sum {
	uint64_t entries; /* files, directories and all else */
	uint64_t unpacked; /* bytes of RAM that the guest needs to hold the files, in whole pages */
};

/**
 * pack_dir() - Add all that is in a directory to an archive
 * @c:          Begun; not ended
 * @path:       The directory; it becomes the root, and keeps neither its own mode nor its owner
 * @owner_root: Everything belongs to user and group 0, instead of as it is
 * @ret:        Set on success
 * @e:          Names the file, and what to do
 *
 * Hard links stay links. Devices, FIFOs and sockets are packed as nodes. Directories on which
 * another file system is mounted are packed empty. A file that vanishes meanwhile is left out,
 * of one that grows what it had, one that shrinks is filled up with zeros, with a warning; so are
 * extended attributes, which the format cannot hold: a warning counts the files.
 * Each file is read once, straight to where the archive goes.
 * Context: set-up; blocks on the disk, allocates.
 * Return:  0.
 * Errors:  -ENOTDIR; -EACCES a file that this user may not read; -ELOOP too deep; -ENAMETOOLONG
 *          and -EFBIG as cpio_begin(); -errno of opening and reading.
 */
int pack_dir(struct cpio *c, const char *path, bool owner_root, struct pack_sum *ret,
             struct err *e) MUST_CHECK;

/**
 * pack_find_init() - The program of a directory that a kernel starts first
 * @path: The directory
 * @ret:  The kernel's word for it, constant; NULL if it needs none. Set on success
 * @e:    Says that there is none
 *
 * Links are followed as in the guest, within the directory.
 * Context: set-up; blocks on the disk.
 * Return:  0.
 * Errors:  -ENOENT neither /init nor /sbin/init; -errno of opening the directory.
 */
int pack_find_init(const char *path, const char **ret, struct err *e) MUST_CHECK;

#endif /* BOOT_PACK_H */
