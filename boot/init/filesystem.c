/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/filesystem.h"

#include "boot/init/text.h"

#include <string.h>

/* Spec: the kernel's include/uapi/linux/magic.h, and each file system's on-disk format. */
static const struct magic {
	unsigned at, len;
	const char *bytes;
	const char *name;
} magics[] = {
	{ 1080, 2, "\x53\xef", "ext4" }, /* ext2 and ext3 too: its driver takes them */
	{ 0, 4, "XFSB", "xfs" },         { 65600, 8, "_BHRfS_M", "btrfs" },
	{ 0, 4, "hsqs", "squashfs" },    { 1024, 4, "\xe2\xe1\xf5\xe0", "erofs" },
};

const char *filesystem_probe(const char *head, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(magics); i++) {
		const struct magic *m = &magics[i];

		if (m->at + m->len <= len && memcmp(head + m->at, m->bytes, m->len) == 0)
			return m->name;
	}
	return NULL;
}

/* "nodev\tproc" is one without a disk, "\text4" one with. */
const char *filesystem_next(char **rest)
{
	char *line;

	while ((line = text_line(rest)))
		if (line[0] == '\t' && line[1])
			return line + 1;
	return NULL;
}
