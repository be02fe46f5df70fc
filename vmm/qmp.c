/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp.h"

#include "vmm/qmp_call.h"
#include "vmm/qmp_commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *const qmp_status_names[] = {
	[QMP_PRELAUNCH] = "prelaunch", [QMP_RUNNING] = "running",
	[QMP_PAUSED] = "paused",       [QMP_IO_ERROR] = "io-error",
	[QMP_SHUTDOWN] = "shutdown",   [QMP_PANICKED] = "guest-panicked",
};

_Static_assert(ARRAY_SIZE(qmp_status_names) == QMP_N_STATUSES, "every status has a name");

void qmp_init(struct qmp *q, const struct config *cfg, const struct qmp_vm_ops *ops, void *vm)
{
	*q = (struct qmp){
		.cfg = cfg,
		.ops = ops,
		.vm = vm,
		/* For clients, which may be elsewhere. */
		.folder = cfg->n_control > 0 ? get_current_dir_name() : NULL,
	};
}

void qmp_fini(struct qmp *q)
{
	qmp_fds_fini(&q->fds);
	free(q->folder);
	q->folder = NULL;
}

/* @line is taken over. A client that does not read what there is to say has to go. */
static void say(struct qmp_session *s, json_t *line)
{
	if (s->mute) {
		json_decref(line);
		return;
	}
	qmp_out_put(&s->out, line);
	s->ended |= s->out.overflow;
}

/* @line is taken over; what the client sent as "id" becomes a member of it. */
static void answer(struct qmp_session *s, json_t *line, json_t *id)
{
	if (id && line && json_object_set(line, "id", id) < 0) {
		json_decref(line);
		line = NULL;
	}
	say(s, line);
}

static json_t *return_line(json_t *value)
{
	return json_pack("{s:o}", "return", value);
}

void qmp_session_init(struct qmp_session *s, struct qmp *q)
{
	*s = (struct qmp_session){ .qmp = q, .next = q->sessions };
	q->sessions = s;
	say(s, json_pack("{s:{s:o, s:[s]}}", "QMP", "version", qmp_commands_version(),
	                 "capabilities", "oob"));
}

void qmp_session_fini(struct qmp_session *s)
{
	struct qmp_session **at;

	if (!s->qmp)
		return;
	for (at = &s->qmp->sessions; *at != s;)
		at = &(*at)->next;
	*at = s->next;
	qmp_session_drop_fds(s);
	json_decref(s->wait_id);
	qmp_stream_fini(&s->in);
	qmp_out_fini(&s->out);
	*s = (struct qmp_session){ 0 };
}

/* Remember that the answer is due. Nobody is there to get it: the command just goes on. */
static void begin_wait(struct qmp_session *s, const struct qmp_call *c)
{
	if (s->mute)
		return;
	s->wait = c->wait;
	s->wait_id = json_incref(c->id);
	s->wait_text = c->text;
}

static void execute(struct qmp_session *s, json_t *message)
{
	struct qmp_call c = { .qmp = s->qmp, .session = s };
	json_t *value = NULL;

	if (qmp_call_read(&c, message))
		value = qmp_call_run(&c);
	if (c.failed)
		answer(s, qmp_call_error(c.class, c.error.msg), c.id);
	else if (c.wait != QMP_WAIT_NOT)
		begin_wait(s, &c);
	else
		answer(s, return_line(value), c.id);
}

size_t qmp_session_feed(struct qmp_session *s, const uint8_t *buf, size_t len)
{
	json_t *message = NULL;
	struct err e = { 0 };
	size_t used = 0;

	switch (qmp_stream_next(&s->in, buf, len, &used, &message, &e)) {
	case QMP_STREAM_MORE:
		break;
	case QMP_STREAM_VALUE:
		execute(s, message);
		break;
	case QMP_STREAM_ERROR:
		say(s, qmp_call_error(QMP_GENERIC_ERROR, e.msg));
		break;
	case QMP_STREAM_END:
		say(s, qmp_call_error(QMP_GENERIC_ERROR, e.msg));
		s->ended = true;
		break;
	}
	json_decref(message);
	return used;
}

bool qmp_session_may_feed(const struct qmp_session *s)
{
	return !s->ended && s->wait == QMP_WAIT_NOT && s->out.len < QMP_OUT_ENOUGH;
}

void qmp_session_add_fd(struct qmp_session *s, int fd)
{
	if (s->n_fds == QMP_SESSION_FDS)
		close(fd);
	else
		s->fd[s->n_fds++] = fd;
}

void qmp_session_drop_fds(struct qmp_session *s)
{
	while (s->n_fds > 0)
		close(s->fd[--s->n_fds]);
}

int qmp_session_take_fd(struct qmp_session *s)
{
	int fd = s->fd[0];

	if (s->n_fds == 0)
		return -1;
	memmove(s->fd, s->fd + 1, --s->n_fds * sizeof(s->fd[0]));
	return fd;
}

void qmp_session_mute(struct qmp_session *s)
{
	s->mute = true;
	s->wait = QMP_WAIT_NOT;
	json_decref(s->wait_id);
	s->wait_id = NULL;
	qmp_out_fini(&s->out);
}

/* @data is taken over; NULL: the event has none. */
static json_t *event_line(const char *name, json_t *data)
{
	struct timespec now;
	json_t *line;

	clock_gettime(CLOCK_REALTIME, &now);
	line = json_pack("{s:{s:I, s:I}, s:s}", "timestamp", "seconds", (json_int_t)now.tv_sec,
	                 "microseconds", (json_int_t)(now.tv_nsec / 1000), "event", name);
	if (data && json_object_set_new(line, "data", data) < 0) {
		json_decref(line);
		return NULL;
	}
	return line;
}

/* @data is taken over. Told only to those who have said that they understand: qmp_capabilities. */
static void tell(struct qmp *q, const char *name, json_t *data)
{
	struct qmp_session *s, *next;
	json_t *line;

	if (!q->sessions)
		return;
	line = event_line(name, data);
	for (s = q->sessions; s; s = next) {
		next = s->next;
		if (!s->negotiated)
			continue;
		say(s, json_incref(line));
		q->changed(s);
	}
	json_decref(line);
}

/* What a session waited for has happened. */
static void end_wait(struct qmp_session *s)
{
	json_t *id = s->wait_id;

	s->wait = QMP_WAIT_NOT;
	s->wait_id = NULL;
	answer(s, return_line(s->wait_text ? json_string("") : json_object()), id);
	json_decref(id);
	s->qmp->changed(s);
}

/* Answer those who wait for one thing; QMP_WAIT_NOT: for anything. */
static void end_waits(struct qmp *q, enum qmp_wait wait)
{
	struct qmp_session *s, *next;

	for (s = q->sessions; s; s = next) {
		next = s->next;
		if (s->wait != QMP_WAIT_NOT && (wait == QMP_WAIT_NOT || s->wait == wait))
			end_wait(s);
	}
}

void qmp_stopped(struct qmp *q)
{
	tell(q, "STOP", NULL);
	end_waits(q, QMP_WAIT_STOP);
}

void qmp_resumed(struct qmp *q)
{
	tell(q, "RESUME", NULL);
	end_waits(q, QMP_WAIT_CONT);
}

void qmp_powerdown(struct qmp *q)
{
	tell(q, "POWERDOWN", NULL);
}

void qmp_panicked(struct qmp *q, const char *action)
{
	if (!q->sessions)
		return; /* nor is there a seed for JSON objects */
	tell(q, "GUEST_PANICKED", json_pack("{s:s}", "action", action));
}

/* An event of the guest's or a client's doing. */
static void tell_reason(struct qmp *q, const char *event, bool guest, const char *reason)
{
	if (q->sessions)
		tell(q, event, json_pack("{s:b, s:s}", "guest", guest, "reason", reason));
}

void qmp_reset(struct qmp *q, bool guest, const char *reason)
{
	tell_reason(q, "RESET", guest, reason);
	end_waits(q, QMP_WAIT_RESET);
}

void qmp_needs_reset(struct qmp *q, const char *name)
{
	if (q->sessions)
		tell(q, "X_VMM_DEVICE_NEEDS_RESET", json_pack("{s:s}", "device", name));
}

void qmp_filter_changed(struct qmp *q, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/machine/peripheral/%s/virtio-backend", name);
	if (q->sessions)
		tell(q, "NIC_RX_FILTER_CHANGED",
		     json_pack("{s:s, s:s}", "name", name, "path", path));
}

void qmp_disk_failed(struct qmp *q, const struct qmp_disk_error *f)
{
	char node[16];

	if (!q->sessions)
		return;
	(void)snprintf(node, sizeof(node), "d%u", f->disk);
	tell(q, "BLOCK_IO_ERROR",
	     json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "device", "", "node-name", node,
	               "operation", f->write ? "write" : "read", "action",
	               f->stops ? "stop" : "report", "nospace", f->code == ENOSPC, "reason",
	               strerror(f->code)));
}

void qmp_ended(struct qmp *q, bool guest, const char *reason)
{
	tell_reason(q, "SHUTDOWN", guest, reason);
	end_waits(q, QMP_WAIT_NOT);
}
