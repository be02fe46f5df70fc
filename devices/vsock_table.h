/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VSOCK_TABLE_H
#define DEVICES_VSOCK_TABLE_H

#include "devices/vsock_conn.h"

/*
 * The slots for connections: as many as there will ever be, made at set-up. The first ones are used
 * first, so that few connections touch little memory.
 */
struct vsock_table {
	struct vsock_conn *conn; /* @max */
	uint64_t *key; /* of each slot: its ports, or VSOCK_TABLE_NO_KEY */
	uint8_t *buffers; /* VSOCK_CONN_BUFFER bytes for each, given by the kernel at the first use
	                   */
	unsigned max;
	unsigned n; /* slots from here on are free */
	struct loop *loop;
	void (*ready)(struct loop_source *s, uint32_t events);
};

#define VSOCK_TABLE_NO_KEY UINT64_MAX

/**
 * vsock_table_init() - Make empty slots
 * @t:     Any contents
 * @max:   How many
 * @loop:  For their sockets
 * @ready: When something happens at one; @s is the source in a struct vsock_conn
 * @e:     Says why not
 *
 * Context: set-up.
 * Return:  0, or -ENOMEM; vsock_table_fini() is fine in both cases.
 */
int vsock_table_init(struct vsock_table *t, unsigned max, struct loop *loop,
                     void (*ready)(struct loop_source *s, uint32_t events),
                     struct err *e) MUST_CHECK;

/**
 * vsock_table_fini() - Give the memory back
 * @t: Initialised or zeroed; every socket is closed
 */
void vsock_table_fini(struct vsock_table *t);

/**
 * vsock_table_take() - Take a free slot
 * @t: Table
 *
 * Return: A connection without socket and ports, to be given a state other than VSOCK_FREE; it may
 *         still be @listed. NULL: all are in use.
 */
struct vsock_conn *vsock_table_take(struct vsock_table *t);

/**
 * vsock_table_release() - Make a slot free
 * @c: Without a socket
 */
void vsock_table_release(struct vsock_conn *c);

/**
 * vsock_table_name() - From now on a connection is found by its ports
 * @c: With both ports set, not both UINT32_MAX
 */
void vsock_table_name(struct vsock_conn *c);

/**
 * vsock_table_unname() - From now on it is not
 * @c: Any slot in use
 */
void vsock_table_unname(struct vsock_conn *c);

/**
 * vsock_table_find() - The connection of a pair of ports
 * @t:          Table
 * @guest_port: Any
 * @host_port:  Any
 *
 * Return: It, or NULL.
 */
struct vsock_conn *vsock_table_find(const struct vsock_table *t, uint32_t guest_port,
                                    uint32_t host_port);

/**
 * vsock_table_find_cookie() - The connection that waits for an answer of the connector
 * @t:      Table
 * @cookie: Of the question
 *
 * Return: It, or NULL if it waits no more.
 */
struct vsock_conn *vsock_table_find_cookie(const struct vsock_table *t, uint64_t cookie);

#endif /* DEVICES_VSOCK_TABLE_H */
