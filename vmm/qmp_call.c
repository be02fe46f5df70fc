/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_call.h"

#include "vmm/jsontext.h"
#include "vmm/qmp_commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const class_names[] = {
	[QMP_GENERIC_ERROR] = "GenericError",
	[QMP_COMMAND_NOT_FOUND] = "CommandNotFound",
	[QMP_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
	[QMP_DEVICE_NOT_FOUND] = "DeviceNotFound",
};

_Static_assert(ARRAY_SIZE(class_names) == QMP_N_CLASSES, "every class has a name");

json_t *qmp_call_error(enum qmp_class class, const char *text)
{
	return json_pack("{s:{s:s, s:o}}", "error", "class", class_names[class], "desc",
	                 jsontext_new(text));
}

json_t *qmp_call_fail(struct qmp_call *c, enum qmp_class class, const char *fmt, ...)
{
	va_list ap;

	c->failed = true;
	c->class = class;
	va_start(ap, fmt);
	(void)vsnprintf(c->error.msg, sizeof(c->error.msg), fmt, ap);
	va_end(ap);
	return NULL;
}

json_t *qmp_call_wait(struct qmp_call *c, enum qmp_wait wait)
{
	c->wait = wait;
	return NULL;
}

const char *qmp_call_text(const struct qmp_call *c, const char *name)
{
	return json_string_value(json_object_get(c->args, name));
}

int64_t qmp_call_number(const struct qmp_call *c, const char *name, int64_t def)
{
	const json_t *value = json_object_get(c->args, name);

	return value ? json_integer_value(value) : def;
}

/* One member of a message. */
static bool read_member(struct qmp_call *c, const char *key, json_t *value)
{
	if (strcmp(key, "execute") == 0 || strcmp(key, "exec-oob") == 0) {
		if (!json_is_string(value))
			qmp_call_fail(c, QMP_GENERIC_ERROR,
			              "QMP input member '%s' must be a string", key);
		else if (c->name)
			qmp_call_fail(c, QMP_GENERIC_ERROR,
			              "QMP input member 'exec-oob' clashes with 'execute'");
		c->name = json_string_value(value);
		c->oob = strcmp(key, "exec-oob") == 0;
	} else if (strcmp(key, "arguments") == 0) {
		if (!json_is_object(value))
			qmp_call_fail(c, QMP_GENERIC_ERROR,
			              "QMP input member 'arguments' must be an object");
		c->args = value;
	} else if (strcmp(key, "id") != 0) {
		qmp_call_fail(c, QMP_GENERIC_ERROR, "QMP input member '%.100s' is unexpected", key);
	}
	return !c->failed;
}

bool qmp_call_read(struct qmp_call *c, json_t *message)
{
	const char *key;
	json_t *value;

	if (!json_is_object(message)) {
		qmp_call_fail(c, QMP_GENERIC_ERROR, "QMP input must be a JSON object");
		return false;
	}
	c->id = json_object_get(message, "id");
	json_object_foreach(message, key, value) if (!read_member(c, key, value)) return false;
	if (!c->name)
		qmp_call_fail(c, QMP_GENERIC_ERROR, "QMP input lacks member 'execute'");
	return !c->failed;
}

static const struct {
	const char *name;
	json_type type;
} types[] = {
	[QMP_STRING] = { "string", JSON_STRING }, [QMP_INTEGER] = { "integer", JSON_INTEGER },
	[QMP_ARRAY] = { "array", JSON_ARRAY },    [QMP_BOOLEAN] = { "boolean", JSON_TRUE },
	[QMP_OBJECT] = { "object", JSON_OBJECT },
};

static bool check_arg(struct qmp_call *c, const struct qmp_arg *arg)
{
	const json_t *value = json_object_get(c->args, arg->name);

	if (!value && !arg->optional)
		qmp_call_fail(c, QMP_GENERIC_ERROR, "Parameter '%s' is missing", arg->name);
	else if (value && json_typeof(value) != types[arg->type].type &&
	         !(arg->type == QMP_BOOLEAN && json_is_false(value)))
		qmp_call_fail(c, QMP_GENERIC_ERROR, "Invalid parameter type for '%s', expected: %s",
		              arg->name, types[arg->type].name);
	return !c->failed;
}

static bool is_known(const struct qmp_command *command, const char *key)
{
	for (const struct qmp_arg *arg = command->args; arg && arg->name; arg++)
		if (strcmp(arg->name, key) == 0)
			return true;
	return false;
}

static bool check_args(struct qmp_call *c, const struct qmp_command *command)
{
	const char *key;
	json_t *value;

	for (const struct qmp_arg *arg = command->args; arg && arg->name; arg++)
		if (!check_arg(c, arg))
			return false;
	if (!c->args)
		return true;
	/* The iterator takes no const object, but changes nothing. */
	json_object_foreach((json_t *)(uintptr_t)c->args, key, value)
	{
		if (!is_known(command, key)) {
			qmp_call_fail(c, QMP_GENERIC_ERROR, "Parameter '%.100s' is unexpected",
			              key);
			return false;
		}
	}
	return true;
}

json_t *qmp_call_run(struct qmp_call *c)
{
	const struct qmp_command *command = qmp_commands_find(c->name);

	if (!c->session->negotiated && (!command || command->run != qmp_commands_negotiate))
		return qmp_call_fail(c, QMP_COMMAND_NOT_FOUND,
		                     "Expecting capabilities negotiation with 'qmp_capabilities'");
	if (!command)
		return qmp_call_fail(c, QMP_COMMAND_NOT_FOUND,
		                     "The command %.100s has not been found", c->name);
	if (c->oob && !c->session->oob)
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "QMP input member 'exec-oob' is unexpected");
	if (c->oob)
		return qmp_call_fail(c, QMP_GENERIC_ERROR, "The command %s does not support OOB",
		                     c->name);
	return check_args(c, command) ? command->run(c) : NULL;
}
