/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PEER_H
#define VMM_PEER_H

#include "vmm/loop.h"

/*
 * Somebody who comes and goes at a console: the client of a listening socket, or whoever opens a
 * pseudo-terminal. One at a time; the others wait. Or the one at the other end of a connected
 * socket, who is there from the start and goes but once.
 */

enum peer_kind { PEER_NONE, PEER_SOCKET, PEER_PTY, PEER_ONLY };

struct peer {
	enum peer_kind kind; /* PEER_NONE: not opened */
	struct loop *loop;
	void (*came)(struct peer *p, int fd); /* @fd: to read and write, does not block; the peer's
	                                         own, valid until peer_leave() */
	struct loop_source source; /* listening socket; or inotify, which tells of an open() */
	int fd; /* client's socket, or the pseudo-terminal's master; -1 */
	bool here;
};

/**
 * peer_listen() - Wait for clients of a socket
 * @p:    Any contents; must stay where it is
 * @path: Of the socket; the caller removes it in the end
 * @loop: Outlives @p
 * @came: On the loop's thread
 * @e:    Says why not
 *
 * Context: set-up. A client is taken when the loop runs; it can connect from now on.
 * Return:  0, or -errno; peer_fini() is fine in both cases.
 */
int peer_listen(struct peer *p, const char *path, struct loop *loop,
                void (*came)(struct peer *p, int fd), struct err *e) MUST_CHECK;

#define PEER_PTY_NAME 32 /* bytes of a name such as "/dev/pts/12" */

/**
 * peer_open_pty() - Make a pseudo-terminal, raw, and wait until somebody opens it
 * @p:        Any contents; must stay where it is
 * @loop:     Outlives @p
 * @came:     On the loop's thread
 * @ret_name: Its name, for others to open
 * @e:        Says why not
 *
 * Context: set-up.
 * Return:  0, or -errno; peer_fini() is fine in both cases.
 */
int peer_open_pty(struct peer *p, struct loop *loop, void (*came)(struct peer *p, int fd),
                  char ret_name[PEER_PTY_NAME], struct err *e) MUST_CHECK;

/**
 * peer_adopt() - The other end of a connected socket is the only one who will ever be here
 * @p:    Any contents; must stay where it is
 * @fd:   The socket; taken over, its flags stay as they are
 * @loop: Outlives @p
 * @came: Called by peer_begin()
 *
 * Context: set-up.
 */
void peer_adopt(struct peer *p, int fd, struct loop *loop, void (*came)(struct peer *p, int fd));

/**
 * peer_begin() - The device is ready for the one who is there already, if there is one
 * @p: Any
 *
 * Context: the loop's thread or set-up, once.
 */
void peer_begin(struct peer *p);

/**
 * peer_give() - Somebody comes who did not come by himself
 * @p:  Nobody is here; not a pseudo-terminal
 * @fd: Connected stream socket; taken over
 *
 * When he has gone, the next one is waited for as before.
 * Context: the loop's thread.
 */
void peer_give(struct peer *p, int fd);

/**
 * peer_leave() - The one who was here has gone, or shall go: wait for the next
 * @p: Somebody is here
 *
 * Context: the loop's thread; the descriptor is watched no more.
 */
void peer_leave(struct peer *p);

/**
 * peer_fini() - Close everything
 * @p: Zeroed, half-opened or open; nothing of it is watched but by itself
 */
void peer_fini(struct peer *p);

#endif /* VMM_PEER_H */
