/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OPTFD_H
#define VMM_OPTFD_H

#include "vmm/compiler.h"

/**
 * optfd_parse() - Which descriptor "fd=TEXT" means
 * @text:  Its number; or its name, if systemd hands it over: FileDescriptorName= of a socket unit,
 *         OpenFile=. The first of that name
 * @least: Lowest number that will do
 * @ret:   Set only on success; whether it is open is for the caller
 *
 * Context: set-up, in the process that was started: names hold for no other.
 * Return:  0, or -EINVAL.
 * Spec:    sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES
 */
int optfd_parse(const char *text, int least, int *ret) MUST_CHECK;

#endif /* VMM_OPTFD_H */
