/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/payload.h"

#include "arch/arch.h"
#include "boot/cmdline.h"
#include "boot/cpio.h"
#include "boot/init/filesystem.h"
#include "boot/init/protocol.h"
#include "boot/modules.h"
#include "boot/pack.h"
#include "vmm/log.h"
#include "vmm/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static int add_ip_word(const struct config_net *net, struct cmdline *ret, struct err *e)
{
	char word[140]; /* optnet.c bounds the text */

	if (!net->ip)
		return 0;
	snprintf(word, sizeof(word), "ip=%s", net->ip);
	return cmdline_add(ret, word, e);
}

/* Where the kernel's messages go; NULL: nowhere. */
static const char *console_word(const struct config *cfg)
{
	if (cfg->serial.kind != WHERE_NONE)
		return arch_platform.console_word;
	return cfg->console.kind != WHERE_NONE ? "hvc0" : NULL;
}

/* What of a directory the kernel starts. It looks for /init by itself. */
static int add_init_word(const struct config *cfg, struct cmdline *ret, struct err *e)
{
	const char *init = NULL;
	int r = pack_find_init(cfg->root_dir.path, &init, e);

	if (r == 0 && init)
		r = cmdline_add(ret, init, e);
	return r;
}

/* Generated words; the user's follow them. @first: our own first process is there. */
static int add_default_words(const struct config *cfg, bool first, struct cmdline *ret,
                             struct err *e)
{
	const char *word = console_word(cfg);
	char console[32];
	int r = 0;

	if (word) {
		snprintf(console, sizeof(console), "console=%s", word);
		r = cmdline_add(ret, console, e);
	}
	if (r == 0)
		r = cmdline_add(ret, arch_platform.reboot_words, e);
	if (r == 0)
		r = cmdline_add(ret, arch_platform.probe_words, e);
	if (r == 0 && first)
		r = cmdline_add(ret, "rdinit=/" PROTOCOL_INIT, e);
	/* Among a command's own messages only what is grave: without PCI, each start has an error.
	 */
	if (r == 0 && cfg->serial.kind == WHERE_STDERR)
		r = cmdline_add(ret, "quiet loglevel=3", e);
	if (r == 0 && cfg->has_root)
		r = cmdline_add(ret,
		                cfg->disk[0].readonly ? "root=/dev/vda ro" : "root=/dev/vda rw", e);
	if (r == 0 && cfg->root_dir.path && !first)
		r = add_init_word(cfg, ret, e);
	for (unsigned i = 0; i < cfg->n_nets && r == 0; i++)
		r = add_ip_word(&cfg->net[i], ret, e);
	return r;
}

/* The words that make a stock kernel fit this machine, then the user's. */
static int build_cmdline(const struct config *cfg, bool first, struct cmdline *ret, struct err *e)
{
	int r = 0;

	cmdline_init(ret);
	if (!cfg->no_default_cmdline)
		r = add_default_words(cfg, first, ret, e);
	for (unsigned i = 0; i < cfg->n_append && r == 0; i++) {
		r = cmdline_add(ret, cfg->append[i], e);
		if (r < 0)
			err_wrap(e, r, "--append");
	}
	return r;
}

#define KERNEL_PATH_MAX 128

/* The kernel that the host runs, where distributions keep it. @room is for the result. */
static const char *kernel_path(const struct config *cfg, char room[KERNEL_PATH_MAX])
{
	struct utsname host;

	if (strcmp(cfg->kernel, "host") != 0 || uname(&host) < 0)
		return cfg->kernel;
	snprintf(room, KERNEL_PATH_MAX, "/usr/lib/modules/%s/vmlinuz", host.release);
	if (access(room, R_OK) < 0)
		snprintf(room, KERNEL_PATH_MAX, "/boot/vmlinuz-%s", host.release);
	return room;
}

/* The file system of the root disk; NULL: none, or one that is not known. */
static const char *root_fs(const struct config *cfg)
{
	const struct config_disk *disk = &cfg->disk[0];
	char head[FILESYSTEM_HEAD];
	CLEANUP_FD int fd = -1;
	ssize_t n;

	if (!cfg->has_root)
		return NULL;
	fd = disk->inherited ? fcntl(disk->fd, F_DUPFD_CLOEXEC, 0)
	                     : open(disk->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	n = pread(fd, head, sizeof(head), 0);
	return n > 0 ? filesystem_probe(head, (size_t)n) : NULL;
}

/* Modules for what there is in the machine. Returns how many. */
static int add_modules(const struct machine *m, struct cpio *c, struct err *e)
{
	static const unsigned driver[] = {
		[BACKEND_FS] = MODULES_SHARE,
		[BACKEND_BLK] = MODULES_DISK,
		[BACKEND_NET] = MODULES_NET,
	};
	const struct config *cfg = m->cfg;
	char room[KERNEL_PATH_MAX];
	struct modules_request req = {
		.kernel = kernel_path(cfg, room),
		.dir = cfg->modules,
		.root_fs = root_fs(cfg),
		.to = PROTOCOL_MODULES,
		.need = (cfg->n_disks > 0 ? MODULES_DISK : 0) |
		        (cfg->n_nets > 0 ? MODULES_NET : 0) |
		        (m->ports.n > 0 ? MODULES_CONSOLE : 0) |
		        (cfg->vsock.cid ? MODULES_VSOCK : 0) |
		        (cfg->root_dir.share ? MODULES_OVERLAY : 0) |
		        (cfg->n_command == 0 ? MODULES_BUTTON : 0),
	};

	if (cfg->modules && strcmp(cfg->modules, "none") == 0)
		return 0;
	for (unsigned i = 0; i < config_n_backends(cfg); i++)
		req.need |= driver[config_backend(cfg, i).kind];
	return modules_pack(&req, c, e);
}

/*
 * What the first process is to do. It is needed for a command, for a directory as root that is
 * shared or read-only, and to load the modules of a root that comes without an initial RAM disk of
 * its own. Returns whether it is.
 */
static int add_first_process(struct machine *m, struct cpio *c, struct err *e)
{
	struct command *command = &m->command;
	const struct config *cfg = m->cfg;
	bool root = cfg->has_root || cfg->root_dir.path;
	bool needed = cfg->n_command > 0 || cfg->root_dir.share || cfg->root_dir.readonly;
	int r, n;

	if (!needed && (cfg->n_initrd > 0 || !root || cfg->no_default_cmdline))
		return 0;
	r = command_archive_write(c, cfg, command->terminal ? &command->window : NULL, e);
	if (r < 0)
		return r;
	n = add_modules(m, c, e);
	command->bare = n == 0;
	if (n < 0 || (n == 0 && !needed))
		return n;
	r = cpio_end(c, e);
	return r < 0 ? r : 1;
}

/* All that becomes the initial RAM disk, in order: later files replace those before. */
static unsigned list_archives(const struct config *cfg, const struct cpio *first,
                              struct boot_archive *ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < cfg->n_initrd; i++)
		ret[n++] = (struct boot_archive){ .path = cfg->initrd[i] };
	if (cfg->root_dir.path && !cfg->root_dir.share)
		ret[n++] = (struct boot_archive){
			.path = cfg->root_dir.path,
			.directory = true,
			.owner_root = cfg->root_dir.owner_root,
		};
	if (!first)
		return n;
	ret[n++] = (struct boot_archive){ .path = "first process and modules",
		                          .data = first->buf,
		                          .size = first->len };
	ret[n++] = command_archive_init();
	return n;
}

/* @first: with the first process, whose archive is @cpio. */
static int load(struct machine *m, bool first, const struct cpio *cpio, struct boot_entry *ret,
                struct err *e)
{
	const struct config *cfg = m->cfg;
	struct boot_archive initrd[CONFIG_INITRD_MAX + 3];
	char room[KERNEL_PATH_MAX];
	struct cmdline cmdline;
	struct boot_config boot = {
		.kernel = kernel_path(cfg, room),
		.initrd = initrd,
		.n_initrd = list_archives(cfg, first ? cpio : NULL, initrd),
		.hw = { .n_cpus = cfg->cpus,
		        .n_virtio = m->n_slots,
		        .uart = cfg->serial.kind != WHERE_NONE },
	};
	int r = build_cmdline(cfg, first, &cmdline, e);

	if (r < 0)
		return r;
	boot.cmdline = cmdline_text(&cmdline);
	log_info("kernel command line: %s", boot.cmdline);
	return boot_load(&boot, &m->mem, ret, e);
}

int payload_load(struct machine *m, struct boot_entry *ret, struct err *e)
{
	struct cpio cpio;
	int r;

	cpio_init(&cpio);
	r = add_first_process(m, &cpio, e);
	if (r >= 0)
		r = load(m, r > 0, &cpio, ret, e);
	cpio_fini(&cpio);
	return r;
}
