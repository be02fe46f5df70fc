/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optdir.h"

#include "vmm/optlist.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A value in a message: the beginning of a long one is enough to find it again. */
#define SHOWN "'%.60s'"

enum { ROOT_OWNER, ROOT_N_KEYS };

static const struct optlist_key root_keys[] = {
	[ROOT_OWNER] = { .name = "owner", .takes = OPTLIST_VALUE },
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
			                     "are 'owner=root'",
			               item);
		if (strcmp(value, "root") != 0)
			return err_set(e, EINVAL, "owner=" SHOWN " is not owner=root", value);
		d->owner_root = true;
	}
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
