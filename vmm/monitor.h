/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_MONITOR_H
#define VMM_MONITOR_H

#include "vmm/control.h"

/*
 * What clients of the control sockets see of the VM and make it do: whether its vCPUs run, and what
 * they are told when something happens to it. Also without a socket, as --paused is told from here.
 */

struct machine;

struct monitor {
	enum monitor_state {
		MONITOR_PRELAUNCH, /* has not run yet */
		MONITOR_RUNNING,
		MONITOR_STOPPING, /* vCPUs are on their way out of the guest */
		MONITOR_PAUSED,
		MONITOR_PANICKED, /* the guest cannot go on, and somebody wants to look at it */
		MONITOR_ENDED,
	} state;
	bool cont_asked; /* run again as soon as the stop is complete */
	bool reset_asked; /* a client wanted a reset */
	bool crashed; /* the stop that is under way is for good */
	struct loop_source parked; /* the vCPUs' eventfd, which is theirs */
	struct loop_source
	        news; /* eventfd that a device writes when something has happened to it */
	int disk_error[CONFIG_DISKS_MAX]; /* errno that has stopped the VM; 0: none */
	struct qmp qmp;
	struct control control;
};

/**
 * monitor_create() - Make the control sockets
 * @m: With its process part complete
 * @e: Names the socket and says why not
 *
 * Context: set-up.
 * Return:  0, or -errno; monitor_destroy() is fine in both cases.
 */
int monitor_create(struct machine *m, struct err *e) MUST_CHECK;

/**
 * monitor_destroy() - Send clients what they will take at once, and close everything
 * @m: Half-built or complete
 */
void monitor_destroy(struct machine *m);

/**
 * monitor_start() - Let the vCPUs run, unless a client is to say when
 * @m: Complete, its threads parked
 *
 * Context: main thread, once.
 * Return:  0, or -errno if the loop cannot watch the vCPUs.
 */
int monitor_start(struct machine *m) MUST_CHECK;

/**
 * monitor_press_button() - Press the power button, and tell
 * @m: Running
 *
 * Context: main thread.
 */
void monitor_press_button(struct machine *m);

/**
 * monitor_panicked() - The guest says that it panicked, and goes on for now: tell what comes of it
 * @m: Running
 *
 * Context: main thread.
 */
void monitor_panicked(struct machine *m);

/**
 * monitor_crashed() - The guest cannot go on: stop, and tell
 * @m: Running or not
 *
 * Context: main thread.
 */
void monitor_crashed(struct machine *m);

/**
 * monitor_ended() - The VM ends: tell why
 * @m: Its ending is decided
 *
 * Context: main thread, once.
 */
void monitor_ended(struct machine *m);

#endif /* VMM_MONITOR_H */
