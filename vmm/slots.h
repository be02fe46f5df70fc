/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_SLOTS_H
#define VMM_SLOTS_H

#include "vmm/config.h"

/* The virtio devices of the machine: made from the configuration, each behind a window of its own.
 */

struct machine;

/**
 * slots_show() - Give the guest the registers of its devices to read, where KVM has memory that is
 * read-only
 * @m: With RAM that KVM knows of, before interrupts are connected, as vm_add_ram()
 * @e: Says what KVM or the host refuses
 *
 * Context: set-up.
 * Return:  0, or -errno; slots_destroy() is due in both cases.
 */
int slots_show(struct machine *m, struct err *e) MUST_CHECK;

/**
 * slots_create() - Make every virtio device, in the order in which the guest sees them
 * @m: With RAM, buses and chips, after slots_show()
 * @e: Names the device and says what is wrong
 *
 * Context: set-up; opens files, taps and sockets.
 * Return:  0, or -errno; slots_destroy() is due in both cases.
 */
int slots_create(struct machine *m, struct err *e) MUST_CHECK;

/**
 * slots_need_io() - Whether there are devices for the I/O thread
 * @cfg: Judged
 *
 * Return: Disks, and what another process serves, are.
 */
static inline bool slots_need_io(const struct config *cfg)
{
	return cfg->n_disks > 0 || config_n_backends(cfg) > 0;
}

/**
 * slots_start() - Make ready who serves queues outside of this process's threads
 * @m: With its devices
 * @e: Names the device and says what is wrong
 *
 * Context: set-up, after the process was isolated, before its filters.
 * Return:  0, or -errno.
 */
int slots_start(struct machine *m, struct err *e) MUST_CHECK;

/**
 * slots_window_changed() - The terminal may have another size now
 * @m: Created
 *
 * Context: main thread.
 */
void slots_window_changed(struct machine *m);

/**
 * slots_finish_io() - Let go of what the host keeps beyond the end of the process
 * @m: With its devices; no vCPU runs
 *
 * Context: the I/O thread, as its last act.
 */
void slots_finish_io(struct machine *m);

/**
 * slots_destroy() - Give the devices back
 * @m: Half-built or created; their threads have ended
 */
void slots_destroy(struct machine *m);

/**
 * slots_reset() - Reset every device, as its driver could
 * @m: Its devices complete; no vCPU runs
 *
 * Context: main thread; waits for requests of disks that are in flight.
 */
void slots_reset(struct machine *m);

#endif /* VMM_SLOTS_H */
