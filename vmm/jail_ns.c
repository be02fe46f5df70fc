/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail_ns.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

/* The user namespace comes first: it gives the right to make the others. */
static const struct {
	int flag;
	enum jail_layer layer;
} namespaces[] = {
	{ CLONE_NEWUSER, JAIL_NS_USER }, { CLONE_NEWNS, JAIL_NS_MOUNT },
	{ CLONE_NEWIPC, JAIL_NS_IPC },   { CLONE_NEWUTS, JAIL_NS_UTS },
	{ CLONE_NEWNET, JAIL_NS_NET },   { CLONE_NEWCGROUP, JAIL_NS_CGROUP },
};

void jail_ns_enter(struct jail_layers *l)
{
	int all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		l->result[namespaces[i].layer] = 0;
		all |= namespaces[i].flag;
	}
	if (unshare(all) == 0)
		return;
	/* Some are refused: find out which, and take the others. */
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (unshare(namespaces[i].flag) < 0)
			l->result[namespaces[i].layer] = -errno;
}

/*
 * Where the new root is mounted, for the moment until it becomes the root: any folder will do that
 * every system has.
 */
#define PLACE "/proc"

/* No file, no inode to make one, no block for its contents. */
#define EMPTY "size=4k,nr_inodes=1,mode=555"

/*
 * Inside a chroot there is no root to exchange. The layer is reported as missing then, since the
 * old root stays in the namespace; no path leads to it all the same.
 */
static int chroot_at_least(int r)
{
	(void)!chroot(".");
	return r;
}

int jail_ns_empty_root(void)
{
	/* What happens to our mounts must not happen to the host's. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("vmm", PLACE, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, EMPTY) < 0 ||
	    chdir(PLACE) < 0)
		return -errno;
	/* The old root ends up on top of the new one, at the same place, and is taken off. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return chroot_at_least(-errno);
	if (umount2(".", MNT_DETACH) < 0)
		return -errno;
	return chdir("/") < 0 ? -errno : 0;
}
