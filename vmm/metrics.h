/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_METRICS_H
#define VMM_METRICS_H

#include "vmm/compiler.h"

#include <jansson.h>

/* What the machine has counted, as JSON. */

struct machine;

/**
 * metrics_all() - Times, vCPUs and devices: the command x-vmm-metrics
 * @m: Running
 *
 * Context: main thread; allocates.
 * Return:  A new reference, or NULL without memory.
 */
json_t *metrics_all(const struct machine *m) MUST_CHECK;

/**
 * metrics_disks() - The disks alone, in QEMU's shape: the command query-blockstats
 * @m: Running
 *
 * Context: main thread; allocates.
 * Return:  A new reference, or NULL without memory.
 */
json_t *metrics_disks(const struct machine *m) MUST_CHECK;

/**
 * metrics_exits() - How often each reason made a processor leave the guest, all of them together
 * @m: Has run
 *
 * Context: main thread; allocates.
 * Return:  A new reference, or NULL without memory.
 */
json_t *metrics_exits(const struct machine *m) MUST_CHECK;

#endif /* VMM_METRICS_H */
