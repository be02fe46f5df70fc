/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optval.h"

#include "vmm/num.h"
#include "vmm/optdir.h"
#include "vmm/optdisk.h"
#include "vmm/optfd.h"
#include "vmm/optlist.h"
#include "vmm/optnet.h"
#include "vmm/patterns.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PAGE           (4 * KiB)
#define VPORT_NAME_MAX 64 /* VIRTIO_CONSOLE_NAME_MAX */

/* A value in a message: the beginning of a long one is enough to find it again. */
#define SHOWN "'%.60s'"

_Static_assert(sizeof(enum log_level) == sizeof(unsigned), "OPT_WORD stores an unsigned");

static void *field(struct config *c, const struct opt *o)
{
	return (char *)c + o->field;
}

static int set_flag(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	(void)value;
	(void)e;
	*(bool *)field(c, o) = true;
	return 0;
}

static int set_text(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	const char **slot = field(c, o);
	unsigned *n = (unsigned *)((char *)c + o->count);

	if (o->repeat == 0) {
		*slot = value;
		return 0;
	}
	if (*n == o->repeat)
		return err_set(e, E2BIG, "given more than %u times", o->repeat);
	slot[(*n)++] = value;
	return 0;
}

static int set_path(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the file name is empty");
	return set_text(c, o, value, e);
}

static int set_name(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	int r = optlist_check_name(value, o->max, e);

	return r < 0 ? r : set_text(c, o, value, e);
}

/* Only the form: which features there are is known to the architecture. */
static int set_cpu(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	const char *s = value;

	if (strncmp(s, "host", 4) != 0 || (s[4] && s[4] != ','))
		return err_set(e, EINVAL,
		               SHOWN " is not a processor: write host, or host,-feature,+feature",
		               value);
	for (s += 4; *s; s += strcspn(s, ",")) {
		s++;
		if ((*s != '-' && *s != '+') || !isalnum((unsigned char)s[1]))
			return err_set(e, EINVAL,
			               "after 'host' each feature has a + or - before it, unlike "
			               "'%.*s'",
			               (int)strcspn(s, ","), s);
	}
	return set_text(c, o, value, e);
}

static int parse_number(enum opt_type type, const char *value, uint64_t *ret)
{
	if (type == OPT_SIZE)
		return num_parse_size(value, MiB, ret);
	if (type == OPT_SECONDS)
		return num_parse_ms(value, ret);
	return num_parse(value, ret);
}

static int set_number(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	const char *kind = o->type == OPT_UINT   ? "a whole number"
	                   : o->type == OPT_SIZE ? "a size (a number of MiB, or with K, M, G or T)"
	                                         : "a number of seconds";
	char least[OPTIONS_NUMBER_MAX], most[OPTIONS_NUMBER_MAX];
	uint64_t n = 0;
	int r = parse_number(o->type, value, &n);

	options_number(o, o->min, least);
	options_number(o, o->max, most);
	if (r == -EINVAL)
		return err_set(e, EINVAL, SHOWN " is not %s from %s to %s", value, kind, least,
		               most);
	if (r < 0 || n < o->min || n > o->max)
		return err_set(e, ERANGE, SHOWN " is out of range, %s to %s", value, least, most);
	if (o->type == OPT_SIZE && n % PAGE != 0)
		return err_set(e, EINVAL, SHOWN " is not whole pages of 4 KiB", value);
	if (o->type == OPT_UINT)
		*(unsigned *)field(c, o) = (unsigned)n;
	else
		*(uint64_t *)field(c, o) = n;
	return 0;
}

static int set_word(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	char known[80] = "";

	for (unsigned i = 0; o->words[i]; i++) {
		size_t len = strlen(known);

		if (strcmp(o->words[i], value) == 0) {
			*(unsigned *)field(c, o) = i;
			return 0;
		}
		snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "", o->words[i]);
	}
	return err_set(e, EINVAL, SHOWN " is not one of %s", value, known);
}

#define FD "fd="

/* The descriptor of "fd=N". */
static int parse_fd(const char *value, int least, int *ret)
{
	return optfd_parse(value + strlen(FD), least, ret);
}

static int set_disk(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct config_disk d = { 0 };
	unsigned at = c->n_disks;
	int r = o->type == OPT_ROOT ? optdir_parse_root(&c->root_dir, value, e) : 0;

	if (r != 0)
		return r < 0 ? r : 0;
	if (c->n_disks == CONFIG_DISKS_MAX)
		return err_set(e, E2BIG, "a VM has at most %d disks, the root included",
		               CONFIG_DISKS_MAX);
	r = optdisk_parse(&d, value, e);
	if (r < 0)
		return r;
	if (o->type == OPT_ROOT) {
		at = 0;
		memmove(c->disk + 1, c->disk, c->n_disks * sizeof(c->disk[0]));
		c->has_root = true;
	}
	c->disk[at] = d;
	c->n_disks++;
	return 0;
}

static int set_net(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct config_net net;
	int r;

	(void)o;
	if (c->n_nets == CONFIG_NETS_MAX)
		return err_set(e, E2BIG, "a VM has at most %d network cards", CONFIG_NETS_MAX);
	r = optnet_parse(&net, value, e);
	if (r == 0)
		c->net[c->n_nets++] = net;
	return r;
}

static int set_backend(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct config_backend b;
	int r;

	if (c->n_backends == CONFIG_PEERS_MAX)
		return err_set(e, E2BIG, "a VM has at most %d devices by --share and --vhost-user",
		               CONFIG_PEERS_MAX);
	r = optdir_parse_backend(&b, value, o->type == OPT_SHARE, e);
	if (r == 0)
		c->backend[c->n_backends++] = b;
	return r;
}

static const struct optlist_key where_keys[] = {
	[WHERE_NONE] = { .name = "none", .help = "the guest has none" },
	[WHERE_STDIO] = { .name = "stdio", .help = "standard input and output" },
	[WHERE_FILE] = { .name = "file",
	                 .takes = OPTLIST_VALUE,
	                 .arg = "PATH",
	                 .help = "output replaces the contents of a file; no input" },
	[WHERE_UNIX] = { .name = "unix",
	                 .takes = OPTLIST_VALUE,
	                 .arg = "PATH",
	                 .help = "socket for clients to connect to, one at a time" },
	[WHERE_PTY] = { .name = "pty", .help = "pseudo-terminal, whose name is printed" },
	[WHERE_FD] = { .name = "fd",
	               .takes = OPTLIST_VALUE,
	               .arg = "N",
	               .help = "inherited descriptor" },
	[WHERE_STDERR] = { .name = "stderr",
	                   .takes = OPTLIST_BARE,
	                   .help = "standard error; no input" },
};

/* Take stdio|none|file=PATH|... apart; @text is part of @w->value and cut in place, @value a copy.
 */
static int parse_where(struct config_where *w, char *text, const char *value, struct err *e)
{
	unsigned seen = 0;
	char *rest = text, *item = optlist_next(&rest);
	int kind = optlist_find(where_keys, ARRAY_SIZE(where_keys), &seen, item, &w->path, NULL);

	if (kind < 0)
		return err_set(e, EINVAL,
		               SHOWN " is not stdio, stderr, none, file=PATH, unix=PATH, pty or "
		                     "fd=N",
		               value);
	if (rest)
		return err_set(e, EINVAL,
		               "unexpected " SHOWN " (a comma inside a name is written twice)",
		               rest);
	w->kind = (enum config_where_kind)kind;
	if (w->kind == WHERE_FD) {
		w->path = NULL;
		return parse_fd(value, STDIN_FILENO, &w->fd) < 0
		               ? err_set(e, EINVAL, SHOWN " is not a descriptor", value)
		               : 0;
	}
	if (w->path && !*w->path)
		return err_set(e, EINVAL, "the file name is empty");
	return 0;
}

enum { LOG_PATH, LOG_MAX, LOG_N_KEYS };

static const struct optlist_key log_keys[] = {
	[LOG_PATH] = { .name = "path",
	               .takes = OPTLIST_VALUE,
	               .arg = "FILE",
	               .help = "the same as FILE without a key" },
	[LOG_MAX] = { .name = "max",
	              .takes = OPTLIST_VALUE,
	              .arg = "SIZE",
	              .help = "128K to 16T that the file may have (default: no limit)" },
};

static int parse_log_max(const struct opt *o, const char *value, uint64_t *ret, struct err *e)
{
	char least[OPTIONS_NUMBER_MAX], most[OPTIONS_NUMBER_MAX];
	uint64_t n;

	options_number(o, o->min, least);
	options_number(o, o->max, most);
	if (num_parse_size(value, MiB, &n) < 0 || n < o->min || n > o->max)
		return err_set(e, ERANGE, "max=" SHOWN " is not a size from %s to %s", value, least,
		               most);
	*ret = n;
	return 0;
}

/* Take PATH[,max=SIZE] apart; @l->value is the text, cut in place. */
static int parse_console_log(const struct opt *o, struct config_console_log *l, struct err *e)
{
	unsigned seen = 0;
	char *rest = l->value, *item;

	if (strncmp(l->value, "path=", 5) != 0) {
		l->path = optlist_next(&rest);
		seen = 1U << LOG_PATH;
	}
	while ((item = optlist_next(&rest))) {
		const char *value = NULL;
		int k = optlist_find(log_keys, LOG_N_KEYS, &seen, item, &value, e);

		if (k == LOG_PATH)
			l->path = value;
		if (k == LOG_MAX)
			k = parse_log_max(o, value, &l->max, e);
		if (k < 0)
			return k;
	}
	return l->path && *l->path ? 0 : err_set(e, EINVAL, "the file name is empty");
}

static int set_console_log(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct config_console_log l = { .value = strdup(value) };
	int r = l.value ? parse_console_log(o, &l, e)
	                : err_set(e, ENOMEM, "no memory for its value");

	if (r < 0) {
		free(l.value);
		return r;
	}
	free(c->console_log.value);
	c->console_log = l;
	return 0;
}

/* Compiled once more where it is used: here only to find what is wrong with it. */
static int set_pattern(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct patterns *p = calloc(1, sizeof(*p));
	int r = p ? patterns_add(p, value, e) : err_set(e, ENOMEM, "no memory for its value");

	free(p);
	return r < 0 ? r : set_text(c, o, value, e);
}

enum { VSOCK_CID, VSOCK_SOCKET, VSOCK_N_KEYS };

static const struct optlist_key vsock_keys[] = {
	[VSOCK_CID] = { .name = "cid",
	                .takes = OPTLIST_VALUE,
	                .arg = "N",
	                .help = "the guest's context identifier, 3 or above; no default" },
	[VSOCK_SOCKET] = { .name = "socket",
	                   .takes = OPTLIST_VALUE,
	                   .arg = "PATH",
	                   .help = "for the host's clients; the guest's go to PATH_PORT" },
};

#define CID_MIN 3 /* below are the hypervisor, this machine and the host */
#define CID_MAX (UINT32_MAX - 1) /* above is "any" */

static int parse_cid(const char *value, uint32_t *ret, struct err *e)
{
	uint64_t n;

	if (num_parse(value, &n) < 0 || n < CID_MIN || n > CID_MAX)
		return err_set(e, ERANGE, "cid " SHOWN " is not a number from %u to %u", value,
		               CID_MIN, CID_MAX);
	*ret = (uint32_t)n;
	return 0;
}

/* Take cid=N,socket=PATH apart; @v->value is the text, cut in place. */
static int parse_vsock(struct config_vsock *v, struct err *e)
{
	unsigned seen = 0;
	char *rest = v->value, *item;

	while ((item = optlist_next(&rest))) {
		const char *value = NULL;
		int k = optlist_find(vsock_keys, VSOCK_N_KEYS, &seen, item, &value, e);

		if (k == VSOCK_CID)
			k = parse_cid(value, &v->cid, e);
		else if (k == VSOCK_SOCKET)
			v->socket = value;
		if (k < 0)
			return k;
	}
	if (!v->cid || !v->socket || !*v->socket)
		return err_set(e, EINVAL, "both 'cid=N' and 'socket=PATH' are needed");
	return 0;
}

static int set_vsock(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct config_vsock v = { .value = strdup(value) };
	int r = v.value ? parse_vsock(&v, e) : err_set(e, ENOMEM, "no memory for its value");

	(void)o;
	if (r < 0) {
		free(v.value);
		return r;
	}
	free(c->vsock.value);
	c->vsock = v;
	return 0;
}

static int set_where(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct config_where w = { .value = strdup(value) }, *where = field(c, o);
	int r = w.value ? parse_where(&w, w.value, value, e)
	                : err_set(e, ENOMEM, "no memory for its value");

	if (r < 0) {
		free(w.value);
		return r;
	}
	free(where->value);
	*where = w;
	return 0;
}

static int parse_vport(struct config_vport *p, const char *value, struct err *e)
{
	size_t len = strcspn(p->where.value, "=");
	int r;

	if (!p->where.value[len])
		return err_set(e, EINVAL, SHOWN " is not NAME=WHERE", value);
	p->where.value[len] = '\0';
	p->name = p->where.value;
	r = optlist_check_name(p->name, VPORT_NAME_MAX, e);
	if (r == 0 && p->name[strspn(p->name, ".")] == '\0')
		return err_set(e, EINVAL, SHOWN " is not a file's name", p->name);
	if (r == 0)
		r = parse_where(&p->where, p->where.value + len + 1, value + len + 1, e);
	if (r == 0 && p->where.kind == WHERE_NONE)
		return err_set(e, EINVAL, "port '%s' goes nowhere: leave it out, or say where",
		               p->name);
	return r;
}

static int set_vport(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct config_vport p = { 0 };
	int r;

	if (c->n_vports == o->repeat)
		return err_set(e, E2BIG, "given more than %u times", o->repeat);
	p.where.value = strdup(value);
	r = p.where.value ? parse_vport(&p, value, e)
	                  : err_set(e, ENOMEM, "no memory for its value");
	if (r < 0)
		free(p.where.value);
	else
		c->vport[c->n_vports++] = p;
	return r;
}

static int set_result(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	if (strncmp(value, FD, strlen(FD)) != 0)
		return set_path(c, o, value, e);
	if (parse_fd(value, STDOUT_FILENO, &c->result_fd) < 0)
		return err_set(e, EINVAL, SHOWN " is not a descriptor to write to: fd=1 or above",
		               value);
	return 0;
}

static int set_fd(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	if (strncmp(value, FD, strlen(FD)) != 0 ||
	    parse_fd(value, STDERR_FILENO + 1, field(c, o)) < 0)
		return err_set(e, EINVAL, SHOWN " is not an inherited descriptor: fd=3 or above",
		               value);
	return 0;
}

static int set_control(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	struct config_control control = { .fd = -1 };

	if (c->n_control == o->repeat)
		return err_set(e, E2BIG, "given more than %u times", o->repeat);
	if (strncmp(value, FD, strlen(FD)) != 0)
		control.path = value;
	else if (parse_fd(value, STDERR_FILENO + 1, &control.fd) < 0)
		return err_set(e, EINVAL, SHOWN " is not a descriptor of a socket: fd=3 or above",
		               value);
	if (control.path && !*control.path)
		return err_set(e, EINVAL, "the file name is empty");
	c->control[c->n_control++] = control;
	return 0;
}

static int set_escape(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	int *key = field(c, o);

	if (strcmp(value, "none") == 0)
		*key = -1;
	else if (value[0] == '^' && isalpha((unsigned char)value[1]) && !value[2])
		*key = toupper((unsigned char)value[1]) - '@';
	else
		return err_set(e, EINVAL, SHOWN " is not ^ with a letter, or none", value);
	return 0;
}

typedef int optval_setter(struct config *c, const struct opt *o, const char *value, struct err *e);

static optval_setter *const setters[OPT_N_TYPES] = {
	[OPT_FLAG] = set_flag,
	[OPT_TEXT] = set_text,
	[OPT_PATH] = set_path,
	[OPT_NAME] = set_name,
	[OPT_CPU] = set_cpu,
	[OPT_UINT] = set_number,
	[OPT_SIZE] = set_number,
	[OPT_SECONDS] = set_number,
	[OPT_WORD] = set_word,
	[OPT_DISK] = set_disk,
	[OPT_ROOT] = set_disk,
	[OPT_WHERE] = set_where,
	[OPT_VSOCK] = set_vsock,
	[OPT_CONTROL] = set_control,
	[OPT_RESULT] = set_result,
	[OPT_ESCAPE] = set_escape,
	[OPT_NET] = set_net,
	[OPT_PATTERN] = set_pattern,
	[OPT_CONSOLE_LOG] = set_console_log,
	[OPT_FD] = set_fd,
	[OPT_VPORT] = set_vport,
	[OPT_SHARE] = set_backend,
	[OPT_VHOST_USER] = set_backend,
};

int optval_set(struct config *c, const struct opt *o, const char *value, struct err *e)
{
	return setters[o->type](c, o, value, e);
}

static const struct optlist_key fd_keys[] = {
	{ .name = "fd", .takes = OPTLIST_VALUE, .arg = "N" }
};

const struct optlist_key *optval_keys(enum opt_type type, unsigned part, unsigned *ret_n)
{
	if (part > 0)
		return type == OPT_ROOT && part == 1 ? optdir_root_keys(ret_n) : NULL;
	switch (type) {
	case OPT_DISK:
	case OPT_ROOT:
		return optdisk_keys(ret_n);
	case OPT_NET:
		return optnet_keys(ret_n);
	case OPT_SHARE:
	case OPT_VHOST_USER:
		return optdir_backend_keys(type == OPT_SHARE, ret_n);
	case OPT_WHERE:
		*ret_n = ARRAY_SIZE(where_keys);
		return where_keys;
	case OPT_VSOCK:
		*ret_n = VSOCK_N_KEYS;
		return vsock_keys;
	case OPT_CONSOLE_LOG:
		*ret_n = LOG_N_KEYS;
		return log_keys;
	case OPT_CONTROL:
	case OPT_RESULT:
	case OPT_FD:
		*ret_n = ARRAY_SIZE(fd_keys);
		return fd_keys;
	default:
		return NULL;
	}
}

int optval_defaults(struct config *ret, struct err *e)
{
	int r = 0;

	*ret = (struct config){ .result_fd = -1, .kvm_fd = -1 };
	for (unsigned i = 0; i < options_n && r == 0; i++)
		if (options[i].def)
			r = optval_set(ret, &options[i], options[i].def, e);
	return r;
}
