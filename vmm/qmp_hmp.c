/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_hmp.h"

#include "vmm/jsontext.h"
#include "vmm/qmp_commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a command prints; too much of it is cut. */
struct text {
	char at[8192];
	size_t len;
};

static PRINTF_LIKE(2, 3) void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at + t->len, sizeof(t->at) - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n;
	if (t->len >= sizeof(t->at))
		t->len = sizeof(t->at) - 1;
}

static void info_status(struct qmp_call *c, struct text *t)
{
	enum qmp_status now = c->qmp->ops->status(c->qmp->vm);

	put(t, "VM status: %s", now == QMP_RUNNING ? "running" : "paused");
	if (now != QMP_RUNNING && now != QMP_PAUSED)
		put(t, " (%s)", qmp_status_names[now]);
	put(t, "\r\n");
}

static void info_cpus(struct qmp_call *c, struct text *t)
{
	for (unsigned i = 0; i < c->qmp->cfg->cpus; i++)
		put(t, "%c CPU #%u: thread_id=%d\r\n", i == 0 ? '*' : ' ', i,
		    (int)c->qmp->ops->cpu_thread(c->qmp->vm, i));
}

static void info_version(struct qmp_call *c, struct text *t)
{
	(void)c;
	put(t, "%s\r\n", VMM_VERSION);
}

static void info_name(struct qmp_call *c, struct text *t)
{
	if (c->qmp->cfg->name)
		put(t, "%s\r\n", c->qmp->cfg->name);
}

static void info_kvm(struct qmp_call *c, struct text *t)
{
	(void)c;
	put(t, "kvm support: enabled\r\n");
}

static void info_block(struct qmp_call *c, struct text *t)
{
	for (unsigned i = 0; i < c->qmp->cfg->n_disks; i++) {
		const struct config_disk *d = &c->qmp->cfg->disk[i];

		put(t, "%sd%u: %s (raw%s)\r\n    Attached to:      vd%u\r\n", i ? "\r\n" : "", i,
		    d->path, d->readonly ? ", read-only" : "", i);
	}
}

static void info_network(struct qmp_call *c, struct text *t)
{
	for (unsigned i = 0; i < c->qmp->cfg->n_nets; i++) {
		const struct config_net *n = &c->qmp->cfg->net[i];

		put(t, "net%u: index=0,type=nic,model=virtio-net-device\r\n \\ hostnet%u: index=0,",
		    i, i);
		if (n->kind == NET_TAP)
			put(t, "type=tap,ifname=%s\r\n", n->tap);
		else if (n->kind == NET_FD)
			put(t, "type=tap,fd=%d\r\n", n->fd);
		else
			put(t, "type=stream,%s\r\n", n->socket ? n->socket : "passt");
	}
}

/* What "info" can tell. */
static const struct {
	const char *name;
	void (*print)(struct qmp_call *c, struct text *t);
} infos[] = {
	{ "block", info_block },     { "cpus", info_cpus },       { "kvm", info_kvm },
	{ "name", info_name },       { "network", info_network }, { "status", info_status },
	{ "version", info_version },
};

/* What does something, by its names in the other monitor. */
static const struct {
	const char *name;
	qmp_handler *run;
} actions[] = {
	{ "c", qmp_commands_cont },
	{ "cont", qmp_commands_cont },
	{ "q", qmp_commands_quit },
	{ "quit", qmp_commands_quit },
	{ "stop", qmp_commands_stop },
	{ "system_powerdown", qmp_commands_powerdown },
	{ "system_reset", qmp_commands_reset },
};

/* Whether the line is this word, and nothing but blanks. */
static bool is_word(const char *line, const char *word)
{
	size_t len = strlen(word);

	return strncmp(line, word, len) == 0 && line[len + strspn(line + len, " ")] == '\0';
}

static void run_info(struct qmp_call *c, const char *what, struct text *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(infos); i++) {
		if (is_word(what, infos[i].name)) {
			infos[i].print(c, t);
			return;
		}
	}
	put(t, "unknown command: 'info %.100s'\r\n", what);
}

/* The answer of an action is empty in this monitor. */
static json_t *act(struct qmp_call *c, qmp_handler *run)
{
	json_t *done = run(c);

	if (!done)
		return NULL;
	json_decref(done);
	return json_string("");
}

json_t *qmp_hmp_run(struct qmp_call *c)
{
	const char *line = qmp_call_text(c, "command-line");
	struct text t;

	c->text = true;
	line += strspn(line, " ");
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (is_word(line, actions[i].name))
			return act(c, actions[i].run);
	t.len = 0;
	t.at[0] = '\0';
	if (strncmp(line, "info ", 5) == 0)
		run_info(c, line + 5 + strspn(line + 5, " "), &t);
	else if (*line)
		put(&t, "unknown command: '%.100s'\r\n", line);
	return jsontext_new(t.at);
}
