/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include "vmm/budget.h"
#include "vmm/caretaker.h"
#include "vmm/counter.h"
#include "vmm/qmp.h"
#include "vmm/timer.h"

/*
 * The control sockets: carry bytes and descriptors between clients and their QMP sessions. Nothing
 * here ever waits: what a client does not read is kept up to a bound, and then the client has to
 * go; what a client sends is taken as fast as its answers are read, as long as all of them together
 * do not take much of the processor from the guest: then they have to wait.
 */

#define CONTROL_CLIENTS_MAX 128 /* at the same time */

/* Descriptors that may be open besides those of the machine: clients and what they send. */
#define CONTROL_FDS_MAX (CONTROL_CLIENTS_MAX * (1 + QMP_SESSION_FDS) + QMP_FDS_MAX)

struct control;

/* A socket that takes connections. */
struct control_listener {
	struct loop_source source; /* fd -1: none */
	struct control *control;
};

struct control_client;

struct control {
	struct qmp *qmp;
	struct loop *loop;
	unsigned uid; /* when the process began */
	bool apart; /* we are in a user namespace of our own */
	struct control_listener listener[CONFIG_CONTROL_MAX];
	unsigned n_listeners;
	bool deaf; /* the listeners are not watched */
	bool full; /* no descriptor was left for a client: until one has gone */
	struct budget budget; /* of the loop's thread, for all clients together */
	bool resting; /* it is spent: nobody is served until @rested expires */
	uint64_t rests; /* how often it was spent */
	struct timer rested;
	struct control_client *used, *unused;
	unsigned n_clients;
};

/**
 * control_create() - Make the sockets of a configuration
 * @c:         Any contents; stays where it is
 * @qmp:       Initialised; outlives @c, which sets its @changed
 * @loop:      Main loop
 * @caretaker: Told which of its paths are files now: path i is control i
 * @e:         Names the socket and says why not
 *
 * Context: set-up; clients are served when the loop runs.
 * Return:  0, or -errno; control_destroy() is fine in both cases.
 */
int control_create(struct control *c, struct qmp *qmp, struct loop *loop,
                   const struct caretaker *caretaker, struct err *e) MUST_CHECK;

/**
 * control_destroy() - Send what clients will take at once, and close everything
 * @c: Zeroed, half-built or complete; zeroed afterwards
 */
void control_destroy(struct control *c);

#endif /* VMM_CONTROL_H */
