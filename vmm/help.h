/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_HELP_H
#define VMM_HELP_H

#include "vmm/optval.h"

#include <stdio.h>

/* What --help and the man page tell besides the option table. */

struct help_row {
	const char *name; /* NULL ends a table */
	const char *text; /* a phrase */
};

extern const struct help_row help_statuses[]; /* exit status, meaning */
extern const struct help_row help_keys[]; /* after the escape key */
extern const struct help_row help_signals[];

/* Values that are comma lists, of options that have the keys in common. */
struct help_list {
	const char *of; /* the options; NULL ends the table */
	enum opt_type type : 8;
	uint8_t part; /* as of optval_keys() */
};

extern const struct help_list help_lists[];

#define HELP_NOTES_MAX 160 /* bytes, terminator included */

/**
 * help_notes() - Say what the table knows of an option: other name, repetition, range, default
 * @o:   Row
 * @ret: Phrases with commas between them; "" if there is nothing to say
 */
void help_notes(const struct opt *o, char ret[HELP_NOTES_MAX]);

#define HELP_FORM_MAX 24 /* bytes, terminator included */

/**
 * help_form() - Write a key as it may stand on the command line
 * @key: Of optval_keys()
 * @ret: Text, e.g. "ro", "queues=N", "passt[=PATH]"
 */
void help_form(const struct optlist_key *key, char ret[HELP_FORM_MAX]);

/**
 * help_write() - Write the text of --help, at most 79 columns wide
 * @out: Where to
 *
 * Return: 0, or -errno of writing; a buffered error may show up later.
 */
int help_write(FILE *out) MUST_CHECK;

/**
 * help_version() - Write the line of --version
 * @out: Where to
 *
 * Return: As help_write().
 */
int help_version(FILE *out) MUST_CHECK;

#endif /* VMM_HELP_H */
