/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/chardev.h"

#include "vmm/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

/*
 * How long the first byte in an empty queue waits for company. A 16550 gives its bytes one at a
 * time, some microseconds apart: without this, each would cost its vCPU a wake-up of the loop, and
 * the loop a turn.
 */
#define GATHER_NS 1000000
#define AT_ONCE   1 /* ns; 0 would disarm the timer */

/* Have the loop look at the queue and the input. Any thread. */
static void wake_in(struct chardev *c, long ns)
{
	const struct itimerspec when = { .it_value.tv_nsec = ns };

	if (c->wake.fd >= 0 && timerfd_settime(c->wake.fd, 0, &when, NULL) < 0)
		log_debug("%s: cannot wake the event loop", c->setup.label);
}

/*
 * Watch @s for @events, 0 for nothing at all: an idle source is taken out, because epoll reports a
 * hang-up whether asked or not, again and again. Returns false if the descriptor cannot be watched.
 */
static bool watch(struct chardev *c, struct loop_source *s, uint32_t *watched, uint32_t events)
{
	int r = 0;

	if (*watched == events)
		return true;
	if (events == 0)
		loop_del(c->setup.loop, s);
	else if (*watched != 0)
		loop_mod(c->setup.loop, s, events);
	else
		r = loop_add(c->setup.loop, s, events);
	if (r == 0)
		*watched = events;
	return r == 0;
}

/*
 * The peer's descriptor serves both directions, and epoll takes it once: as the input's, for what
 * either direction asks for. It is watched always, when idle for the edge of a hang-up.
 */
static bool watch_peer(struct chardev *c)
{
	uint32_t events = c->in_events | c->out_events;

	loop_mod(c->setup.loop, &c->in_source, events ? events : EPOLLET);
	return true;
}

static bool watch_input(struct chardev *c, uint32_t events)
{
	bool watched;

	if (c->peer.here) {
		if (c->in_events == events)
			return true;
		c->in_events = events;
		return watch_peer(c);
	}
	if (c->in.kind == ENDPOINT_PLAIN)
		return false;
	c->in_source.fd = c->in.fd;
	watched = watch(c, &c->in_source, &c->in_events, events);
	if (!watched)
		c->in.kind = ENDPOINT_PLAIN;
	return watched;
}

static bool watch_output(struct chardev *c, uint32_t events)
{
	bool watched;

	if (c->peer.here) {
		if (c->out_events == events)
			return true;
		c->out_events = events;
		return watch_peer(c);
	}
	if (c->out.kind == ENDPOINT_PLAIN || c->out.kind == ENDPOINT_NONE)
		return false;
	c->out_source.fd = c->out.fd;
	watched = watch(c, &c->out_source, &c->out_events, events);
	if (!watched)
		c->out.kind = ENDPOINT_PLAIN;
	return watched;
}

static void drained(struct chardev *c)
{
	if (!c->draining)
		return;
	c->draining = false;
	c->setup.events.drained(c->setup.events.arg);
}

/* The oldest @n bytes are with the reader. */
static void written(struct chardev *c, const uint8_t *bytes, size_t n)
{
	size_t old = n < c->replay ? n : c->replay;

	c->replay -= old;
	if (c->setup.tap && n > old)
		c->setup.tap(c->setup.tap_arg, bytes + old, n - old);
	if (outq_consume(&c->queue, n))
		c->ops->writable(c->self);
}

/* What nobody will read any more is still shown to the tap: no more than the queue holds, as others
 * go on filling it. */
static void tap_rest(struct chardev *c)
{
	const uint8_t *bytes;
	size_t n, budget = OUTQ_SIZE;

	while (c->setup.tap && budget > 0 && (n = outq_peek(&c->queue, &bytes)) > 0) {
		n = n < budget ? n : budget;
		budget -= n;
		written(c, bytes, n);
	}
}

void chardev_abandon(struct chardev *c)
{
	(void)watch_output(c, 0);
	tap_rest(c);
	outq_shut(&c->queue);
	if (c->ops)
		c->ops->writable(c->self);
	drained(c);
}

/* A port that had two ends at the host or one may have none now. */
static void end_gone(struct chardev *c)
{
	if (c->setup.port && c->ops && !chardev_is_connected(c))
		c->ops->presence(c->self, false);
}

static void output_failed(struct chardev *c, int r)
{
	if (!c->failed) {
		c->failed = true;
		c->setup.events.output_failed(c->setup.events.arg, r);
	}
	chardev_abandon(c);
	end_gone(c);
}

/* Nobody is here to read: a console's queue remembers, a port's bytes were for the one who left. */
static void pass_by(struct chardev *c)
{
	const uint8_t *bytes;
	size_t n;

	while ((n = outq_peek(&c->queue, &bytes)) > 0)
		written(c, bytes, n);
	drained(c);
}

/* Whether the output is for somebody who is still to come. */
static bool output_waits(const struct chardev *c)
{
	return c->setup.port && !c->draining && c->peer.kind != PEER_ONLY;
}

/* The peer reads no more. What came behind an end of the file was not for it. */
static void drop_output(struct chardev *c)
{
	bool ended = c->out.kind == ENDPOINT_NONE;

	endpoint_close(&c->out);
	if (!ended || !output_waits(c))
		pass_by(c);
}

/* The peer has gone: the VM goes on without. */
static void peer_left(struct chardev *c)
{
	loop_del(c->setup.loop, &c->in_source);
	c->in_events = 0;
	c->out_events = 0;
	c->hung_up = false;
	endpoint_close(&c->in);
	drop_output(c);
	c->closing = false;
	c->peer.here = false; /* the device may ask */
	if (c->ops->presence)
		c->ops->presence(c->self, false);
	peer_leave(&c->peer);
}

/* The peer does not listen any more; what it left behind is still to be read. */
static void peer_hung_up(struct chardev *c)
{
	c->hung_up = true;
	(void)watch_output(c, 0);
	drop_output(c);
	if (c->in.kind == ENDPOINT_NONE)
		peer_left(c);
}

/* The queue is empty: what the guest closed can end. A file stays, a terminal is the user's. */
static void close_output(struct chardev *c)
{
	c->closing = false;
	if (c->peer.here && c->out.kind == ENDPOINT_SOCKET) {
		/* Fails when the peer has gone, which epoll tells by itself. */
		(void)shutdown(c->out.fd, SHUT_WR);
		endpoint_close(&c->out);
	} else if (c->peer.kind == PEER_NONE && c->out_is_pipe) {
		(void)watch_output(c, 0);
		endpoint_close(&c->out);
		fd_close(&c->inherited);
		outq_shut(&c->queue);
		end_gone(c);
	}
}

static void output_done(struct chardev *c)
{
	(void)watch_output(c, 0);
	if (c->closing)
		close_output(c);
	drained(c);
}

/* Nobody reads this console, and yet what the guest prints is looked at. */
static bool is_only_tapped(const struct chardev *c)
{
	return c->peer.kind == PEER_NONE && c->setup.tap && !c->setup.port;
}

/* Write until the queue is empty or the reader is slow. @ready: epoll has just said writable. */
static void pump_output(struct chardev *c, bool ready)
{
	const uint8_t *bytes;
	size_t n, budget = OUTQ_SIZE;

	if (c->out.kind == ENDPOINT_NONE && (c->peer.kind != PEER_NONE || is_only_tapped(c))) {
		if (!output_waits(c))
			pass_by(c);
		return;
	}
	while ((n = outq_peek(&c->queue, &bytes)) > 0) {
		ssize_t r = -EAGAIN;

		if (c->out.kind != ENDPOINT_CAREFUL || ready)
			r = endpoint_write(&c->out, bytes, n);
		ready = false;
		if (r == -EAGAIN && watch_output(c, EPOLLOUT))
			return;
		if (r == -EAGAIN)
			continue; /* epoll does not know its kind: it never blocks */
		if (r < 0) {
			if (c->peer.here)
				peer_hung_up(c);
			else
				output_failed(c, (int)r);
			return;
		}
		written(c, bytes, (size_t)r);
		if ((size_t)r >= budget) { /* the guest writes as fast as we do: others' turn */
			wake_in(c, AT_ONCE);
			return;
		}
		budget -= (size_t)r;
	}
	output_done(c);
}

/* Hand on what the device has room for. */
static void feed(struct chardev *c)
{
	size_t n;

	if (c->held == 0)
		return;
	n = c->ops->room(c->self);
	if (n > c->held)
		n = c->held;
	if (n == 0)
		return;
	c->ops->input(c->self, c->hold, n);
	c->held -= n;
	memmove(c->hold, c->hold + n, c->held);
}

static void show_help(const struct chardev *c)
{
	char text[TERMINAL_HELP_SIZE];

	terminal_help(c->setup.escape, text);
	/* An answer to a key is wanted at any --log-level; errors are what is always written. */
	log_error("%s", text);
}

/* Bytes were read behind those held already. */
static void take_input(struct chardev *c, size_t n)
{
	enum terminal_key key;

	c->held += terminal_filter(&c->terminal, c->hold + c->held, n, &key);
	feed(c);
	if (key == TERMINAL_KEY_HELP)
		show_help(c);
	if (key == TERMINAL_KEY_END)
		c->setup.events.quit(c->setup.events.arg);
}

/* End of input, or an input that broke: the VM goes on without. */
static void end_input(struct chardev *c, ssize_t r)
{
	if (r < 0)
		log_debug("%s: input ended: %s", c->setup.label, strerror((int)-r));
	if (c->hung_up) {
		peer_left(c);
		return;
	}
	(void)watch_input(c, 0);
	endpoint_close(&c->in);
	if (c->peer.kind == PEER_NONE)
		end_gone(c);
}

/*
 * How much may be read. A pipe or file is read just as fast as the guest takes it, so that what it
 * does not take stays there for others. A raw terminal is read ahead: the escape key has to work
 * when the guest hangs. So is a console's peer that has gone: the next one waits. Not a port's: no
 * byte of it may be lost.
 */
static size_t input_limit(struct chardev *c)
{
	size_t room;

	if (c->terminal.raw || (c->hung_up && !c->setup.port))
		return CHARDEV_HOLD - c->held;
	if (c->held > 0)
		return 0;
	room = c->ops->room(c->self);
	return room < CHARDEV_HOLD ? room : CHARDEV_HOLD;
}

/* Read and hand on what there is room for. @ready: epoll has just said readable. */
static void pump_input(struct chardev *c, bool ready)
{
	enum terminal_state state;
	size_t limit;
	ssize_t n;

	if (!c->started)
		return;
	feed(c);
	if (c->in.kind == ENDPOINT_NONE)
		return;
	state = terminal_take(&c->terminal);
	if (state == TERMINAL_BACKGROUND) {
		/* Some shells bring a running job to the foreground without a signal; the next key
		 * is an edge then. The keys meant for others cost one look each. */
		(void)watch_input(c, EPOLLIN | EPOLLET);
		return;
	}
	limit = input_limit(c);
	if (limit == 0 && c->hung_up && !c->setup.port) {
		peer_left(c);
		return;
	}
	if (limit == 0) {
		(void)watch_input(c, 0);
		return;
	}
	if (watch_input(c, EPOLLIN) && !ready)
		return;
	n = endpoint_read(&c->in, c->hold + c->held, limit);
	if (n == -EAGAIN)
		return;
	if (n == -EIO && terminal_take(&c->terminal) == TERMINAL_BACKGROUND)
		return; /* lost the terminal between the look and the read */
	if (n <= 0) {
		end_input(c, n);
		return;
	}
	take_input(c, (size_t)n);
	if (c->in.kind == ENDPOINT_PLAIN)
		wake_in(c, AT_ONCE); /* epoll will not say that there is more */
}

static void wake_ready(struct loop_source *s, uint32_t events)
{
	struct chardev *c = container_of(s, struct chardev, wake);
	uint64_t expirations;

	(void)events;
	/* EAGAIN: armed anew since epoll saw it, so it will be back. */
	if (read(s->fd, &expirations, sizeof(expirations)) < 0)
		return;
	chardev_flush(c);
	pump_input(c, false);
}

/* Something happened at the peer's descriptor. What it left behind when it went is read first. */
static void peer_ready(struct chardev *c, uint32_t events)
{
	if ((events & EPOLLOUT) && c->out_events != 0)
		pump_output(c, true);
	if (!c->peer.here)
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		peer_hung_up(c);
	if (c->hung_up || ((events & EPOLLIN) && c->in_events != 0))
		pump_input(c, true);
}

static void in_ready(struct loop_source *s, uint32_t events)
{
	struct chardev *c = container_of(s, struct chardev, in_source);

	if (c->peer.here) {
		peer_ready(c, events);
		return;
	}
	if (c->in_events == 0)
		return; /* taken out earlier in this turn */
	if ((events & (EPOLLHUP | EPOLLERR)) && (c->in_events & EPOLLET))
		end_input(c, 0); /* the terminal went while another job had it */
	else
		pump_input(c, true);
}

static void out_ready(struct loop_source *s, uint32_t events)
{
	struct chardev *c = container_of(s, struct chardev, out_source);

	(void)events;
	if (c->out_events != 0)
		pump_output(c, true);
}

/* Somebody came: first show what the guest has written so far. */
static void peer_came(struct peer *p, int fd)
{
	struct chardev *c = container_of(p, struct chardev, peer);
	enum endpoint_kind kind = p->kind == PEER_PTY ? ENDPOINT_NONBLOCK : ENDPOINT_SOCKET;
	int r;

	c->in_source.fd = fd;
	r = loop_add(c->setup.loop, &c->in_source, EPOLLET);
	if (r < 0) {
		log_error("%s: cannot watch a client: %s", c->setup.label, strerror(-r));
		peer_leave(p);
		return;
	}
	c->in = endpoint_borrow(fd, kind);
	c->out = endpoint_borrow(fd, kind);
	c->seen = true;
	c->replay = c->setup.port ? 0 : outq_rewind(&c->queue);
	if (c->ops->presence)
		c->ops->presence(c->self, true);
	pump_output(c, false);
	pump_input(c, false);
}

static int open_pty(struct chardev *c, struct err *e)
{
	int r = peer_open_pty(&c->peer, c->setup.loop, peer_came, c->pty, e);

	if (r == 0) /* the user cannot do without this */
		log_error("%s is %s", c->setup.label, c->pty);
	return r;
}

/* A port's socket ends as a whole; a console's loses its reader, which is a failure. */
static int open_fd(struct chardev *c, int fd, struct err *e)
{
	struct stat st;
	int r;

	if (c->setup.port && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)) {
		peer_adopt(&c->peer, fd, c->setup.loop, peer_came);
		return 0;
	}
	c->inherited = fd;
	r = endpoint_inherit_both(&c->in, &c->out, fd, e);
	if (r == 0 && !c->setup.port && c->out.kind == ENDPOINT_NONE)
		return err_set(e, EINVAL,
		               "descriptor %d cannot be written: open it with '%d<>' or '%d>'", fd,
		               fd, fd);
	return r;
}

/* The serial port and a command may both write there: epoll takes a descriptor but once. */
static int open_stderr(struct chardev *c, struct err *e)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (fd < 0)
		return err_errno(e, errno, "cannot use standard error");
	endpoint_inherit(&c->out, fd, O_WRONLY);
	if (c->out.fd == fd)
		c->out.owned = true;
	else
		close(fd);
	return 0;
}

static bool is_pipe(const struct endpoint *ep)
{
	struct stat st;

	return ep->kind != ENDPOINT_NONE && fstat(ep->fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int open_ends(struct chardev *c, struct err *e)
{
	const struct config_where *where = c->setup.where;
	int r = 0;

	switch (where->kind) {
	case WHERE_NONE:
		break;
	case WHERE_STDIO:
		endpoint_inherit(&c->in, STDIN_FILENO, O_RDONLY);
		endpoint_inherit(&c->out, STDOUT_FILENO, O_WRONLY);
		c->inherited = STDOUT_FILENO;
		terminal_init(&c->terminal, STDIN_FILENO, c->setup.escape, c->setup.caretaker);
		break;
	case WHERE_FILE:
		r = endpoint_create(&c->out, where->path, e);
		break;
	case WHERE_UNIX:
		r = peer_listen(&c->peer, where->path, c->setup.loop, peer_came, e);
		if (c->peer.source.fd >= 0) /* also if it cannot be watched */
			caretaker_owns_path(c->setup.caretaker, c->setup.path_index, where->path);
		break;
	case WHERE_PTY:
		r = open_pty(c, e);
		break;
	case WHERE_FD:
		r = open_fd(c, where->fd, e);
		break;
	case WHERE_STDERR:
		r = open_stderr(c, e);
		break;
	case WHERE_TERMINAL:
		terminal_init(&c->terminal, STDIN_FILENO, c->setup.escape, c->setup.caretaker);
		FALLTHROUGH;
	case WHERE_STDIN:
		endpoint_inherit(&c->in, STDIN_FILENO, O_RDONLY);
		break;
	case WHERE_STDOUT:
		endpoint_inherit(&c->out, STDOUT_FILENO, O_WRONLY);
		c->inherited = STDOUT_FILENO;
		break;
	}
	c->out_is_pipe = is_pipe(&c->out);
	return r < 0 ? err_wrap(e, r, "%s", c->setup.label) : 0;
}

static bool keeps_output(const struct chardev_setup *setup)
{
	return !setup->port &&
	       (setup->where->kind == WHERE_UNIX || setup->where->kind == WHERE_PTY);
}

int chardev_open(struct chardev *c, const struct chardev_setup *setup, struct err *e)
{
	int r;

	*c = (struct chardev){ .setup = *setup,
		               .in.fd = -1,
		               .out.fd = -1,
		               .inherited = -1,
		               .peer = { .fd = -1, .source.fd = -1 },
		               .wake = { .fd = -1, .ready = wake_ready },
		               .in_source = { .fd = -1, .ready = in_ready },
		               .out_source = { .fd = -1, .ready = out_ready } };
	terminal_init(&c->terminal, -1, -1, NULL);
	r = outq_init(&c->queue, keeps_output(setup), e);
	if (r == 0)
		r = open_ends(c, e);
	if (r < 0)
		return r;
	if (c->out.kind == ENDPOINT_NONE && c->peer.kind == PEER_NONE && !is_only_tapped(c))
		outq_shut(&c->queue);
	c->wake.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->wake.fd < 0)
		return err_errno(e, errno, "%s: cannot make a timer", setup->label);
	r = loop_add(setup->loop, &c->wake, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "%s: cannot watch a timer", setup->label) : 0;
}

void chardev_fini(struct chardev *c)
{
	terminal_release(&c->terminal);
	if (c->peer.here)
		loop_del(c->setup.loop, &c->in_source);
	c->peer.here = false;
	(void)watch_input(c, 0);
	(void)watch_output(c, 0);
	peer_fini(&c->peer);
	if (c->wake.fd >= 0)
		loop_del(c->setup.loop, &c->wake);
	fd_close(&c->wake.fd);
	endpoint_close(&c->in);
	endpoint_close(&c->out);
	outq_fini(&c->queue);
}

void chardev_attach(struct chardev *c, const struct chardev_ops *ops, void *self)
{
	c->ops = ops;
	c->self = self;
}

void chardev_start(struct chardev *c)
{
	c->started = true;
	outfile_begin(&c->out.file, c->out.fd);
	peer_begin(&c->peer);
	pump_input(c, false);
}

void chardev_put(struct chardev *c, const uint8_t *buf, size_t len)
{
	while (len > 0) {
		bool was_empty;
		size_t n = outq_put(&c->queue, buf, len, &was_empty);

		if (n == 0)
			return;
		if (was_empty)
			wake_in(c, GATHER_NS);
		buf += n;
		len -= n;
	}
}

size_t chardev_offer(struct chardev *c, const uint8_t *buf, size_t len)
{
	return outq_offer(&c->queue, buf, len);
}

void chardev_flush(struct chardev *c)
{
	/* While epoll watches the output, the reader is slow and a write would only say so. */
	if (c->out_events == 0)
		pump_output(c, false);
}

void chardev_guest_open(struct chardev *c, bool open)
{
	c->closing = !open && !c->hung_up;
	if (!open && c->hung_up) {
		c->held = 0;
		peer_left(c);
	} else if (!open) {
		chardev_flush(c);
	}
}

bool chardev_is_connected(const struct chardev *c)
{
	if (c->peer.kind != PEER_NONE)
		return c->peer.here || (c->setup.port && !c->seen);
	return c->in.kind != ENDPOINT_NONE || (c->out.kind != ENDPOINT_NONE && !c->failed);
}

int chardev_give(struct chardev *c, int fd)
{
	if (c->peer.kind == PEER_NONE || c->peer.kind == PEER_PTY)
		return -ENOTSUP;
	if (c->peer.here)
		peer_left(c);
	peer_give(&c->peer, fd);
	return 0;
}

bool chardev_window(const struct chardev *c, uint16_t *ret_cols, uint16_t *ret_rows)
{
	struct winsize size;

	if (c->terminal.fd < 0 || ioctl(c->terminal.fd, TIOCGWINSZ, &size) < 0 ||
	    size.ws_col == 0 || size.ws_row == 0)
		return false;
	*ret_cols = size.ws_col;
	*ret_rows = size.ws_row;
	return true;
}

bool chardev_has_room(struct chardev *c)
{
	return outq_has_room(&c->queue);
}

bool chardev_is_blocked(const struct chardev *c)
{
	return c->out_events != 0;
}

void chardev_input_ready(struct chardev *c)
{
	wake_in(c, AT_ONCE);
}

void chardev_suspend(struct chardev *c)
{
	terminal_release(&c->terminal);
}

void chardev_resume(struct chardev *c)
{
	if (!c->started)
		return;
	terminal_resume(&c->terminal);
	pump_input(c, false);
}

bool chardev_drain(struct chardev *c)
{
	const uint8_t *bytes;

	c->draining = false;
	chardev_flush(c);
	if (c->peer.kind != PEER_NONE && c->out.kind == ENDPOINT_NONE)
		pass_by(c); /* nobody will come any more */
	c->draining = outq_peek(&c->queue, &bytes) > 0;
	return !c->draining;
}
