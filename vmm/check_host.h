/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CHECK_HOST_H
#define VMM_CHECK_HOST_H

#include "vmm/err.h"

#include <stdio.h>

#define CHECK_HOST_UNFIT 77 /* exit status: as automake's "skipped" */

/**
 * check_host_run() - Report whether this host can run ordinary kernels, and why not (--check-host)
 * @out: Where the report goes, one fact a line; the last line is the verdict
 * @e:   Says why there is no report
 *
 * Looks at /dev/kvm, the capabilities of KVM, a probe guest, and what network cards may want of the
 * host, which is optional. Takes well under a second.
 * Context: instead of a VM; opens files, uses SIGALRM for a moment.
 * Return:  0 = they run, CHECK_HOST_UNFIT = they do not (no KVM included), or -errno.
 */
int check_host_run(FILE *out, struct err *e) MUST_CHECK;

#endif /* VMM_CHECK_HOST_H */
