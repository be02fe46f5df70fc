/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optlist.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

char *optlist_next(char **rest)
{
	char *item = *rest, *from = item, *to = item;

	if (!item)
		return NULL;
	for (; *from; *to++ = *from++) {
		if (*from == ',' && from[1] != ',')
			break;
		if (*from == ',')
			from++;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return item;
}

int optlist_find(const struct optlist_key *keys, unsigned n_keys, unsigned *seen, char *item,
                 const char **ret_value, struct err *e)
{
	char *equals = strchr(item, '=');
	size_t len = equals ? (size_t)(equals - item) : strlen(item);
	unsigned k = 0;

	while (k < n_keys && (strlen(keys[k].name) != len || memcmp(keys[k].name, item, len) != 0))
		k++;
	if (!*item)
		return err_set(e, EINVAL, "nothing stands next to a comma: leave one out");
	if (k == n_keys)
		return err_set(e, EINVAL,
		               "unknown word '%.60s' (a comma inside a name is written twice)",
		               item);
	if ((*seen & 1U << k) && !keys[k].repeat)
		return err_set(e, EINVAL, "'%s' is given twice", keys[k].name);
	if (!equals && keys[k].takes == OPTLIST_VALUE)
		return err_set(e, EINVAL, "'%s' needs a value: %s=...", keys[k].name, keys[k].name);
	if (equals && keys[k].takes == OPTLIST_BARE)
		return err_set(e, EINVAL, "'%s' takes no value", keys[k].name);
	*seen |= 1U << k;
	*ret_value = equals ? equals + 1 : NULL;
	return (int)k;
}

int optlist_check_name(const char *value, size_t max, struct err *e)
{
	size_t len = strlen(value);

	for (const char *s = value; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.", *s))
			return err_set(e, EINVAL,
			               "'%.60s' has a character other than letters, digits, - _ .",
			               value);
	if (len == 0 || len > max)
		return err_set(e, ERANGE, "'%.60s' has %zu characters, not 1 to %zu", value, len,
		               max);
	return 0;
}
