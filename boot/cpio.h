/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_CPIO_H
#define BOOT_CPIO_H

/*
 * Writes what a kernel unpacks as its first file system: a cpio archive of the form "newc". It goes
 * into memory that grows, or into a place of fixed size such as guest memory; what finds no room
 * there is counted and not written, so that the end tells how much room there should have been.
 */

#include "vmm/err.h"

#include <stdbool.h>

#define CPIO_PATH_MAX 4096 /* bytes of a path or of a link, with NUL: the kernel takes no more */

/* An archive that is being written. */
struct cpio {
	uint8_t *buf; /* the archive */
	uint64_t room; /* bytes at @buf */
	uint64_t len; /* bytes of the archive so far; above @room: the rest was not written */
	uint32_t last_ino;
	bool grows; /* @buf is malloc'ed, and made larger as needed */
};

/* What a file system knows of a file, besides its name and its bytes. */
struct cpio_meta {
	uint32_t mode; /* as st_mode: type and permissions */
	uint32_t uid;
	uint32_t gid;
	uint32_t mtime; /* seconds since 1970 */
	uint32_t ino; /* names of one file have one number, from cpio_ino(); 0: of its own */
	uint32_t nlink; /* 0 or 1: it has no other names */
	uint32_t major; /* of a device node */
	uint32_t minor;
};

/**
 * cpio_init() - Begin an archive in memory that grows
 * @c: Set; cpio_fini()
 */
void cpio_init(struct cpio *c);

/**
 * cpio_init_fixed() - Begin an archive in memory that is there
 * @c:    Set
 * @buf:  Where to; 4 byte aligned, all zero: padding is not written
 * @room: Bytes at @buf
 */
void cpio_init_fixed(struct cpio *c, void *buf, uint64_t room);

/**
 * cpio_fini() - Give memory back that grew
 * @c: Begun, or zeroed
 */
void cpio_fini(struct cpio *c);

/**
 * cpio_ino() - A new inode number, for a file that has several names
 * @c: Archive
 *
 * Return: Never 0, and never one that another file of this archive has.
 */
uint32_t cpio_ino(struct cpio *c);

/**
 * cpio_begin() - Write the head of an entry, and leave room for its bytes
 * @c:    Archive
 * @path: Name, relative to the root; its folder has to be in the archive before it
 * @meta: All about it. Of several names of one file, only the first one has bytes
 * @size: Bytes that follow
 * @ret:  Where the caller has to put them before it adds the next entry; NULL if there is no room,
 *        and they are counted only
 * @e:    Names the file
 *
 * Context: set-up; allocates if the archive grows.
 * Return:  0.
 * Errors:  -ENAMETOOLONG; -EFBIG size does not fit in 32 bits; -EINVAL no name; -ENOMEM.
 * Spec:    Linux Documentation/driver-api/early-userspace/buffer-format.rst
 */
int cpio_begin(struct cpio *c, const char *path, const struct cpio_meta *meta, uint64_t size,
               void **ret, struct err *e) MUST_CHECK;

/**
 * cpio_dir() - Add a directory of root
 * @c:    Archive
 * @path: As cpio_begin()
 * @mode: Permissions
 * @e:    Names it
 *
 * Context: set-up.
 * Return:  0, or -errno as cpio_begin().
 */
int cpio_dir(struct cpio *c, const char *path, uint32_t mode, struct err *e) MUST_CHECK;

/**
 * cpio_file() - Add a file of root
 * @c:    Archive
 * @path: As cpio_begin()
 * @mode: Permissions
 * @data: Its bytes; may be NULL if @size is 0
 * @size: How many
 * @e:    Names it
 *
 * Context: set-up.
 * Return:  0, or -errno as cpio_begin().
 */
int cpio_file(struct cpio *c, const char *path, uint32_t mode, const void *data, size_t size,
              struct err *e) MUST_CHECK;

/**
 * cpio_link() - Add a symbolic link of root
 * @c:      Archive
 * @path:   As cpio_begin()
 * @target: What it points to; at most CPIO_PATH_MAX - 1 bytes
 * @e:      Names it
 *
 * Context: set-up.
 * Return:  0, or -errno as cpio_begin().
 */
int cpio_link(struct cpio *c, const char *path, const char *target, struct err *e) MUST_CHECK;

/**
 * cpio_node() - Add a device node of root
 * @c:     Archive
 * @path:  As cpio_begin()
 * @mode:  S_IFCHR or S_IFBLK, and permissions
 * @major: Number of the driver
 * @minor: Number of the device
 * @e:     Names it
 *
 * Context: set-up.
 * Return:  0, or -errno as cpio_begin().
 */
int cpio_node(struct cpio *c, const char *path, uint32_t mode, uint32_t major, uint32_t minor,
              struct err *e) MUST_CHECK;

/**
 * cpio_end() - Write what ends an archive
 * @c: Archive; @c->len is final afterwards, and says whether @c->room was enough
 * @e: Says why not
 *
 * Context: set-up.
 * Return:  0, or -ENOMEM.
 */
int cpio_end(struct cpio *c, struct err *e) MUST_CHECK;

#endif /* BOOT_CPIO_H */
