/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ctl.h"

#include "vmm/ctl_console.h"
#include "vmm/ctl_print.h"
#include "vmm/ctl_socket.h"
#include "vmm/err.h"
#include "vmm/num.h"
#include "vmm/stop.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define STATUS_REFUSED 1

static const char usage[] =
        "Usage: vmmctl [--json] [--fd N] SOCKET COMMAND [KEY=VALUE...]\n"
        "       vmmctl [--json] SOCKET events\n"
        "       vmmctl SOCKET console [NAME]\n"
        "Send a command to the VM whose --control is SOCKET, and print the answer; or print "
        "events as\n"
        "they happen, until the VM ends; or use its console: Ctrl-a x leaves it.\n"
        "\n"
        "      --json     print the answer as JSON\n"
        "      --fd N     hand descriptor N over with the command (getfd, add-fd)\n"
        "      --version  print the version\n"
        "\n"
        "A VALUE that is JSON is taken as such, anything else is a string. 'query-commands' "
        "lists the\n"
        "commands, query-chardev the consoles.\n"
        "\n"
        "Status: 0; 1 when the VM refuses the command; 125 when there is no answer.\n";

/* What the words ask for. */
struct request {
	bool json;
	const char *print; /* instead of anything else; NULL: nothing */
	int fd; /* to hand over; -1: none */
	const char *socket, *command;
	char **args; /* KEY=VALUE, up to NULL */
};

static int parse_fd(const char *word, int *ret, struct err *e)
{
	uint64_t fd;

	if (!word || num_parse(word, &fd) < 0 || fd > INT_MAX)
		return err_set(e, EINVAL, "--fd needs the number of a descriptor");
	*ret = (int)fd;
	return 0;
}

static int parse(char **word, struct request *ret, struct err *e)
{
	int r = 0;

	*ret = (struct request){ .fd = -1 };
	for (; *word && strncmp(*word, "-", 1) == 0 && r == 0; word++) {
		if (strcmp(*word, "--json") == 0)
			ret->json = true;
		else if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0)
			ret->print = usage;
		else if (strcmp(*word, "--version") == 0)
			ret->print = "vmmctl " VMM_VERSION "\n";
		else if (strcmp(*word, "--fd") == 0)
			r = parse_fd(*++word, &ret->fd, e);
		else
			r = err_set(e, EINVAL, "unknown option '%.60s'; see 'vmmctl --help'",
			            *word);
		if (r < 0)
			return r;
	}
	if (ret->print)
		return 0;
	if (!word[0] || !word[1])
		return err_set(e, EINVAL, "a socket and a command are needed; see 'vmmctl --help'");
	ret->socket = word[0];
	ret->command = word[1];
	ret->args = word + 2;
	return 0;
}

/* {"execute": COMMAND, "arguments": {KEY: VALUE...}} */
static int build(const struct request *rq, json_t **ret, struct err *e)
{
	json_t *args = json_object();

	for (char **word = rq->args; *word; word++) {
		char *equals = strchr(*word, '=');
		json_t *value;

		if (!equals || equals == *word) {
			json_decref(args);
			return err_set(e, EINVAL, "'%.60s' is not KEY=VALUE", *word);
		}
		value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
		if (!value)
			value = json_string(equals + 1);
		*equals = '\0';
		if (json_object_set_new(args, *word, value) < 0) {
			json_decref(args);
			return err_set(e, EINVAL, "'%.60s' or its value is not UTF-8", *word);
		}
	}
	*ret = json_pack("{s:s, s:o}", "execute", rq->command, "arguments", args);
	return *ret ? 0 : err_set(e, EINVAL, "'%.60s' is not UTF-8", rq->command);
}

/* Wait for the answer. Returns 0, -errno, or STATUS_REFUSED. */
static int answer(struct ctl_socket *s, json_t **ret, struct err *e)
{
	for (;;) {
		json_t *message = NULL, *error, *value;
		int r = ctl_socket_receive(s, &message, e);

		if (r < 0)
			return r;
		if (r == 0)
			return err_set(e, EPIPE, "the VM closed the connection");
		value = json_object_get(message, "return");
		error = json_object_get(message, "error");
		if (error)
			(void)err_set(e, EINVAL, "%s",
			              json_string_value(json_object_get(error, "desc")));
		*ret = json_incref(value);
		json_decref(message);
		if (value || error)
			return value ? 0 : STATUS_REFUSED;
	}
}

static int follow_events(struct ctl_socket *s, const struct request *rq, struct err *e)
{
	json_t *message = NULL;
	int r;

	while ((r = ctl_socket_receive(s, &message, e)) > 0) {
		if (json_object_get(message, "event"))
			ctl_print_event(message, rq->json);
		json_decref(message);
		if (fflush(stdout) != 0)
			return err_errno(e, errno, "cannot write to standard output");
	}
	return r;
}

/* @message is taken over. */
static int ask(struct ctl_socket *s, json_t *message, int fd, json_t **ret, struct err *e)
{
	int r = ctl_socket_send(s, message, fd, e);

	json_decref(message);
	return r == 0 ? answer(s, ret, e) : r;
}

static int run_command(struct ctl_socket *s, const struct request *rq, struct err *e)
{
	json_t *message = NULL, *value = NULL;
	int r = build(rq, &message, e);

	if (r == 0)
		r = ask(s, message, rq->fd, &value, e);
	if (r == 0)
		ctl_print_value(value, rq->json);
	json_decref(value);
	return r;
}

/* The greeting, and the answer to it. */
static int negotiate(struct ctl_socket *s, struct err *e)
{
	json_t *message = NULL, *value = NULL;
	int r = ctl_socket_receive(s, &message, e);
	const char *why =
	        json_string_value(json_object_get(json_object_get(message, "error"), "desc"));

	if (r > 0 && !json_object_get(message, "QMP"))
		r = err_set(e, EPROTO, "%s", why ? why : "what answers is no QMP socket");
	else if (r == 0)
		r = err_set(e, EPIPE, "the VM closed the connection");
	json_decref(message);
	if (r < 0)
		return r;
	r = ask(s, json_pack("{s:s}", "execute", "qmp_capabilities"), -1, &value, e);
	json_decref(value);
	return r;
}

static int run_console(struct ctl_socket *s, const struct request *rq, struct err *e)
{
	CLEANUP_FD int fd = -1;
	json_t *list = NULL;
	int r;

	if (rq->args[0] && rq->args[1])
		return err_set(e, EINVAL, "unexpected word '%.60s'; see 'vmmctl --help'",
		               rq->args[1]);
	r = ask(s, json_pack("{s:s}", "execute", "query-chardev"), -1, &list, e);
	if (r == 0)
		r = fd = ctl_console_open(list, rq->args[0], e);
	json_decref(list);
	return r < 0 ? r : ctl_console_attach(fd, e);
}

/* What is no command of the VM's, but of ours. */
static int run_word(struct ctl_socket *s, const struct request *rq, struct err *e)
{
	if (strcmp(rq->command, "events") == 0)
		return follow_events(s, rq, e);
	if (strcmp(rq->command, "console") == 0)
		return run_console(s, rq, e);
	return run_command(s, rq, e);
}

static int run(const struct request *rq, struct err *e)
{
	struct ctl_socket s;
	int r = ctl_socket_connect(&s, rq->socket, e);

	if (r == 0)
		r = negotiate(&s, e);
	if (r == 0)
		r = run_word(&s, rq, e);
	ctl_socket_close(&s);
	if (r == 0 && fflush(stdout) != 0)
		r = err_errno(e, errno, "cannot write to standard output");
	return r;
}

int ctl_main(int argc, char **argv)
{
	struct request rq;
	struct err e = { 0 };
	int r = parse(argv + (argc > 0), &rq, &e);

	if (r == 0 && rq.print)
		return fputs(rq.print, stdout) < 0 || fflush(stdout) != 0 ? STATUS_ERROR : 0;
	if (r == 0)
		r = run(&rq, &e);
	if (r != 0)
		fprintf(stderr, "vmmctl: %s\n", e.msg);
	return r < 0 ? STATUS_ERROR : r;
}
