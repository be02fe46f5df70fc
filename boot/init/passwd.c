/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/passwd.h"

#include "boot/init/text.h"

#include <errno.h>
#include <string.h>

enum { NAME, PASSWORD, UID, GID, COMMENT, HOME, N_FIELDS };

/* Cut a line at its colons. Returns whether there are as many fields as we use. */
static bool cut(char *line, char *field[N_FIELDS])
{
	for (unsigned i = 0; i < N_FIELDS; i++) {
		char *end;

		if (!line)
			return false;
		field[i] = line;
		end = strchr(line, ':');
		if (end)
			*end = '\0';
		line = end ? end + 1 : NULL;
	}
	return true;
}

/* Whether a line is that of the user, whose name has @len bytes, or whose number is *@uid. */
static bool match(char *line, const char *user, size_t len, const unsigned *uid, struct passwd *ret)
{
	char *field[N_FIELDS];
	struct passwd p;

	if (!cut(line, field) || !text_parse(field[UID], strlen(field[UID]), &p.uid) ||
	    !text_parse(field[GID], strlen(field[GID]), &p.gid))
		return false;
	p.home = field[HOME][0] ? field[HOME] : "/";
	if (uid ? p.uid != *uid
	        : strlen(field[NAME]) != len || strncmp(field[NAME], user, len) != 0)
		return false;
	*ret = p;
	return true;
}

int passwd_find(struct passwd *ret, const char *user, char *file)
{
	size_t len = strcspn(user, ":");
	const char *group = user[len] ? user + len + 1 : NULL;
	struct passwd p = { .home = "/" };
	bool found = false, numeric = text_parse(user, len, &p.uid);
	char *line;

	while (!found && (line = text_line(&file)))
		found = match(line, user, len, numeric ? &p.uid : NULL, &p);
	if (!found && !numeric)
		return -ENOENT;
	if (group && !text_parse(group, strlen(group), &p.gid))
		return -EINVAL;
	*ret = p;
	return 0;
}
