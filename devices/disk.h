/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_DISK_H
#define DEVICES_DISK_H

#include "vmm/config.h"
#include "vmm/err.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Where a disk's sectors are kept: a raw image file or a block device of the host. Offsets and
 * lengths are the caller's to bound; the size is the one found at open until disk_resize().
 */

#define DISK_SECTOR 512 /* bytes; the unit of virtio-blk whatever the block size */

struct disk {
	const char *path; /* for messages; the configuration's string */
	int fd; /* -1: closed */
	bool device; /* a block device, not a file */
	bool readonly; /* opened so */
	bool punches; /* the host can give a range back */
	uint64_t sectors; /* at least 1; set by the disk's thread, atomic */
	uint64_t allocated; /* bytes on the host, when it was opened */
	uint32_t logical; /* block size in bytes; power of two, 512 to 4096 */
	uint32_t physical; /* block size in bytes; power of two, at least @logical */
	bool direct; /* past the host's page cache */
	uint32_t mem_align; /* of @direct: what addresses and lengths in memory are multiples of */
	dev_t dev; /* identity of the file */
	ino_t ino;
	uint32_t io_min, io_opt; /* preferred request sizes in bytes; 0: not known */
};

/**
 * disk_open() - Open or adopt, lock and measure an image or a block device
 * @ret: Set only on success
 * @cfg: What the user asked for; its strings outlive the disk
 * @e:   Says why not
 *
 * A disk that is written to is locked exclusively, one that is read only or copied on write is
 * shared with other readers: see disk_lock.h.
 *
 * The bytes of a raw disk are the guest's, so they never decide alone whether the next start
 * works: an image that begins like a qcow2 (VMDK, ...) is refused if its name says the same, and
 * is used as it is, with a warning, if not.
 *
 * Context: set-up; blocks.
 * Return:  0; disk_close() undoes it.
 * Errors:  -EISDIR, -EINVAL wrong kind of file, size or format; -EBUSY in use by another process
 *          or given twice; what open(2), fstat(2) and the device's ioctls return.
 */
int disk_open(struct disk *ret, const struct config_disk *cfg, struct err *e) MUST_CHECK;

/**
 * disk_clashes() - Whether two disks are one image that one of them writes to
 * @a: Disk
 * @b: Another
 *
 * Locks do not tell, when both are descriptors of one opening.
 */
bool disk_clashes(const struct disk *a, const struct disk *b);

/**
 * disk_may_resize() - Judge a new size
 * @d:     Disk
 * @bytes: New size
 * @e:     Says why not
 *
 * Context: main thread; may be jailed.
 * Return:  0.
 * Errors:  -EROFS read-only; -EINVAL not whole blocks, or a block device is shorter.
 */
int disk_may_resize(const struct disk *d, uint64_t bytes, struct err *e) MUST_CHECK;

/**
 * disk_resize() - Make an image file longer or shorter; a block device stays as it is
 * @d:     Disk
 * @bytes: New size, which disk_may_resize() found fit
 * @e:     Says why not
 *
 * Leaves @d->sectors as it is: nothing may be asked of the disk beyond the shorter of both sizes.
 * Context: main thread; may be jailed.
 * Return:  0, or what ftruncate(2) returns as -errno.
 */
int disk_resize(const struct disk *d, uint64_t bytes, struct err *e) MUST_CHECK;

/**
 * disk_close() - Close the descriptor, which gives up the lock
 * @d: fd -1 if not open
 */
void disk_close(struct disk *d);

#endif /* DEVICES_DISK_H */
