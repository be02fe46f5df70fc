/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include "vmm/err.h"
#include "vmm/log.h"

#include <stdbool.h>

/*
 * The effective configuration of one VM: filled from the option table (options.h) by cli_parse(),
 * judged by config_check(), constant from then on. Strings point into argv or into @file, unless
 * said otherwise.
 */

#define CONFIG_DISKS_MAX   18 /* with the source of entropy they fill all windows */
#define CONFIG_NETS_MAX    8
#define CONFIG_PEERS_MAX   8 /* devices that another process serves */
#define CONFIG_TAG_MAX     36 /* bytes: VIRTIO_USER_TAG_MAX */
#define CONFIG_ROOT_TAG    "vmm.root" /* of a root that is shared */
#define CONFIG_PORTS_MAX   16 /* forwarded to one network card */
#define CONFIG_INITRD_MAX  8
#define CONFIG_APPEND_MAX  32
#define CONFIG_CPUS_MAX    64
#define CONFIG_CONTROL_MAX 4
#define CONFIG_QUEUES_MAX  16 /* of a disk: VIRTIO_MMIO_QUEUES_MAX */
#define CONFIG_QUEUES_AUTO 4 /* of a disk, unless asked for */
#define CONFIG_FAIL_ON_MAX 8
#define CONFIG_SERIAL_MAX  20 /* bytes: VIRTIO_BLK_ID_BYTES */
#define CONFIG_ENV_MAX     250 /* containers have many; options[].repeat holds 255 */
#define CONFIG_VPORTS_MAX  7 /* VIRTIO_CONSOLE_PORTS_MAX, hvc0 included */

/* What becomes of a write that the host refuses: --disk werror=. */
enum config_werror {
	WERROR_ENOSPC, /* the VM stops for want of space, if a control client can let it go
	                  on */
	WERROR_REPORT, /* the guest is told */
	WERROR_STOP, /* the VM stops */
};

/* One --disk or --rootfs. */
struct config_disk {
	char *value; /* owned: the text that the strings below point into */
	const char *path; /* of @inherited: the word "fd=N", for messages */
	bool inherited; /* the image is the descriptor @fd */
	int fd;
	const char *serial; /* NULL: none; at most CONFIG_SERIAL_MAX bytes */
	bool readonly;
	bool cow; /* writes go to a temporary file */
	bool unsafe; /* flushes are given up */
	bool direct; /* past the page cache of the host */
	unsigned queues; /* 0: one for each vCPU, up to CONFIG_QUEUES_AUTO */
	enum config_werror werror;
};

/* --rootfs that is a directory. */
struct config_root_dir {
	char *value; /* owned: the text that the path points into */
	const char *path; /* NULL: there is none */
	bool readonly; /* the guest cannot write to it */
	bool owner_root; /* everything belongs to root in the guest */
	bool share; /* not packed but served by virtiofsd, read-only, as CONFIG_ROOT_TAG */
};

enum config_backend_kind { BACKEND_FS, BACKEND_BLK, BACKEND_NET };

/* One --share or --vhost-user: a device that another process serves. */
struct config_backend {
	char *value; /* owned: the text that the strings below point into */
	enum config_backend_kind kind;
	const char *dir; /* of --share: virtiofsd is started for it; NULL: @socket */
	const char *socket; /* of --vhost-user: where it listens */
	const char *tag; /* of BACKEND_FS: at most CONFIG_TAG_MAX bytes */
	bool readonly; /* of @dir */
};

enum config_net_kind { NET_TAP, NET_FD, NET_PASST };

/* A port of the host that passt hands to the guest. */
struct config_port {
	const char *text; /* "[ADDRESS/]HOST[:GUEST]" */
	bool udp; /* else TCP */
};

/* One --net. */
struct config_net {
	char *value; /* owned: the text that the strings below point into */
	enum config_net_kind kind;
	const char *tap; /* of NET_TAP: name of the interface, at most 15 bytes */
	int fd; /* of NET_FD */
	const char *socket; /* of NET_PASST: of a running one; NULL: start one */
	struct config_port port[CONFIG_PORTS_MAX];
	unsigned n_ports;
	bool has_mac;
	uint8_t mac[6];
	unsigned mtu; /* 0: not given */
	unsigned queues; /* pairs, at least 1 */
	bool vhost; /* the kernel moves the frames of a tap */
	const char *ip; /* what the kernel's word ip= says; NULL: no such word */
};

/* How strictly the process is isolated: --jail. */
enum config_jail { JAIL_ON, JAIL_STRICT, JAIL_LOG, JAIL_OFF };

enum config_where_kind {
	WHERE_NONE,
	WHERE_STDIO,
	WHERE_FILE,
	WHERE_UNIX,
	WHERE_PTY,
	WHERE_FD,
	WHERE_STDERR,
	/* Not on a command line: one end each, of a command's streams. */
	WHERE_STDIN,
	WHERE_TERMINAL, /* the same, raw if it is a terminal */
	WHERE_STDOUT,
};

/* What becomes of a VM whose guest reboots, or panics: --on-reboot, --on-panic. */
enum config_on_reboot { ON_REBOOT_EXIT, ON_REBOOT_RESET };
enum config_on_panic { ON_PANIC_EXIT, ON_PANIC_PAUSE };

/* Where a console goes: --serial, --console, --port. */
struct config_where {
	char *value; /* owned: the text that the path may point into */
	enum config_where_kind kind;
	const char *path; /* of WHERE_FILE and WHERE_UNIX */
	int fd; /* of WHERE_FD */
};

/* One --port: /dev/virtio-ports/NAME in the guest. */
struct config_vport {
	struct config_where where; /* not WHERE_NONE; its text holds the name, too */
	const char *name;
};

/* --console-log. */
struct config_console_log {
	char *value; /* owned: the text that the path points into */
	const char *path; /* NULL: none */
	uint64_t max; /* bytes; 0: no bound */
};

#define CONFIG_FAIL_ON_OOPS "oops" /* stands for a table of patterns */

/* --vsock. */
struct config_vsock {
	char *value; /* owned: the text that the path points into */
	uint32_t cid; /* of the guest, 3 or above; 0: no vsock */
	const char *socket;
};

/* One --control. */
struct config_control {
	const char *path; /* where to listen; NULL: @fd */
	int fd; /* inherited: a socket that listens, or one client's; -1: @path */
};

struct config {
	const char *kernel; /* NULL only with check_host */
	const char *modules; /* folder, or "none"; NULL: where the kernel's are by custom */
	const char *initrd[CONFIG_INITRD_MAX];
	unsigned n_initrd;
	const char *append[CONFIG_APPEND_MAX];
	unsigned n_append;
	bool no_default_cmdline;
	bool has_root; /* disk[0] came from --rootfs */
	struct config_root_dir root_dir;
	struct config_backend backend[CONFIG_PEERS_MAX]; /* see config_backend() */
	unsigned n_backends;
	struct config_disk disk[CONFIG_DISKS_MAX]; /* in the order the guest sees them */
	unsigned n_disks;
	struct config_net net[CONFIG_NETS_MAX]; /* in the order the guest sees them */
	unsigned n_nets;
	unsigned cpus;
	uint64_t memory; /* bytes, whole 4 KiB pages */
	const char *cpu; /* "host[,-f][,+f]" */
	struct config_where serial;
	struct config_where console; /* virtio: hvc0 */
	struct config_vport vport[CONFIG_VPORTS_MAX]; /* in the order the guest sees them */
	unsigned n_vports;
	struct config_console_log console_log;
	struct config_vsock vsock;
	int kvm_fd; /* inherited; -1: open the device */
	const char *name; /* NULL: none */
	char *const *command; /* words after "--" */
	unsigned n_command; /* 0: no command */
	const char *env[CONFIG_ENV_MAX]; /* NAME=VALUE */
	unsigned n_env;
	const char *cwd; /* NULL: "/" */
	const char *guest_user; /* NAME|UID[:GID]; NULL: root */
	bool terminal, no_terminal; /* neither: if standard input and output are one */
	struct config_control control[CONFIG_CONTROL_MAX];
	unsigned n_control;
	bool control_shared; /* whoever the socket's mode lets in may command the VM */
	bool paused; /* the guest does not run before a client says so */
	const char *pidfile; /* NULL: none */
	bool daemonize;
	bool exit_with_parent;
	const char *result; /* path, or NULL */
	int result_fd; /* -1 unless --result fd=N */
	const char *log; /* path, or NULL: stderr */
	enum log_level log_level;
	uint64_t timeout_ms; /* 0: none */
	uint64_t idle_timeout_ms; /* 0: none */
	const char *expect; /* NULL: nothing is expected */
	const char *fail_on[CONFIG_FAIL_ON_MAX];
	unsigned n_fail_on;
	uint64_t grace_ms; /* from the power button to the end; 0: end at once */
	enum config_on_reboot on_reboot;
	enum config_on_panic on_panic;
	enum config_jail jail;
	const char *user; /* "U[:G]"; NULL: nobody instead of root */
	int escape; /* control character, or -1: none */
	const char *config_file; /* NULL: none */
	char **file_command; /* owned: @command, if it is the file's */
	struct json_t *file; /* owned: what it says, which the strings above may point into */
	bool dry_run;
	bool check_host;
};

/**
 * config_check() - Judge what no single option can tell by itself
 * @c: Every option of the command line is in it
 * @e: Names the options that do not go together
 *
 * Opens nothing: whether files exist and are fit is found where they are opened.
 * Context: set-up.
 * Return:  0.
 * Errors:  -EINVAL a required option is missing, one file, descriptor or terminal is given for two
 *          uses of which one writes to it, the result would be mixed with the guest's output, two
 *          network cards have the same address or the same end at the host, two ports have the
 *          same name, or there is one too many.
 */
int config_check(const struct config *c, struct err *e) MUST_CHECK;

/**
 * config_n_backends() - Devices that other processes serve
 * @c: Configuration
 *
 * Return: How many, a root that is shared included.
 */
static inline unsigned config_n_backends(const struct config *c)
{
	return c->n_backends + c->root_dir.share;
}

/**
 * config_n_virtio() - Virtio devices of the machine
 * @c: Configuration
 *
 * Return: How many: disks, network cards, a console if there is a port, entropy, vsock, back-ends.
 */
static inline unsigned config_n_virtio(const struct config *c)
{
	return c->n_disks + c->n_nets +
	       (c->console.kind != WHERE_NONE || c->n_vports > 0 || c->n_command > 0) +
	       1 /* entropy */ + (c->vsock.cid != 0) + config_n_backends(c);
}

/**
 * config_backend() - One of them
 * @c: Configuration
 * @i: Less than config_n_backends(), in the order the guest sees them
 *
 * Return: It; the root comes last.
 */
struct config_backend config_backend(const struct config *c, unsigned i);

/**
 * config_check_files() - The part of config_check() about files
 * @c: May be incomplete, as after an error of the command line
 * @e: Names the file and its two uses
 *
 * Return: 0, or -EINVAL when one file is given for two uses of which one writes to it.
 */
int config_check_files(const struct config *c, struct err *e) MUST_CHECK;

#define CONFIG_ENDS_MAX (3 + CONFIG_VPORTS_MAX)

/* A host's end that the guest's bytes go to. */
struct config_end {
	const char *option; /* long name, without dashes; "" for the command's streams */
	const struct config_where *where;
};

/**
 * config_ends() - The host's ends of all consoles and ports
 * @c:   May be incomplete
 * @ret: Filled; ends of no kind are left out
 *
 * Return: How many.
 */
unsigned config_ends(const struct config *c, struct config_end ret[CONFIG_ENDS_MAX]);

/**
 * config_fini() - Give back the text that the configuration owns
 * @c: Zeroed, half-filled or complete; zeroed afterwards
 */
void config_fini(struct config *c);

#endif /* VMM_CONFIG_H */
