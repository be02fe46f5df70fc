/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/config.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* What a file of the command line is for. */
struct claim {
	const char *option; /* long name, without dashes */
	const char *path;
	enum { READS, WRITES_DISK, WRITES_OUTPUT } use;
};

/* kernel, a root directory, console-log, vsock, result, log and pidfile, besides the repeatable
 * ones. */
#define CLAIMS_MAX (CONFIG_INITRD_MAX + CONFIG_DISKS_MAX + CONFIG_CONTROL_MAX + CONFIG_ENDS_MAX + 7)

struct claims {
	struct claim claim[CLAIMS_MAX];
	unsigned n;
};

static void claims_add(struct claims *list, const struct claim *claim)
{
	if (claim->path)
		list->claim[list->n++] = *claim;
}

static const char *disk_option(const struct config *c, unsigned disk)
{
	return disk == 0 && c->has_root ? "rootfs" : "disk";
}

/* Collect every file that the configuration names. */
static void claims_collect(struct claims *list, const struct config *c)
{
	struct config_end end[CONFIG_ENDS_MAX];
	unsigned n_ends = config_ends(c, end);

	list->n = 0;
	claims_add(list, &(struct claim){ "kernel", c->kernel, READS });
	for (unsigned i = 0; i < c->n_initrd; i++)
		claims_add(list, &(struct claim){ "initrd", c->initrd[i], READS });
	for (unsigned i = 0; i < c->n_disks; i++)
		if (!c->disk[i].inherited)
			claims_add(list, &(struct claim){ disk_option(c, i), c->disk[i].path,
			                                  c->disk[i].readonly || c->disk[i].cow
			                                          ? READS
			                                          : WRITES_DISK });
	claims_add(list, &(struct claim){ "rootfs", c->root_dir.path, READS });
	/* A socket is nobody else's, like a disk: two outputs may share a terminal. */
	for (unsigned i = 0; i < n_ends; i++)
		claims_add(list,
		           &(struct claim){ end[i].option, end[i].where->path,
		                            end[i].where->kind == WHERE_UNIX ? WRITES_DISK
		                                                             : WRITES_OUTPUT });
	claims_add(list, &(struct claim){ "console-log", c->console_log.path, WRITES_OUTPUT });
	claims_add(list, &(struct claim){ "vsock", c->vsock.socket, WRITES_DISK });
	claims_add(list, &(struct claim){ "result", c->result, WRITES_OUTPUT });
	claims_add(list, &(struct claim){ "log", c->log, WRITES_OUTPUT });
	claims_add(list, &(struct claim){ "pidfile", c->pidfile, WRITES_DISK });
	for (unsigned i = 0; i < c->n_control; i++)
		claims_add(list, &(struct claim){ "control", c->control[i].path, WRITES_DISK });
}

/* Readers share; a writer wants the file for itself. Outputs may share /dev/null or a terminal. */
static bool claims_clash(const struct claim *a, const struct claim *b)
{
	if (strcmp(a->path, b->path) != 0 || (a->use == READS && b->use == READS))
		return false;
	return !(a->use == WRITES_OUTPUT && b->use == WRITES_OUTPUT &&
	         strncmp(a->path, "/dev/", 5) == 0);
}

/* A mistyped name must not empty a disk image or let two devices write to one. */
int config_check_files(const struct config *c, struct err *e)
{
	struct claims list;

	claims_collect(&list, c);
	for (unsigned i = 1; i < list.n; i++)
		for (unsigned j = 0; j < i; j++)
			if (claims_clash(&list.claim[j], &list.claim[i]))
				return err_set(
				        e, EINVAL,
				        "'%.120s' is given twice, as --%s and as --%s: name "
				        "another file, or have disks only read it, by 'ro' or "
				        "'cow'",
				        list.claim[i].path, list.claim[j].option,
				        list.claim[i].option);
	return 0;
}

/* The option that a disk's descriptor is given to as well, or NULL. */
static const char *other_use(const struct config *c, unsigned disk)
{
	struct config_end end[CONFIG_ENDS_MAX];
	const unsigned n_ends = config_ends(c, end);
	const int fd = c->disk[disk].fd;

	for (unsigned i = 0; i < disk; i++)
		if (c->disk[i].inherited && c->disk[i].fd == fd)
			return disk_option(c, i);
	for (unsigned i = 0; i < c->n_nets; i++)
		if (c->net[i].kind == NET_FD && c->net[i].fd == fd)
			return "net";
	for (unsigned i = 0; i < c->n_control; i++)
		if (!c->control[i].path && c->control[i].fd == fd)
			return "control";
	for (unsigned i = 0; i < n_ends; i++)
		if (end[i].where->kind == WHERE_FD && end[i].where->fd == fd)
			return end[i].option;
	return c->result_fd == fd ? "result" : NULL;
}

static int config_check_disks(const struct config *c, struct err *e)
{
	for (unsigned i = 0; i < c->n_disks; i++) {
		const struct config_disk *d = &c->disk[i];
		const char *other = d->inherited ? other_use(c, i) : NULL;

		if (other)
			return err_set(e, EINVAL,
			               "descriptor %d is given twice, as --%s and as --%s", d->fd,
			               disk_option(c, i), other);
		if (d->werror == WERROR_STOP && c->n_control == 0)
			return err_set(e, EINVAL,
			               "'werror=stop' needs a '--control': nobody could let the "
			               "guest go on");
	}
	return 0;
}

/* Two network cards that cannot be on one host, or in one guest. */
static int check_nets(const struct config_net *a, const struct config_net *b, struct err *e)
{
	if (a->has_mac && b->has_mac && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0)
		return err_set(e, EINVAL,
		               "two network cards have the address "
		               "%02x:%02x:%02x:%02x:%02x:%02x: give each its own mac=",
		               a->mac[0], a->mac[1], a->mac[2], a->mac[3], a->mac[4], a->mac[5]);
	if (a->kind != b->kind)
		return 0;
	if (a->kind == NET_TAP && strcmp(a->tap, b->tap) == 0)
		return err_set(e, EINVAL, "tap '%s' is given to two network cards", a->tap);
	if (a->kind == NET_FD && a->fd == b->fd)
		return err_set(e, EINVAL, "descriptor %d is given to two network cards", a->fd);
	return 0;
}

static int config_check_nets(const struct config *c, struct err *e)
{
	int r = 0;

	for (unsigned i = 1; i < c->n_nets; i++)
		for (unsigned j = 0; j < i && r == 0; j++)
			r = check_nets(&c->net[j], &c->net[i], e);
	return r;
}

unsigned config_ends(const struct config *c, struct config_end ret[CONFIG_ENDS_MAX])
{
	static const struct config_where streams = { .kind = WHERE_STDIO };
	unsigned n = 0;

	if (c->serial.kind != WHERE_NONE)
		ret[n++] = (struct config_end){ "serial", &c->serial };
	if (c->console.kind != WHERE_NONE)
		ret[n++] = (struct config_end){ "console", &c->console };
	for (unsigned i = 0; i < c->n_vports; i++)
		ret[n++] = (struct config_end){ "port", &c->vport[i].where };
	if (c->n_command > 0)
		ret[n++] = (struct config_end){ "", &streams };
	return n;
}

/* Two ends that cannot both be. */
static int check_ends(const struct config_end *a, const struct config_end *b, struct err *e)
{
	if (a->where->kind != b->where->kind)
		return 0;
	if (a->where->kind == WHERE_STDIO && !b->option[0])
		return err_set(e, EINVAL,
		               "standard input and output are the command's: give '--%s' another "
		               "end than stdio",
		               a->option);
	if (a->where->kind == WHERE_STDIO)
		return err_set(e, EINVAL,
		               "'--%s stdio' and '--%s stdio' cannot both have the terminal: %s",
		               a->option, b->option,
		               strcmp(a->option, "serial") == 0 ? "add '--serial none'"
		                                                : "use another end for one");
	if (a->where->kind == WHERE_FD && a->where->fd == b->where->fd)
		return err_set(e, EINVAL, "descriptor %d is given twice, as --%s and as --%s",
		               a->where->fd, a->option, b->option);
	return 0;
}

/* What may not share standard output with the guest's bytes. */
static int check_stdio(const struct config *c, struct err *e)
{
	if (c->result_fd == STDOUT_FILENO)
		return err_set(
		        e, EINVAL,
		        "'--result fd=1' would be mixed with the guest's output: use another "
		        "descriptor, or '--serial none'");
	if (c->daemonize)
		return err_set(e, EINVAL,
		               "'--daemonize' leaves standard input and output: use '--serial "
		               "file=PATH' or '--serial none'");
	return 0;
}

static int config_check_ends(const struct config *c, struct err *e)
{
	struct config_end end[CONFIG_ENDS_MAX];
	unsigned n = config_ends(c, end);
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++) {
		for (unsigned j = 0; j < i && r == 0; j++)
			r = check_ends(&end[j], &end[i], e);
		if (r == 0 && end[i].where->kind == WHERE_STDIO)
			r = check_stdio(c, e);
	}
	return r;
}

/* What is said of a command, and what cannot be together with one. */
static int check_command(const struct config *c, struct err *e)
{
	const char *option = c->n_env > 0    ? "env"
	                     : c->cwd        ? "cwd"
	                     : c->guest_user ? "guest-user"
	                     : c->terminal   ? "terminal"
	                                     : "no-terminal";

	if (c->check_host)
		return 0;
	if (c->n_command == 0 &&
	    (c->n_env > 0 || c->cwd || c->guest_user || c->terminal || c->no_terminal))
		return err_set(e, EINVAL,
		               "'--%s' is for a command: add one at the end, as in '-- make check'",
		               option);
	if (c->terminal && c->no_terminal)
		return err_set(e, EINVAL, "'--terminal' and '--no-terminal' exclude each other");
	if (c->cwd && c->cwd[0] != '/')
		return err_set(e, EINVAL, "'--cwd %.80s': a folder of the guest begins with '/'",
		               c->cwd);
	for (unsigned i = 0; i < c->n_env; i++)
		if (c->env[i][0] == '=' || !strchr(c->env[i], '='))
			return err_set(e, EINVAL, "'--env %.80s' is not NAME=VALUE", c->env[i]);
	if (c->n_command > 0 && c->no_default_cmdline)
		return err_set(e, EINVAL,
		               "a command needs the generated words of the kernel: leave "
		               "'--no-default-cmdline' out");
	if (c->n_command > 0 && c->on_reboot == ON_REBOOT_RESET)
		return err_set(e, EINVAL,
		               "a command runs once, and ends with the guest: leave '--on-reboot "
		               "reset' out");
	for (unsigned i = 0; i < c->n_vports && c->n_command > 0; i++)
		if (strncmp(c->vport[i].name, "vmm.", 4) == 0)
			return err_set(e, EINVAL,
			               "port '%s': with a command, names that begin with 'vmm.' "
			               "are vmm's own",
			               c->vport[i].name);
	return 0;
}

static int config_check_vports(const struct config *c, struct err *e)
{
	for (unsigned i = 1; i < c->n_vports; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(c->vport[i].name, c->vport[j].name) == 0)
				return err_set(e, EINVAL, "two ports have the name '%s'",
				               c->vport[i].name);
	if (c->n_vports == CONFIG_VPORTS_MAX && c->console.kind != WHERE_NONE)
		return err_set(e, EINVAL, "with '--console' there can be %d ports, not %u",
		               CONFIG_VPORTS_MAX - 1, c->n_vports);
	return 0;
}

struct config_backend config_backend(const struct config *c, unsigned i)
{
	if (i < c->n_backends)
		return c->backend[i];
	return (struct config_backend){
		.kind = BACKEND_FS,
		.dir = c->root_dir.path,
		.tag = CONFIG_ROOT_TAG,
		.readonly = true,
	};
}

static int check_backends(const struct config *c, struct err *e)
{
	if ((c->root_dir.share || c->root_dir.readonly) && c->no_default_cmdline)
		return err_set(e, EINVAL,
		               "a directory as shared or read-only root needs the generated words "
		               "of the kernel: leave "
		               "'--no-default-cmdline' out");
	for (unsigned i = 1; i < config_n_backends(c); i++)
		for (unsigned j = 0; j < i; j++) {
			const char *a = config_backend(c, i).tag, *b = config_backend(c, j).tag;

			if (a && b && strcmp(a, b) == 0)
				return err_set(e, EINVAL,
				               "two shared directories have the tag '%s'", a);
		}
	return 0;
}

/* What watches the kernel's console needs one. */
static int check_watched(const struct config *c, struct err *e)
{
	const char *option = c->console_log.path ? "console-log"
	                     : c->expect         ? "expect"
	                     : c->n_fail_on > 0  ? "fail-on"
	                                         : NULL;

	if (!option || c->serial.kind != WHERE_NONE || c->console.kind != WHERE_NONE)
		return 0;
	return err_set(e, EINVAL,
	               "'--%s' watches the kernel's console, and there is none: leave out "
	               "'--serial none'",
	               option);
}

int config_check(const struct config *c, struct err *e)
{
	int r;

	if (!c->kernel && !c->check_host)
		return err_set(e, EINVAL,
		               "no kernel given: '--kernel FILE' names a bzImage or vmlinux; see "
		               "'vmm --help'");
	if (c->daemonize && c->exit_with_parent)
		return err_set(
		        e, EINVAL,
		        "'--daemonize' leaves the parent, which '--exit-with-parent' follows");
	if (c->paused && c->n_control == 0)
		return err_set(e, EINVAL,
		               "'--paused' needs a '--control': nobody could let the guest run");
	if (c->on_panic == ON_PANIC_PAUSE && c->n_control == 0)
		return err_set(e, EINVAL,
		               "'--on-panic pause' needs a '--control': nobody could look at the "
		               "guest, nor end it");
	r = check_command(c, e);
	if (r == 0)
		r = check_watched(c, e);
	if (r == 0)
		r = config_check_disks(c, e);
	if (r == 0)
		r = config_check_ends(c, e);
	if (r == 0)
		r = config_check_vports(c, e);
	if (r == 0)
		r = check_backends(c, e);
	if (r == 0)
		r = config_check_nets(c, e);
	return r < 0 ? r : config_check_files(c, e);
}

void config_fini(struct config *c)
{
	for (unsigned i = 0; i < c->n_disks; i++)
		free(c->disk[i].value);
	for (unsigned i = 0; i < c->n_nets; i++)
		free(c->net[i].value);
	free(c->serial.value);
	free(c->console.value);
	for (unsigned i = 0; i < c->n_vports; i++)
		free(c->vport[i].where.value);
	free(c->console_log.value);
	free(c->vsock.value);
	free(c->root_dir.value);
	for (unsigned i = 0; i < c->n_backends; i++)
		free(c->backend[i].value);
	free(c->file_command);
	json_decref(c->file);
	*c = (struct config){ .result_fd = -1, .kvm_fd = -1 };
}
