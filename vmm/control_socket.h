/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CONTROL_SOCKET_H
#define VMM_CONTROL_SOCKET_H

#include "vmm/err.h"

#include <stdbool.h>

/* Sockets of the file system that are made before the jail closes, and listened to after. */

/**
 * control_socket_listen() - Make a socket file and listen on it
 * @path:   Of any length
 * @shared: The umask decides who may connect; else only the caller's own user and root: the file's
 *          mode is 0600 from its first moment
 * @e:      Names the file and says why not, and the process that uses it
 *
 * A socket file that nobody listens to any more is taken over; everything else that stands in the
 * way is left alone.
 * Context: set-up.
 * Return:  A descriptor with O_NONBLOCK, or -errno.
 * Errors:  -EADDRINUSE a process listens there; -EEXIST it is another kind of file;
 *          -ENAMETOOLONG; those of open(2), socket(2), bind(2).
 */
int control_socket_listen(const char *path, bool shared, struct err *e) MUST_CHECK;

/**
 * control_socket_inherit() - Check a descriptor that was there when the process began
 * @fd:          Number
 * @shared:      Other users may connect
 * @ret_listens: Set to whether it takes connections, rather than being one
 * @e:           Says what it is instead
 *
 * A listening socket gets O_NONBLOCK.
 * Context: set-up.
 * Return:  0, or -errno.
 * Errors:  -EINVAL it is no stream socket, or listens elsewhere than in the file system; -EBADF it
 *          is not open; -ENOTCONN it is neither; -EPERM other users may connect.
 */
int control_socket_inherit(int fd, bool shared, bool *ret_listens, struct err *e) MUST_CHECK;

/**
 * control_socket_is_friend() - Whether a connection may command this VM
 * @fd:    Connected socket
 * @uid:   User of the process when it began
 * @apart: We are in a user namespace of our own, with no id mapped
 *
 * True for @uid and for root. Users cannot be told from each other when @apart: there the mode of
 * the socket file has decided, which is one that we made or that control_socket_inherit() judged.
 * Context: any.
 */
bool control_socket_is_friend(int fd, unsigned uid, bool apart) MUST_CHECK;

#endif /* VMM_CONTROL_SOCKET_H */
