/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_SERVICE_H
#define VMM_SERVICE_H

#include "vmm/config.h"

#include <sys/types.h>

/*
 * How the process fits in with whoever started it: --daemonize, --exit-with-parent, and the words
 * that systemd waits for (NOTIFY_SOCKET).
 */
struct service {
	int ready_fd; /* to the process that was started, under --daemonize; -1: none */
	int null_fd; /* for the standard streams from then on; -1: none */
	int notify_fd; /* connected to NOTIFY_SOCKET; -1: none */
	pid_t parent; /* whose end is to be ours; 0: nobody's */
};

/**
 * service_begin() - The first step, before anything is made
 * @s:          Any contents
 * @cfg:        Configuration
 * @ret_status: Set if 1 is returned
 * @e:          Says why not
 *
 * Under --daemonize the process goes on as another one, and only that one returns 0. The one that
 * was started waits until the VM runs, or has failed to, and returns 1.
 * Context: set-up, one thread.
 * Return:  0, 1 = end with @ret_status, or -errno.
 */
int service_begin(struct service *s, const struct config *cfg, int *ret_status,
                  struct err *e) MUST_CHECK;

/**
 * service_enter() - Tie our life to the parent's
 * @s: Begun
 *
 * Context: set-up, when the process has changed its rights for the last time: that unties it.
 */
void service_enter(const struct service *s);

/**
 * service_ready() - The VM is about to run: tell whoever waits, and let go of the terminal
 * @s: Begun
 *
 * Context: set-up, the last thing that can be done without the jail's leave.
 */
void service_ready(struct service *s);

/**
 * service_end() - The VM ends: tell systemd
 * @s: Begun; the second time nothing happens
 *
 * Context: main thread; does not block.
 */
void service_end(struct service *s);

#endif /* VMM_SERVICE_H */
