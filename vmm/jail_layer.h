/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JAIL_LAYER_H
#define VMM_JAIL_LAYER_H

#include "vmm/compiler.h"

/* The layers of the jail, and what became of each. */

enum jail_layer {
	JAIL_SHED,
	JAIL_USER,
	JAIL_NS_USER,
	JAIL_NS_MOUNT,
	JAIL_NS_IPC,
	JAIL_NS_UTS,
	JAIL_NS_CGROUP,
	JAIL_NS_NET,
	JAIL_ROOT,
	JAIL_BOUNDING,
	JAIL_CAPS,
	JAIL_NO_NEW_PRIVS,
	JAIL_DUMPABLE,
	JAIL_LANDLOCK,
	JAIL_LIMITS,
	JAIL_SECCOMP,
	JAIL_N_LAYERS
};

/* One value for each: 0 it holds, else the negative errno with which the host refused it. */
struct jail_layers {
	int result[JAIL_N_LAYERS];
};

extern const char *const jail_layer_names[]; /* JAIL_N_LAYERS of them */

#endif /* VMM_JAIL_LAYER_H */
