/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JAIL_RIGHTS_H
#define VMM_JAIL_RIGHTS_H

#include "vmm/jail_layer.h"

#include <stdint.h>

/**
 * jail_rights_bound() - Empty the bounding set and lock the secure bits
 *
 * Context: set-up, one thread.
 * Return:  0, or -errno.
 */
int jail_rights_bound(void);

/**
 * jail_rights_keep() - Drop all capabilities but some
 * @capabilities: A bit for each, of the first 32; one that the process does not have stays away
 *
 * Context: set-up, one thread.
 * Return:  0, or -errno.
 */
int jail_rights_keep(uint32_t capabilities) MUST_CHECK;

/**
 * jail_rights_drop() - Drop all capabilities, and whatever could bring one back
 * @l: JAIL_CAPS, JAIL_NO_NEW_PRIVS and JAIL_DUMPABLE are set
 *
 * Context: set-up, one thread.
 */
void jail_rights_drop(struct jail_layers *l);

/**
 * jail_rights_limit() - No core, process, thread or descriptor any more
 * @descriptors: Lowest number that no new descriptor gets; 1: there will be none
 *
 * Context: set-up, when the last thread exists and the last file is open.
 * Return:  0, or -errno.
 */
int jail_rights_limit(unsigned descriptors);

#endif /* VMM_JAIL_RIGHTS_H */
