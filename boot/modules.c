/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/modules.h"

#include "boot/file.h"
#include "boot/unpack.h"
#include "vmm/log.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PICKED_MAX  64
#define VERSION_MAX 65 /* bytes, NUL included: as in struct utsname */
#define DEP         "modules.dep"
#define BUILTIN     "modules.builtin"

/*
 * Which modules are for what, in the order in which they are loaded. Some are not asked for by the
 * drivers themselves but by the name of an algorithm, when a file system is mounted.
 * Arrays and not pointers, as a page of pointers is a page of each VM's own.
 */
static const struct driver {
	char name[27];
	bool optional; /* one that some kernels do without */
	unsigned need; /* any of MODULES_* */
	char fs[24]; /* or the root is one of these file systems */
} drivers[] = {
	{ "virtio_mmio", false, ~0U, "" }, /* finds its windows by ACPI */
	{ "virtio_console", false, MODULES_CONSOLE, "" },
	{ "virtio_blk", false, MODULES_DISK, "" },
	{ "virtio_net", false, MODULES_NET, "" },
	{ "af_packet", true, MODULES_NET, "" }, /* clients of DHCP */
	{ "virtio_rng", true, ~0U, "" },
	{ "vmw_vsock_virtio_transport", false, MODULES_VSOCK, "" },
	{ "virtiofs", false, MODULES_SHARE, "" },
	{ "overlay", false, MODULES_OVERLAY, "" },
	{ "evdev", true, MODULES_BUTTON, "" },
	{ "button", true, MODULES_BUTTON, "" },
	{ "crc32c_generic", true, 0, "ext4 xfs btrfs erofs" },
	{ "crc32c_intel", true, 0, "ext4 xfs btrfs erofs" }, /* the quick one */
	{ "xxhash_generic", true, 0, "btrfs" },
	{ "sha256_generic", true, 0, "btrfs" },
	{ "blake2b_generic", true, 0, "btrfs" },
	{ "ext4", false, 0, "ext4" },
	{ "xfs", false, 0, "xfs" },
	{ "btrfs", false, 0, "btrfs" },
	{ "squashfs", false, 0, "squashfs" },
	{ "erofs", false, 0, "erofs" },
};

/* Part of a text. */
struct span {
	const char *at;
	size_t len;
};

struct modules {
	char dir[PATH_MAX];
	void *dep, *builtin; /* text */
	size_t dep_len, builtin_len;
	struct span picked[PICKED_MAX]; /* paths in @dep, in the order of loading */
	unsigned n;
};

int modules_version(const char *kernel, char ret[65])
{
	struct setup_header h;
	struct file f;
	char head[0x1f1 + sizeof(h)];
	char text[VERSION_MAX] = "";
	size_t len = 0;

	if (file_open(&f, kernel, "kernel", NULL) < 0)
		return -EINVAL;
	if (f.size >= sizeof(head) && file_read(&f, 0, head, sizeof(head), NULL) == 0) {
		memcpy(&h, head + 0x1f1, sizeof(h));
		if (memcmp(&h.header, "HdrS", 4) == 0 && h.kernel_version != 0 &&
		    file_read(&f, 0x200 + h.kernel_version, text, sizeof(text) - 1, NULL) == 0)
			len = strcspn(text, " ");
	}
	file_close(&f);
	if (len == 0 || len == sizeof(text) - 1 || memchr(text, '/', len) || text[0] == '.')
		return -EINVAL;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return 0;
}

/* Whether there are modules in the folder that the parts name; its path then is m->dir. */
static bool try_dir(struct modules *m, const char *a, size_t a_len, const char *b, const char *c)
{
	char path[PATH_MAX];
	int n = snprintf(m->dir, sizeof(m->dir), "%.*s%s%s", (int)a_len, a, b, c);

	if (n < 0 || (size_t)n >= sizeof(m->dir))
		return false;
	n = snprintf(path, sizeof(path), "%s/" DEP, m->dir);
	return n > 0 && (size_t)n < sizeof(path) && access(path, R_OK) == 0;
}

/* Find the module folder. Returns 1, or 0: there is none. */
static int find_dir(struct modules *m, const struct modules_request *req, struct err *e)
{
	const char *slash = strrchr(req->kernel, '/'), *k = slash ? req->kernel : ".";
	size_t len = slash ? (size_t)(slash - k) : 1;
	char version[VERSION_MAX] = "";
	bool known = modules_version(req->kernel, version) == 0;

	if (req->dir) {
		size_t n = strlen(req->dir);

		if (try_dir(m, req->dir, n, "", "") ||
		    (known && (try_dir(m, req->dir, n, "/", version) ||
		               try_dir(m, req->dir, n, "/lib/modules/", version))))
			return 1;
		return err_set(e, ENOENT,
		               "no " DEP " in '%.120s', nor in its lib/modules/%s: give the folder "
		               "of this kernel's modules, or '--modules none'",
		               req->dir, known ? version : "VERSION");
	}
	return try_dir(m, k, len, "", "") ||
	       (known && (try_dir(m, k, len, "/lib/modules/", version) ||
	                  try_dir(m, k, len, "/../lib/modules/", version) ||
	                  try_dir(m, "", 0, "/lib/modules/", version)));
}

static bool same_letter(char a, char b)
{
	return (a == '-' ? '_' : a) == (b == '-' ? '_' : b);
}

/* Whether a path is that of module @name, whatever it is compressed with. */
static bool is_module(struct span path, const char *name)
{
	const char *slash = memrchr(path.at, '/', path.len);
	size_t n = strlen(name);

	if (slash) {
		path.len -= (size_t)(slash + 1 - path.at);
		path.at = slash + 1;
	}
	if (path.len < n + 3 || memcmp(path.at + n, ".ko", 3) != 0)
		return false;
	while (n > 0 && same_letter(path.at[n - 1], name[n - 1]))
		n--;
	return n == 0;
}

/* The line about a module: its path, and what is behind the colon, if there is one. */
static bool find_line(const char *text, size_t len, const char *name, struct span *path,
                      struct span *rest)
{
	const char *end = len > 0 ? text + len : text;

	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		const char *colon;

		eol = eol ? eol : end;
		colon = memchr(text, ':', (size_t)(eol - text));
		colon = colon ? colon : eol;
		*path = (struct span){ text, (size_t)(colon - text) };
		*rest = (struct span){ colon, (size_t)(eol - colon) };
		if (is_module(*path, name))
			return true;
		text = eol + 1;
	}
	return false;
}

static int pick(struct modules *m, struct span path, struct err *e)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->picked[i].len == path.len && memcmp(m->picked[i].at, path.at, path.len) == 0)
			return 0;
	if (m->n == PICKED_MAX)
		return err_set(e, E2BIG, "'%.120s/" DEP "' asks for more than %d modules", m->dir,
		               PICKED_MAX);
	m->picked[m->n++] = path;
	return 0;
}

/* Pick a module behind all that it depends on: spec: modules.dep(5), the last one is loaded first.
 * Returns 1, or 0 if there is none of that name. */
static int pick_module(struct modules *m, const char *name, struct err *e)
{
	struct span path, rest, dep;
	int r = 0;

	if (!find_line(m->dep, m->dep_len, name, &path, &rest))
		return 0;
	while (r == 0 && rest.len > 0) {
		const char *blank = memrchr(rest.at, ' ', rest.len);

		if (!blank)
			break;
		dep.at = blank + 1;
		dep.len = rest.len - (size_t)(dep.at - rest.at);
		rest.len = (size_t)(blank - rest.at);
		if (dep.len > 0)
			r = pick(m, dep, e);
	}
	r = r < 0 ? r : pick(m, path, e);
	return r < 0 ? r : 1;
}

/* Pick what a driver needs; say so if the kernel has no such driver. */
static int pick_driver(struct modules *m, const struct driver *d, struct err *e)
{
	struct span path, rest;
	int r = pick_module(m, d->name, e);

	if (r == 0 && !d->optional && !find_line(m->builtin, m->builtin_len, d->name, &path, &rest))
		log_warn("the kernel's modules in '%.120s' have no %s, which this guest needs",
		         m->dir, d->name);
	return r;
}

/* Read a file of the module folder. */
static int read_text(const struct modules *m, const char *name, void **ret, size_t *len,
                     struct err *e)
{
	char path[PATH_MAX + sizeof(BUILTIN) + 1];

	snprintf(path, sizeof(path), "%s/%s", m->dir, name);
	return unpack_file(path, "module list", ret, len, e);
}

/* Put one into the archive, and its name into @order. */
static int add_module(const struct modules *m, struct span from, const char *to, struct cpio *c,
                      FILE *order, struct err *e)
{
	const char *slash = memrchr(from.at, '/', from.len);
	struct span base = from;
	char path[2 * PATH_MAX];
	CLEANUP_FREE void *data = NULL;
	size_t len;
	int r;

	if (slash)
		base = (struct span){ slash + 1, (size_t)(from.at + from.len - slash - 1) };
	if (from.len >= PATH_MAX || base.len > NAME_MAX)
		return err_set(e, EINVAL, "'%.120s/" DEP "' has a path that is too long", m->dir);
	snprintf(path, sizeof(path), "%s/%.*s", m->dir, (int)from.len, from.at);
	r = unpack_file(path, "kernel module", &data, &len, e);
	if (r < 0)
		return r;
	base.len -= unpack_suffix(base.at, base.len);
	fprintf(order, "%.*s\n", (int)base.len, base.at);
	snprintf(path, sizeof(path), "%s/%.*s", to, (int)base.len, base.at);
	return cpio_file(c, path, 0600, data, len, e);
}

/* All that was picked, and the list. */
static int add_modules(const struct modules *m, const char *to, struct cpio *c, struct err *e)
{
	char *order = NULL, path[PATH_MAX];
	size_t len = 0;
	FILE *list = open_memstream(&order, &len);
	int r = list ? cpio_dir(c, to, 0700, e) : err_errno(e, errno, "cannot list modules");

	for (unsigned i = 0; i < m->n && r == 0; i++)
		r = add_module(m, m->picked[i], to, c, list, e);
	if (list && fclose(list) != 0 && r == 0)
		r = err_errno(e, ENOMEM, "cannot list modules");
	snprintf(path, sizeof(path), "%s/order", to);
	if (r == 0)
		r = cpio_file(c, path, 0600, order, len, e);
	free(order);
	return r;
}

/* Whether @word is one of those in @words, which blanks part. */
static bool has_word(const char *words, const char *word)
{
	const char *at = word ? strstr(words, word) : NULL;
	size_t n = word ? strlen(word) : 0;

	return at && (at == words || at[-1] == ' ') && (at[n] == '\0' || at[n] == ' ');
}

static int pick_all(struct modules *m, const struct modules_request *req, struct err *e)
{
	int r = read_text(m, DEP, &m->dep, &m->dep_len, e);

	/* Not every kernel has that one: then a driver without a module counts as missing. */
	if (r == 0 && read_text(m, BUILTIN, &m->builtin, &m->builtin_len, NULL) < 0)
		log_debug("no " BUILTIN " in '%.120s'", m->dir);
	for (unsigned i = 0; i < ARRAY_SIZE(drivers) && r >= 0; i++)
		if ((drivers[i].need & req->need) || has_word(drivers[i].fs, req->root_fs))
			r = pick_driver(m, &drivers[i], e);
	return r < 0 ? r : 0;
}

int modules_pack(const struct modules_request *req, struct cpio *c, struct err *e)
{
	struct modules m = { .n = 0 };
	int r = find_dir(&m, req, e);

	if (r <= 0) {
		if (r == 0)
			log_info("no modules found for kernel '%.120s'", req->kernel);
		return r;
	}
	r = pick_all(&m, req, e);
	if (r == 0 && m.n > 0)
		r = add_modules(&m, req->to, c, e);
	if (r == 0)
		log_info("%u modules from '%.120s'", m.n, m.dir);
	free(m.dep);
	free(m.builtin);
	return r < 0 ? r : (int)m.n;
}
