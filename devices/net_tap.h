/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_NET_TAP_H
#define DEVICES_NET_TAP_H

#include "devices/net_backend.h"

#define NET_TAP_PATH "/dev/net/tun"

/*
 * A tap interface of the host's kernel, or a macvtap: a frame is one readv(2) or writev(2), and the
 * kernel does checksums and segmentation.
 */

/**
 * net_tap_open() - Open an interface by its name, which makes it if there is none
 * @ret:   Set only on success; its close() undoes it
 * @name:  At most 15 bytes
 * @pairs: Queue pairs, 1 to NET_PAIRS_MAX
 * @e:     Says why not, and the remedy
 *
 * An interface that was made here is up, has no address, and is gone with the process.
 * Context: set-up; blocks, allocates.
 * Return:  0, or -errno: -EBUSY in use, -EPERM not permitted, -EINVAL another kind of interface,
 *          -ENOENT the host has no taps.
 */
int net_tap_open(struct net_backend **ret, const char *name, unsigned pairs,
                 struct err *e) MUST_CHECK;

/**
 * net_tap_adopt() - Take a descriptor of a tap or macvtap that somebody else opened
 * @ret: Set only on success; its close() undoes it, and closes @fd
 * @fd:  Any descriptor; made non-blocking
 * @e:   Says why it is not one, or not fit
 *
 * The MTU of the interface is known unless it is in another network namespace.
 * Context: set-up; allocates.
 * Return:  0, or -errno: -EBADF not open, -EINVAL not fit.
 */
int net_tap_adopt(struct net_backend **ret, int fd, struct err *e) MUST_CHECK;

/**
 * net_tap_use_vhost() - Have the kernel move the frames between tap and rings
 * @b: Of net_tap_open() or net_tap_adopt()
 * @e: Says why not, and the remedy
 *
 * Context: set-up.
 * Return:  0, or what vhost_net_open() returns; @b stays the caller's.
 */
int net_tap_use_vhost(struct net_backend *b, struct err *e) MUST_CHECK;

#endif /* DEVICES_NET_TAP_H */
