/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "devices/virtio_dev.h"
#include "vmm/chardev.h"

/*
 * virtio-console: consoles (hvc0...) and named ports (/dev/virtio-ports/NAME in the guest), each
 * with a host's end of its own. Text comes and goes in whole buffers, without an exit per byte.
 *
 * A slow reader holds up the port's own queue and nothing else: a buffer of the guest's stays where
 * it is until all of it is in the host's queue. Input waits at the host until the guest has the
 * port open and lends a buffer.
 */

#define VIRTIO_CONSOLE_PORTS_MAX 7 /* two queues each, two for control, 16 in a window */
#define VIRTIO_CONSOLE_NAME_MAX  64 /* bytes of a port's name */

/* One port; the first should be a console. */
struct virtio_console_end {
	struct chardev *host; /* opened, of the device's loop; the device attaches itself */
	const char *name; /* at most VIRTIO_CONSOLE_NAME_MAX bytes; NULL: a console, "hvcN" */
};

struct virtio_console;

/**
 * virtio_console_new() - Make the device
 * @ret:  Set only on success
 * @end:  Copied; what it points to outlives the device
 * @n:    Ports, 1 to VIRTIO_CONSOLE_PORTS_MAX
 * @loop: Loop of the thread that serves it and the hosts' ends; NULL for the caller's
 * @e:    Says why not
 *
 * Context: set-up.
 * Return:  0; virtio_console_free() undoes it.
 * Errors:  -ENOMEM; those of virtio_dev_init().
 */
int virtio_console_new(struct virtio_console **ret, const struct virtio_console_end *end,
                       unsigned n, struct loop *loop, struct err *e) MUST_CHECK;

/**
 * virtio_console_free() - Free the device; the hosts' ends are the caller's
 * @c: May be NULL; its thread no longer runs
 */
void virtio_console_free(struct virtio_console *c);

/**
 * virtio_console_dev() - What the transport drives
 * @c: Device
 *
 * Return: Its common part; lives as long as @c.
 */
struct virtio_dev *virtio_console_dev(struct virtio_console *c);

/**
 * virtio_console_resized() - The size of a terminal may have changed: tell the guest
 * @c: Device
 *
 * Context: the device's thread.
 */
void virtio_console_resized(struct virtio_console *c);

#endif /* DEVICES_VIRTIO_CONSOLE_H */
