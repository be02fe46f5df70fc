/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's conversations, several at once. The input is a list of turns: a byte that
 * says which of the clients has it and what happens, and for a client's turn a second byte: how
 * many of the following bytes it says. Whatever is said, every line of the answers is JSON and
 * bounded.
 */
#include "vmm/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CLIENTS 4

/* What the upper bits of a turn's first byte choose; other values: the client speaks. */
enum { TURN_DESCRIPTOR = 26, TURN_RESET, TURN_RECONNECT, TURN_STOPPED, TURN_RESUMED, TURN_ENDED };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct config cfg;
	struct qmp qmp;
	enum qmp_status status;
	int spare_fd; /* what clients hand over is a copy of it */
	int lowest_fd; /* number of the first of them */
	struct qmp_session session[CLIENTS];
};

static enum qmp_status get_status(void *vm)
{
	return ((struct world *)vm)->status;
}

static bool stop(void *vm)
{
	return ((struct world *)vm)->status != QMP_RUNNING;
}

static bool cont(void *vm)
{
	return ((struct world *)vm)->status != QMP_PAUSED;
}

static void powerdown(void *vm)
{
	qmp_powerdown(&((struct world *)vm)->qmp);
}

static void end(void *vm, enum qmp_end how)
{
	(void)how;
	((struct world *)vm)->status = QMP_SHUTDOWN;
}

static pid_t cpu_thread(void *vm, unsigned cpu)
{
	(void)vm;
	return (pid_t)cpu + 1;
}

static struct qmp_disk disk(void *vm, unsigned i)
{
	(void)vm;
	return (struct qmp_disk){ .bytes = i, .error = i ? 0 : ENOSPC };
}

static bool console(void *vm, unsigned i, struct qmp_console *ret)
{
	const struct config *cfg = &((struct world *)vm)->cfg;

	*ret = (struct qmp_console){ "serial", &cfg->serial, "" };
	return i == 0;
}

static int connect_console(void *vm, unsigned i, int fd)
{
	(void)vm;
	(void)i;
	(void)fd;
	return -ENOTSUP;
}

static json_t *report(void *vm, enum qmp_report what)
{
	(void)vm;
	return json_integer(what);
}

static int resize(void *vm, unsigned disk, uint64_t bytes, struct err *e)
{
	(void)vm;
	return bytes > disk ? 0 : err_set(e, EINVAL, "too small");
}

static int set_link(void *vm, unsigned net, bool up)
{
	(void)vm;
	(void)net;
	return up ? 0 : -EPIPE;
}

static void nmi(void *vm)
{
	qmp_needs_reset(&((struct world *)vm)->qmp, "blk0");
}

static void changed(struct qmp_session *s)
{
	(void)s;
}

/* Judge what a client hears, and throw it away. */
static void read_answers(struct qmp_session *s)
{
	while (s->out.len > 0) {
		const char *line = s->out.buf + s->out.head;
		const char *end_of_line = memchr(line, '\n', s->out.len);
		json_t *value;

		if (s->out.len > QMP_OUT_MAX || !end_of_line || end_of_line[-1] != '\r')
			abort();
		value = json_loadb(line, (size_t)(end_of_line - line), 0, NULL);
		if (!value)
			abort();
		json_decref(value);
		qmp_out_consume(&s->out, (size_t)(end_of_line - line) + 1);
	}
}

static void speak(struct qmp_session *s, const uint8_t *text, size_t len)
{
	while (len > 0 && qmp_session_may_feed(s)) {
		size_t used = qmp_session_feed(s, text, len);

		if (used == 0 && s->in.len > QMP_STREAM_MAX)
			abort();
		text += used;
		len -= used;
	}
}

/* One turn. Returns the bytes of the input that it took. */
static size_t take_turn(struct world *w, const uint8_t *data, size_t size)
{
	struct qmp_session *s = &w->session[data[0] % CLIENTS];
	size_t len;

	switch (data[0] >> 3) {
	case TURN_DESCRIPTOR:
		if (data[0] & 4)
			qmp_session_drop_fds(s);
		qmp_session_add_fd(s, dup(w->spare_fd));
		return 1;
	case TURN_RESET:
		qmp_reset(&w->qmp, true, "guest-reset");
		return 1;
	case TURN_RECONNECT:
		qmp_session_fini(s);
		qmp_session_init(s, &w->qmp);
		return 1;
	case TURN_STOPPED:
		w->status = QMP_PAUSED;
		qmp_stopped(&w->qmp);
		return 1;
	case TURN_RESUMED:
		w->status = QMP_RUNNING;
		qmp_resumed(&w->qmp);
		return 1;
	case TURN_ENDED:
		qmp_ended(&w->qmp, true, "guest-shutdown");
		return 1;
	default:
		len = size > 1 ? data[1] : 0;
		if (len + 2 > size)
			len = size > 2 ? size - 2 : 0;
		speak(s, data + 2, len);
		if (data[0] & 4)
			read_answers(s);
		return len + 2;
	}
}

static int lowest_free(const struct world *w)
{
	int fd = dup(w->spare_fd);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qmp_vm_ops ops = {
		.status = get_status,
		.stop = stop,
		.cont = cont,
		.powerdown = powerdown,
		.end = end,
		.cpu_thread = cpu_thread,
		.disk = disk,
		.console = console,
		.connect = connect_console,
		.report = report,
		.resize = resize,
		.set_link = set_link,
		.nmi = nmi,
	};
	struct world w = {
		.cfg = { .cpus = 2, .n_disks = 1, .disk = { { .path = "a" } }, .n_nets = 1 },
		.status = QMP_RUNNING,
		.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
	};

	w.lowest_fd = lowest_free(&w);
	qmp_init(&w.qmp, &w.cfg, &ops, &w);
	w.qmp.changed = changed;
	for (unsigned i = 0; i < CLIENTS; i++)
		qmp_session_init(&w.session[i], &w.qmp);
	for (size_t used; size > 0; data += used, size -= used) {
		used = take_turn(&w, data, size);
		if (used > size)
			used = size;
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		read_answers(&w.session[i]);
		qmp_session_fini(&w.session[i]);
	}
	qmp_fini(&w.qmp);
	if (lowest_free(&w) != w.lowest_fd)
		abort(); /* somebody has kept a copy */
	close(w.spare_fd);
	return 0;
}
