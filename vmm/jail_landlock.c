/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail_landlock.h"

#include <errno.h>
#include <sys/syscall.h>

/*
 * The kernel's headers may be older than the kernel, so this is its interface in our own words.
 * Spec: Linux Documentation/userspace-api/landlock.rst
 */
struct landlock_ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* from version 4 */
	uint64_t scoped; /* from version 6 */
};
ABI_SIZE(struct landlock_ruleset, 24);

#define VERSION_FLAG 1U /* LANDLOCK_CREATE_RULESET_VERSION */

/* Bits of each field that exist from a version on. */
static const struct {
	int version;
	struct landlock_ruleset bits;
} versions[] = {
	{ 1, { .handled_access_fs = 0x1fff } }, /* execute to make_sym */
	{ 2, { .handled_access_fs = 1 << 13 } }, /* refer */
	{ 3, { .handled_access_fs = 1 << 14 } }, /* truncate */
	{ 4, { .handled_access_net = 0x3 } }, /* bind_tcp, connect_tcp */
	{ 5, { .handled_access_fs = 1 << 15 } }, /* ioctl_dev */
	{ 6, { .scoped = 0x3 } }, /* abstract_unix_socket, signal */
};

int jail_landlock_enter(void)
{
	struct landlock_ruleset all = { 0 };
	const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
	CLEANUP_FD int fd = -1;

	if (version < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(versions) && versions[i].version <= version; i++) {
		all.handled_access_fs |= versions[i].bits.handled_access_fs;
		all.handled_access_net |= versions[i].bits.handled_access_net;
		all.scoped |= versions[i].bits.scoped;
	}
	/* An older kernel takes a longer structure if the rest of it is zero. */
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (fd < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
