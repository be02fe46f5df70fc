/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optfd.h"

#include "vmm/num.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define FIRST_HANDED 3 /* SD_LISTEN_FDS_START */

/* A number of the environment; 0 if it is none. */
static uint64_t env_number(const char *name)
{
	const char *text = getenv(name);
	uint64_t n;

	return text && num_parse(text, &n) == 0 ? n : 0;
}

static int find_handed(const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t n = env_number("LISTEN_FDS");

	if (!names || !*name || env_number("LISTEN_PID") != (uint64_t)getpid())
		return -EINVAL;
	for (int fd = FIRST_HANDED; n > 0 && *names; fd++, n--) {
		size_t len = strcspn(names, ":");

		if (strlen(name) == len && strncmp(names, name, len) == 0)
			return fd;
		names += len + (names[len] == ':');
	}
	return -EINVAL;
}

int optfd_parse(const char *text, int least, int *ret)
{
	uint64_t n;
	int fd = num_parse(text, &n) == 0 && n <= INT_MAX ? (int)n : find_handed(text);

	if (fd < least)
		return -EINVAL;
	*ret = fd;
	return 0;
}
