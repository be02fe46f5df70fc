/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VIRTIOFSD_H
#define VMM_VIRTIOFSD_H

#include "vmm/err.h"

#include <stdbool.h>

/* virtiofsd: serves a directory of the host to a guest, as a process of its own. */

/**
 * virtiofsd_start() - Start it for a directory
 * @dir:      The directory
 * @readonly: Nothing in it can be changed: it is mounted so for this process alone
 * @e:        Says why not
 *
 * It is a child that ends with us, and has our rights, not the jail's. Whether it works is seen
 * when it is first spoken to: it says what is wrong on standard error.
 * Context: set-up.
 * Return:  Our end of its socket, or -errno: -ENOENT there is no virtiofsd, -ENOTDIR no directory,
 *          -EPERM it cannot be made read-only.
 */
int virtiofsd_start(const char *dir, bool readonly, struct err *e) MUST_CHECK;

#endif /* VMM_VIRTIOFSD_H */
