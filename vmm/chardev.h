/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CHARDEV_H
#define VMM_CHARDEV_H

#include "vmm/config.h"
#include "vmm/endpoint.h"
#include "vmm/loop.h"
#include "vmm/outq.h"
#include "vmm/peer.h"
#include "vmm/terminal.h"

/*
 * The host's end of a console: carries bytes between a device of the guest and standard input and
 * output, a file, or a peer that comes and goes (peer.h). Devices write from any thread; everything
 * else happens on the loop's thread.
 *
 * While no peer is here a console's output is not held up; a peer that comes is first shown the
 * last OUTQ_SIZE bytes of it.
 *
 * A port is for programs, which want each byte once and an end of the file. Its output waits for
 * the next peer, and then so does the guest. Its end at the host that has gone is no failure: the
 * device is told once all that was left behind is with the guest. It counts as there before the
 * first peer comes, as the guest may write.
 */

#define CHARDEV_HOLD 4096 /* bytes typed ahead of the guest; a terminal's own line buffer */

/* The device's side; the loop's thread calls, without a lock of ours. */
struct chardev_ops {
	size_t (*room)(void *self); /* bytes that input() may carry now; after 0 the device calls
	                               chardev_input_ready() when that changes */
	void (*input)(void *self, const uint8_t *buf, size_t len); /* at most room() bytes */
	void (*writable)(void *self); /* there is room again after chardev_has_room() said no, or
	                                 chardev_offer() took less than all */
	void (*presence)(void *self, bool here); /* what chardev_is_connected() says has changed,
	                                            or a peer has come; NULL: not of interest */
};

/* The owner's side; the loop's thread calls. */
struct chardev_events {
	void (*output_failed)(void *arg, int r); /* once, -errno: -EPIPE the reader is gone,
	                                            -ENOSPC...; output is dropped from now on */
	void (*quit)(void *arg); /* the user asked for the end by the escape key */
	void (*drained)(void *arg); /* chardev_drain() is done; also after output_failed */
	void *arg;
};

struct chardev_setup {
	const struct config_where *where;
	int escape; /* config.escape; only heard on a raw terminal */
	const char *label; /* "serial"; constant */
	struct loop *loop; /* outlives the chardev */
	bool port; /* for programs, see above */
	const struct caretaker *caretaker; /* may be NULL */
	unsigned path_index; /* of @where->path in caretaker_tasks.path, if it is a socket's */
	struct chardev_events events; /* all set */
	void (*tap)(void *arg, const uint8_t *buf, size_t len); /* sees what was written, on the
	                                                           loop's thread; NULL: nobody */
	void *tap_arg;
};

struct chardev {
	struct chardev_setup setup;
	const struct chardev_ops *ops; /* NULL until attached */
	void *self;
	struct outq queue;
	struct endpoint in, out; /* of one descriptor while a peer is here */
	struct peer peer;
	char pty[PEER_PTY_NAME]; /* name of the pseudo-terminal; empty: none */
	size_t replay; /* bytes at the head of the queue that a peer is shown once more */
	struct terminal terminal;
	struct loop_source wake; /* timerfd: bytes in the queue, or the device has room */
	struct loop_source in_source, out_source;
	uint32_t in_events, out_events; /* watched for; 0: not watched */
	bool started, draining, failed;
	bool hung_up; /* the peer has gone; what it left behind is still to be read */
	bool seen; /* a peer has been here */
	bool closing; /* the reader is to see an end of the file behind what is queued */
	bool out_is_pipe;
	int inherited; /* descriptor behind @out that stays open when @out is closed; -1 */
	size_t held; /* bytes in @hold, which the device has no room for yet */
	uint8_t hold[CHARDEV_HOLD];
};

/**
 * chardev_open() - Open the host's end
 * @c:     Any contents; must stay where it is
 * @setup: Copied; @setup->where only read here
 * @e:     Names the file and says why not
 *
 * The name of a pseudo-terminal is told in the log, at every level.
 * Context: set-up. The terminal is not touched before chardev_start().
 * Return:  0, or -errno; chardev_fini() is fine in both cases.
 */
int chardev_open(struct chardev *c, const struct chardev_setup *setup, struct err *e) MUST_CHECK;

/**
 * chardev_fini() - Put the terminal back and close
 * @c: Opened or half-opened; no other thread uses it
 *
 * What is still in the queue is dropped: see chardev_drain().
 */
void chardev_fini(struct chardev *c);

/**
 * chardev_attach() - Connect the device
 * @c:    Opened
 * @ops:  Constant; all set but for what may be NULL
 * @self: First argument of each
 *
 * Context: set-up.
 */
void chardev_attach(struct chardev *c, const struct chardev_ops *ops, void *self);

/**
 * chardev_start() - Make the terminal raw and begin to read
 * @c: Opened and attached
 *
 * Context: the loop's thread or set-up, when nothing is left that could fail.
 */
void chardev_start(struct chardev *c);

/**
 * chardev_put() - The guest's output
 * @c:   Opened
 * @buf: @len bytes
 * @len: 0 is allowed
 *
 * Context: any thread but the loop's, holding no lock that the device's ops take. Blocks while the
 *          queue is full, until the reader has read or chardev_abandon() was called.
 */
void chardev_put(struct chardev *c, const uint8_t *buf, size_t len);

/**
 * chardev_offer() - The guest's output, of a device that cannot wait
 * @c:   Opened
 * @buf: @len bytes
 * @len: 0 is allowed
 *
 * Context: the loop's thread; chardev_flush() must follow a batch.
 * Return:  Bytes taken. If that is less than @len, ops->writable() follows.
 */
size_t chardev_offer(struct chardev *c, const uint8_t *buf, size_t len) MUST_CHECK;

/**
 * chardev_flush() - Carry on what was offered
 * @c: Opened
 *
 * Context: the loop's thread; does not wait for the reader. May call ops->writable().
 */
void chardev_flush(struct chardev *c);

/**
 * chardev_guest_open() - Somebody in the guest has opened a port, or nobody has it open any more
 * @c:    Opened
 * @open: Which of both
 *
 * Closed: when all that was offered is with the reader of a socket or pipe, also one that comes
 * later, it sees the end of the file. A peer that has gone gives way to the next, whatever it left
 * behind.
 * Context: the loop's thread. May call ops->presence().
 */
void chardev_guest_open(struct chardev *c, bool open);

/**
 * chardev_is_connected() - Whether somebody is at the host's end
 * @c: Opened
 *
 * Context: the loop's thread or set-up.
 * Return:  true unless a peer is to come first, or there is no end at all. A port is connected
 *          before its first peer, and no more when its end at the host has gone.
 */
bool chardev_is_connected(const struct chardev *c) MUST_CHECK;

/**
 * chardev_give() - Connect somebody to the host's end, instead of whoever is there
 * @c:  Opened and started
 * @fd: Connected stream socket; taken over on success
 *
 * Context: the loop's thread; may be jailed.
 * Return:  0, or -ENOTSUP: this end is not one where somebody comes and goes by a socket.
 */
int chardev_give(struct chardev *c, int fd) MUST_CHECK;

/**
 * chardev_window() - Size of the terminal
 * @c:        Opened
 * @ret_cols: Columns
 * @ret_rows: Rows
 *
 * Context: the loop's thread or set-up.
 * Return:  true; false, with nothing set, if there is no terminal or it does not know.
 */
bool chardev_window(const struct chardev *c, uint16_t *ret_cols, uint16_t *ret_rows) MUST_CHECK;

/**
 * chardev_has_room() - Whether chardev_put() would take a byte at once
 * @c: Opened
 *
 * Context: any thread. After false, ops->writable() follows.
 */
bool chardev_has_room(struct chardev *c) MUST_CHECK;

/**
 * chardev_is_blocked() - Whether the guest's output waits for its reader
 * @c: Opened
 *
 * Context: the loop's thread.
 */
bool chardev_is_blocked(const struct chardev *c) MUST_CHECK;

/**
 * chardev_input_ready() - The device has room for input again
 * @c: Opened
 *
 * Context: any thread; one system call.
 */
void chardev_input_ready(struct chardev *c);

/**
 * chardev_suspend() - Before we stop ourselves: put the terminal back
 * @c: Opened
 *
 * Context: the loop's thread. chardev_resume() must follow.
 */
void chardev_suspend(struct chardev *c);

/**
 * chardev_resume() - After a stop or SIGCONT: take the terminal again if it is ours
 * @c: Opened
 *
 * Context: the loop's thread.
 */
void chardev_resume(struct chardev *c);

/**
 * chardev_drain() - Ask for a word when everything has been written
 * @c: Opened
 *
 * For the end of the VM: keep the loop running while vCPUs that wait in chardev_put() get their
 * bytes out; once they have ended, call this, and run the loop until drained().
 * Context: the loop's thread.
 * Return:  true if nothing is left, and drained() will not be called.
 */
bool chardev_drain(struct chardev *c) MUST_CHECK;

/**
 * chardev_abandon() - Drop what is queued and whatever comes; waiting writers return
 * @c: Opened
 *
 * Context: the loop's thread. Calls drained() if chardev_drain() is waiting for it.
 */
void chardev_abandon(struct chardev *c);

#endif /* VMM_CHARDEV_H */
