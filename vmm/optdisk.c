/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optdisk.h"

#include "vmm/num.h"
#include "vmm/optfd.h"
#include "vmm/optlist.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

/* A value in a message: the beginning of a long one is enough to find it again. */
#define SHOWN "'%.60s'"

enum {
	DISK_PATH,
	DISK_FD,
	DISK_RO,
	DISK_COW,
	DISK_SERIAL,
	DISK_CACHE,
	DISK_DIRECT,
	DISK_QUEUES,
	DISK_WERROR,
	DISK_N_KEYS
};

static const struct optlist_key disk_keys[] = {
	[DISK_PATH] = { .name = "path",
	                .takes = OPTLIST_VALUE,
	                .arg = "PATH",
	                .help = "the same as PATH without a key" },
	[DISK_FD] = { .name = "fd",
	              .takes = OPTLIST_VALUE,
	              .arg = "N",
	              .help = "inherited descriptor, instead of PATH" },
	[DISK_RO] = { .name = "ro", .help = "neither the guest nor vmm can write to it" },
	[DISK_COW] = { .name = "cow", .help = "what the guest writes is forgotten at the end" },
	[DISK_SERIAL] = { .name = "serial",
	                  .takes = OPTLIST_VALUE,
	                  .arg = "S",
	                  .help = "for /dev/disk/by-id, 1 to 20 characters (default: blkN)" },
	[DISK_CACHE] = { .name = "cache",
	                 .takes = OPTLIST_VALUE,
	                 .arg = "HOW",
	                 .help = "unsafe: flushes are not passed on (default: they are)" },
	[DISK_DIRECT] = { .name = "direct", .help = "past the host's page cache" },
	[DISK_QUEUES] = { .name = "queues",
	                  .takes = OPTLIST_VALUE,
	                  .arg = "N",
	                  .help = "1 to 16 (default: one for each vCPU, up to 4)" },
	[DISK_WERROR] = { .name = "werror",
	                  .takes = OPTLIST_VALUE,
	                  .arg = "HOW",
	                  .help = "report, or stop (default: stop if full, with --control)" },
};

static int check_serial(const char *serial, struct err *e)
{
	size_t len = strlen(serial);

	for (const char *s = serial; *s; s++)
		if (!isgraph((unsigned char)*s))
			return err_set(e, EINVAL,
			               "the serial number " SHOWN " is not printable ASCII",
			               serial);
	if (len == 0 || len > CONFIG_SERIAL_MAX)
		return err_set(e, ERANGE,
		               "the serial number " SHOWN " has %zu characters, not 1 to %u",
		               serial, len, CONFIG_SERIAL_MAX);
	return 0;
}

/* Whether the first item of a disk is "path=..." or "serial=..." rather than the path itself. */
static bool disk_first_is_key(const char *item)
{
	for (unsigned k = 0; k < DISK_N_KEYS; k++) {
		size_t len = strlen(disk_keys[k].name);

		if (disk_keys[k].takes == OPTLIST_VALUE &&
		    strncmp(item, disk_keys[k].name, len) == 0 && item[len] == '=')
			return true;
	}
	return false;
}

/* @value stands behind "fd=", and the whole is the disk's name from now on. */
static int set_disk_fd(struct config_disk *d, const char *value, struct err *e)
{
	const char *word = value - strlen("fd=");

	if (d->path)
		return err_set(e, EINVAL, "both a file name and " SHOWN, word);
	if (optfd_parse(value, STDERR_FILENO + 1, &d->fd) < 0)
		return err_set(e, EINVAL, SHOWN " is not a descriptor of an image: fd=3 or above",
		               word);
	d->path = word;
	d->inherited = true;
	return 0;
}

static int set_disk_queues(struct config_disk *d, const char *value, struct err *e)
{
	uint64_t n;

	if (num_parse(value, &n) < 0 || n < 1 || n > CONFIG_QUEUES_MAX)
		return err_set(e, ERANGE, "queues=" SHOWN " is not a number from 1 to %d", value,
		               CONFIG_QUEUES_MAX);
	d->queues = (unsigned)n;
	return 0;
}

/* One key of a disk. */
static int set_disk_key(struct config_disk *d, int k, const char *value, struct err *e)
{
	switch (k) {
	case DISK_PATH:
		if (d->inherited)
			return err_set(e, EINVAL, "both a file name and '%s'", d->path);
		d->path = value;
		return 0;
	case DISK_FD:
		return set_disk_fd(d, value, e);
	case DISK_DIRECT:
		d->direct = true;
		return 0;
	case DISK_QUEUES:
		return set_disk_queues(d, value, e);
	case DISK_RO:
		d->readonly = true;
		return 0;
	case DISK_COW:
		d->cow = true;
		return 0;
	case DISK_CACHE:
		if (strcmp(value, "unsafe") != 0)
			return err_set(e, EINVAL, "cache=" SHOWN " is not cache=unsafe", value);
		d->unsafe = true;
		return 0;
	case DISK_WERROR:
		if (strcmp(value, "report") != 0 && strcmp(value, "stop") != 0)
			return err_set(e, EINVAL, "werror=" SHOWN " is not report or stop", value);
		d->werror = value[0] == 'r' ? WERROR_REPORT : WERROR_STOP;
		return 0;
	default:
		d->serial = value;
		return check_serial(value, e);
	}
}

/* Take PATH|fd=N[,ro][,cow][,serial=S]... apart; @d->value is the text, cut in place. */
static int parse_disk(struct config_disk *d, struct err *e)
{
	unsigned seen = 0;
	char *rest = d->value, *item = optlist_next(&rest);

	if (!disk_first_is_key(item)) {
		d->path = item;
		seen = 1U << DISK_PATH;
		item = optlist_next(&rest);
	}
	for (; item; item = optlist_next(&rest)) {
		const char *value = "";
		int k = optlist_find(disk_keys, DISK_N_KEYS, &seen, item, &value, e);

		int r = k < 0 ? k : set_disk_key(d, k, value, e);

		if (r < 0)
			return r;
	}
	if (!d->path || !*d->path)
		return err_set(e, EINVAL, "the file name is missing");
	if (d->readonly && d->cow)
		return err_set(e, EINVAL,
		               "'ro' and 'cow' do not go together: with 'cow' the image "
		               "is only read, and the guest can write");
	if (d->direct && d->cow)
		return err_set(e, EINVAL,
		               "'direct' and 'cow' do not go together: the overlay is in the "
		               "page cache");
	return 0;
}

int optdisk_parse(struct config_disk *ret, const char *value, struct err *e)
{
	struct config_disk d = { .value = strdup(value) };
	int r = d.value ? parse_disk(&d, e) : err_set(e, ENOMEM, "no memory for its value");

	if (r < 0)
		free(d.value);
	else
		*ret = d;
	return r;
}

const struct optlist_key *optdisk_keys(unsigned *ret_n)
{
	*ret_n = ARRAY_SIZE(disk_keys);
	return disk_keys;
}
