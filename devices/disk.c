/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/disk.h"

#include "devices/blk_io.h"
#include "vmm/log.h"
#include "vmm/num.h"

#include <ctype.h>
#include <dirent.h>
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

static int in_use(const char *path, const struct stat *st, bool readonly, struct err *e)
{
	pid_t pid = find_holder(st, readonly);

	if (pid == getpid())
		return err_set(e, EBUSY, "'%s' is given twice; a writable image has one user",
		               path);
	if (pid > 0)
		return err_set(e, EBUSY, "'%s' is in use by process %d", path, (int)pid);
	if (S_ISBLK(st->st_mode))
		return err_set(e, EBUSY,
		               "'%s' is in use: mounted, part of a volume, or another VM's", path);
	return err_set(e, EBUSY, "'%s' is in use by another process", path);
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
		return in_use(cfg->path, st, only_reads(cfg), e);
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

#define LOCK_TRIES    100
#define LOCK_PAUSE_US 20000

static int lock_image(const struct config_disk *cfg, int fd, const struct stat *st, struct err *e)
{
	struct flock whole = {
		.l_type = only_reads(cfg) ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	/*
	 * A process that has ended may hold its lock for a moment longer, while the kernel takes
	 * its io_uring apart; then nobody is seen to hold it.
	 */
	for (unsigned tries = 0; tries <= LOCK_TRIES; tries++) {
		if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			break;
		if (tries == LOCK_TRIES || find_holder(st, only_reads(cfg)) > 0)
			return in_use(cfg->path, st, only_reads(cfg), e);
		usleep(LOCK_PAUSE_US);
	}
	log_warn("cannot lock '%s' (%s): nothing keeps another process from it", cfg->path,
	         strerror(errno));
	return 0;
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
	struct stat st;
	int r;

	fd = open_image(cfg, &st, e);
	if (fd < 0)
		return fd;
	d.fd = fd;
	d.device = S_ISBLK(st.st_mode);
	r = check_writable(cfg, fd, &st, e);
	if (r == 0)
		r = lock_image(cfg, fd, &st, e);
	if (r == 0)
		r = check_format(cfg->path, fd, e);
	if (r == 0)
		r = measure(&d, &st, e);
	if (r < 0)
		return r;
	find_geometry(&d, &st);
	d.punches = !d.readonly && can_punch(&d, &st);
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

void disk_close(struct disk *d)
{
	fd_close(&d->fd);
}
