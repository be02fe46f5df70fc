/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OPTDIR_H
#define VMM_OPTDIR_H

#include "vmm/config.h"
#include "vmm/optlist.h"

/* Values of options that name a directory of the host, or who serves one. */

/**
 * optdir_parse_root() - Take the value of --rootfs apart if it names a directory
 * @ret:   Set if it does, with text of its own; else left alone
 * @value: "DIR[,owner=root|,share]"
 * @e:     Says what is wrong
 *
 * Whether it is one decides which keys there are, so it is looked at here. Nothing is opened.
 * Context: set-up; allocates.
 * Return:  1 if it is a directory, 0 if not.
 * Errors:  -EINVAL an unknown key or value; -ENOMEM.
 */
int optdir_parse_root(struct config_root_dir *ret, const char *value, struct err *e) MUST_CHECK;

/**
 * optdir_root_keys() - The keys of a root that is a directory
 * @ret_n: How many there are
 *
 * Return: The keys.
 */
const struct optlist_key *optdir_root_keys(unsigned *ret_n);

/**
 * optdir_parse_backend() - Take the value of --share or --vhost-user apart
 * @ret:   Set on success, with text of its own
 * @value: "DIR:TAG[,ro]", or "KIND,socket=PATH[,tag=TAG]"
 * @share: It is that of --share
 * @e:     Says what is wrong
 *
 * Context: set-up; allocates.
 * Return:  0.
 * Errors:  -EINVAL an unknown kind or key, or one that is missing; -ERANGE the tag is too long;
 *          -ENOMEM.
 */
int optdir_parse_backend(struct config_backend *ret, const char *value, bool share,
                         struct err *e) MUST_CHECK;

/**
 * optdir_backend_keys() - The keys of --share or --vhost-user
 * @share: Those of --share
 * @ret_n: How many there are
 *
 * Return: The keys.
 */
const struct optlist_key *optdir_backend_keys(bool share, unsigned *ret_n);

#endif /* VMM_OPTDIR_H */
