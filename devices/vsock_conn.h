/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VSOCK_CONN_H
#define DEVICES_VSOCK_CONN_H

#include "devices/iov.h"
#include "vmm/loop.h"

/*
 * One stream between a socket of the host and a port of the guest: the bytes on their way to the
 * host, and the credit of both directions. Knows nothing of packets and queues.
 *
 * Credit, virtio 1.2 section 5.10.6.3: each side counts the bytes that it has sent and those that
 * it has passed on, in 32 bits that wrap, and says how many it can hold. The guest may not send
 * more than VSOCK_CONN_BUFFER bytes ahead of what the host's reader has taken: that is all memory
 * that a connection ever has.
 */

#define VSOCK_CONN_BUFFER 32768 /* bytes, power of two */
#define VSOCK_CONN_LINE   20 /* bytes of "CONNECT 4294967295\n", and one */

enum vsock_state {
	VSOCK_FREE,
	VSOCK_GREETING, /* a client of the host has yet to name a port */
	VSOCK_DIALING, /* the guest waits for a connection to the host */
	VSOCK_ASKED, /* the host waits for an answer of the guest */
	VSOCK_OPEN,
	VSOCK_CLOSING, /* the host's socket is closed, the guest has yet to hear or confirm it */
	VSOCK_LINGERING, /* the guest has closed, its last bytes wait for their reader */
};

struct vsock_table;

struct vsock_conn {
	struct vsock_table *table; /* that it is a slot of */
	enum vsock_state state;
	struct loop_source source; /* the host's socket; fd -1: none */
	struct loop *loop;
	struct vsock_conn *next; /* in the list of those that owe the guest a packet */
	bool listed; /* in that list */
	uint8_t due; /* packets owed, as the device names them */
	uint32_t guest_port, host_port;
	uint64_t cookie; /* of the question to the connector */
	bool readable; /* the host's socket may have bytes for the guest, or its end */
	bool host_done; /* the host sends no more */
	bool guest_done; /* the guest sends no more */
	bool guest_deaf; /* the guest takes no more */
	bool finished; /* the host's socket was told that the guest sends no more */
	bool asked; /* for more credit */
	uint32_t sent, guest_passed, guest_room; /* towards the guest */
	uint32_t received, passed,
	        told; /* towards the host; @told: @passed as the guest knows it */
	uint8_t *buffer; /* VSOCK_CONN_BUFFER bytes; belongs to the slot */
	uint32_t fill; /* bytes of @buffer in use; they end at @received */
	char line[VSOCK_CONN_LINE];
	unsigned line_len;
};

/**
 * vsock_conn_open() - Begin to use a socket
 * @c:  Slot with its buffer, loop and source.ready; otherwise any contents
 * @fd: Does not block; the connection's from now on, closed if this fails
 *
 * Context: the loop's thread.
 * Return:  0, or -errno of epoll.
 */
int vsock_conn_open(struct vsock_conn *c, int fd) MUST_CHECK;

/**
 * vsock_conn_close() - Close the socket and forget the bytes that it has not taken
 * @c: Any slot
 */
void vsock_conn_close(struct vsock_conn *c);

/**
 * vsock_conn_put() - Bytes of the guest's
 * @c:    With a socket
 * @data: At most vsock_conn_room() bytes; all of it is used
 *
 * What the socket does not take now is kept; epoll then tells when it does.
 * Context: the loop's thread.
 * Return:  0, or -errno when the host takes no more.
 */
int vsock_conn_put(struct vsock_conn *c, struct iov_cur *data) MUST_CHECK;

/**
 * vsock_conn_flush() - Go on with bytes that are kept
 * @c: With a socket
 *
 * Return: 0, or -errno when the host takes no more.
 */
int vsock_conn_flush(struct vsock_conn *c) MUST_CHECK;

/**
 * vsock_conn_get() - Bytes for the guest
 * @c:    With a socket
 * @room: Where to put them; moves on by what was not used too
 *
 * No more than the guest's credit.
 * Return: Bytes, 0 at the end, -EAGAIN when there are none now, other -errno when it is broken.
 */
ssize_t vsock_conn_get(struct vsock_conn *c, struct iov_cur *room) MUST_CHECK;

/**
 * vsock_conn_is_gone() - Whether the host has closed, and not just finished sending
 * @c: With a socket
 *
 * Return: true if nobody could read what the guest sends.
 */
bool vsock_conn_is_gone(const struct vsock_conn *c) MUST_CHECK;

/**
 * vsock_conn_greet() - Read "CONNECT PORT\n"
 * @c: VSOCK_GREETING
 *
 * Takes nothing that is behind the line.
 * Return: 1 with @c->guest_port set; 0: more is to come; -errno: it is something else, or the end.
 */
int vsock_conn_greet(struct vsock_conn *c) MUST_CHECK;

/**
 * vsock_conn_room() - Bytes that the guest may send now
 * @c: Any slot
 *
 * Return: At most VSOCK_CONN_BUFFER.
 */
static inline uint32_t vsock_conn_room(const struct vsock_conn *c)
{
	return VSOCK_CONN_BUFFER - (c->received - c->passed);
}

/**
 * vsock_conn_credit() - Bytes that the guest can take now
 * @c: Any slot
 *
 * Return: 0 too if what it says makes no sense.
 */
static inline uint32_t vsock_conn_credit(const struct vsock_conn *c)
{
	uint32_t ahead = c->sent - c->guest_passed;

	return ahead < c->guest_room ? c->guest_room - ahead : 0;
}

#endif /* DEVICES_VSOCK_CONN_H */
