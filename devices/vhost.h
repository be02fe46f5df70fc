/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VHOST_H
#define DEVICES_VHOST_H

#include "devices/virtio_dev.h"

/*
 * Queues served outside of this process's threads, the front-end's half: what is common to the
 * kernel's vhost (vhost_net.h) and to vhost-user, whose messages are the same. The transport has
 * judged the rings before they are handed over, and the back-end is told of guest RAM and nothing
 * else, so that no descriptor leads it further.
 *
 * In the order of life:
 *   vhost_attach()  machine is built: the device offers only what the back-end can do
 *   vhost_begin()   the process is isolated, and no filter is loaded yet: a worker is made, guest
 *                   RAM and the eventfds are told
 *   vhost_start()   the driver is ready: its rings are handed over
 *   vhost_stop()    before a reset, and whenever the device wants its rings back
 *
 * While a ring is lent, whoever serves it waits for the queue's own eventfd and writes the device's
 * own interrupt, both of which KVM is wired to: neither a notification nor an interrupt wakes a
 * thread of ours.
 *
 * A new kind of back-end is a table of operations and a function that opens it; a new device kind
 * calls start in its activate verb and stop in its reset verb. Chains must be given back in the
 * order in which they were made available for a ring to change hands in the middle; a device that
 * only changes hands at activate and reset need not care.
 */

struct vhost;

/* A ring to be served; its parts are addresses of this process, checked. */
struct vhost_vring {
	uint16_t size; /* entries */
	uint16_t next; /* index of the first chain to serve, free-running */
	const void *desc, *avail;
	void *used;
};

/* What a vring waits for and tells: eventfds. */
struct vhost_fds {
	int kick, call;
	int err; /* the driver broke the rules of the ring */
};

/* @i is a number of the back-end's vrings, from 0. Each returns 0 or -errno. */
struct vhost_ops {
	/* Once, in this order, from vhost_begin(). */
	int (*set_owner)(struct vhost *v);
	int (*set_mem_table)(struct vhost *v, const struct gmem *mem);
	int (*set_vring_fds)(struct vhost *v, unsigned i, const struct vhost_fds *fds);
	/* On the device thread, behind the filter: may neither make nor open anything. */
	int (*set_features)(struct vhost *v, uint64_t features);
	int (*set_vring)(struct vhost *v, unsigned i, const struct vhost_vring *r);
	/* After the return of "off" the ring and what it points to are left alone. */
	int (*enable)(struct vhost *v, unsigned i, bool on);
	int (*get_vring_base)(struct vhost *v, unsigned i, uint16_t *ret_next);
	void (*close)(struct vhost *v); /* and free it */
};

/* Common part; embedded in the back-end's own. */
struct vhost {
	const struct vhost_ops *ops;
	const char *name; /* for messages: "vhost-net" */
	unsigned n_vrings;
	uint64_t judged; /* features that the back-end has a say in; the others are the device's */
	uint64_t features; /* those of @judged that it can */
	/* From vhost_attach() on. */
	struct virtio_dev *dev;
	uint16_t first; /* queue of @dev that is vring 0 */
	struct vhost *next; /* of the same device */
	struct loop_source err; /* eventfd */
};

/**
 * vhost_init() - Fill in the common part
 * @v:        Embedded in the back-end; its other fields are the caller's to set
 * @ops:      Constant
 * @name:     Constant, for messages
 * @n_vrings: How many it serves
 */
void vhost_init(struct vhost *v, const struct vhost_ops *ops, const char *name, unsigned n_vrings);

/**
 * vhost_attach() - Let a back-end serve queues of a device
 * @v:     Opened back-end; stays its owner's to free
 * @d:     Initialised device; what the back-end cannot do is no longer offered
 * @first: Queue that is its vring 0
 * @e:     Says why not
 *
 * Context: set-up; makes an eventfd, and watches it on the device's loop.
 * Return:  0, or -errno.
 */
int vhost_attach(struct vhost *v, struct virtio_dev *d, uint16_t first, struct err *e) MUST_CHECK;

/**
 * vhost_begin() - Make every back-end of a device ready to serve
 * @d:   Device; without back-ends nothing is done
 * @mem: Guest RAM; constant from here on
 * @e:   Says why not
 *
 * Context: set-up, after the process was isolated: newer kernels make a back-end's worker a thread
 *          of the process, and user namespaces want a process of one thread. Before the filters.
 * Return:  0, or -errno.
 */
int vhost_begin(struct virtio_dev *d, const struct gmem *mem, struct err *e) MUST_CHECK;

/**
 * vhost_start() - Hand over the rings that the driver made ready
 * @v: Back-end; one that serves already goes on as it is
 *
 * Chains that were taken and not given back are the back-end's to serve: the caller forgets them.
 * Each ring is notified once.
 * Context: device thread, device active.
 * Return:  0, or -errno, and then no ring has been handed over.
 */
int vhost_start(struct vhost *v) MUST_CHECK;

/**
 * vhost_stop() - Take the rings back
 * @v: Back-end, also one that does not serve
 *
 * Upon return the back-end touches guest memory no more, and the rings go on where it was.
 * Context: device thread.
 */
void vhost_stop(struct vhost *v);

/**
 * vhost_free() - Close a back-end
 * @v: May be NULL; device threads have ended
 */
void vhost_free(struct vhost *v);

#endif /* DEVICES_VHOST_H */
