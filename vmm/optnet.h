/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OPTNET_H
#define VMM_OPTNET_H

#include "vmm/config.h"

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

#endif /* VMM_OPTNET_H */
