/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OPTDISK_H
#define VMM_OPTDISK_H

#include "vmm/config.h"
#include "vmm/optlist.h"

/* The value of --disk, and of --rootfs when it is an image. */

/**
 * optdisk_parse() - Take PATH[,KEY...] or fd=N[,KEY...] apart
 * @ret:   Set only on success; config_fini() gives its text back
 * @value: Text of the option
 * @e:     Says what is wrong with it
 *
 * Context: set-up; allocates.
 * Return:  0.
 * Errors:  -EINVAL, -ERANGE a word or value that is none; -ENOMEM.
 */
int optdisk_parse(struct config_disk *ret, const char *value, struct err *e) MUST_CHECK;

/**
 * optdisk_keys() - The keys of --disk
 * @ret_n: How many there are
 *
 * Return: The keys.
 */
const struct optlist_key *optdisk_keys(unsigned *ret_n);

#endif /* VMM_OPTDISK_H */
