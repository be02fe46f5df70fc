/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail.h"

#include "vmm/jail_landlock.h"
#include "vmm/jail_ns.h"
#include "vmm/jail_rights.h"
#include "vmm/log.h"
#include "vmm/num.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

/* A descriptor gets the lowest number that is free, and 0 never is. */
#define NO_DESCRIPTORS     1
#define CLIENT_DESCRIPTORS 1024 /* clients of sockets, and what they send */

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int close_between(unsigned first, unsigned last)
{
	return close_range(first, last, 0) < 0 ? -errno : 0;
}

/* One by one, for hosts that refuse close_range(): kernels before 5.9, older container engines. */
static int close_others(const int *keep, unsigned n)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t number;
	int r;

	if (!dir)
		return -errno;
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		const int fd = num_parse(entry->d_name, &number) == 0 ? (int)number : -1;

		if (fd > STDERR_FILENO && fd != dirfd(dir) &&
		    !bsearch(&fd, keep, n, sizeof(*keep), by_number))
			close(fd);
	}
	r = -errno;
	closedir(dir);
	return r;
}

int jail_shed(int *keep, unsigned n)
{
	unsigned from = STDERR_FILENO + 1;
	int r = 0;

	qsort(keep, n, sizeof(*keep), by_number);
	for (unsigned i = 0; i < n && r == 0; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			r = close_between(from, (unsigned)keep[i] - 1);
		from = (unsigned)keep[i] + 1;
	}
	if (r == 0)
		r = close_between(from, ~0U);
	return r < 0 ? close_others(keep, n) : 0;
}

enum seccomp_mode jail_filter(enum config_jail mode)
{
	if (mode == JAIL_OFF || seccomp_available() < 0)
		return SECCOMP_OFF;
	return mode == JAIL_LOG ? SECCOMP_LOG : SECCOMP_ENFORCE;
}

/* Everything that happens while there is one thread. Each step says whether it was done. */
static void isolate(struct jail_layers *l, const struct jail_rights *rights,
                    const struct jail_user *user)
{
	l->result[JAIL_USER] = jail_user_become(user);
	jail_ns_enter(l);
	l->result[JAIL_ROOT] =
	        l->result[JAIL_NS_MOUNT] == 0 ? jail_ns_empty_root() : l->result[JAIL_NS_MOUNT];
	l->result[JAIL_BOUNDING] = jail_rights_bound(rights);
	jail_rights_drop(rights, l);
	l->result[JAIL_LANDLOCK] = jail_landlock_enter();
	l->result[JAIL_SECCOMP] = seccomp_available();
}

/* Under 'strict' a layer that does not hold is the end. */
static int judge(const struct jail *j, enum jail_layer layer, struct err *e)
{
	if (j->mode != JAIL_STRICT || j->layers.result[layer] == 0)
		return 0;
	return err_set(e, EPERM,
	               "--jail strict: the layer '%s' does not hold (%s); '--jail on' does without",
	               jail_layer_names[layer], strerror(-j->layers.result[layer]));
}

/* Whether descriptors are made when the VM runs. */
static bool has_clients(const struct config *cfg)
{
	struct config_end end[CONFIG_ENDS_MAX];
	unsigned n = config_ends(cfg, end);
	bool any = cfg->n_control > 0 || cfg->vsock.cid != 0;

	for (unsigned i = 0; i < n; i++)
		any = any || end[i].where->kind == WHERE_UNIX;
	return any;
}

int jail_begin(struct jail *j, const struct config *cfg, struct err *e)
{
	*j = (struct jail){ .mode = cfg->jail,
		            .descriptors = has_clients(cfg) ? CLIENT_DESCRIPTORS : NO_DESCRIPTORS };
	return j->mode == JAIL_OFF ? 0 : jail_user_find(cfg->user, &j->user, e);
}

int jail_enter(struct jail *j, struct err *e)
{
	struct jail_rights rights;
	int r;

	if (j->mode == JAIL_OFF)
		return 0;
	r = jail_rights_load(&rights, e);
	if (r < 0)
		return r;
	isolate(&j->layers, &rights, &j->user);
	jail_rights_unload(&rights);
	for (enum jail_layer i = 0; i < JAIL_N_LAYERS && r == 0; i++)
		r = judge(j, i, e);
	if (r < 0)
		return r;
	j->filter = jail_filter(j->mode);
	if (j->filter == SECCOMP_OFF)
		log_warn("this kernel has no seccomp: system calls are not filtered");
	return j->filter == SECCOMP_ENFORCE ? seccomp_watch(e) : 0;
}

/* Put ", NAME" behind what is there. */
static void list_add(char *list, size_t size, const char *name)
{
	size_t len = strlen(list);

	(void)snprintf(list + len, size - len, "%s%s", len ? ", " : "", name);
}

#define LIST_MAX 400 /* bytes: every name fits */

static void list_held(const struct jail_layers *l, char ret[LIST_MAX])
{
	ret[0] = '\0';
	for (unsigned i = 0; i < JAIL_N_LAYERS; i++)
		if (l->result[i] == 0)
			list_add(ret, LIST_MAX, jail_layer_names[i]);
}

static void report(const struct jail_layers *l)
{
	char held[LIST_MAX];

	list_held(l, held);
	log_info("jail: holds: %s", held[0] ? held : "nothing");
	for (unsigned i = 0; i < JAIL_N_LAYERS; i++)
		if (l->result[i] < 0)
			log_info("jail: without %s: %s", jail_layer_names[i],
			         strerror(-l->result[i]));
}

int jail_close(struct jail *j, struct err *e)
{
	int r;

	if (j->mode == JAIL_OFF)
		return 0;
	j->layers.result[JAIL_LIMITS] = jail_rights_limit(j->descriptors);
	r = judge(j, JAIL_LIMITS, e);
	if (r < 0)
		return r;
	report(&j->layers);
	r = seccomp_enter(SECCOMP_MAIN, 0, j->filter);
	return r < 0 ? err_errno(e, -r, "cannot filter system calls of the main thread") : 0;
}

/* Of --check-host: about what, whether it is there, what it is, and why not. */
#define LINE "%-12s %-4s %s%s%s\n"

/* In a child, because there is no way back. */
static NORETURN void try_layers(struct jail_layers *l, const struct jail_rights *rights)
{
	struct jail_user user;
	int none = -1;

	l->result[JAIL_SHED] = jail_shed(&none, 1);
	if (jail_user_find(NULL, &user, NULL) == 0) {
		isolate(l, rights, &user);
		l->result[JAIL_LIMITS] = jail_rights_limit(NO_DESCRIPTORS);
	}
	_exit(0);
}

/* Each layer's @l becomes what a child found out. */
static void find_layers(struct jail_layers *l, const struct jail_rights *rights)
{
	pid_t child;

	for (unsigned i = 0; i < JAIL_N_LAYERS; i++)
		l->result[i] = -ECHILD;
	child = fork();
	if (child == 0)
		try_layers(l, rights);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
}

void jail_check_host(FILE *out)
{
	struct jail_layers *l =
	        mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct jail_rights rights;
	struct err e;

	if (l == MAP_FAILED)
		return;
	if (jail_rights_load(&rights, &e) < 0) {
		fprintf(out, LINE, "jail", "NO", e.msg, "", "");
		munmap(l, sizeof(*l));
		return;
	}
	find_layers(l, &rights);
	jail_rights_unload(&rights);
	for (unsigned i = 0; i < JAIL_N_LAYERS; i++)
		fprintf(out, LINE, "jail", l->result[i] < 0 ? "NO" : "yes", jail_layer_names[i],
		        l->result[i] < 0 ? ": " : "",
		        l->result[i] < 0 ? strerror(-l->result[i]) : "");
	munmap(l, sizeof(*l));
}
