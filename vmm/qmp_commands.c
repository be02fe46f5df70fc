/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_commands.h"

#include "vmm/jsontext.h"
#include "vmm/qmp_block.h"
#include "vmm/qmp_change.h"
#include "vmm/qmp_chardev.h"
#include "vmm/qmp_hmp.h"
#include "vmm/qmp_report.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The version of QEMU whose words and shapes these are. */
#define LIKE_MAJOR 7
#define LIKE_MINOR 2
#define LIKE_MICRO 22

/* Handlers return a new reference; json_pack() takes over what "o" stands for, also when it
 * fails, and gives NULL for NULL. */

json_t *qmp_commands_version(void)
{
	return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "micro", LIKE_MICRO, "minor",
	                 LIKE_MINOR, "major", LIKE_MAJOR, "package", "vmm-" VMM_VERSION);
}

/* Nobody is in the way of a second client: each has its own negotiation. */
json_t *qmp_commands_negotiate(struct qmp_call *c)
{
	const json_t *enable = json_object_get(c->args, "enable");
	size_t i;

	if (c->session->negotiated)
		return qmp_call_fail(
		        c, QMP_COMMAND_NOT_FOUND,
		        "Capabilities negotiation is already complete, command ignored");
	for (i = 0; i < json_array_size(enable); i++) {
		const char *name = json_string_value(json_array_get(enable, i));

		if (!name)
			return qmp_call_fail(
			        c, QMP_GENERIC_ERROR,
			        "Invalid parameter type for 'enable[%zu]', expected: string", i);
		if (strcmp(name, "oob") != 0)
			return qmp_call_fail(
			        c, QMP_GENERIC_ERROR,
			        "Parameter 'enable[%zu]' does not accept value '%.100s'", i, name);
	}
	c->session->oob = i > 0;
	c->session->negotiated = true;
	return json_object();
}

static enum qmp_status status(const struct qmp_call *c)
{
	return c->qmp->ops->status(c->qmp->vm);
}

json_t *qmp_commands_stop(struct qmp_call *c)
{
	return c->qmp->ops->stop(c->qmp->vm) ? json_object() : qmp_call_wait(c, QMP_WAIT_STOP);
}

json_t *qmp_commands_cont(struct qmp_call *c)
{
	if (status(c) == QMP_PANICKED)
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "Resetting the Virtual Machine is required");
	return c->qmp->ops->cont(c->qmp->vm) ? json_object() : qmp_call_wait(c, QMP_WAIT_CONT);
}

json_t *qmp_commands_powerdown(struct qmp_call *c)
{
	c->qmp->ops->powerdown(c->qmp->vm);
	return json_object();
}

static json_t *end(struct qmp_call *c, enum qmp_end how, enum qmp_wait wait)
{
	bool ends_already = status(c) == QMP_SHUTDOWN;

	c->qmp->ops->end(c->qmp->vm, how);
	return ends_already ? json_object() : qmp_call_wait(c, wait);
}

json_t *qmp_commands_reset(struct qmp_call *c)
{
	bool goes_on = c->qmp->cfg->on_reboot == ON_REBOOT_RESET;

	return end(c, QMP_END_RESET, goes_on ? QMP_WAIT_RESET : QMP_WAIT_END);
}

json_t *qmp_commands_quit(struct qmp_call *c)
{
	return end(c, QMP_END_QUIT, QMP_WAIT_END);
}

static json_t *query_version(struct qmp_call *c)
{
	(void)c;
	return qmp_commands_version();
}

static json_t *query_status(struct qmp_call *c)
{
	enum qmp_status now = status(c);

	return json_pack("{s:s, s:b, s:b}", "status", qmp_status_names[now], "singlestep", 0,
	                 "running", now == QMP_RUNNING);
}

static json_t *query_name(struct qmp_call *c)
{
	const char *name = c->qmp->cfg->name;

	return name ? json_pack("{s:o}", "name", jsontext_new(name)) : json_object();
}

static json_t *query_uuid(struct qmp_call *c)
{
	(void)c;
	return json_pack("{s:s}", "UUID", "00000000-0000-0000-0000-000000000000");
}

static json_t *query_kvm(struct qmp_call *c)
{
	(void)c;
	return json_pack("{s:b, s:b}", "enabled", 1, "present", 1);
}

static json_t *query_target(struct qmp_call *c)
{
	(void)c;
	return json_pack("{s:s}", "arch", VMM_ARCH);
}

static json_t *query_memory(struct qmp_call *c)
{
	return json_pack("{s:I, s:i}", "base-memory", (json_int_t)c->qmp->cfg->memory,
	                 "plugged-memory", 0);
}

/* What is known of one vCPU, in the shape of today. */
static json_t *show_cpu(struct qmp_call *c, unsigned i)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
	return json_pack("{s:I, s:{s:i, s:i, s:i}, s:s, s:i, s:s}", "thread-id",
	                 (json_int_t)c->qmp->ops->cpu_thread(c->qmp->vm, i), "props", "core-id", 0,
	                 "thread-id", 0, "socket-id", (int)i, "qom-path", path, "cpu-index", (int)i,
	                 "target", VMM_ARCH);
}

/* That QEMU's names of processors; those that it had none for are "other". */
#define ARCH_OF_OLD (strncmp(VMM_ARCH, "x86", 3) == 0 ? "x86" : "other")

/*
 * In the shape of QEMU before version 6, which Ganeti and go-qemu ask for. They want the threads:
 * "pc" is there because it belongs to the shape, and 0, as to know it a vCPU had to leave the
 * guest.
 */
static json_t *show_cpu_of_old(struct qmp_call *c, unsigned i)
{
	return json_pack("{s:i, s:b, s:b, s:s, s:i, s:I}", "CPU", (int)i, "current", i == 0,
	                 "halted", 0, "arch", ARCH_OF_OLD, "pc", 0, "thread_id",
	                 (json_int_t)c->qmp->ops->cpu_thread(c->qmp->vm, i));
}

static json_t *list_cpus(struct qmp_call *c, json_t *(*show)(struct qmp_call *c, unsigned i))
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < c->qmp->cfg->cpus; i++) {
		if (json_array_append_new(list, show(c, i)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *query_cpus_fast(struct qmp_call *c)
{
	return list_cpus(c, show_cpu);
}

static json_t *query_cpus(struct qmp_call *c)
{
	return list_cpus(c, show_cpu_of_old);
}

/* What this machine never has. */
static json_t *query_empty_list(struct qmp_call *c)
{
	(void)c;
	return json_array();
}

static json_t *query_migrate(struct qmp_call *c)
{
	(void)c;
	return json_object();
}

static json_t *query_balloon(struct qmp_call *c)
{
	return qmp_call_fail(c, QMP_DEVICE_NOT_ACTIVE, "No balloon device has been activated");
}

/* [{"name": ...}], without any more said. */
static int add_name(json_t *list, const char *name)
{
	return json_array_append_new(list, json_pack("{s:s}", "name", name));
}

static const char *const events[] = {
	"BLOCK_IO_ERROR", "GUEST_PANICKED", "NIC_RX_FILTER_CHANGED",
	"POWERDOWN",      "RESET",          "RESUME",
	"SHUTDOWN",       "STOP",           "X_VMM_DEVICE_NEEDS_RESET",
};

static json_t *query_events(struct qmp_call *c)
{
	json_t *list = json_array();

	(void)c;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (add_name(list, events[i]) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* The oldest descriptor that came in. Returns -1 with @c failed. */
static int take_fd(struct qmp_call *c)
{
	int fd = qmp_session_take_fd(c->session);

	if (fd < 0)
		qmp_call_fail(c, QMP_GENERIC_ERROR, "No file descriptor supplied via SCM_RIGHTS");
	return fd;
}

static json_t *not_kept(struct qmp_call *c, int r)
{
	return qmp_call_fail(c, QMP_GENERIC_ERROR, "The file descriptor cannot be kept: %s",
	                     r == -ENOSPC ? "there are too many" : strerror(-r));
}

static json_t *getfd(struct qmp_call *c)
{
	const char *name = qmp_call_text(c, "fdname");
	CLEANUP_FD int fd = take_fd(c);
	int r;

	if (fd < 0)
		return NULL;
	if (isdigit((unsigned char)name[0]))
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "Parameter 'fdname' expects a name not starting with a digit");
	r = qmp_fds_put_named(&c->qmp->fds, name, fd);
	if (r < 0)
		return not_kept(c, r);
	(void)fd_take(&fd);
	return json_object();
}

static json_t *closefd(struct qmp_call *c)
{
	const char *name = qmp_call_text(c, "fdname");

	if (qmp_fds_close_named(&c->qmp->fds, name) == 0)
		return json_object();
	return qmp_call_fail(c, QMP_GENERIC_ERROR, "File descriptor named '%.100s' not found",
	                     name);
}

static json_t *add_fd(struct qmp_call *c)
{
	int64_t set = qmp_call_number(c, "fdset-id", -1);
	CLEANUP_FD int fd = take_fd(c);
	int number = fd;

	if (fd < 0)
		return NULL;
	if (set < 0 && json_object_get(c->args, "fdset-id"))
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "Parameter 'fdset-id' expects a non-negative value");
	set = qmp_fds_put_in_set(&c->qmp->fds, set, qmp_call_text(c, "opaque"), fd);
	if (set < 0)
		return not_kept(c, (int)set);
	(void)fd_take(&fd);
	return json_pack("{s:i, s:I}", "fd", number, "fdset-id", (json_int_t)set);
}

static json_t *remove_fd(struct qmp_call *c)
{
	int64_t set = qmp_call_number(c, "fdset-id", -1), fd = qmp_call_number(c, "fd", -1);

	if (qmp_fds_close_in_set(&c->qmp->fds, set, fd) == 0)
		return json_object();
	if (fd < 0)
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "File descriptor named 'fdset-id:%jd' not found",
		                     (intmax_t)set);
	return qmp_call_fail(c, QMP_GENERIC_ERROR,
	                     "File descriptor named 'fdset-id:%jd, fd:%jd' not found",
	                     (intmax_t)set, (intmax_t)fd);
}

static json_t *query_fdsets(struct qmp_call *c)
{
	return qmp_fds_list(&c->qmp->fds);
}

static qmp_handler query_commands;

#define WANTED(name_, type_)                                                                       \
	{                                                                                          \
		.name = (name_), .type = (type_)                                                   \
	}
#define OPTIONAL(name_, type_)                                                                     \
	{                                                                                          \
		.name = (name_), .type = (type_), .optional = true                                 \
	}
#define ARGS(...)                                                                                  \
	(const struct qmp_arg[])                                                                   \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			.name = NULL                                                               \
		}                                                                                  \
	}

static const struct qmp_command commands[] = {
	{ .name = "add-fd",
	  .run = add_fd,
	  .args = ARGS(OPTIONAL("fdset-id", QMP_INTEGER), OPTIONAL("opaque", QMP_STRING)) },
	{ .name = "block_resize",
	  .run = qmp_change_disk_size,
	  .args = ARGS(OPTIONAL("device", QMP_STRING), OPTIONAL("node-name", QMP_STRING),
	               WANTED("size", QMP_INTEGER)) },
	{ .name = "chardev-change",
	  .run = qmp_chardev_change,
	  .args = ARGS(WANTED("id", QMP_STRING), WANTED("backend", QMP_OBJECT)) },
	{ .name = "closefd", .run = closefd, .args = ARGS(WANTED("fdname", QMP_STRING)) },
	{ .name = "cont", .run = qmp_commands_cont },
	{ .name = "getfd", .run = getfd, .args = ARGS(WANTED("fdname", QMP_STRING)) },
	{ .name = "human-monitor-command",
	  .run = qmp_hmp_run,
	  .args = ARGS(WANTED("command-line", QMP_STRING), OPTIONAL("cpu-index", QMP_INTEGER)) },
	{ .name = "inject-nmi", .run = qmp_change_nmi },
	{ .name = "qmp_capabilities",
	  .run = qmp_commands_negotiate,
	  .args = ARGS(OPTIONAL("enable", QMP_ARRAY)) },
	{ .name = "query-balloon", .run = query_balloon },
	{ .name = "query-block", .run = qmp_block_query },
	{ .name = "query-block-jobs", .run = query_empty_list },
	{ .name = "query-blockstats",
	  .run = qmp_report_blockstats,
	  .args = ARGS(OPTIONAL("query-nodes", QMP_BOOLEAN)) },
	{ .name = "query-chardev", .run = qmp_chardev_query },
	{ .name = "query-command-line-options",
	  .run = qmp_report_options,
	  .args = ARGS(OPTIONAL("option", QMP_STRING)) },
	{ .name = "query-commands", .run = query_commands },
	{ .name = "query-cpus", .run = query_cpus },
	{ .name = "query-cpus-fast", .run = query_cpus_fast },
	{ .name = "query-events", .run = query_events },
	{ .name = "query-fdsets", .run = query_fdsets },
	{ .name = "query-iothreads", .run = query_empty_list },
	{ .name = "query-kvm", .run = query_kvm },
	{ .name = "query-memory-size-summary", .run = query_memory },
	{ .name = "query-mice", .run = query_empty_list },
	{ .name = "query-migrate", .run = query_migrate },
	{ .name = "query-name", .run = query_name },
	{ .name = "query-pci", .run = query_empty_list },
	{ .name = "query-status", .run = query_status },
	{ .name = "query-target", .run = query_target },
	{ .name = "query-uuid", .run = query_uuid },
	{ .name = "query-version", .run = query_version },
	{ .name = "quit", .run = qmp_commands_quit },
	{ .name = "remove-fd",
	  .run = remove_fd,
	  .args = ARGS(WANTED("fdset-id", QMP_INTEGER), OPTIONAL("fd", QMP_INTEGER)) },
	{ .name = "screendump",
	  .run = qmp_change_screendump,
	  .args = ARGS(WANTED("filename", QMP_STRING), OPTIONAL("device", QMP_STRING),
	               OPTIONAL("head", QMP_INTEGER)) },
	{ .name = "set_link",
	  .run = qmp_change_link,
	  .args = ARGS(WANTED("name", QMP_STRING), WANTED("up", QMP_BOOLEAN)) },
	{ .name = "stop", .run = qmp_commands_stop },
	{ .name = "system_powerdown", .run = qmp_commands_powerdown },
	{ .name = "system_reset", .run = qmp_commands_reset },
	{ .name = "x-vmm-config", .run = qmp_report_config },
	{ .name = "x-vmm-jail", .run = qmp_report_jail },
	{ .name = "x-vmm-log-level",
	  .run = qmp_report_log_level,
	  .args = ARGS(OPTIONAL("level", QMP_STRING)) },
	{ .name = "x-vmm-metrics", .run = qmp_report_metrics },
};

static json_t *query_commands(struct qmp_call *c)
{
	json_t *list = json_array();

	(void)c;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (add_name(list, commands[i].name) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

const struct qmp_command *qmp_commands_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}
