/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_RESET_H
#define VMM_RESET_H

#include "vmm/err.h"
#include "vmm/log.h"

#include <stdbool.h>

/*
 * --on-reboot reset: the machine starts again in the same process, with the memory, processors and
 * devices that it began with. Opens nothing, makes nothing, and allocates nothing: everything is
 * put back to what was remembered before the first instruction.
 *
 * The vCPUs park; the main thread resets devices and chips, each on the thread that owns it; the
 * first vCPU's thread, whose filter allows it, resets the processors and interrupt lines and brings
 * memory back; the vCPUs run.
 */

struct machine;
struct arch_reset;

struct reset {
	enum { RESET_NOT, RESET_PARKING, RESET_WORKING } step; /* [role: on_main] */
	struct arch_reset *state; /* NULL: this machine is not reset */
	struct log_limit told;
	int failure; /* -errno of the vCPU's part; read when the vCPUs are parked again */
};

/**
 * reset_begin_load() - What is written to guest memory from now on comes back at a reset
 * @m: With its memory, not written yet
 * @e: Says why not
 *
 * Does nothing unless the machine is to be reset.
 * Context: set-up.
 * Return:  0, or -errno.
 */
int reset_begin_load(struct machine *m, struct err *e) MUST_CHECK;

/**
 * reset_create() - Remember what the machine is to be like after a reset
 * @m: Complete: its memory written, its vCPUs with their registers
 * @e: Says why not
 *
 * Does nothing unless the machine is to be reset.
 * Context: set-up.
 * Return:  0, or -errno; reset_destroy() is fine in both cases.
 */
int reset_create(struct machine *m, struct err *e) MUST_CHECK;

/**
 * reset_destroy() - Forget it
 * @m: Zeroed, half-built or complete
 */
void reset_destroy(struct machine *m);

/**
 * reset_begin() - Reset the machine
 * @m: Created for it, its threads started; one that is being reset already goes on with that
 *
 * Does not wait.
 * Context: main thread.
 */
void reset_begin(struct machine *m);

/**
 * reset_is_busy() - Whether vCPUs must not be released, since they are being reset
 * @m: Machine; monitor.c hears when that is over
 *
 * Context: main thread.
 */
bool reset_is_busy(const struct machine *m);

/**
 * reset_parked() - All vCPUs are parked: take the next step
 * @m: Machine
 * @ret_done: Set to whether the reset is complete with this
 *
 * Context: main thread.
 * Return:  true while the reset goes on: whoever else waits for the vCPUs waits longer.
 */
bool reset_parked(struct machine *m, bool *ret_done);

#endif /* VMM_RESET_H */
