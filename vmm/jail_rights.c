/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail_rights.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Neither root's id nor ambient capabilities give anything, now and for good. */
#define SECURE_BITS                                                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |   \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int jail_rights_load(struct jail_rights *r, struct err *e)
{
	r->library = dlopen("libcap-ng.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!r->library)
		return err_set(e, ELIBACC, "cannot drop capabilities: %s: install libcap-ng0",
		               dlerror());
	*(void **)&r->clear = dlsym(r->library, "capng_clear");
	*(void **)&r->get_caps_process = dlsym(r->library, "capng_get_caps_process");
	*(void **)&r->have_capability = dlsym(r->library, "capng_have_capability");
	*(void **)&r->update = dlsym(r->library, "capng_update");
	*(void **)&r->apply = dlsym(r->library, "capng_apply");
	if (r->clear && r->get_caps_process && r->have_capability && r->update && r->apply)
		return 0;
	jail_rights_unload(r);
	return err_set(e, ELIBACC,
	               "cannot drop capabilities: libcap-ng.so.0 is another library: install "
	               "libcap-ng0");
}

void jail_rights_unload(struct jail_rights *r)
{
	dlclose(r->library);
	*r = (struct jail_rights){ 0 };
}

/* The library has numbers of its own for what fails, and all of it is something refused. */
static int apply(const struct jail_rights *r, capng_select_t set)
{
	return r->apply(set) < 0 ? -EPERM : 0;
}

/* Not by capng_lock(): it leaves room for capabilities that are kept, and bits open. */
int jail_rights_bound(const struct jail_rights *r)
{
	r->clear(CAPNG_SELECT_BOUNDS);
	if (apply(r, CAPNG_SELECT_BOUNDS) < 0)
		return -EPERM;
	return prctl(PR_SET_SECUREBITS, SECURE_BITS, 0, 0, 0) < 0 ? -errno : 0;
}

int jail_rights_keep(const struct jail_rights *r, uint32_t capabilities)
{
	uint32_t held = 0;

	if (capabilities != 0 && r->get_caps_process() < 0)
		return -EPERM;
	for (unsigned cap = 0; cap < 32; cap++)
		if (capabilities >> cap & 1 && r->have_capability(CAPNG_PERMITTED, cap))
			held |= 1U << cap;
	r->clear(CAPNG_SELECT_ALL);
	for (unsigned cap = 0; cap < 32; cap++)
		if (held >> cap & 1)
			(void)r->update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap);
	return apply(r, CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
}

void jail_rights_drop(const struct jail_rights *r, struct jail_layers *l)
{
	l->result[JAIL_CAPS] = jail_rights_keep(r, 0);
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
