/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_COMPLAIN_H
#define BOOT_INIT_COMPLAIN_H

/**
 * complain() - Say in the kernel's log, and so on its console, what could not be done
 * @what:  "load module"
 * @which: Its name
 * @r:     -errno
 */
void complain(const char *what, const char *which, int r);

#endif /* BOOT_INIT_COMPLAIN_H */
