/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jsontext.h"

#include <stdbool.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD in UTF-8 */

/* Well-formed sequences by the range of their first byte and of their second: RFC 3629 section 4.
 * The ranges of the second byte leave out overlong forms, surrogates and what is over U+10FFFF. */
static const struct {
	unsigned char first_min, first_max, second_min, second_max;
	unsigned char len; /* bytes */
} forms[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* Whether the bytes after the second one continue a character; stops at the terminator. */
static bool continues(const unsigned char *s, unsigned len)
{
	for (unsigned i = 2; i < len; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return false;
	return true;
}

/* Bytes of the character at @s, or 0 if it is none. */
static size_t char_len(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (s[0] >= forms[i].first_min && s[0] <= forms[i].first_max &&
		    s[1] >= forms[i].second_min && s[1] <= forms[i].second_max &&
		    continues(s, forms[i].len))
			return forms[i].len;
	return 0;
}

json_t *jsontext_new(const char *s)
{
	char *text, *to;
	json_t *json;

	if (!s)
		return json_null();
	text = malloc(strlen(s) * (sizeof(replacement) - 1) + 1);
	if (!text)
		return NULL;
	for (to = text; *s;) {
		size_t len = char_len(s);

		to = len ? mempcpy(to, s, len) : mempcpy(to, replacement, sizeof(replacement) - 1);
		s += len ? len : 1;
	}
	json = json_stringn_nocheck(text, (size_t)(to - text));
	free(text);
	return json;
}
