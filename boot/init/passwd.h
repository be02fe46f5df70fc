/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_PASSWD_H
#define BOOT_INIT_PASSWD_H

#include "vmm/compiler.h"

/* The user that a command runs as, by the guest's /etc/passwd. */

struct passwd {
	unsigned uid, gid;
	const char *home; /* points into the file; "/" if it does not say */
};

/**
 * passwd_find() - Look a user up
 * @ret:  Set on success
 * @user: NAME|UID[:GID]
 * @file: Text of /etc/passwd, NUL-terminated; cut into pieces
 *
 * A number needs no line in the file: its group is 0 then, unless one is given.
 * Return:  0.
 * Errors:  -ENOENT no such name; -EINVAL the group is no number.
 * Spec:    passwd(5)
 */
int passwd_find(struct passwd *ret, const char *user, char *file) MUST_CHECK;

#endif /* BOOT_INIT_PASSWD_H */
