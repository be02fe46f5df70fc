/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_ENDPOINT_H
#define VMM_ENDPOINT_H

#include "vmm/err.h"
#include "vmm/outfile.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * One direction of a console on the host: a descriptor and the way to use it so that the event loop
 * never blocks and an inherited description, which the shell and other processes share, keeps its
 * flags.
 */

enum endpoint_kind {
	ENDPOINT_NONE, /* closed, or never there */
	ENDPOINT_PLAIN, /* regular file, /dev/null: always ready, epoll refuses it */
	ENDPOINT_NONBLOCK, /* a description of our own with O_NONBLOCK */
	ENDPOINT_SOCKET, /* inherited; each call says MSG_DONTWAIT */
	ENDPOINT_CAREFUL, /* inherited and could not be opened again: one small transfer each time
	                     that epoll calls it ready */
};

struct endpoint {
	enum endpoint_kind kind;
	int fd;
	bool owned; /* endpoint_close() closes it */
	size_t chunk; /* bytes of one transfer, at most */
	struct outfile file; /* of endpoint_create() */
};

/**
 * endpoint_reserve_stdio() - Put /dev/null on those of descriptors 0, 1 and 2 that are closed
 * @e: Says why not
 *
 * Otherwise the next file opened, a disk for example, would become standard output.
 * Context: the first thing in main().
 * Return:  0, or -errno.
 */
int endpoint_reserve_stdio(struct err *e) MUST_CHECK;

/**
 * endpoint_is_terminal() - Whether a descriptor is a terminal that somebody may sit at
 * @fd: Any value
 *
 * Return: false for the master side of a pseudo-terminal too: it is a program's.
 */
bool endpoint_is_terminal(int fd);

/**
 * endpoint_inherit() - Use a descriptor that was there when the process began
 * @ep:     Any contents
 * @fd:     Stays open and as it is
 * @access: O_RDONLY or O_WRONLY
 *
 * A terminal or pipe is opened once more by /proc/self/fd, so that O_NONBLOCK is ours alone. Where
 * that is refused (a terminal of the user before su), the endpoint is ENDPOINT_CAREFUL.
 * Context: set-up.
 */
void endpoint_inherit(struct endpoint *ep, int fd, int access);

/**
 * endpoint_inherit_both() - Use an inherited descriptor for what it allows
 * @in:  Any contents; closed if @fd cannot be read
 * @out: Any contents; closed if @fd cannot be written
 * @fd:  Stays open and as it is
 * @e:   Says that it is not open
 *
 * Context: set-up.
 * Return:  0, or -errno with both closed.
 */
int endpoint_inherit_both(struct endpoint *in, struct endpoint *out, int fd,
                          struct err *e) MUST_CHECK;

/**
 * endpoint_borrow() - Use a descriptor of our own that somebody else closes
 * @fd:   Open
 * @kind: ENDPOINT_NONBLOCK or ENDPOINT_SOCKET
 *
 * Return: An endpoint; endpoint_close() leaves @fd open.
 */
struct endpoint endpoint_borrow(int fd, enum endpoint_kind kind);

/**
 * endpoint_create() - Make or open a file to write to
 * @ep:   Any contents
 * @path: File; also a FIFO that has a reader, or a device; outlives @ep
 * @e:    Says why not
 *
 * Until outfile_begin() its contents stay; closed before, a file that was made is removed.
 * Context: set-up; does not wait for a FIFO's reader.
 * Return:  0, or -errno with @ep closed.
 */
int endpoint_create(struct endpoint *ep, const char *path, struct err *e) MUST_CHECK;

/**
 * endpoint_close() - End it
 * @ep: Zeroed, or set by one of the above
 *
 * An inherited descriptor stays open.
 */
void endpoint_close(struct endpoint *ep);

/**
 * endpoint_read() - Take what is there
 * @ep:  Not ENDPOINT_NONE; if it is ENDPOINT_CAREFUL, epoll has just called it readable
 * @buf: @len bytes
 * @len: Not 0
 *
 * Context: one thread; does not block.
 * Return:  Bytes; 0 = end of input; -EAGAIN = nothing there; other -errno = broken.
 */
ssize_t endpoint_read(struct endpoint *ep, void *buf, size_t len) MUST_CHECK;

/**
 * endpoint_write() - Write some of the bytes
 * @ep:  Not ENDPOINT_NONE; if it is ENDPOINT_CAREFUL, epoll has just called it writable
 * @buf: @len bytes
 * @len: Not 0
 *
 * Context: one thread; blocks for a disk at most. SIGPIPE and SIGXFSZ are ignored (signals.h).
 * Return:  Bytes written, at least 1; -EAGAIN = the reader has to read first; other -errno =
 * broken.
 */
ssize_t endpoint_write(struct endpoint *ep, const void *buf, size_t len) MUST_CHECK;

#endif /* VMM_ENDPOINT_H */
