/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JAIL_LANDLOCK_H
#define VMM_JAIL_LANDLOCK_H

#include "vmm/compiler.h"

/**
 * jail_landlock_enter() - Give up every right that this kernel's Landlock knows
 *
 * Files, TCP, signals to other processes, abstract sockets: as far as the kernel's version goes.
 * What is open stays usable.
 * Context: set-up, one thread, with no_new_privs set; mounts cannot change afterwards.
 * Return:  0, or -errno.
 */
int jail_landlock_enter(void);

#endif /* VMM_JAIL_LANDLOCK_H */
