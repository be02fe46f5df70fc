/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail_layer.h"

const char *const jail_layer_names[] = {
	[JAIL_SHED] = "no inherited descriptor",
	[JAIL_USER] = "unprivileged user",
	[JAIL_NS_USER] = "user namespace",
	[JAIL_NS_MOUNT] = "mount namespace",
	[JAIL_NS_IPC] = "IPC namespace",
	[JAIL_NS_UTS] = "UTS namespace",
	[JAIL_NS_CGROUP] = "cgroup namespace",
	[JAIL_NS_NET] = "network namespace",
	[JAIL_ROOT] = "empty root",
	[JAIL_BOUNDING] = "empty bounding set",
	[JAIL_CAPS] = "no capabilities",
	[JAIL_NO_NEW_PRIVS] = "no_new_privs",
	[JAIL_DUMPABLE] = "not dumpable",
	[JAIL_LANDLOCK] = "Landlock",
	[JAIL_LIMITS] = "limits",
	[JAIL_SECCOMP] = "seccomp",
};

_Static_assert(ARRAY_SIZE(jail_layer_names) == JAIL_N_LAYERS, "every layer has a name");
