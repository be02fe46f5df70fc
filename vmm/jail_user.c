/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail_user.h"

#include "vmm/num.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>

#define NOBODY 65534 /* the kernel's own default for ids without a name, and Debian's nobody */

/* Whether @s is the number of an id; (uid_t)-1 is none. */
static bool parse_id(const char *s, unsigned *ret)
{
	uint64_t n;

	if (num_parse(s, &n) < 0 || n >= UINT_MAX)
		return false;
	*ret = (unsigned)n;
	return true;
}

static int find_user(const char *name, struct jail_user *ret, struct err *e)
{
	const struct passwd *pw;
	unsigned n;

	if (parse_id(name, &n)) {
		pw = getpwuid(n);
		*ret = (struct jail_user){ .uid = n, .gid = pw ? pw->pw_gid : n };
		return 0;
	}
	pw = getpwnam(name);
	if (!pw)
		return err_set(e, ENOENT, "--user: there is no user '%.60s'", name);
	*ret = (struct jail_user){ .uid = pw->pw_uid, .gid = pw->pw_gid };
	return 0;
}

static int find_group(const char *name, gid_t *ret, struct err *e)
{
	const struct group *gr;
	unsigned n;

	if (parse_id(name, &n)) {
		*ret = n;
		return 0;
	}
	gr = getgrnam(name);
	if (!gr)
		return err_set(e, ENOENT, "--user: there is no group '%.60s'", name);
	*ret = gr->gr_gid;
	return 0;
}

static int parse_spec(const char *spec, struct jail_user *ret, struct err *e)
{
	const size_t len = strcspn(spec, ":");
	char name[LOGIN_NAME_MAX];
	int r;

	if (len >= sizeof(name))
		return err_set(e, ENOENT, "--user: there is no user '%.60s'", spec);
	memcpy(name, spec, len);
	name[len] = '\0';
	r = find_user(name, ret, e);
	return r == 0 && spec[len] ? find_group(spec + len + 1, &ret->gid, e) : r;
}

int jail_user_find(const char *spec, struct jail_user *ret, struct err *e)
{
	/* What a set-group-ID program may is over once all is open. */
	const struct jail_user self = { .uid = geteuid(), .gid = getgid() };
	int r;

	*ret = self.uid == 0 ? (struct jail_user){ NOBODY, NOBODY } : self;
	r = spec ? parse_spec(spec, ret, e) : 0;
	if (r < 0 || self.uid == 0 || (ret->uid == self.uid && ret->gid == self.gid))
		return r;
	return err_set(e, EPERM, "--user: only root can go on as another user");
}

int jail_user_become(const struct jail_user *user)
{
	int r = 0;

	if (geteuid() != 0 && getuid() == geteuid() && getgid() == getegid())
		return 0;
	/* Where this is refused the change of ids drops the capabilities, and the layers that need
	 * them report it. */
	(void)prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
	if (geteuid() == 0 && setgroups(0, NULL) < 0)
		r = -errno; /* the ids are worth changing all the same */
	if (setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return user->uid == 0 ? -EPERM : r;
}
