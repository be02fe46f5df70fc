/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JAIL_NS_H
#define VMM_JAIL_NS_H

#include "vmm/jail_layer.h"

/**
 * jail_ns_enter() - Leave the host's users, mounts, IPC, host name, cgroups and network
 * @l: JAIL_NS_* are set
 *
 * There is no PID namespace: it would take a second process, and the VM is the process that was
 * started. The user namespace has no map: no id of it is anybody, and none can be taken.
 * Context: set-up, one thread.
 */
void jail_ns_enter(struct jail_layers *l);

/**
 * jail_ns_empty_root() - Replace the file system by an empty one that cannot be written to
 *
 * Context: set-up, one thread, in a mount namespace of its own.
 * Return:  0, or -errno.
 */
int jail_ns_empty_root(void);

#endif /* VMM_JAIL_NS_H */
