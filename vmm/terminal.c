/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/terminal.h"

#include "vmm/endpoint.h"
#include "vmm/log.h"

#include <errno.h>
#include <stdio.h>

void terminal_init(struct terminal *t, int fd, int escape, const struct caretaker *caretaker)
{
	*t = (struct terminal){ .fd = endpoint_is_terminal(fd) ? fd : -1,
		                .escape = escape,
		                .caretaker = caretaker };
}

/*
 * Every key reaches the guest as it is. c_oflag is left alone: with OPOST a guest's "\r\n" becomes
 * "\r\r\n", which no terminal shows, while our own lines begin at the left edge.
 */
static struct termios raw_modes(const struct termios *before)
{
	struct termios raw = *before;

	raw.c_iflag &=
	        ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return raw;
}

/* TCSANOW everywhere: waiting for output would hang on a terminal that Ctrl-S has stopped. */
static void set_raw(struct terminal *t)
{
	struct termios raw = raw_modes(&t->before);

	caretaker_terminal_raw(t->caretaker, &t->before, &raw);
	t->raw = true;
	if (tcsetattr(t->fd, TCSANOW, &raw) < 0)
		log_debug("cannot make the terminal raw");
}

/* Another process uses the terminal: what it set is not ours to undo. */
static void forget(struct terminal *t)
{
	t->raw = false;
	t->escaped = false;
	caretaker_terminal_back(t->caretaker);
}

static enum terminal_state whose(const struct terminal *t)
{
	pid_t group;

	if (t->fd < 0)
		return TERMINAL_OTHER;
	group = tcgetpgrp(t->fd);
	if (group == getpgrp())
		return TERMINAL_FOREGROUND;
	/* ENOTTY: a terminal that does not control us has no job control over us either. EIO: it
	 * was hung up, and reading says so. */
	return group < 0 ? TERMINAL_OTHER : TERMINAL_BACKGROUND;
}

enum terminal_state terminal_take(struct terminal *t)
{
	enum terminal_state state = whose(t);

	if (state == TERMINAL_BACKGROUND && t->raw)
		forget(t);
	/* The modes to go back to are read here and not once: a job that was started in the
	 * background would find the line editor's. */
	if (state == TERMINAL_FOREGROUND && !t->raw && tcgetattr(t->fd, &t->before) == 0)
		set_raw(t);
	return state;
}

void terminal_resume(struct terminal *t)
{
	if (terminal_take(t) == TERMINAL_FOREGROUND && t->raw)
		set_raw(t);
}

void terminal_release(struct terminal *t)
{
	if (!t->raw)
		return;
	if (whose(t) == TERMINAL_FOREGROUND && tcsetattr(t->fd, TCSANOW, &t->before) < 0)
		log_debug("cannot put the terminal back");
	forget(t);
}

size_t terminal_filter(struct terminal *t, uint8_t *buf, size_t len, enum terminal_key *ret_key)
{
	size_t kept = 0;

	*ret_key = TERMINAL_KEY_NONE;
	if (!t->raw || t->escape < 0)
		return len;
	for (size_t i = 0; i < len && *ret_key != TERMINAL_KEY_END; i++) {
		bool is_escape = buf[i] == t->escape;

		if (!t->escaped && is_escape) {
			t->escaped = true;
			continue;
		}
		if (!t->escaped || is_escape)
			buf[kept++] = buf[i];
		else
			*ret_key = buf[i] == 'x' ? TERMINAL_KEY_END : TERMINAL_KEY_HELP;
		t->escaped = false;
	}
	return kept;
}

void terminal_help(int escape, char ret[TERMINAL_HELP_SIZE])
{
	/* Ctrl-a to Ctrl-z are bytes 1 to 26; the others are named by their sign: Ctrl-] is 29. */
	int c = escape + (escape >= 1 && escape <= 26 ? 0x60 : 0x40);

	(void)snprintf(ret, TERMINAL_HELP_SIZE,
	               "Ctrl-%c x ends the VM, Ctrl-%c Ctrl-%c sends Ctrl-%c, Ctrl-%c h shows this",
	               c, c, c, c, c);
}
