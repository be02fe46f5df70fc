/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/cpio.h"

#include "vmm/num.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define ALIGN     4 /* of heads and of bytes */
#define FIRST     (16 * KiB)
#define TRAILER   "TRAILER!!!"
#define NAME_TAIL 60 /* bytes of a long name that a message shows: its end */

/* Spec: buffer-format.rst: all numbers are 8 hexadecimal digits. */
struct newc {
	char magic[6]; /* "070701" */
	char ino[8];
	char mode[8];
	char uid[8];
	char gid[8];
	char nlink[8];
	char mtime[8];
	char filesize[8];
	char maj[8]; /* of the file system: inode numbers of ours are unique without */
	char min[8];
	char rmaj[8];
	char rmin[8];
	char namesize[8];
	char chksum[8];
};
ABI_SIZE(struct newc, 110);

void cpio_init(struct cpio *c)
{
	*c = (struct cpio){ .grows = true };
}

void cpio_init_fixed(struct cpio *c, void *buf, uint64_t room)
{
	*c = (struct cpio){ .buf = buf, .room = room };
}

void cpio_fini(struct cpio *c)
{
	if (c->grows)
		free(c->buf);
	*c = (struct cpio){ 0 };
}

uint32_t cpio_ino(struct cpio *c)
{
	return ++c->last_ino;
}

/* Make room for @size bytes more, all zero, and count them. *@ret is NULL if there is none. */
static int take(struct cpio *c, uint64_t size, uint8_t **ret, struct err *e)
{
	uint64_t end = c->len + size;
	uint64_t room = c->room ? c->room : FIRST;

	*ret = NULL;
	if (c->grows && end > c->room) {
		uint8_t *buf;

		while (room < end)
			room *= 2;
		buf = realloc(c->buf, room);
		if (!buf)
			return err_errno(e, ENOMEM, "cannot make an initial RAM disk of %ju bytes",
			                 (uintmax_t)end);
		memset(buf + c->room, 0, room - c->room);
		c->buf = buf;
		c->room = room;
	}
	if (end <= c->room)
		*ret = c->buf + c->len;
	c->len = end;
	return 0;
}

static void put_hex(char field[8], uint32_t v)
{
	for (unsigned i = 8; i-- > 0; v >>= 4)
		field[i] = "0123456789ABCDEF"[v & 15];
}

static void put_head(uint8_t *at, const char *path, const struct cpio_meta *m, uint32_t ino,
                     uint32_t size)
{
	struct newc head;
	size_t name = strlen(path) + 1;

	memcpy(head.magic, "070701", sizeof(head.magic));
	put_hex(head.ino, ino);
	put_hex(head.mode, m->mode);
	put_hex(head.uid, m->uid);
	put_hex(head.gid, m->gid);
	put_hex(head.nlink, m->nlink ? m->nlink : 1);
	put_hex(head.mtime, m->mtime);
	put_hex(head.filesize, size);
	put_hex(head.maj, 0);
	put_hex(head.min, 0);
	put_hex(head.rmaj, m->major);
	put_hex(head.rmin, m->minor);
	put_hex(head.namesize, (uint32_t)name);
	put_hex(head.chksum, 0);
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), path, name);
}

/* What a message shows of a path. */
static const char *tail(const char *path)
{
	size_t len = strlen(path);

	return len > NAME_TAIL ? path + len - NAME_TAIL : path;
}

int cpio_begin(struct cpio *c, const char *path, const struct cpio_meta *meta, uint64_t size,
               void **ret, struct err *e)
{
	size_t name = strlen(path) + 1;
	uint64_t head = num_align_up(sizeof(struct newc) + name, ALIGN);
	uint8_t *at;
	int r;

	if (name == 1)
		return err_set(e, EINVAL, "a file without a name cannot be packed");
	if (name > CPIO_PATH_MAX || (S_ISLNK(meta->mode) && size >= CPIO_PATH_MAX))
		return err_set(
		        e, ENAMETOOLONG, "'%s' %s more than %d bytes, which no initramfs can hold",
		        tail(path), name > CPIO_PATH_MAX ? "has a path of" : "points to a path of",
		        CPIO_PATH_MAX - 1);
	if (size > UINT32_MAX)
		return err_set(e, EFBIG, "'%s' has 4 GiB or more, which no initramfs can hold",
		               tail(path));
	r = take(c, head + num_align_up(size, ALIGN), &at, e);
	if (r < 0)
		return r;
	if (at)
		put_head(at, path, meta, meta->ino ? meta->ino : cpio_ino(c), (uint32_t)size);
	*ret = at ? at + head : NULL;
	return 0;
}

/* An entry whose bytes are at hand. */
static int add(struct cpio *c, const char *path, const struct cpio_meta *meta, const void *data,
               size_t size, struct err *e)
{
	void *at = NULL;
	int r = cpio_begin(c, path, meta, size, &at, e);

	if (r == 0 && at && size > 0)
		memcpy(at, data, size);
	return r;
}

int cpio_dir(struct cpio *c, const char *path, uint32_t mode, struct err *e)
{
	return add(c, path, &(struct cpio_meta){ .mode = S_IFDIR | mode, .nlink = 2 }, NULL, 0, e);
}

int cpio_file(struct cpio *c, const char *path, uint32_t mode, const void *data, size_t size,
              struct err *e)
{
	return add(c, path, &(struct cpio_meta){ .mode = S_IFREG | mode }, data, size, e);
}

int cpio_link(struct cpio *c, const char *path, const char *target, struct err *e)
{
	return add(c, path, &(struct cpio_meta){ .mode = S_IFLNK | 0777 }, target, strlen(target),
	           e);
}

int cpio_node(struct cpio *c, const char *path, uint32_t mode, uint32_t major, uint32_t minor,
              struct err *e)
{
	const struct cpio_meta meta = { .mode = mode, .major = major, .minor = minor };

	return add(c, path, &meta, NULL, 0, e);
}

int cpio_end(struct cpio *c, struct err *e)
{
	/* Its inode number is 0 by custom; it is no file. */
	uint64_t size = num_align_up(sizeof(struct newc) + sizeof(TRAILER), ALIGN);
	uint8_t *at;
	int r = take(c, size, &at, e);

	if (r == 0 && at)
		put_head(at, TRAILER, &(struct cpio_meta){ 0 }, 0, 0);
	return r;
}
