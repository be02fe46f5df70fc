/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_chardev.h"

#include "vmm/jsontext.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Bytes: two paths, and what stands around them. */
#define NAME_MAX_BYTES (2 * PATH_MAX + 32)

/* The whole configuration of a character device in one word, as QEMU's users know it: @kind, @path,
 * and @tail. */
static json_t *show(const char *label, const char *kind, const char *path, const char *tail)
{
	char name[NAME_MAX_BYTES];

	(void)snprintf(name, sizeof(name), "%s%s%s", kind, path, tail);
	return json_pack("{s:b, s:o, s:o}", "frontend-open", 1, "filename", jsontext_new(name),
	                 "label", jsontext_new(label));
}

/* A path that holds everywhere: clients have folders of their own. */
static json_t *show_path(const struct qmp_call *c, const char *label, const char *kind,
                         const char *path, const char *tail)
{
	const char *folder = c->qmp->folder;
	char whole[2 * PATH_MAX];

	if (path[0] == '/' || !folder)
		return show(label, kind, path, tail);
	(void)snprintf(whole, sizeof(whole), "%s/%s", folder, path);
	return show(label, kind, whole, tail);
}

#define LABEL_MAX 80 /* bytes */

static void make_label(const struct qmp_call *c, const struct qmp_console *con, char ret[LABEL_MAX])
{
	const struct config *cfg = c->qmp->cfg;
	const bool numbered = con->where == &cfg->serial || con->where == &cfg->console;

	(void)snprintf(ret, LABEL_MAX, "%s%s", con->label, numbered ? "0" : "");
}

static json_t *show_console(const struct qmp_call *c, const struct qmp_console *con)
{
	char label[LABEL_MAX], fd[16];

	make_label(c, con, label);
	(void)snprintf(fd, sizeof(fd), "%d", con->where->fd);
	switch (con->where->kind) {
	case WHERE_FILE:
		return show_path(c, label, "file:", con->where->path, "");
	case WHERE_UNIX:
		return show_path(c, label, "unix:", con->where->path, ",server=on");
	case WHERE_PTY:
		return show(label, "pty:", con->pty, "");
	case WHERE_FD:
		return show(label, "fd:", fd, "");
	default:
		return show(label, "stdio", "", "");
	}
}

static json_t *show_control(const struct qmp_call *c, unsigned i)
{
	const struct config_control *control = &c->qmp->cfg->control[i];
	char label[32];

	(void)snprintf(label, sizeof(label), "compat_monitor%u", i);
	return control->path ? show_path(c, label, "unix:", control->path, ",server=on")
	                     : show(label, "fd", "", "");
}

json_t *qmp_chardev_query(struct qmp_call *c)
{
	json_t *list = json_array();
	struct qmp_console con;
	int r = 0;

	for (unsigned i = 0; r == 0 && c->qmp->ops->console(c->qmp->vm, i, &con); i++)
		r = json_array_append_new(list, show_console(c, &con));
	for (unsigned i = 0; r == 0 && i < c->qmp->cfg->n_control; i++)
		r = json_array_append_new(list, show_control(c, i));
	if (r == 0)
		return list;
	json_decref(list);
	return NULL;
}

/* The name in {"type": "socket", "data": {"addr": {"type": "fd", "data": {"str": NAME}}}}; NULL: it
 * is another kind of backend. */
static const char *fd_name(const json_t *backend)
{
	const json_t *addr = json_object_get(json_object_get(backend, "data"), "addr");
	const char *kind = json_string_value(json_object_get(backend, "type")),
	           *place = json_string_value(json_object_get(addr, "type"));

	if (!kind || strcmp(kind, "socket") != 0 || !place || strcmp(place, "fd") != 0)
		return NULL;
	return json_string_value(json_object_get(json_object_get(addr, "data"), "str"));
}

/* By the calls that the jail leaves us. */
static bool is_connected_stream(int fd)
{
	int type = 0, listens = 1;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && !listens;
}

/* Returns the number of the console, or -1. */
static int find_console(const struct qmp_call *c, const char *id)
{
	char label[LABEL_MAX];
	struct qmp_console con;

	for (unsigned i = 0; c->qmp->ops->console(c->qmp->vm, i, &con); i++) {
		make_label(c, &con, label);
		if (strcmp(label, id) == 0)
			return (int)i;
	}
	return -1;
}

json_t *qmp_chardev_change(struct qmp_call *c)
{
	const char *id = qmp_call_text(c, "id"),
	           *name = fd_name(json_object_get(c->args, "backend"));
	int i = find_console(c, id), fd = name ? qmp_fds_get_named(&c->qmp->fds, name) : -1;

	if (i < 0)
		return qmp_call_fail(c, QMP_GENERIC_ERROR, "Chardev '%.60s' does not exist", id);
	if (!name)
		return qmp_call_fail(
		        c, QMP_GENERIC_ERROR,
		        "Chardev '%.60s': the only backend is a socket whose address is "
		        "of type fd",
		        id);
	if (fd < 0)
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "File descriptor named '%.60s' not found", name);
	if (!is_connected_stream(fd))
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "File descriptor named '%.60s' is no connected stream socket",
		                     name);
	if (c->qmp->ops->connect(c->qmp->vm, (unsigned)i, fd) < 0)
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "Chardev '%.60s' cannot be changed: it is no socket", id);
	qmp_fds_forget_named(&c->qmp->fds, name);
	return json_object();
}
