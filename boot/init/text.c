/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/text.h"

#include <string.h>

bool text_join(char *ret, size_t room, const char *const *part)
{
	size_t at = 0;

	for (; *part; part++)
		for (const char *s = *part; *s; s++) {
			if (at + 1 == room) {
				ret[at] = '\0';
				return false;
			}
			ret[at++] = *s;
		}
	ret[at] = '\0';
	return true;
}

const char *text_number(char ret[11], unsigned n)
{
	unsigned digits = 1;

	for (unsigned rest = n; rest >= 10; rest /= 10)
		digits++;
	ret[digits] = '\0';
	while (digits-- > 0) {
		ret[digits] = (char)('0' + n % 10);
		n /= 10;
	}
	return ret;
}

bool text_parse(const char *text, size_t len, unsigned *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned)(text[i] - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*ret = (unsigned)n;
	return len > 0;
}

char *text_line(char **rest)
{
	char *line = *rest;
	char *end = line ? strchr(line, '\n') : NULL;

	if (end)
		*end = '\0';
	*rest = end && end[1] ? end + 1 : NULL;
	return line;
}
