/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VHOST_USER_H
#define DEVICES_VHOST_USER_H

#include "devices/vhost.h"

/*
 * A back-end that is another process, at the other end of a unix stream socket: virtiofsd,
 * qemu-storage-daemon, and whoever else speaks vhost-user. It maps guest RAM, which has to be
 * shared (gmem_share()), so it is trusted with the guest's contents; but what it says is bounded
 * and judged, every wait has an end, and its death is the end of its device only.
 */

#define VHOST_USER_CONFIG_MAX 256 /* bytes of a config space, by the specification */

/* What has to be known to negotiate. */
struct vhost_user_setup {
	int fd; /* connected socket; taken over in any case */
	unsigned n_vrings;
	uint64_t features; /* those of the device kind, as far as we understand them */
	size_t config_size; /* bytes of config space that the back-end has to give; 0: none */
};

/**
 * vhost_user_open() - Negotiate with a back-end
 * @ret:    Set only on success; vhost_free() undoes it
 * @s:      Copied
 * @config: Gets @s->config_size bytes; NULL if that is 0
 * @e:      Says what is wrong with the back-end
 *
 * Context: set-up, before the process is isolated; waits for the back-end, some seconds at most.
 * Return:  0.
 * Errors:  -ETIMEDOUT no answer; -EPIPE it has gone; -EPROTO an answer that makes no sense;
 *          -EOPNOTSUPP it lacks what is needed.
 * Spec:    QEMU docs/interop/vhost-user.rst
 */
int vhost_user_open(struct vhost **ret, const struct vhost_user_setup *s, void *config,
                    struct err *e) MUST_CHECK;

/**
 * vhost_user_watch() - Notice the back-end's death
 * @v: From vhost_user_open(), attached to a device with a loop
 * @e: Says why not
 *
 * When it dies, its rings are the device's again, with the chains that were not given back, and
 * each queue is kicked: the device answers them, or fails.
 * Context: set-up.
 * Return:  0, or -errno.
 */
int vhost_user_watch(struct vhost *v, struct err *e) MUST_CHECK;

#endif /* DEVICES_VHOST_USER_H */
