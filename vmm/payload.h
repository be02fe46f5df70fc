/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PAYLOAD_H
#define VMM_PAYLOAD_H

#include "boot/boot.h"

/* What the guest is given to run: kernel, initial RAM disk, and the kernel's words. */

struct machine;

/**
 * payload_load() - Bring kernel, initial RAM disk and tables into guest memory
 * @m:   With RAM and devices
 * @ret: How to enter the kernel; set on success
 * @e:   Names the file or the word, and says what is wrong
 *
 * Context: set-up; reads files.
 * Return:  0, or -errno as boot_load().
 */
int payload_load(struct machine *m, struct boot_entry *ret, struct err *e) MUST_CHECK;

#endif /* VMM_PAYLOAD_H */
