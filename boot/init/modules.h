/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_MODULES_H
#define BOOT_INIT_MODULES_H

/* The kernel's modules that vmm has put into the initial RAM disk: protocol.h says where. */

/**
 * modules_load() - Load them in order, and remove their files
 *
 * One that the kernel refuses is named in its log, and the others are loaded: whether the guest can
 * do without shows soon enough.
 */
void modules_load(void);

#endif /* BOOT_INIT_MODULES_H */
