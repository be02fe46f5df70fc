/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_UNIXSOCK_H
#define VMM_UNIXSOCK_H

#include "vmm/err.h"

#include <sys/un.h>

/* Stream sockets that have a place in the file system. */

#define UNIXSOCK_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1) /* bytes: unix(7) */

/**
 * unixsock_listen() - Make a socket that others can connect to
 * @path: Where; what another process left there and nobody listens on is replaced
 * @e:    Names the path and says why not
 *
 * Its mode is 0600 at most, so that the user who starts vmm and root may connect, and whom they
 * let.
 * Context: set-up.
 * Return:  A descriptor that does not block, for the caller to close; the caller removes @path too.
 * Errors:  -ENAMETOOLONG; -EADDRINUSE somebody listens there; -EEXIST a file that is no socket is
 *          there; -errno of socket(2), bind(2) and listen(2).
 */
int unixsock_listen(const char *path, struct err *e) MUST_CHECK;

/**
 * unixsock_accept() - Take the next client
 * @fd: From unixsock_listen()
 *
 * Context: any; does not block.
 * Return:  A descriptor that does not block, for the caller to close; -EAGAIN: nobody is there;
 *          other -errno.
 */
int unixsock_accept(int fd) MUST_CHECK;

/**
 * unixsock_connect() - Connect to a listening socket
 * @path: Where it is
 *
 * Context: any; does not block: a listener whose queue is full counts as one that refuses.
 * Return:  A descriptor that does not block, for the caller to close, or -errno.
 */
int unixsock_connect(const char *path) MUST_CHECK;

/**
 * unixsock_too_long() - Say that a path is too long for an address
 * @path: Of more than UNIXSOCK_PATH_MAX bytes
 * @e:    Where to
 *
 * Return: -ENAMETOOLONG.
 */
int unixsock_too_long(const char *path, struct err *e);

#endif /* VMM_UNIXSOCK_H */
