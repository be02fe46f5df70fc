/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CONNECTOR_H
#define VMM_CONNECTOR_H

#include "vmm/seccomp.h"

#include <sys/types.h>

/*
 * A tiny child that connects to unix sockets on behalf of a VM that is locked up. It is forked with
 * the beginning of a path, and all that the VM can ask for later is a number to put behind it: a
 * process that somebody has taken over can reach PATH_1, PATH_2..., and nothing else.
 */

#define CONNECTOR_SUFFIX_MAX 11 /* bytes: "_4294967295" */

struct connector {
	pid_t pid; /* 0: not started */
	int fd; /* for connector_ask() and connector_hear(); -1 */
};

/**
 * connector_start() - Fork the child
 * @c:      Any contents
 * @path:   Beginning of every path that it connects to
 * @filter: What becomes of system calls that its table does not list
 * @e:      Says why not
 *
 * Context: set-up, before any thread, mapping or descriptor that the child should not have.
 * Return:  0, or -errno: -ENAMETOOLONG; connector_finish() is fine in both cases.
 */
int connector_start(struct connector *c, const char *path, enum seccomp_mode filter,
                    struct err *e) MUST_CHECK;

/**
 * connector_finish() - End the child
 * @c: Started or zeroed with fd -1
 *
 * Context: the end of the process; waits for the moment that this takes.
 */
void connector_finish(struct connector *c);

/**
 * connector_ask() - Have a connection made
 * @fd:     Of the connector
 * @cookie: Comes back with the answer
 * @port:   Number behind the path
 *
 * Context: one thread; does not block.
 * Return:  0: an answer will come; -EAGAIN too many are under way; other -errno: nobody is there.
 */
int connector_ask(int fd, uint64_t cookie, uint32_t port) MUST_CHECK;

/**
 * connector_hear() - Take the next answer
 * @fd:         Of the connector, which epoll calls readable
 * @ret_cookie: Of the question
 * @ret_fd:     A connected socket that does not block, for the caller to close, or the -errno of
 *              the attempt
 *
 * Context: one thread; does not block.
 * Return:  1; 0: there is none; -errno: there will be none any more, the child is gone.
 */
int connector_hear(int fd, uint64_t *ret_cookie, int *ret_fd) MUST_CHECK;

/**
 * connector_serve() - The child's life: answer until the other side closes
 * @fd:   The other end of the VM's
 * @path: Beginning of every path
 *
 * Context: blocks; for connector_start(), and for tests of what depends on it.
 */
void connector_serve(int fd, const char *path);

#endif /* VMM_CONNECTOR_H */
