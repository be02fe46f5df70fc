/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_NET_STREAM_H
#define DEVICES_NET_STREAM_H

#include "devices/net_backend.h"

/*
 * Frames over a stream socket, each with its length before it: the framing of QEMU's "-netdev
 * stream", which passt and others speak. There are no offloads. SIGPIPE is ignored by the process.
 */

/**
 * net_stream_new() - Send and receive over a connected socket
 * @ret:  Set only on success; its close() undoes it, and closes @fd
 * @fd:   Connected stream socket; non-blocking
 * @name: For messages, e.g. "passt"; at most 31 bytes
 * @e:    Says why not
 *
 * Context: set-up; allocates.
 * Return:  0, or -ENOMEM.
 */
int net_stream_new(struct net_backend **ret, int fd, const char *name, struct err *e) MUST_CHECK;

/**
 * net_stream_connect() - Connect to a unix socket, and use it
 * @ret:  As for net_stream_new()
 * @path: Of a listening stream socket
 * @e:    Says why not
 *
 * Context: set-up; blocks, allocates.
 * Return:  0, or -errno: -ENAMETOOLONG the path does not fit an address; what connect(2) returns.
 */
int net_stream_connect(struct net_backend **ret, const char *path, struct err *e) MUST_CHECK;

#endif /* DEVICES_NET_STREAM_H */
