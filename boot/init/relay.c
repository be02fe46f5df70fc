/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/relay.h"

#include "boot/init/sys.h"

#include <errno.h>

#define TURN        16 /* buffers, so that no stream holds up another */
#define END_OF_FILE '\x04' /* Ctrl-D, which a new terminal takes for it */

void relay_init(struct relay *r, int from, int to, bool last)
{
	r->from = from;
	r->to = to;
	r->last = last;
	r->typed = false;
	r->at = r->len = 0;
	r->moved = 0;
}

static void end(struct relay *r)
{
	if (r->from < 0)
		return;
	sys_close(r->from);
	if (r->last)
		sys_close(r->to);
	r->from = -1;
	r->at = r->len = 0;
}

/* As script(1) does it. Behind half a line the first key only hands that over. */
static void type_end(struct relay *r)
{
	bool half = r->len > 0 && r->buf[r->len - 1] != '\n';

	r->typed = false;
	r->buf[0] = r->buf[1] = END_OF_FILE;
	r->at = 0;
	r->len = half ? 2 : 1;
}

struct pollfd relay_wait(const struct relay *r)
{
	if (r->from < 0)
		return (struct pollfd){ .fd = -1 };
	if (r->at < r->len)
		return (struct pollfd){ .fd = r->to, .events = POLLOUT };
	return (struct pollfd){ .fd = r->from, .events = POLLIN };
}

/* One read or one write. Returns whether another may follow. */
static bool step(struct relay *r)
{
	long n;

	if (r->at < r->len) {
		n = sys_write(r->to, r->buf + r->at, r->len - r->at);
		if (n > 0) {
			r->at += (uint32_t)n;
			r->moved += (uint64_t)n;
			return true;
		}
	} else {
		n = sys_read(r->from, r->buf, sizeof(r->buf));
		if (n > 0) {
			r->at = 0;
			r->len = (uint32_t)n;
			return true;
		}
		if (n == 0 && r->typed) {
			type_end(r);
			return true;
		}
	}
	if (n == -EINTR)
		return true;
	if (n != -EAGAIN)
		end(r);
	return false;
}

void relay_move(struct relay *r, int events)
{
	/* A port whose reader is gone is never ready for output again. */
	if (r->at < r->len && (events & (POLLHUP | POLLOUT)) == POLLHUP)
		end(r);
	for (unsigned n = 0; n < 2 * TURN && r->from >= 0; n++)
		if (!step(r))
			return;
}

void relay_finish(struct relay *r)
{
	while (r->from >= 0) {
		struct pollfd room = { .fd = r->to, .events = POLLOUT };

		if (step(r))
			continue;
		if (r->at == r->len)
			return; /* nothing more to read */
		sys_poll(&room, 1, -1);
		relay_move(r, room.revents);
	}
}
