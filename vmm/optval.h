/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OPTVAL_H
#define VMM_OPTVAL_H

#include "vmm/options.h"
#include "vmm/optlist.h"

/* The values of options: from the text of a command line to a field of struct config. */

/**
 * optval_set() - Give an option a value
 * @c:     Configuration; the field is changed on success only
 * @o:     Row of a value or flag, not OPT_HELP or OPT_VERSION
 * @value: Text, which must live as long as @c; ignored for OPT_FLAG
 * @e:     Says what is wrong with the text and what is right; does not name the option
 *
 * A repeatable option adds a value. Whether another may be given twice is for the caller.
 * Context: set-up; may allocate.
 * Return:  0.
 * Errors:  -EINVAL not a value of this type; -ERANGE outside min and max; -E2BIG repeated too
 *          often; -ENOMEM.
 */
int optval_set(struct config *c, const struct opt *o, const char *value, struct err *e) MUST_CHECK;

/**
 * optval_keys() - The keys of a value that is a comma list
 * @type:  Of the option
 * @part:  0, then further ones: some have several kinds of value
 * @ret_n: How many there are
 *
 * Return: The keys, or NULL if there are no further ones, or values of this type are no lists or
 *         have keys of any name.
 */
const struct optlist_key *optval_keys(enum opt_type type, unsigned part, unsigned *ret_n);

/**
 * optval_defaults() - Fill a configuration with what holds when no option is given
 * @ret: Any contents, nothing owned; config_fini() afterwards in any case
 * @e:   Says why not
 *
 * Context: set-up; may allocate.
 * Return:  0, or -ENOMEM.
 */
int optval_defaults(struct config *ret, struct err *e) MUST_CHECK;

#endif /* VMM_OPTVAL_H */
