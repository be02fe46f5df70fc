/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail_rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Neither root's id nor ambient capabilities give anything, now and for good. */
#define SECURE_BITS                                                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |   \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* The first number that is no capability ends the list. */
int jail_rights_bound(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	if (errno != EINVAL)
		return -errno;
	return prctl(PR_SET_SECUREBITS, SECURE_BITS, 0, 0, 0) < 0 ? -errno : 0;
}

int jail_rights_keep(uint32_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (capabilities != 0 && syscall(SYS_capget, &header, set) < 0)
		return -errno;
	set[0].permitted &= capabilities;
	set[0].effective = set[0].permitted;
	set[0].inheritable = set[1].permitted = set[1].effective = set[1].inheritable = 0;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &header, set) < 0 ? -errno : 0;
}

void jail_rights_drop(struct jail_layers *l)
{
	l->result[JAIL_CAPS] = jail_rights_keep(0);
	l->result[JAIL_NO_NEW_PRIVS] = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
	l->result[JAIL_DUMPABLE] = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static int limit(__rlimit_resource_t what, rlim_t value)
{
	const struct rlimit r = { value, value };

	return setrlimit(what, &r) < 0 ? -errno : 0;
}

/* At most @value, or the limit that there is already. */
static int lower(__rlimit_resource_t what, rlim_t value)
{
	struct rlimit r;

	if (getrlimit(what, &r) < 0)
		return -errno;
	return limit(what, value < r.rlim_max ? value : r.rlim_max);
}

int jail_rights_limit(unsigned descriptors)
{
	struct rlimit size = { .rlim_cur = RLIM_INFINITY };
	int r[4] = {
		limit(RLIMIT_CORE, 0),
		limit(RLIMIT_NPROC, 0),
		/* New descriptors get the lowest free number, and 0 is taken: a limit of 1 gives
		 * out none. Not 0, since poll() takes no more than the limit. */
		lower(RLIMIT_NOFILE, descriptors),
	};

	/* The caller's size of files (ulimit -f) holds for good. */
	if (getrlimit(RLIMIT_FSIZE, &size) == 0)
		r[3] = limit(RLIMIT_FSIZE, size.rlim_cur);
	for (unsigned i = 0; i < ARRAY_SIZE(r); i++)
		if (r[i] < 0)
			return r[i];
	return 0;
}
