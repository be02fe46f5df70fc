/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CTL_SOCKET_H
#define VMM_CTL_SOCKET_H

#include "vmm/err.h"

#include <jansson.h>
#include <stdio.h>

/* A client's end of a control socket. */
struct ctl_socket {
	int fd; /* -1: closed; @in's */
	FILE *in;
	char *line; /* the last one received */
	size_t room;
};

/**
 * ctl_socket_open() - Connect to a socket of the file system
 * @path: Of any length
 * @e:    Says why not
 *
 * Context: may block while the listener's queue is full.
 * Return:  A descriptor, for the caller to close, or -errno.
 */
int ctl_socket_open(const char *path, struct err *e) MUST_CHECK;

/**
 * ctl_socket_connect() - Connect
 * @s:    Any contents
 * @path: Of any length
 * @e:    Says why not
 *
 * Return: 0, or -errno; ctl_socket_close() is fine in both cases.
 */
int ctl_socket_connect(struct ctl_socket *s, const char *path, struct err *e) MUST_CHECK;

/**
 * ctl_socket_send() - Send one message
 * @s:       Connected
 * @message: JSON; NULL is no memory
 * @fd:      Descriptor to hand over with it; -1: none
 * @e:       Says why not
 *
 * Context: blocks until it is sent.
 * Return:  0, or -errno.
 */
int ctl_socket_send(struct ctl_socket *s, const json_t *message, int fd, struct err *e) MUST_CHECK;

/**
 * ctl_socket_receive() - Wait for one message
 * @s:   Connected
 * @ret: A new reference, if 1 is returned; an object
 * @e:   Says why not
 *
 * Context: blocks.
 * Return:  1, 0 = the other side closed, or -errno.
 */
int ctl_socket_receive(struct ctl_socket *s, json_t **ret, struct err *e) MUST_CHECK;

/**
 * ctl_socket_close() - Close it
 * @s: Connected or not
 */
void ctl_socket_close(struct ctl_socket *s);

#endif /* VMM_CTL_SOCKET_H */
