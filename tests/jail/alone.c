/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage: alone LAYER [without]
 *        alone --list
 * Enters one layer of the jail and no other, then tries what this layer is there to prevent: with
 * all of them together one would hide that another does nothing. With 'without' the layer is left
 * out. Status 0: it was prevented; 1: it was not; 77: the host does not give the layer.
 */
#include "vmm/jail.h"
#include "vmm/jail_landlock.h"
#include "vmm/jail_ns.h"
#include "vmm/jail_rights.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define OWN_LIMIT 4096 /* bytes that the caller lets a file have */
#define INHERITED 99 /* a descriptor */

/* How the process was before. */
struct before {
	struct stat ns;
};

struct layer {
	const char *name;
	int (*enter)(void); /* 0, or the -errno of a host that does not give it */
	bool (*prevented)(const struct layer *l, const struct before *b);
	const char *ns; /* below /proc/self/ns */
	int resource;
	rlim_t value;
};

static int enter_shed(void)
{
	int none = -1;

	return jail_shed(&none, 1);
}

static bool is_shed(const struct layer *l, const struct before *b)
{
	(void)l;
	(void)b;
	return fcntl(INHERITED, F_GETFD) < 0;
}

static int enter_user(void)
{
	struct jail_user user;
	int r = geteuid() == 0 ? jail_user_find(NULL, &user, NULL) : -EPERM;

	return r == 0 ? jail_user_become(&user) : r;
}

static bool is_nobody(const struct layer *l, const struct before *b)
{
	uid_t u[3];
	gid_t g[3];

	(void)l;
	(void)b;
	return getresuid(&u[0], &u[1], &u[2]) == 0 && getresgid(&g[0], &g[1], &g[2]) == 0 && u[0] &&
	       u[1] && u[2] && g[0] && g[1] && g[2] && getgroups(0, NULL) == 0;
}

static int enter_ns(void)
{
	struct jail_layers l = { 0 };
	int r = 0;

	jail_ns_enter(&l);
	for (unsigned i = 0; i < JAIL_N_LAYERS && r == 0; i++)
		r = l.result[i];
	return r;
}

static int stat_ns(const char *name, struct stat *ret)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, ret);
}

static bool is_elsewhere(const struct layer *l, const struct before *b)
{
	struct stat now;

	return stat_ns(l->ns, &now) == 0 && now.st_ino != b->ns.st_ino;
}

static int enter_root(void)
{
	int r = enter_ns();

	return r == 0 ? jail_ns_empty_root() : r;
}

static bool is_empty(const struct layer *l, const struct before *b)
{
	DIR *dir = opendir("/");
	unsigned n = 0;

	(void)l;
	(void)b;
	while (dir && readdir(dir))
		n++;
	return n == 2 && mkdir("/planted", 0700) < 0 && errno == EROFS;
}

static bool is_bounded(const struct layer *l, const struct before *b)
{
	int held = 0;

	(void)l;
	(void)b;
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		held += prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0;
	return held == 0;
}

/* What is left unlocked could be set again. */
static bool is_locked(const struct layer *l, const struct before *b)
{
	(void)l;
	(void)b;
	return prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0 &&
	       (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & SECURE_ALL_LOCKS) == SECURE_ALL_LOCKS &&
	       (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & SECBIT_NOROOT);
}

/* No host's layer: without it no test of capabilities is one. */
static struct jail_rights rights(void)
{
	struct jail_rights r;
	struct err e;

	if (jail_rights_load(&r, &e) == 0)
		return r;
	fprintf(stderr, "%s\n", e.msg);
	exit(EXIT_FAILURE);
}

static int enter_bounds(void)
{
	const struct jail_rights r = rights();

	return jail_rights_bound(&r);
}

/* All that jail_rights_drop() does; each of its results is looked at by itself. */
static int enter_rights(void)
{
	struct jail_layers l = { 0 };
	const struct jail_rights r = rights();

	jail_rights_drop(&r, &l);
	return l.result[JAIL_CAPS] ? l.result[JAIL_CAPS] : l.result[JAIL_NO_NEW_PRIVS];
}

static bool is_powerless(const struct layer *l, const struct before *b)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct set[2], none[2] = { 0 };

	(void)l;
	(void)b;
	return syscall(SYS_capget, &header, set) == 0 && memcmp(set, none, sizeof(set)) == 0;
}

static bool is_without_new(const struct layer *l, const struct before *b)
{
	(void)l;
	(void)b;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static bool is_closed_to_others(const struct layer *l, const struct before *b)
{
	(void)l;
	(void)b;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* The kernel takes it from the unprivileged only with this, which prevents nothing of the below. */
static int enter_landlock(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : jail_landlock_enter();
}

static int enter_landlock_of(long version)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < version)
		return -ENOSYS;
	return enter_landlock();
}

static int enter_landlock_4(void)
{
	return enter_landlock_of(4);
}

static int enter_landlock_6(void)
{
	return enter_landlock_of(6);
}

static bool is_without_files(const struct layer *l, const struct before *b)
{
	(void)l;
	(void)b;
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES &&
	       open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES &&
	       mkdir("/tmp/planted-alone", 0700) < 0 && errno == EACCES;
}

static bool is_without_tcp(const struct layer *l, const struct before *b)
{
	const struct sockaddr_in host = { .sin_family = AF_INET,
		                          .sin_port = htons(9),
		                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)l;
	(void)b;
	return fd >= 0 && connect(fd, (const struct sockaddr *)&host, sizeof(host)) < 0 &&
	       errno == EACCES;
}

static bool is_without_signals(const struct layer *l, const struct before *b)
{
	(void)l;
	(void)b;
	return kill(getppid(), 0) < 0 && errno == EPERM;
}

static int enter_limits(void)
{
	return jail_rights_limit(1);
}

static bool is_limited(const struct layer *l, const struct before *b)
{
	struct rlimit r;

	(void)b;
	return getrlimit((__rlimit_resource_t)l->resource, &r) == 0 && r.rlim_cur == l->value &&
	       r.rlim_max == l->value;
}

#define LAYER(name_, enter_, prevented_, ...)                                                      \
	{                                                                                          \
		.name = (name_), .enter = (enter_), .prevented = (prevented_), __VA_ARGS__         \
	}
#define NAMESPACE(name_, file) LAYER(name_, enter_ns, is_elsewhere, .ns = (file))
#define LIMIT(name_, which, most)                                                                  \
	LAYER("limit of " name_, enter_limits, is_limited, .resource = (which), .value = (most))

static const struct layer layers[] = {
	LAYER("no inherited descriptor", enter_shed, is_shed),
	LAYER("unprivileged user", enter_user, is_nobody),
	NAMESPACE("user namespace", "user"),
	NAMESPACE("mount namespace", "mnt"),
	NAMESPACE("IPC namespace", "ipc"),
	NAMESPACE("UTS namespace", "uts"),
	NAMESPACE("cgroup namespace", "cgroup"),
	NAMESPACE("network namespace", "net"),
	LAYER("empty root", enter_root, is_empty),
	LAYER("empty bounding set", enter_bounds, is_bounded),
	LAYER("locked secure bits", enter_bounds, is_locked),
	LAYER("no capabilities", enter_rights, is_powerless),
	LAYER("no_new_privs", enter_rights, is_without_new),
	LAYER("not dumpable", enter_rights, is_closed_to_others),
	LAYER("Landlock: files", enter_landlock, is_without_files),
	LAYER("Landlock: TCP", enter_landlock_4, is_without_tcp),
	LAYER("Landlock: signals", enter_landlock_6, is_without_signals),
	LIMIT("cores", RLIMIT_CORE, 0),
	LIMIT("processes", RLIMIT_NPROC, 0),
	LIMIT("descriptors", RLIMIT_NOFILE, 1),
	LIMIT("file sizes", RLIMIT_FSIZE, OWN_LIMIT),
};

/* What a caller may have left, so that each layer has something to do. */
static void prepare(const struct layer *l, struct before *b)
{
	struct rlimit size;

	(void)dup2(STDERR_FILENO, INHERITED);
	if (getrlimit(RLIMIT_FSIZE, &size) == 0) {
		size.rlim_cur = OWN_LIMIT;
		(void)setrlimit(RLIMIT_FSIZE, &size);
	}
	if (l->ns)
		(void)stat_ns(l->ns, &b->ns);
}

static int try(const struct layer *l, bool without)
{
	struct before b = { 0 };
	int r;

	prepare(l, &b);
	r = without ? 0 : l->enter();
	if (r < 0) {
		fprintf(stderr, "%s\n", strerror(-r));
		return 77;
	}
	return l->prevented(l, &b) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		if (argc == 2 && strcmp(argv[1], "--list") == 0)
			puts(layers[i].name);
		else if (argc > 1 && strcmp(argv[1], layers[i].name) == 0)
			return try(&layers[i], argc > 2);
	}
	return argc == 2 && strcmp(argv[1], "--list") == 0 ? EXIT_SUCCESS : 2;
}
