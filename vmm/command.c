/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/command.h"

#include "vmm/log.h"
#include "vmm/machine.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define NOT_EXECUTED 126 /* as shells say it */
#define NOT_FOUND    127

static const char *const names[COMMAND_N_PORTS] = {
	[COMMAND_STDIN] = PROTOCOL_STDIN,
	[COMMAND_STDOUT] = PROTOCOL_STDOUT,
	[COMMAND_STDERR] = PROTOCOL_STDERR,
	[COMMAND_CONTROL] = PROTOCOL_CONTROL,
};

static const enum config_where_kind kinds[COMMAND_N_PORTS] = {
	[COMMAND_STDIN] = WHERE_STDIN,
	[COMMAND_STDOUT] = WHERE_STDOUT,
	[COMMAND_STDERR] = WHERE_STDERR,
	[COMMAND_CONTROL] = WHERE_FD,
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* --- what the guest says --- */

/* Whether a stream's reader has all that the command wrote, or wants no more. */
static bool is_through(const struct command *c, enum command_port port, uint64_t bytes)
{
	return c->gone[port] || c->passed[port] >= bytes;
}

/* The end counts when nothing of the command's is on its way any more. */
static void check_over(struct command *c)
{
	if (c->over || c->state < COMMAND_ENDED || !is_through(c, COMMAND_STDOUT, c->report.out) ||
	    !is_through(c, COMMAND_STDERR, c->report.err))
		return;
	c->over = true;
	c->calls.over(c->calls.arg);
}

/* A whole report is there. */
static void hear(struct command *c)
{
	c->report.text[sizeof(c->report.text) - 1] = '\0';
	switch (c->report.kind) {
	case PROTOCOL_STARTED:
		if (c->state == COMMAND_WAITED_FOR) {
			c->state = COMMAND_STARTED;
			c->started_ns = now_ns();
			c->init_ns = c->started_ns - c->report.value * INT64_C(1000);
			command_resized(c); /* what changed while it booted */
		}
		return;
	case PROTOCOL_EXITED:
	case PROTOCOL_KILLED:
		c->state = COMMAND_ENDED;
		c->ended_ns = now_ns();
		break;
	case PROTOCOL_NOT_EXECUTED:
	case PROTOCOL_FAILED:
		c->state = COMMAND_NEVER_RAN;
		break;
	default:
		log_debug("command: a report of kind %u is not understood", c->report.kind);
		return;
	}
	check_over(c);
}

static void control_ready(struct loop_source *s, uint32_t events)
{
	struct command *c = container_of(s, struct command, control);
	uint8_t *at = (uint8_t *)&c->report + c->heard;
	ssize_t n;

	(void)events;
	if (c->state >= COMMAND_ENDED) { /* that was the last word */
		loop_del(c->loop, s);
		return;
	}
	n = read(s->fd, at, sizeof(c->report) - c->heard);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		loop_del(c->loop, s);
	if (n <= 0)
		return;
	c->heard += (size_t)n;
	if (c->heard < sizeof(c->report))
		return;
	c->heard = 0;
	hear(c);
}

static void count(struct command *c, enum command_port port, size_t n)
{
	witness_other(container_of(c, struct machine, command), NULL, n);
	c->passed[port] += n;
	c->unheard = 0;
	check_over(c);
}

static void on_stdout(void *arg, const uint8_t *buf, size_t len)
{
	(void)buf;
	count(arg, COMMAND_STDOUT, len);
}

static void on_stderr(void *arg, const uint8_t *buf, size_t len)
{
	(void)buf;
	count(arg, COMMAND_STDERR, len);
}

/* --- what it is told --- */

static void tell(struct command *c, enum protocol_order_kind kind, unsigned a, unsigned b)
{
	const struct protocol_order o = { .kind = kind, .value = { (uint16_t)a, (uint16_t)b } };

	/* A guest that does not read has the last few hundred of them already. */
	if (send(c->control.fd, &o, sizeof(o), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("command: the guest does not take orders");
}

bool command_signal(struct command *c, int signo)
{
	if (!c->port || c->state != COMMAND_STARTED)
		return false;
	tell(c, PROTOCOL_SIGNAL, (unsigned)signo, 0);
	return true;
}

void command_resized(struct command *c)
{
	struct command_window w;

	if (!c->terminal || c->state != COMMAND_STARTED ||
	    !chardev_window(&c->port[COMMAND_STDIN], &w.cols, &w.rows) ||
	    (w.cols == c->window.cols && w.rows == c->window.rows))
		return;
	c->window = w;
	tell(c, PROTOCOL_WINDOW, w.cols, w.rows);
}

/* --- life --- */

static bool wants_terminal(const struct config *cfg)
{
	return cfg->terminal || (!cfg->no_terminal && endpoint_is_terminal(STDIN_FILENO) &&
	                         endpoint_is_terminal(STDOUT_FILENO));
}

/* A reader that has gone is what the command is told, by SIGPIPE; other losses end the VM. */
static void stream_failed(struct command *c, enum command_port port, int r)
{
	struct machine *m = container_of(c, struct machine, command);

	c->gone[port] = true;
	if (r != -EPIPE)
		run_chardev_events(m).output_failed(m, r);
	check_over(c);
}

static void stdout_failed(void *arg, int r)
{
	struct machine *m = arg;

	stream_failed(&m->command, COMMAND_STDOUT, r);
}

static void stderr_failed(void *arg, int r)
{
	struct machine *m = arg;

	stream_failed(&m->command, COMMAND_STDERR, r);
}

static int open_port(struct command *c, struct machine *m, enum command_port port, struct err *e)
{
	struct chardev_setup setup = {
		.where = &c->where[port],
		.escape = m->cfg->escape,
		.label = names[port],
		.loop = &m->loop,
		.port = true,
		.caretaker = c->terminal ? &m->caretaker : NULL,
		.events = run_chardev_events(m),
		.tap_arg = c,
	};
	int r;

	c->where[port].kind = kinds[port];
	if (port == COMMAND_STDIN && c->terminal)
		c->where[port].kind = WHERE_TERMINAL;
	if (port == COMMAND_STDOUT) {
		setup.tap = on_stdout;
		setup.events.output_failed = stdout_failed;
	} else if (port == COMMAND_STDERR) {
		setup.tap = on_stderr;
		setup.events.output_failed = stderr_failed;
	}
	r = chardev_open(&c->port[port], &setup, e);
	c->gone[port] = r < 0 || c->port[port].out.kind == ENDPOINT_NONE;
	return r == 0 ? ports_add(m, names[port], &c->port[port], e) : r;
}

static int open_control(struct command *c, struct err *e)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_errno(e, errno, "cannot make the guest's control port");
	c->control = (struct loop_source){ .fd = pair[0], .ready = control_ready };
	c->control_fd = pair[1];
	c->where[COMMAND_CONTROL].fd = pair[1];
	r = loop_add(c->loop, &c->control, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "cannot watch the guest's control port") : 0;
}

int command_open(struct command *c, struct machine *m, const struct command_calls *calls,
                 struct err *e)
{
	int r;

	c->cfg = m->cfg;
	c->loop = &m->loop;
	c->calls = *calls;
	if (m->cfg->n_command == 0)
		return 0;
	c->port = calloc(COMMAND_N_PORTS, sizeof(*c->port));
	if (!c->port)
		return err_errno(e, ENOMEM, "cannot make the command's ports");
	c->terminal = wants_terminal(m->cfg);
	r = open_control(c, e);
	for (enum command_port p = 0; p < COMMAND_N_PORTS && r == 0; p++)
		r = open_port(c, m, p, e);
	if (r == 0 && !(c->terminal &&
	                chardev_window(&c->port[COMMAND_STDIN], &c->window.cols, &c->window.rows)))
		c->window = (struct command_window){ 0 };
	return r;
}

void command_fini(struct command *c)
{
	for (unsigned i = 0; c->port && i < COMMAND_N_PORTS; i++)
		if (c->port[i].setup.loop)
			chardev_fini(&c->port[i]);
	free(c->port);
	c->port = NULL;
	fd_close(&c->control.fd);
	fd_close(&c->control_fd);
}

/* --- the end --- */

static void judge_report(const struct command *c, struct stop *stop, struct err *e)
{
	const struct protocol_report *r = &c->report;

	*stop = (struct stop){ .reason = STOP_EXIT, .status = r->value & 0xff };
	switch (r->kind) {
	case PROTOCOL_KILLED:
		stop->status = 128 + (r->value & 0x7f);
		return;
	case PROTOCOL_NOT_EXECUTED:
		stop->reason = STOP_ERROR;
		stop->status = r->value == ENOENT ? NOT_FOUND : NOT_EXECUTED;
		err_errno(e, r->value, "cannot execute '%.80s' in the guest", c->cfg->command[0]);
		return;
	case PROTOCOL_FAILED:
		*stop = (struct stop){ .reason = STOP_ERROR, .status = STATUS_ERROR };
		err_errno(e, r->value, "the guest's first process cannot %s", r->text);
		return;
	default:
		return;
	}
}

void command_times(const struct command *c, struct result_times *ret)
{
	if (c->started_ns == 0)
		return;
	ret->init_ns = c->init_ns - ret->begin_ns;
	ret->command_start_ns = c->started_ns - ret->begin_ns;
	if (c->ended_ns > 0)
		ret->command_end_ns = c->ended_ns - ret->begin_ns;
}

void command_judge(const struct command *c, struct stop *stop, struct err *e)
{
	if (!c->port)
		return;
	if (c->state == COMMAND_WAITED_FOR && c->bare &&
	    (stop->reason == STOP_PANIC || stop->reason == STOP_TIMEOUT))
		log_error("the command was not started, and the guest's kernel was given no "
		          "modules: '--modules DIR' names where they are");
	if (c->over && stop->reason == STOP_EXIT) {
		judge_report(c, stop, e);
	} else if (c->state == COMMAND_WAITED_FOR &&
	           (stop->reason == STOP_POWEROFF || stop->reason == STOP_REBOOT)) {
		err_set(e, ECANCELED, "the guest %s before it started the command",
		        stop->reason == STOP_REBOOT ? "rebooted" : "powered off");
		*stop = (struct stop){ .reason = STOP_ERROR, .status = STATUS_ERROR };
	}
}
