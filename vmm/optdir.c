/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optdir.h"

#include "vmm/optlist.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A value in a message: the beginning of a long one is enough to find it again. */
#define SHOWN "'%.60s'"

enum { ROOT_OWNER, ROOT_RO, ROOT_SHARE, ROOT_N_KEYS };

static const struct optlist_key root_keys[] = {
	[ROOT_OWNER] = { .name = "owner",
	                 .takes = OPTLIST_VALUE,
	                 .arg = "USER",
	                 .help = "root: everything is root's in the guest (default: as it is)" },
	[ROOT_RO] = { .name = "ro", .help = "the guest cannot write to it" },
	[ROOT_SHARE] = { .name = "share", .help = "served to the guest instead of packed" },
};

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The keys behind the path. */
static int parse_root_keys(struct config_root_dir *d, char *rest, struct err *e)
{
	unsigned seen = 0;
	char *item;

	while ((item = optlist_next(&rest))) {
		const char *value = NULL;
		int k = optlist_find(root_keys, ROOT_N_KEYS, &seen, item, &value, NULL);

		if (k < 0)
			return err_set(e, EINVAL,
			               SHOWN " is not a key of a root that is a directory: these "
			                     "are 'ro', 'owner=root' and 'share'",
			               item);
		if (k == ROOT_RO)
			d->readonly = true;
		else if (k == ROOT_SHARE)
			d->share = true;
		else if (strcmp(value, "root") == 0)
			d->owner_root = true;
		else
			return err_set(e, EINVAL, "owner=" SHOWN " is not owner=root", value);
	}
	if (d->share && d->owner_root)
		return err_set(e, EINVAL,
		               "'share' and 'owner=root' do not go together: what is shared keeps "
		               "its owners");
	return 0;
}

int optdir_parse_root(struct config_root_dir *ret, const char *value, struct err *e)
{
	struct config_root_dir d = { .value = strdup(value) };
	char *rest = d.value;
	int r;

	if (!d.value)
		return err_set(e, ENOMEM, "no memory for its value");
	d.path = optlist_next(&rest);
	if (!is_directory(d.path)) {
		free(d.value);
		return 0;
	}
	r = parse_root_keys(&d, rest, e);
	if (r < 0) {
		free(d.value);
		return r;
	}
	free(ret->value);
	*ret = d;
	return 1;
}

const struct optlist_key *optdir_root_keys(unsigned *ret_n)
{
	*ret_n = ARRAY_SIZE(root_keys);
	return root_keys;
}

/* --share has the keys from KEY_TAG on, --vhost-user those before KEY_PATH. */
enum { KEY_FS, KEY_BLK, KEY_NET, KEY_SOCKET, KEY_TAG, KEY_PATH, KEY_RO, N_KEYS };

static const struct optlist_key keys[] = {
	[KEY_FS] = { .name = "fs", .help = "file system" },
	[KEY_BLK] = { .name = "blk", .help = "disk" },
	[KEY_NET] = { .name = "net", .help = "network card" },
	[KEY_SOCKET] = { .name = "socket",
	                 .takes = OPTLIST_VALUE,
	                 .arg = "PATH",
	                 .help = "where the other process listens" },
	[KEY_TAG] = { .name = "tag",
	              .takes = OPTLIST_VALUE,
	              .arg = "TAG",
	              .help = "what the guest mounts it by" },
	[KEY_PATH] = { .name = "path",
	               .takes = OPTLIST_VALUE,
	               .arg = "DIR",
	               .help = "directory of the host" },
	[KEY_RO] = { .name = "ro", .help = "nothing can be changed" },
};

#define BIT(n)     (1U << (n))
#define KINDS      (BIT(KEY_FS) | BIT(KEY_BLK) | BIT(KEY_NET))
#define SHARE_KEYS (N_KEYS - KEY_TAG)
#define PEER_KEYS  KEY_PATH

/* Take items apart whose keys are @n from @first on; @seen gets a bit for each. */
static int parse_keys(struct config_backend *b, char *item, char *rest, unsigned first, unsigned n,
                      unsigned *seen, struct err *e)
{
	unsigned here = *seen >> first;

	for (; item; item = optlist_next(&rest)) {
		const char *value = NULL;
		int k = optlist_find(keys + first, n, &here, item, &value, e);

		if (k < 0)
			return k;
		switch (first + (unsigned)k) {
		case KEY_SOCKET:
			b->socket = value;
			break;
		case KEY_TAG:
			b->tag = value;
			break;
		case KEY_PATH:
			b->dir = value;
			break;
		}
	}
	*seen = here << first;
	return 0;
}

/* DIR:TAG in short, or path=DIR,tag=TAG. */
static int parse_share(struct config_backend *b, struct err *e)
{
	unsigned seen = 0;
	char *rest = b->value, *item = optlist_next(&rest), *colon = strrchr(item, ':');
	int r;

	if (strncmp(item, "path=", 5) != 0 && strncmp(item, "tag=", 4) != 0) {
		if (!colon)
			return err_set(e, EINVAL, SHOWN " is not DIR:TAG", item);
		*colon = '\0';
		b->dir = item;
		b->tag = colon + 1;
		seen = BIT(KEY_PATH) | BIT(KEY_TAG);
		item = optlist_next(&rest);
	}
	r = parse_keys(b, item, rest, KEY_TAG, SHARE_KEYS, &seen, e);
	if (r < 0)
		return r;
	if (!b->dir || !*b->dir || !b->tag)
		return err_set(e, EINVAL, "a directory and a tag are needed: DIR:TAG");
	b->readonly = seen & BIT(KEY_RO);
	return 0;
}

static int parse_vhost_user(struct config_backend *b, struct err *e)
{
	unsigned seen = 0, kinds;
	char *rest = b->value, *item = optlist_next(&rest);
	int r = parse_keys(b, item, rest, 0, PEER_KEYS, &seen, e);

	if (r < 0)
		return r;
	kinds = seen & KINDS;
	if (kinds == 0 || (kinds & (kinds - 1)))
		return err_set(e, EINVAL, "one kind of device is needed: fs, blk or net");
	if (!b->socket || !*b->socket)
		return err_set(e, EINVAL, "'socket=PATH' is needed: where the process listens");
	if (!b->tag == (kinds == BIT(KEY_FS)))
		return err_set(e, EINVAL, "'tag=' is needed with 'fs', and goes with nothing else");
	b->kind = kinds == BIT(KEY_FS)    ? BACKEND_FS
	          : kinds == BIT(KEY_BLK) ? BACKEND_BLK
	                                  : BACKEND_NET;
	return 0;
}

int optdir_parse_backend(struct config_backend *ret, const char *value, bool share, struct err *e)
{
	struct config_backend b = { .value = strdup(value), .kind = BACKEND_FS };
	int r;

	if (!b.value)
		return err_set(e, ENOMEM, "no memory for its value");
	r = share ? parse_share(&b, e) : parse_vhost_user(&b, e);
	if (r == 0 && b.tag)
		r = optlist_check_name(b.tag, CONFIG_TAG_MAX, e);
	if (r < 0)
		free(b.value);
	else
		*ret = b;
	return r;
}

const struct optlist_key *optdir_backend_keys(bool share, unsigned *ret_n)
{
	*ret_n = share ? SHARE_KEYS : PEER_KEYS;
	return share ? keys + KEY_TAG : keys;
}
