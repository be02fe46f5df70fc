/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ctl.h"

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
        "Usage: vmm ctl [--json] [--fd N] SOCKET COMMAND [KEY=VALUE...]\n"
        "       vmm ctl [--json] SOCKET events\n"
        "Send a command to the VM whose --control is SOCKET, and print the answer; or print "
        "events\n"
        "as they happen, until the VM ends.\n"
        "\n"
        "      --json   print the answer as JSON\n"
        "      --fd N   hand descriptor N over with the command (getfd, add-fd)\n"
        "\n"
        "A VALUE that is JSON is taken as such, anything else is a string. 'query-commands' lists "
        "the\n"
        "commands.\n"
        "\n"
        "Status: 0; 1 when the VM refuses the command; 125 when there is no answer.\n";

/* What the words ask for. */
struct request {
	bool json, help;
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
			ret->help = true;
		else if (strcmp(*word, "--fd") == 0)
			r = parse_fd(*++word, &ret->fd, e);
		else
			r = err_set(e, EINVAL, "unknown option '%.60s'; see 'vmm ctl --help'",
			            *word);
		if (r < 0)
			return r;
	}
	if (ret->help)
		return 0;
	if (!word[0] || !word[1])
		return err_set(e, EINVAL,
		               "a socket and a command are needed; see 'vmm ctl --help'");
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

/* A value inside others: "inserted.ro: false". A line for each that holds no others. */
static void print_flat(const char *path, json_t *value)
{
	char *text;
	char inner[512];
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_object(value)) {
		json_object_foreach(value, key, member)
		{
			(void)snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", key);
			print_flat(inner, member);
		}
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, member)
		{
			(void)snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
			print_flat(inner, member);
		}
	} else if (json_is_string(value)) {
		printf("%s%s%s\n", path, *path ? ": " : "", json_string_value(value));
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY);
		printf("%s%s%s\n", path, *path ? ": " : "", text ? text : "?");
		free(text);
	}
}

/* A list is a paragraph for each of its members, or a line if that has only a name. */
static void print_list(json_t *list)
{
	json_t *member;
	size_t i;

	json_array_foreach(list, i, member)
	{
		const json_t *name = json_object_get(member, "name");

		if (json_object_size(member) == 1 && name) {
			puts(json_string_value(name));
			continue;
		}
		if (i > 0)
			putchar('\n');
		print_flat("", member);
	}
}

static void print_value(const struct request *rq, json_t *value)
{
	if (rq->json) {
		(void)json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_INDENT(2));
		putchar('\n');
	} else if (json_is_string(value)) {
		fputs(json_string_value(value), stdout);
	} else if (json_is_array(value)) {
		print_list(value);
	} else {
		print_flat("", value);
	}
}

/* 2024-02-03T04:05:06.789012Z SHUTDOWN guest=true reason=guest-shutdown */
static void print_event(const struct request *rq, json_t *event)
{
	json_t *data = json_object_get(event, "data"), *when = json_object_get(event, "timestamp");
	const char *key;
	json_t *value;

	if (rq->json) {
		(void)json_dumpf(event, stdout, 0);
		putchar('\n');
		return;
	}
	printf("%lld.%06lld %s", (long long)json_integer_value(json_object_get(when, "seconds")),
	       (long long)json_integer_value(json_object_get(when, "microseconds")),
	       json_string_value(json_object_get(event, "event")));
	json_object_foreach(data, key, value)
	{
		char *text = json_dumps(value, JSON_ENCODE_ANY);

		printf(" %s=%s", key, text ? text : "?");
		free(text);
	}
	putchar('\n');
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
			print_event(rq, message);
		json_decref(message);
		if (fflush(stdout) != 0)
			return err_errno(e, errno, "cannot write to standard output");
	}
	return r;
}

static int run_command(struct ctl_socket *s, const struct request *rq, struct err *e)
{
	json_t *message = NULL, *value = NULL;
	int r = build(rq, &message, e);

	if (r == 0)
		r = ctl_socket_send(s, message, rq->fd, e);
	json_decref(message);
	if (r == 0)
		r = answer(s, &value, e);
	if (r == 0)
		print_value(rq, value);
	json_decref(value);
	return r;
}

/* The greeting, and the answer to it. */
static int negotiate(struct ctl_socket *s, struct err *e)
{
	json_t *message = NULL, *value = NULL;
	int r = ctl_socket_receive(s, &message, e);

	if (r > 0 && !json_object_get(message, "QMP"))
		r = err_set(e, EPROTO, "this VM has no room, or it is no QMP socket");
	else if (r == 0)
		r = err_set(e, EPIPE, "the VM closed the connection");
	json_decref(message);
	if (r < 0)
		return r;
	message = json_pack("{s:s}", "execute", "qmp_capabilities");
	r = ctl_socket_send(s, message, -1, e);
	json_decref(message);
	if (r == 0)
		r = answer(s, &value, e);
	json_decref(value);
	return r;
}

static int run(const struct request *rq, struct err *e)
{
	struct ctl_socket s;
	int r = ctl_socket_connect(&s, rq->socket, e);

	if (r == 0)
		r = negotiate(&s, e);
	if (r == 0)
		r = strcmp(rq->command, "events") == 0 ? follow_events(&s, rq, e)
		                                       : run_command(&s, rq, e);
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

	if (r == 0 && rq.help)
		return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? STATUS_ERROR : 0;
	if (r == 0)
		r = run(&rq, &e);
	if (r != 0)
		fprintf(stderr, "vmm ctl: %s\n", e.msg);
	return r < 0 ? STATUS_ERROR : r;
}
