/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JAIL_USER_H
#define VMM_JAIL_USER_H

#include "vmm/err.h"

#include <sys/types.h>

/* As whom the process goes on: --user. */
struct jail_user {
	uid_t uid;
	gid_t gid;
};

/**
 * jail_user_find() - Find out as whom to go on
 * @spec: "U[:G]", names or numbers; NULL: an ordinary user stays, root becomes nobody
 * @ret:  The user
 * @e:    Names the user or group that does not exist, or says who may not be taken
 *
 * Context: set-up, while the user database can be read.
 * Return:  0.
 * Errors:  -ENOENT unknown; -EPERM an ordinary user cannot become another.
 */
int jail_user_find(const char *spec, struct jail_user *ret, struct err *e) MUST_CHECK;

/**
 * jail_user_become() - Become that user; root leaves its supplementary groups
 * @user: From jail_user_find()
 *
 * Capabilities are kept and effective: what follows needs them, and jail_rights_drop() ends them.
 * An ordinary user's groups stay. Nothing can be opened by them in an empty root.
 * Context: set-up, one thread.
 * Return:  0, or -errno; -EPERM if that user is root.
 */
int jail_user_become(const struct jail_user *user);

#endif /* VMM_JAIL_USER_H */
