/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/pack.h"

#include "vmm/log.h"
#include "vmm/num.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define PAGE      4096
#define DEPTH_MAX 256 /* directories in directories, each with a descriptor and a buffer */
#define SHOWN     80 /* bytes of a name that a message shows: its end */
#define OPEN      (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* A file with several names, of which one is packed. */
struct link {
	dev_t dev;
	ino_t of;
	uint32_t ino; /* in the archive */
};

struct pack {
	struct cpio *c;
	const char *root; /* as the user gave it */
	bool owner_root;
	dev_t dev; /* the file system that is packed */
	void *links; /* tsearch(3) of struct link */
	struct pack_sum sum;
	uint64_t with_xattrs, shrunk, vanished; /* files */
	char first_xattr[SHOWN]; /* name of the first file that has some */
	unsigned depth;
	size_t len; /* of @path */
	char path[CPIO_PATH_MAX]; /* of the entry, from the root on */
};

static const char *shown(const char *path)
{
	size_t len = strlen(path);

	return len < SHOWN ? path : path + len - (SHOWN - 1);
}

/* A call failed about the entry. */
COLD static int fail(const struct pack *p, int code, const char *what, struct err *e)
{
	if (code == EACCES || code == EPERM)
		return err_set(e, code,
		               "'%s' in '%s' may not be read by this user: run vmm as its owner or "
		               "as root, or take it out",
		               shown(p->path), shown(p->root));
	if (code == EMFILE)
		return err_set(e, code, "'%s' is too deep for the limit of open files: ulimit -n",
		               shown(p->path));
	return err_errno(e, code, "cannot %s '%s' in '%s'", what, shown(p->path), shown(p->root));
}

static void fill_meta(const struct pack *p, const struct stat *st, struct cpio_meta *ret)
{
	int64_t mtime = st->st_mtim.tv_sec;

	*ret = (struct cpio_meta){
		.mode = st->st_mode,
		.uid = p->owner_root ? 0 : st->st_uid,
		.gid = p->owner_root ? 0 : st->st_gid,
		.mtime = mtime < 0            ? 0
		         : mtime > UINT32_MAX ? UINT32_MAX
		                              : (uint32_t)mtime,
	};
}

/* Whether there are any that matter. Labels of SELinux are the host's, and made anew by a guest. */
static bool has_xattrs(int fd)
{
	char names[512];
	ssize_t n = flistxattr(fd, names, sizeof(names));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1)
		if (strcmp(names + i, "security.selinux") != 0)
			return true;
	return n < 0 && errno == ERANGE;
}

static void count_xattrs(struct pack *p, int fd)
{
	if (!has_xattrs(fd))
		return;
	if (p->with_xattrs++ == 0)
		memcpy(p->first_xattr, shown(p->path), strlen(shown(p->path)) + 1);
}

static int compare_links(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	return x->dev == y->dev ? 0 : x->dev < y->dev ? -1 : 1;
}

/* Give a file with several names its number. Returns 1 if its bytes are packed already, or 0. */
static int find_link(struct pack *p, const struct stat *st, struct cpio_meta *m, struct err *e)
{
	struct link *mine = malloc(sizeof(*mine)), **found;

	if (!mine)
		return err_errno(e, ENOMEM, "cannot pack '%s'", shown(p->root));
	*mine = (struct link){ .dev = st->st_dev, .of = st->st_ino };
	found = tsearch(mine, &p->links, compare_links);
	if (!found) {
		free(mine);
		return err_errno(e, ENOMEM, "cannot pack '%s'", shown(p->root));
	}
	m->nlink = (uint32_t)st->st_nlink;
	if (*found != mine) {
		free(mine);
		m->ino = (*found)->ino;
		return 1;
	}
	m->ino = mine->ino = cpio_ino(p->c);
	return 0;
}

/* Read @size bytes, or what there still is of them. */
static int read_file(struct pack *p, int fd, uint8_t *to, uint64_t size, struct err *e)
{
	while (size > 0) {
		ssize_t n = read(fd, to, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(p, errno, "read", e);
		if (n == 0) {
			p->shrunk++;
			return 0;
		}
		to += n;
		size -= (uint64_t)n;
	}
	return 0;
}

static int pack_file(struct pack *p, int fd, const struct stat *st, struct err *e)
{
	uint64_t size = (uint64_t)st->st_size;
	struct cpio_meta meta;
	void *at = NULL;
	int r = 0;

	fill_meta(p, st, &meta);
	if (st->st_nlink > 1)
		r = find_link(p, st, &meta, e);
	if (r == 1)
		size = 0;
	if (r >= 0)
		r = cpio_begin(p->c, p->path, &meta, size, &at, e);
	if (r < 0)
		return r;
	count_xattrs(p, fd);
	p->sum.unpacked += num_align_up(size, PAGE);
	return at ? read_file(p, fd, at, size, e) : 0;
}

static int pack_link(struct pack *p, int dir, const char *name, const struct stat *st,
                     struct err *e)
{
	char target[CPIO_PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));
	struct cpio_meta meta;
	void *at = NULL;
	int r;

	if (n < 0)
		return fail(p, errno, "read link", e);
	fill_meta(p, st, &meta);
	r = cpio_begin(p->c, p->path, &meta, (uint64_t)n, &at, e);
	if (r == 0 && at)
		memcpy(at, target, (size_t)n);
	p->sum.unpacked += PAGE;
	return r;
}

static int pack_node(struct pack *p, const struct stat *st, struct err *e)
{
	struct cpio_meta meta;
	void *at = NULL;

	fill_meta(p, st, &meta);
	meta.major = major(st->st_rdev);
	meta.minor = minor(st->st_rdev);
	return cpio_begin(p->c, p->path, &meta, 0, &at, e);
}

static int pack_tree(struct pack *p, int *fd, struct err *e);

/* The directory itself, then what is in it. */
static int pack_subdir(struct pack *p, int *fd, const struct stat *st, struct err *e)
{
	struct cpio_meta meta;
	void *at = NULL;
	int r;

	fill_meta(p, st, &meta);
	meta.nlink = 2;
	r = cpio_begin(p->c, p->path, &meta, 0, &at, e);
	if (r < 0)
		return r;
	count_xattrs(p, *fd);
	if (st->st_dev != p->dev) {
		log_info("%s: '%s' is another file system and packed empty", shown(p->root),
		         shown(p->path));
		return 0;
	}
	if (p->depth == DEPTH_MAX)
		return err_set(e, ELOOP, "'%s' in '%s' is deeper than %u directories",
		               shown(p->path), shown(p->root), DEPTH_MAX);
	p->depth++;
	r = pack_tree(p, fd, e);
	p->depth--;
	return r;
}

/* Most entries are files: these are opened without asking what they are. */
static int open_entry(struct pack *p, int dir, const struct dirent *d, int *fd, struct stat *st,
                      struct err *e)
{
	if (d->d_type != DT_REG && d->d_type != DT_DIR) {
		if (fstatat(dir, d->d_name, st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
			return fail(p, errno, "stat", e);
		if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
			return 0;
	}
	*fd = openat(dir, d->d_name, OPEN);
	if (*fd < 0)
		return fail(p, errno, "open", e);
	return fstat(*fd, st) < 0 ? fail(p, errno, "stat", e) : 0;
}

static int pack_entry(struct pack *p, int dir, const struct dirent *d, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct stat st = { 0 };
	int r = open_entry(p, dir, d, &fd, &st, e);

	if (r == -ENOENT) { /* since the directory was read */
		p->vanished++;
		return 0;
	}
	if (r < 0)
		return r;
	p->sum.entries++;
	if (S_ISREG(st.st_mode) && fd >= 0)
		return pack_file(p, fd, &st, e);
	if (S_ISDIR(st.st_mode) && fd >= 0)
		return pack_subdir(p, &fd, &st, e);
	if (S_ISLNK(st.st_mode))
		return pack_link(p, dir, d->d_name, &st, e);
	return pack_node(p, &st, e);
}

/* Put @name behind the path of its directory. */
static int enter(struct pack *p, const char *name, struct err *e)
{
	size_t len = strlen(name), slash = p->len > 0;

	if (p->len + slash + len >= sizeof(p->path))
		return err_set(e, ENAMETOOLONG,
		               "'%s' in '%s' has a path of more than %d bytes, which no "
		               "initramfs can hold",
		               name, shown(p->root), CPIO_PATH_MAX - 1);
	if (slash)
		p->path[p->len] = '/';
	memcpy(p->path + p->len + slash, name, len + 1);
	p->len += slash + len;
	return 0;
}

static void leave(struct pack *p, size_t len)
{
	p->len = len;
	p->path[len] = '\0';
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* All that is in the directory @fd, which is taken over. */
static int pack_tree(struct pack *p, int *fd, struct err *e)
{
	DIR *dir = fdopendir(*fd);
	size_t len = p->len;
	const struct dirent *d;
	int r = 0;

	if (!dir)
		return fail(p, errno, "read", e);
	fd_take(fd);
	while (r == 0) {
		errno = 0;
		d = readdir(dir);
		if (!d) {
			r = errno ? fail(p, errno, "read", e) : 0;
			break;
		}
		if (is_dots(d->d_name))
			continue;
		r = enter(p, d->d_name, e);
		if (r == 0)
			r = pack_entry(p, dirfd(dir), d, e);
		leave(p, len);
	}
	closedir(dir);
	return r;
}

/* What is not as it was is said once, however many files it is. */
static void report(const struct pack *p)
{
	const char *root = shown(p->root);

	log_info("directory '%s': %ju entries, %ju MiB when unpacked", root,
	         (uintmax_t)p->sum.entries, (uintmax_t)((p->sum.unpacked + MiB - 1) / MiB));
	if (p->with_xattrs > 0)
		log_warn("directory '%s': %ju files lose extended attributes such as file "
		         "capabilities, which an initramfs cannot hold; the first is '%s'",
		         root, (uintmax_t)p->with_xattrs, p->first_xattr);
	if (p->shrunk + p->vanished > 0)
		log_warn("directory '%s': %ju files became shorter while they were packed and end "
		         "in zeros, %ju vanished",
		         root, (uintmax_t)p->shrunk, (uintmax_t)p->vanished);
}

int pack_dir(struct cpio *c, const char *path, bool owner_root, struct pack_sum *ret, struct err *e)
{
	struct pack p = { .c = c, .root = path, .owner_root = owner_root };
	CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "cannot open directory '%s'", shown(path));
	p.dev = st.st_dev;
	r = pack_tree(&p, &fd, e);
	tdestroy(p.links, free);
	if (r < 0)
		return r;
	report(&p);
	*ret = p.sum;
	return 0;
}

static bool has_program(int dir, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	CLEANUP_FD int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd >= 0;
}

int pack_find_init(const char *path, const char **ret, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, errno, "cannot open directory '%s'", shown(path));
	if (has_program(fd, "init"))
		*ret = NULL;
	else if (has_program(fd, "sbin/init"))
		*ret = "rdinit=/sbin/init";
	else
		return err_set(e, ENOENT,
		               "directory '%s' has neither /init nor /sbin/init for the kernel to "
		               "start: add one, or give a command after '--'",
		               shown(path));
	return 0;
}
