/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_RELAY_H
#define BOOT_INIT_RELAY_H

#include "vmm/compiler.h"

#include <poll.h>
#include <stdbool.h>

/*
 * Carries bytes from one descriptor to another, neither of which blocks, as fast as the slower end
 * takes them. A port could be the command's standard output itself, but no program expects a
 * device there that waits for ever when its reader is gone.
 */

#define RELAY_BUFFER 32768 /* bytes; what the kernel takes for a port at a time */

struct relay {
	int from, to; /* from -1: ended, nothing more to read */
	bool last; /* close @to with @from: its reader has to know */
	bool typed; /* @to is a terminal, which has no end: it is typed there */
	uint32_t at, len; /* of @buf: what waits to be written */
	uint64_t moved; /* bytes written */
	char buf[RELAY_BUFFER];
};

/**
 * relay_init() - Begin
 * @r:    Any contents
 * @from: Read from here; O_NONBLOCK
 * @to:   Write to there; O_NONBLOCK
 * @last: Close @to at the end
 */
void relay_init(struct relay *r, int from, int to, bool last);

/**
 * relay_wait() - What has to happen before anything can be moved
 * @r: Relay
 *
 * Return: For poll(2); fd -1 if the relay has ended.
 */
struct pollfd relay_wait(const struct relay *r);

/**
 * relay_move() - Move what can be moved now
 * @r:      Relay
 * @events: What poll(2) said of relay_wait()
 *
 * Does not block, and ends the relay at the end of the input or when the output fails.
 */
void relay_move(struct relay *r, int events);

/**
 * relay_finish() - Move what is there until nothing is left
 * @r: Relay whose writers have ended
 *
 * Waits for the output, as long as it takes.
 */
void relay_finish(struct relay *r);

#endif /* BOOT_INIT_RELAY_H */
