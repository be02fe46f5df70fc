/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_chardev.h"

#include "vmm/jsonpack.h"
#include "vmm/jsontext.h"

#include <limits.h>
#include <stdio.h>

/* Bytes: two paths, and what stands around them. */
#define NAME_MAX_BYTES (2 * PATH_MAX + 32)

/* The whole configuration of a character device in one word, as QEMU's users know it: @kind, @path,
 * and @tail. */
static json_t *show(const char *label, const char *kind, const char *path, const char *tail)
{
	char name[NAME_MAX_BYTES];

	(void)snprintf(name, sizeof(name), "%s%s%s", kind, path, tail);
	return jsonpack_new("{s:b, s:o, s:o}", "frontend-open", 1, "filename", jsontext_new(name),
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

static json_t *show_console(const struct qmp_call *c, const struct qmp_console *con)
{
	const struct config *cfg = c->qmp->cfg;
	const bool numbered = con->where == &cfg->serial || con->where == &cfg->console;
	char label[80], fd[16];

	(void)snprintf(label, sizeof(label), "%s%s", con->label, numbered ? "0" : "");
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
