/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OPTNET_H
#define VMM_OPTNET_H

#include "vmm/config.h"
#include "vmm/optlist.h"

/**
 * optnet_parse() - Take the value of --net apart
 * @ret:   Set only on success; its text is the caller's to free
 * @value: Text; copied
 * @e:     Says what is wrong with it and what is right
 *
 * Context: set-up; allocates.
 * Return:  0.
 * Errors:  -EINVAL not of this form; -ERANGE a number or a name out of range; -E2BIG too many
 *          ports; -ENOMEM.
 */
int optnet_parse(struct config_net *ret, const char *value, struct err *e) MUST_CHECK;

/**
 * optnet_keys() - The keys of --net
 * @ret_n: How many there are
 *
 * Return: The keys.
 */
const struct optlist_key *optnet_keys(unsigned *ret_n);

#endif /* VMM_OPTNET_H */
