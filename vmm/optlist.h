/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OPTLIST_H
#define VMM_OPTLIST_H

#include "vmm/err.h"

#include <stdbool.h>

/* Values that are comma lists of KEY=VALUE and bare words, as those of --disk and --net. */

struct optlist_key {
	char name[8];
	const char *help; /* a phrase for --help and the man page, with its default */
	char arg[6]; /* what the value is called; "": takes none */
	enum { OPTLIST_BARE, OPTLIST_VALUE, OPTLIST_EITHER } takes : 8;
	bool repeat; /* may be given more than once */
};

/**
 * optlist_next() - Cut the next item off a list, in place
 * @rest: What is left of the list; NULL after the last item
 *
 * Two commas are one that belongs to the item.
 * Return: The item, or NULL after the last.
 */
char *optlist_next(char **rest);

/**
 * optlist_find() - Find the key of an item
 * @keys:      The keys that there are, at most 32
 * @n_keys:    How many
 * @seen:      A bit for each key that was given; 0 to begin
 * @item:      From optlist_next(); left as it is
 * @ret_value: The value in @item; NULL for a bare word
 * @e:         Says what is wrong
 *
 * Return:  Index of the key.
 * Errors:  -EINVAL unknown, given twice, or with a value where none belongs or without one.
 */
int optlist_find(const struct optlist_key *keys, unsigned n_keys, unsigned *seen, char *item,
                 const char **ret_value, struct err *e) MUST_CHECK;

/**
 * optlist_check_name() - Judge a name that a shell takes as it is
 * @value: The name
 * @max:   Bytes that it may have
 * @e:     Says what is wrong with it
 *
 * Return: 0.
 * Errors: -EINVAL another character than letters, digits, - _ . ; -ERANGE its length.
 */
int optlist_check_name(const char *value, size_t max, struct err *e) MUST_CHECK;

#endif /* VMM_OPTLIST_H */
