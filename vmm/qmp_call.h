/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_CALL_H
#define VMM_QMP_CALL_H

#include "vmm/qmp.h"

/* One command of a client, from its JSON to what its handler makes of it. */

/* Classes of errors that clients tell apart. */
enum qmp_class {
	QMP_GENERIC_ERROR,
	QMP_COMMAND_NOT_FOUND,
	QMP_DEVICE_NOT_ACTIVE,
	QMP_DEVICE_NOT_FOUND,
	QMP_N_CLASSES
};

struct qmp_call {
	struct qmp *qmp;
	struct qmp_session *session;
	const char *name;
	const json_t *args; /* an object; NULL: none */
	json_t *id; /* borrowed; NULL: none */
	bool oob; /* was sent as "exec-oob" */
	enum qmp_wait wait; /* the answer comes later */
	bool text; /* and then is text: human-monitor-command */
	bool failed;
	enum qmp_class class; /* if it failed */
	struct err error; /* likewise */
};

enum qmp_arg_type { QMP_STRING, QMP_INTEGER, QMP_ARRAY, QMP_BOOLEAN, QMP_OBJECT };

struct qmp_arg {
	const char *name; /* NULL: none */
	enum qmp_arg_type type;
	bool optional;
};

/* Makes a command's answer, a new reference. NULL: it failed, waits, or there is no memory. */
typedef json_t *qmp_handler(struct qmp_call *c);

struct qmp_command {
	const char *name;
	qmp_handler *run; /* when the arguments have been checked */
	const struct qmp_arg *args; /* ends with one that has no name; NULL: takes none */
};

/**
 * qmp_call_read() - Take a message apart
 * @c:       qmp and session set, the rest zeroed; name, args, id and oob are set, as far as they
 *           are there
 * @message: Any JSON value; outlives @c
 *
 * Return: true, or false with @c failed.
 */
bool qmp_call_read(struct qmp_call *c, json_t *message) MUST_CHECK;

/**
 * qmp_call_run() - Carry a command out
 * @c: Read
 *
 * Return: A new reference: the answer; NULL: @c failed or waits, or there is no memory.
 */
json_t *qmp_call_run(struct qmp_call *c) MUST_CHECK;

/**
 * qmp_call_error() - The answer to a command that failed, without its id
 * @class: Kind of error
 * @text:  Any bytes
 *
 * Return: A new reference, or NULL without memory.
 */
json_t *qmp_call_error(enum qmp_class class, const char *text) MUST_CHECK;

/**
 * qmp_call_fail() - The command fails
 * @c:     Command
 * @class: Kind of error
 * @fmt:   printf format, in QEMU's words where there are any
 *
 * Return: NULL, for the handler to return.
 */
json_t *qmp_call_fail(struct qmp_call *c, enum qmp_class class, const char *fmt, ...)
        PRINTF_LIKE(3, 4);

/**
 * qmp_call_wait() - The answer comes when the VM has done something
 * @c:    Command
 * @wait: For what
 *
 * Return: NULL, for the handler to return.
 */
json_t *qmp_call_wait(struct qmp_call *c, enum qmp_wait wait);

/**
 * qmp_call_text() - An argument that is a string
 * @c:    Command
 * @name: One of its arguments
 *
 * Return: The text, or NULL if it was not given.
 */
const char *qmp_call_text(const struct qmp_call *c, const char *name);

/**
 * qmp_call_number() - An argument that is a whole number
 * @c:    Command
 * @name: One of its arguments
 * @def:  What it is if it was not given
 *
 * Return: The number.
 */
int64_t qmp_call_number(const struct qmp_call *c, const char *name, int64_t def);

#endif /* VMM_QMP_CALL_H */
