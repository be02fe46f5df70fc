/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JAIL_RIGHTS_H
#define VMM_JAIL_RIGHTS_H

#include "vmm/err.h"
#include "vmm/jail_layer.h"

#include <cap-ng.h>
#include <stdint.h>

/*
 * libcap-ng, in memory for as long as capabilities are dropped: linked, it would be 32 KiB of every
 * VM that runs.
 */
struct jail_rights {
	void *library;
	void (*clear)(capng_select_t set);
	int (*get_caps_process)(void);
	int (*have_capability)(capng_type_t which, unsigned capability);
	int (*update)(capng_act_t action, capng_type_t type, unsigned capability);
	int (*apply)(capng_select_t set);
};

/**
 * jail_rights_load() - Load what drops capabilities
 * @r: Any contents
 * @e: Names the library that is missing; may be NULL
 *
 * Context: set-up, while the host's files can still be opened; before a fork() for a child.
 * Return:  0, or -ELIBACC.
 */
int jail_rights_load(struct jail_rights *r, struct err *e) MUST_CHECK;

/**
 * jail_rights_unload() - Give back its memory
 * @r: Loaded
 */
void jail_rights_unload(struct jail_rights *r);

/**
 * jail_rights_bound() - Empty the bounding set and lock the secure bits
 * @r: Loaded
 *
 * Context: set-up, one thread.
 * Return:  0, or -errno.
 */
int jail_rights_bound(const struct jail_rights *r);

/**
 * jail_rights_keep() - Drop all capabilities but some
 * @r:            Loaded
 * @capabilities: A bit for each, of the first 32; one that the process does not have stays away
 *
 * Context: set-up, one thread.
 * Return:  0, or -errno.
 */
int jail_rights_keep(const struct jail_rights *r, uint32_t capabilities) MUST_CHECK;

/**
 * jail_rights_drop() - Drop all capabilities, and whatever could bring one back
 * @r: Loaded
 * @l: JAIL_CAPS, JAIL_NO_NEW_PRIVS and JAIL_DUMPABLE are set
 *
 * Context: set-up, one thread.
 */
void jail_rights_drop(const struct jail_rights *r, struct jail_layers *l);

/**
 * jail_rights_limit() - No core, process, thread or descriptor any more
 * @descriptors: Lowest number that no new descriptor gets; 1: there will be none
 *
 * Context: set-up, when the last thread exists and the last file is open.
 * Return:  0, or -errno.
 */
int jail_rights_limit(unsigned descriptors);

#endif /* VMM_JAIL_RIGHTS_H */
