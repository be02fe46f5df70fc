/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/disk.h"

#include "devices/blk_io.h"
#include "devices/disk_lock.h"
#include "vmm/log.h"
#include "vmm/num.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define BLOCK_MAX 4096U /* Linux guests take no logical block over a page */

/* Image formats that users take for raw disks. */
static const struct format {
	const char *name;
	const char *suffix;
	const char *magic; /* at the very beginning */
} formats[] = {
	{ "qcow2", ".qcow2", "QFI\xfb" },
	{ "VMDK", ".vmdk", "KDMV" },
	{ "VMDK", ".vmdk", "# Disk DescriptorFile" },
	{ "VHDX", ".vhdx", "vhdxfile" },
	{ "VHD", ".vhd", "conectix" },
	{ "VDI", ".vdi", "<<< " },
};

static int check_kind(const char *path, const struct stat *st, struct err *e)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFBLK:
		return 0;
	case S_IFDIR:
		return err_set(e, EISDIR, "'%s' is a directory; give an image file", path);
	case S_IFIFO:
		return err_set(e, EINVAL, "'%s' is a FIFO; give an image file", path);
	case S_IFCHR:
		return err_set(e, EINVAL, "'%s' is a character device; give a block device", path);
	case S_IFSOCK:
		return err_set(e, EINVAL, "'%s' is a socket; give an image file", path);
	default:
		return err_set(e, EINVAL, "'%s' is not an image file or block device", path);
	}
}

/* Whether the image itself is never written to. */
static bool only_reads(const struct config_disk *cfg)
{
	return cfg->readonly || cfg->cow;
}

static int open_failed(const struct config_disk *cfg, const struct stat *st, int code,
                       struct err *e)
{
	bool readable = faccessat(AT_FDCWD, cfg->path, R_OK, AT_EACCESS) == 0;

	if (code == EBUSY)
		return disk_lock_in_use(cfg->path, st, only_reads(cfg), e);
	if (!only_reads(cfg) && readable && (code == EACCES || code == EPERM || code == EROFS))
		return err_set(e, code, "cannot open '%s' for writing: %s; add ',ro' to only read",
		               cfg->path, strerror(code));
	if (code == EACCES)
		return err_set(e, code, "cannot open '%s': %s; uid %u needs %s access to it",
		               cfg->path, strerror(code), (unsigned)geteuid(),
		               only_reads(cfg) ? "read" : "read and write");
	return err_errno(e, code, "cannot open '%s'", cfg->path);
}

/*
 * The kind is judged by name first, because opening a FIFO blocks and opening a device can do
 * things, and again on what was opened. O_EXCL on a block device is the host's own claim: it
 * fails while a file system or a volume uses the device.
 */
static int open_image(const struct config_disk *cfg, struct stat *st, struct err *e)
{
	int flags = O_CLOEXEC | O_NOCTTY | (only_reads(cfg) ? O_RDONLY : O_RDWR), r;
	CLEANUP_FD int fd = -1;

	if (stat(cfg->path, st) < 0)
		return err_errno(e, errno, "cannot open '%s'", cfg->path);
	r = check_kind(cfg->path, st, e);
	if (r < 0)
		return r;
	if (S_ISBLK(st->st_mode) && !only_reads(cfg))
		flags |= O_EXCL;
	fd = open(cfg->path, flags);
	if (fd < 0)
		return open_failed(cfg, st, errno, e);
	if (fstat(fd, st) < 0)
		return err_errno(e, errno, "cannot examine '%s'", cfg->path);
	r = check_kind(cfg->path, st, e);
	return r < 0 ? r : fd_take(&fd);
}

/*
 * A descriptor of the caller's. Where nothing may be written to the image, the descriptor must not
 * be able to, or the promise would be ours alone and not the kernel's.
 */
static int adopt_image(const struct config_disk *cfg, struct stat *st, struct err *e)
{
	const int flags = fcntl(cfg->fd, F_GETFL), mode = flags & O_ACCMODE;
	int r;

	if (flags < 0 || fstat(cfg->fd, st) < 0)
		return err_errno(e, errno, "cannot use '%s', which the caller has to open",
		                 cfg->path);
	r = check_kind(cfg->path, st, e);
	if (r < 0)
		return r;
	if (only_reads(cfg) && mode != O_RDONLY)
		return err_set(e, EINVAL, "'%s' is open for writing; with '%s' open it read-only",
		               cfg->path, cfg->cow ? "cow" : "ro");
	if (!only_reads(cfg) && mode != O_RDWR)
		return err_set(e, EINVAL,
		               "'%s' is not open for reading and writing; add ',ro' to only read",
		               cfg->path);
	if (flags & (O_PATH | O_APPEND))
		return err_set(e, EINVAL, "'%s' is open with %s, which a disk cannot use",
		               cfg->path, flags & O_PATH ? "O_PATH" : "O_APPEND");
	if ((flags & O_DIRECT) && !cfg->direct)
		return err_set(e, EINVAL, "'%s' is open with O_DIRECT; add ',direct'", cfg->path);
	r = fcntl(cfg->fd, F_SETFD, FD_CLOEXEC);
	return r < 0 ? err_errno(e, errno, "cannot use '%s'", cfg->path) : cfg->fd;
}

/* The kernel lets a read-only device be opened for writing, and refuses each write. */
static int check_writable(const struct config_disk *cfg, int fd, const struct stat *st,
                          struct err *e)
{
	int readonly = 0;

	if (only_reads(cfg) || !S_ISBLK(st->st_mode) || ioctl(fd, BLKROGET, &readonly) < 0 ||
	    !readonly)
		return 0;
	return err_set(e, EROFS, "'%s' is a read-only device; add ',ro' to only read", cfg->path);
}

static bool ends_in(const char *s, const char *suffix)
{
	size_t len = strlen(s), tail = strlen(suffix);

	return len >= tail && strcasecmp(s + len - tail, suffix) == 0;
}

/* See disk_open(): the bytes alone may be a guest's, the name is the user's. */
static int check_format(const char *path, int fd, struct err *e)
{
	char head[32] = { 0 };

	if (pread(fd, head, sizeof(head), 0) < 0)
		return err_errno(e, errno, "cannot read '%s'", path);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct format *f = &formats[i];

		if (memcmp(head, f->magic, strlen(f->magic)) != 0)
			continue;
		if (ends_in(path, f->suffix))
			return err_set(e, EINVAL,
			               "'%s' is a %s image; vmm takes raw images: "
			               "qemu-img convert -O raw",
			               path, f->name);
		log_warn("'%s' begins like a %s image and is used as a raw one; if it is not, "
		         "convert it: qemu-img convert -O raw",
		         path, f->name);
	}
	return 0;
}

static int measure(struct disk *d, const struct stat *st, struct err *e)
{
	uint64_t bytes = (uint64_t)st->st_size;

	if (S_ISBLK(st->st_mode) && ioctl(d->fd, BLKGETSIZE64, &bytes) < 0)
		return err_errno(e, errno, "cannot get the size of '%s'", d->path);
	if (bytes == 0)
		return err_set(e, EINVAL, "'%s' is empty; give it a size: truncate -s 1G", d->path);
	if (bytes % DISK_SECTOR != 0)
		return err_set(e, EINVAL,
		               "'%s': %" PRIu64 " bytes is not a multiple of 512; "
		               "pad it: truncate -s %%512",
		               d->path, bytes);
	d->sectors = bytes / DISK_SECTOR;
	return 0;
}

static uint32_t clamp_block(uint64_t bytes)
{
	if (!num_is_pow2(bytes) || bytes < DISK_SECTOR)
		return DISK_SECTOR;
	return bytes > BLOCK_MAX ? BLOCK_MAX : (uint32_t)bytes;
}

/* What the guest may align to. Hints all of it: what the host does not say gets a safe value. */
static void find_geometry(struct disk *d, const struct stat *st)
{
	unsigned physical = 0, io_min = 0, io_opt = 0;
	int logical = 0;

	d->logical = DISK_SECTOR;
	d->physical = clamp_block((uint64_t)st->st_blksize);
	d->io_min = d->physical;
	if (!S_ISBLK(st->st_mode))
		return;
	if (ioctl(d->fd, BLKSSZGET, &logical) == 0 && logical > 0)
		d->logical = clamp_block((uint64_t)logical);
	d->physical = d->logical;
	if (ioctl(d->fd, BLKPBSZGET, &physical) == 0 && clamp_block(physical) > d->logical)
		d->physical = clamp_block(physical);
	d->io_min = ioctl(d->fd, BLKIOMIN, &io_min) == 0 ? io_min : 0;
	d->io_opt = ioctl(d->fd, BLKIOOPT, &io_opt) == 0 ? io_opt : 0;
}

/* Whether a read of @len bytes into memory at @at gets past the checks of O_DIRECT. */
static bool reads_directly(const struct disk *d, void *at, uint32_t len)
{
	return pread(d->fd, at, len, 0) > 0;
}

/*
 * What O_DIRECT wants of offsets and of memory, where the kernel does not tell: the smallest block
 * that can be read. Memory is then aligned to the same.
 */
static uint32_t probe_direct(const struct disk *d)
{
	_Alignas(BLOCK_MAX) uint8_t block[BLOCK_MAX];

	for (uint32_t size = DISK_SECTOR; size <= BLOCK_MAX; size *= 2)
		if (reads_directly(d, block, size))
			return size;
	return 0;
}

/* Past the page cache: set up once all else was read. The guest's blocks become the host's. */
static int go_direct(struct disk *d, struct err *e)
{
	struct statx x = { 0 };
	const int flags = fcntl(d->fd, F_GETFL);

	if (fcntl(d->fd, F_SETFL, flags | O_DIRECT) < 0)
		return err_set(e, EINVAL,
		               "'%s': its file system has no O_DIRECT; leave out 'direct'",
		               d->path);
	if (statx(d->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &x) < 0 ||
	    !(x.stx_mask & STATX_DIOALIGN))
		x.stx_dio_offset_align = x.stx_dio_mem_align = probe_direct(d);
	if (x.stx_dio_offset_align == 0 || x.stx_dio_offset_align > BLOCK_MAX)
		return err_set(e, EINVAL, "'%s': O_DIRECT does not work on it; leave out 'direct'",
		               d->path);
	d->direct = true;
	d->mem_align = x.stx_dio_mem_align;
	d->logical = clamp_block(x.stx_dio_offset_align);
	if (d->physical < d->logical)
		d->physical = d->logical;
	if (d->sectors % (d->logical / DISK_SECTOR) != 0)
		return err_set(e, EINVAL,
		               "'%s' is not whole blocks of %u bytes, which 'direct' needs here; "
		               "pad it: truncate -s %%%u",
		               d->path, d->logical, d->logical);
	return 0;
}

/* Asked behind the end, where there is nothing to lose. A block device says when it is used. */
static bool can_punch(const struct disk *d, const struct stat *st)
{
	return S_ISBLK(st->st_mode) ||
	       fallocate(d->fd, blk_io_fallocate_mode(BLK_IO_PUNCH), st->st_size, BLOCK_MAX) == 0;
}

int disk_open(struct disk *ret, const struct config_disk *cfg, struct err *e)
{
	struct disk d = { .path = cfg->path, .readonly = only_reads(cfg) };
	CLEANUP_FD int fd = -1;
	struct stat st = { 0 };
	int r;

	fd = cfg->inherited ? adopt_image(cfg, &st, e) : open_image(cfg, &st, e);
	if (fd < 0)
		return fd;
	d.fd = fd;
	d.device = S_ISBLK(st.st_mode);
	r = check_writable(cfg, fd, &st, e);
	if (r == 0)
		r = disk_lock_take(cfg->path, fd, &st, only_reads(cfg), e);
	if (r == 0)
		r = check_format(cfg->path, fd, e);
	if (r == 0)
		r = measure(&d, &st, e);
	if (r < 0)
		return r;
	find_geometry(&d, &st);
	d.punches = !d.readonly && can_punch(&d, &st);
	d.allocated = (uint64_t)st.st_blocks * S_BLKSIZE;
	d.dev = st.st_dev;
	d.ino = st.st_ino;
	r = cfg->direct ? go_direct(&d, e) : 0;
	if (r < 0)
		return r;
	*ret = d;
	(void)fd_take(&fd);
	return 0;
}

int disk_may_resize(const struct disk *d, uint64_t bytes, struct err *e)
{
	uint64_t has;

	if (d->readonly)
		return err_set(e, EROFS, "'%s' is only read", d->path);
	if (bytes == 0 || bytes % d->logical != 0)
		return err_set(e, EINVAL, "%" PRIu64 " bytes is not a multiple of %u", bytes,
		               d->logical);
	if (d->device && ioctl(d->fd, BLKGETSIZE64, &has) == 0 && bytes > has)
		return err_set(e, EINVAL, "device '%s' has only %" PRIu64 " bytes", d->path, has);
	return 0;
}

int disk_resize(const struct disk *d, uint64_t bytes, struct err *e)
{
	if (!d->device && ftruncate(d->fd, (off_t)bytes) < 0)
		return err_errno(e, errno, "cannot resize '%s'", d->path);
	return 0;
}

bool disk_clashes(const struct disk *a, const struct disk *b)
{
	return a->dev == b->dev && a->ino == b->ino && !(a->readonly && b->readonly);
}

void disk_close(struct disk *d)
{
	fd_close(&d->fd);
}
