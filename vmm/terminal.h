/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_TERMINAL_H
#define VMM_TERMINAL_H

#include "vmm/caretaker.h"

#include <stdbool.h>

/*
 * The terminal that a console's input comes from: raw mode for as long as we are in its foreground
 * process group, and the escape key.
 */

enum terminal_state {
	TERMINAL_OTHER, /* not a terminal, or not the one that controls us: read it as it is */
	TERMINAL_FOREGROUND, /* ours, raw */
	TERMINAL_BACKGROUND, /* another job's: neither read nor set it */
};

/* What a user asked for with the escape key. */
enum terminal_key { TERMINAL_KEY_NONE, TERMINAL_KEY_END, TERMINAL_KEY_HELP };

struct terminal {
	int fd; /* -1: no terminal */
	int escape; /* control character, or -1: none */
	const struct caretaker *caretaker;
	bool raw; /* we set it, and nobody else has taken it */
	bool escaped; /* the escape key was the last byte */
	struct termios before; /* while @raw: modes to go back to */
};

/**
 * terminal_init() - Look whether there is a terminal
 * @t:         Any contents
 * @fd:        Descriptor of the input; any kind
 * @escape:    Control character that begins a command, or -1
 * @caretaker: Puts the terminal back if we cannot; may be NULL
 *
 * Changes nothing yet.
 */
void terminal_init(struct terminal *t, int fd, int escape, const struct caretaker *caretaker);

/**
 * terminal_take() - Make the terminal raw if it is ours to use
 * @t: Initialised
 *
 * Output processing stays on, so that lines written to stderr do not staircase.
 * Context: one thread; SIGTTOU is ignored (signals.h). Costs one ioctl where there is a terminal.
 * Return:  Whose it is now. An earlier raw mode counts as another job's doing once we are in the
 *          background: the shell has taken the terminal.
 */
enum terminal_state terminal_take(struct terminal *t);

/**
 * terminal_resume() - After a stop: set raw mode again, even if it seems to be on
 * @t: Initialised
 *
 * A shell sets modes of its own while a job is stopped; SIGSTOP does not tell us.
 * Context: as terminal_take().
 */
void terminal_resume(struct terminal *t);

/**
 * terminal_release() - Put the terminal back as it was before terminal_take()
 * @t: Initialised
 *
 * Context: as terminal_take(); does not wait for output.
 */
void terminal_release(struct terminal *t);

/**
 * terminal_filter() - Take the escape key's commands out of what was typed
 * @t:       Initialised
 * @buf:     @len bytes; what is for the guest is moved together in place
 * @len:     Bytes
 * @ret_key: What was asked for; the last one if there are several, but nothing after
 *           TERMINAL_KEY_END is looked at
 *
 * Without raw mode every byte is the guest's.
 * Return: Bytes for the guest.
 */
size_t terminal_filter(struct terminal *t, uint8_t *buf, size_t len, enum terminal_key *ret_key);

#define TERMINAL_HELP_SIZE 128

/**
 * terminal_help() - The line that explains the escape key
 * @escape: Control character, 0 to 31
 * @ret:    Where to write it
 */
void terminal_help(int escape, char ret[TERMINAL_HELP_SIZE]);

#endif /* VMM_TERMINAL_H */
