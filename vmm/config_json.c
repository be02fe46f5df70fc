/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/config_json.h"

#include "vmm/jsontext.h"
#include "vmm/options.h"

#include <errno.h>

/*
 * Every maker below returns a new reference, or NULL without memory. json_object_set_new() and
 * json_array_append_new() take a reference over even when they fail, and fail on NULL, be it the
 * container or the value; json_decref() ignores NULL.
 */

static const void *field(const struct config *c, const struct opt *o)
{
	return (const char *)c + o->field;
}

static json_t *make_flag(const struct config *c, const struct opt *o)
{
	return json_boolean(*(const bool *)field(c, o));
}

static json_t *make_text(const struct config *c, const struct opt *o)
{
	const char *const *slot = field(c, o);
	unsigned n = *(const unsigned *)((const char *)c + o->count);
	json_t *list;

	if (o->repeat == 0)
		return jsontext_new(*slot);
	list = json_array();
	for (unsigned i = 0; list && i < n; i++) {
		if (json_array_append_new(list, jsontext_new(slot[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *make_uint(const struct config *c, const struct opt *o)
{
	return json_integer(*(const unsigned *)field(c, o));
}

static json_t *make_size(const struct config *c, const struct opt *o)
{
	char text[OPTIONS_NUMBER_MAX];

	options_number(o, *(const uint64_t *)field(c, o), text);
	return jsontext_new(text);
}

static json_t *make_seconds(const struct config *c, const struct opt *o)
{
	uint64_t ms = *(const uint64_t *)field(c, o);

	if (ms < o->min)
		return json_null();
	return ms % 1000 == 0 ? json_integer((json_int_t)(ms / 1000))
	                      : json_real((double)ms / 1000);
}

static json_t *make_word(const struct config *c, const struct opt *o)
{
	return jsontext_new(o->words[*(const unsigned *)field(c, o)]);
}

static json_t *make_one_disk(const struct config_disk *d)
{
	static const char *const werrors[] = {
		[WERROR_ENOSPC] = NULL,
		[WERROR_REPORT] = "report",
		[WERROR_STOP] = "stop",
	};
	json_t *disk = json_object();

	if (json_object_set_new(disk, "path", jsontext_new(d->inherited ? NULL : d->path)) == 0 &&
	    json_object_set_new(disk, "fd", d->inherited ? json_integer(d->fd) : json_null()) ==
	            0 &&
	    json_object_set_new(disk, "direct", json_boolean(d->direct)) == 0 &&
	    json_object_set_new(disk, "queues",
	                        d->queues ? json_integer(d->queues) : json_null()) == 0 &&
	    json_object_set_new(disk, "ro", json_boolean(d->readonly)) == 0 &&
	    json_object_set_new(disk, "cow", json_boolean(d->cow)) == 0 &&
	    json_object_set_new(disk, "cache", jsontext_new(d->unsafe ? "unsafe" : NULL)) == 0 &&
	    json_object_set_new(disk, "werror", jsontext_new(werrors[d->werror])) == 0 &&
	    json_object_set_new(disk, "serial", jsontext_new(d->serial)) == 0)
		return disk;
	json_decref(disk);
	return NULL;
}

static json_t *make_root_dir(const struct config_root_dir *d)
{
	json_t *dir = json_object();

	if (json_object_set_new(dir, "path", jsontext_new(d->path)) == 0 &&
	    json_object_set_new(dir, "ro", json_boolean(d->readonly)) == 0 &&
	    json_object_set_new(dir, "owner", jsontext_new(d->owner_root ? "root" : NULL)) == 0 &&
	    json_object_set_new(dir, "share", json_boolean(d->share)) == 0)
		return dir;
	json_decref(dir);
	return NULL;
}

static json_t *make_root(const struct config *c, const struct opt *o)
{
	(void)o;
	if (c->root_dir.path)
		return make_root_dir(&c->root_dir);
	return c->has_root ? make_one_disk(&c->disk[0]) : json_null();
}

static json_t *make_disks(const struct config *c, const struct opt *o)
{
	json_t *list = json_array();

	(void)o;
	for (unsigned i = c->has_root; list && i < c->n_disks; i++) {
		if (json_array_append_new(list, make_one_disk(&c->disk[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* {"@key": @value}, taking @value over. */
static json_t *make_pair(const char *key, json_t *value)
{
	json_t *pair = json_object();

	if (json_object_set_new(pair, key, value) == 0)
		return pair;
	json_decref(pair);
	return NULL;
}

/* "aa:bb:..", or null if the address is not given. */
static json_t *make_mac(const struct config_net *n)
{
	const uint8_t *m = n->mac;

	return n->has_mac ? json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
	                                 m[4], m[5])
	                  : json_null();
}

/* Ports of one protocol, as they were written. */
static json_t *make_ports(const struct config_net *n, bool udp)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < n->n_ports; i++) {
		if (n->port[i].udp != udp)
			continue;
		if (json_array_append_new(list, jsontext_new(n->port[i].text)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* Where the host's end is: {"tap": NAME}, {"fd": N} or {"passt": PATH or true}. */
static json_t *make_net_end(const struct config_net *n)
{
	if (n->kind == NET_TAP)
		return make_pair("tap", jsontext_new(n->tap));
	if (n->kind == NET_FD)
		return make_pair("fd", json_integer(n->fd));
	return make_pair("passt", n->socket ? jsontext_new(n->socket) : json_true());
}

static json_t *make_one_net(const struct config_net *n)
{
	json_t *net = make_net_end(n);

	if (json_object_set_new(net, "mac", make_mac(n)) == 0 &&
	    json_object_set_new(net, "mtu", n->mtu ? json_integer(n->mtu) : json_null()) == 0 &&
	    json_object_set_new(net, "queues", json_integer(n->queues)) == 0 &&
	    json_object_set_new(net, "ip", jsontext_new(n->ip)) == 0 &&
	    json_object_set_new(net, "tcp", make_ports(n, false)) == 0 &&
	    json_object_set_new(net, "udp", make_ports(n, true)) == 0)
		return net;
	json_decref(net);
	return NULL;
}

static json_t *make_nets(const struct config *c, const struct opt *o)
{
	json_t *list = json_array();

	(void)o;
	for (unsigned i = 0; list && i < c->n_nets; i++) {
		if (json_array_append_new(list, make_one_net(&c->net[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *make_end(const struct config_where *where)
{
	switch (where->kind) {
	case WHERE_NONE:
		break;
	case WHERE_STDIO:
		return jsontext_new("stdio");
	case WHERE_FILE:
		return make_pair("file", jsontext_new(where->path));
	case WHERE_UNIX:
		return make_pair("unix", jsontext_new(where->path));
	case WHERE_PTY:
		return jsontext_new("pty");
	case WHERE_FD:
		return make_pair("fd", json_integer(where->fd));
	case WHERE_STDERR:
		return jsontext_new("stderr");
	case WHERE_STDIN:
	case WHERE_TERMINAL:
	case WHERE_STDOUT:
		break;
	}
	return jsontext_new("none");
}

static json_t *make_backend(const struct config_backend *b)
{
	static const char *const kinds[] = {
		[BACKEND_FS] = "fs", [BACKEND_BLK] = "blk", [BACKEND_NET] = "net"
	};

	json_t *object = json_object();
	int r;

	if (b->dir)
		r = json_object_set_new(object, "path", jsontext_new(b->dir)) |
		    json_object_set_new(object, "ro", json_boolean(b->readonly));
	else
		r = json_object_set_new(object, kinds[b->kind], json_true()) |
		    json_object_set_new(object, "socket", jsontext_new(b->socket));
	if (r == 0 && json_object_set_new(object, "tag", jsontext_new(b->tag)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

/* Those of one of the two options. */
static json_t *make_backends(const struct config *c, const struct opt *o)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < c->n_backends; i++) {
		if (!c->backend[i].dir == (o->type == OPT_SHARE))
			continue;
		if (json_array_append_new(list, make_backend(&c->backend[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *make_where(const struct config *c, const struct opt *o)
{
	return make_end(field(c, o));
}

static json_t *make_vports(const struct config *c, const struct opt *o)
{
	json_t *list = json_array();

	(void)o;
	for (unsigned i = 0; list && i < c->n_vports; i++) {
		const struct config_vport *p = &c->vport[i];

		if (json_array_append_new(list, make_pair(p->name, make_end(&p->where))) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *make_console_log(const struct config *c, const struct opt *o)
{
	const struct config_console_log *log = &c->console_log;
	json_t *object;
	char text[OPTIONS_NUMBER_MAX];

	if (!log->path)
		return json_null();
	options_number(o, log->max, text);
	object = make_pair("path", jsontext_new(log->path));
	if (log->max == 0 || json_object_set_new(object, "max", jsontext_new(text)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *make_result(const struct config *c, const struct opt *o)
{
	(void)o;
	if (c->result_fd >= 0)
		return make_pair("fd", json_integer(c->result_fd));
	return jsontext_new(c->result);
}

static json_t *make_fd(const struct config *c, const struct opt *o)
{
	int fd = *(const int *)field(c, o);

	return fd < 0 ? json_null() : make_pair("fd", json_integer(fd));
}

static json_t *make_vsock(const struct config *c, const struct opt *o)
{
	json_t *vsock;

	(void)o;
	if (!c->vsock.cid)
		return json_null();
	vsock = json_object();
	if (json_object_set_new(vsock, "cid", json_integer(c->vsock.cid)) == 0 &&
	    json_object_set_new(vsock, "socket", jsontext_new(c->vsock.socket)) == 0)
		return vsock;
	json_decref(vsock);
	return NULL;
}

static json_t *make_one_control(const struct config_control *control)
{
	if (control->path)
		return jsontext_new(control->path);
	return make_pair("fd", json_integer(control->fd));
}

static json_t *make_control(const struct config *c, const struct opt *o)
{
	json_t *list = json_array();

	(void)o;
	for (unsigned i = 0; list && i < c->n_control; i++) {
		if (json_array_append_new(list, make_one_control(&c->control[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *make_escape(const struct config *c, const struct opt *o)
{
	int key = *(const int *)field(c, o);
	char text[] = { '^', (char)(key + 'a' - 1), '\0' };

	return jsontext_new(key < 0 ? "none" : text);
}

typedef json_t *config_json_maker(const struct config *c, const struct opt *o);

static config_json_maker *const makers[OPT_N_TYPES] = {
	[OPT_FLAG] = make_flag,
	[OPT_TEXT] = make_text,
	[OPT_PATH] = make_text,
	[OPT_NAME] = make_text,
	[OPT_CPU] = make_text,
	[OPT_UINT] = make_uint,
	[OPT_SIZE] = make_size,
	[OPT_SECONDS] = make_seconds,
	[OPT_WORD] = make_word,
	[OPT_DISK] = make_disks,
	[OPT_ROOT] = make_root,
	[OPT_WHERE] = make_where,
	[OPT_VSOCK] = make_vsock,
	[OPT_CONTROL] = make_control,
	[OPT_RESULT] = make_result,
	[OPT_ESCAPE] = make_escape,
	[OPT_NET] = make_nets,
	[OPT_PATTERN] = make_text,
	[OPT_CONSOLE_LOG] = make_console_log,
	[OPT_FD] = make_fd,
	[OPT_VPORT] = make_vports,
	[OPT_SHARE] = make_backends,
	[OPT_VHOST_USER] = make_backends,
};

/* The words after "--", which are no option. */
static json_t *make_command(const struct config *c)
{
	json_t *list = json_array();
	int r = 0;

	for (unsigned i = 0; i < c->n_command; i++)
		r |= json_array_append_new(list, jsontext_new(c->command[i]));
	if (r == 0)
		return list;
	json_decref(list);
	return NULL;
}

json_t *config_json_make(const struct config *c)
{
	json_t *all = json_object();

	for (unsigned i = 0; all && i < options_n; i++) {
		const struct opt *o = &options[i];

		if (o->group == GROUP_OTHER)
			continue;
		if (json_object_set_new(all, o->name, makers[o->type](c, o)) < 0) {
			json_decref(all);
			return NULL;
		}
	}
	if (all && json_object_set_new(all, "command", make_command(c)) < 0) {
		json_decref(all);
		return NULL;
	}
	return all;
}

/* Digits that show milliseconds of the longest time exactly, and no rounding error after them. */
#define DIGITS 15

int config_json_write(const struct config *c, FILE *out)
{
	json_t *all = config_json_make(c);
	int r = 0;

	if (!all)
		return -ENOMEM;
	errno = 0;
	if (json_dumpf(all, out, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS)) < 0 ||
	    fputc('\n', out) == EOF)
		r = errno ? -errno : -ENOMEM;
	json_decref(all);
	return r;
}
