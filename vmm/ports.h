/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PORTS_H
#define VMM_PORTS_H

#include "devices/virtio_console.h"

/*
 * The ports of the machine's one virtio console, and the hosts' ends of those that the command line
 * asks for: hvc0 first, if there is a --console, then each --port.
 */

struct machine;

struct ports {
	struct virtio_console_end end[VIRTIO_CONSOLE_PORTS_MAX]; /* in the order of the guest */
	unsigned n;
	struct chardev *host; /* of the command line's; room for all */
	unsigned n_hosts;
};

/**
 * ports_open() - Open what the command line asks for
 * @m: With its loop and caretaker; its ports are zeroed
 * @e: Names the option and says what is wrong
 *
 * Context: set-up, before slots_create(), which makes the device if there is a port.
 * Return:  0, or -errno; ports_fini() is due in both cases.
 */
int ports_open(struct machine *m, struct err *e) MUST_CHECK;

/**
 * ports_add() - Give the guest one more port
 * @m:    Machine, after ports_open() and before slots_create()
 * @name: Of the port, outlives the machine; NULL: a console
 * @host: Opened on the machine's loop, with chardev_setup.port set if it has a name; outlives the
 *        device
 * @e:    Says that there is one too many
 *
 * The end is then started, suspended, drained and so on with all others.
 * Context: set-up.
 * Return:  0, or -ENOSPC.
 */
int ports_add(struct machine *m, const char *name, struct chardev *host, struct err *e) MUST_CHECK;

/**
 * ports_fini() - Close what ports_open() opened
 * @p: Zeroed, half-opened or open; the device is gone
 */
void ports_fini(struct ports *p);

#endif /* VMM_PORTS_H */
