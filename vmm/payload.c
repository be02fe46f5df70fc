/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/payload.h"

#include "arch/arch.h"
#include "boot/cmdline.h"
#include "boot/cpio.h"
#include "boot/init/protocol.h"
#include "boot/pack.h"
#include "vmm/log.h"
#include "vmm/machine.h"

#include <stdio.h>

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

/* Generated words; the user's follow them. */
static int add_default_words(const struct config *cfg, struct cmdline *ret, struct err *e)
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
	if (r == 0 && cfg->n_command > 0)
		r = cmdline_add(ret, "rdinit=/" PROTOCOL_INIT, e);
	/* Among a command's own messages only what is grave: without PCI, each start has an error.
	 */
	if (r == 0 && cfg->serial.kind == WHERE_STDERR)
		r = cmdline_add(ret, "quiet loglevel=3", e);
	if (r == 0 && cfg->has_root)
		r = cmdline_add(ret,
		                cfg->disk[0].readonly ? "root=/dev/vda ro" : "root=/dev/vda rw", e);
	if (r == 0 && cfg->root_dir.path && cfg->n_command == 0)
		r = add_init_word(cfg, ret, e);
	for (unsigned i = 0; i < cfg->n_nets && r == 0; i++)
		r = add_ip_word(&cfg->net[i], ret, e);
	return r;
}

/* The words that make a stock kernel fit this machine, then the user's. */
static int build_cmdline(const struct config *cfg, struct cmdline *ret, struct err *e)
{
	int r = 0;

	cmdline_init(ret);
	if (!cfg->no_default_cmdline)
		r = add_default_words(cfg, ret, e);
	for (unsigned i = 0; i < cfg->n_append && r == 0; i++) {
		r = cmdline_add(ret, cfg->append[i], e);
		if (r < 0)
			err_wrap(e, r, "--append");
	}
	return r;
}

/* The first process, and what it is to do. */
static int add_command(const struct machine *m, struct cpio *c, struct boot_config *boot,
                       struct boot_archive *initrd, struct err *e)
{
	const struct command *command = &m->command;
	int r = command_archive_write(c, m->cfg, command->terminal ? &command->window : NULL, e);

	if (r == 0)
		r = cpio_end(c, e);
	if (r < 0)
		return r;
	initrd[boot->n_initrd++] =
	        (struct boot_archive){ .path = "command", .data = c->buf, .size = c->len };
	initrd[boot->n_initrd++] = command_archive_init();
	return 0;
}

int payload_load(struct machine *m, struct boot_entry *ret, struct err *e)
{
	const struct config *cfg = m->cfg;
	struct boot_archive initrd[CONFIG_INITRD_MAX + 3];
	struct cpio cpio;
	struct cmdline cmdline;
	struct boot_config boot = {
		.kernel = cfg->kernel,
		.initrd = initrd,
		.n_initrd = cfg->n_initrd,
		.hw = { .n_cpus = cfg->cpus,
		        .n_virtio = m->n_slots,
		        .uart = cfg->serial.kind != WHERE_NONE },
	};
	int r = build_cmdline(cfg, &cmdline, e);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < cfg->n_initrd; i++)
		initrd[i] = (struct boot_archive){ .path = cfg->initrd[i] };
	if (cfg->root_dir.path)
		initrd[boot.n_initrd++] = (struct boot_archive){
			.path = cfg->root_dir.path,
			.directory = true,
			.owner_root = cfg->root_dir.owner_root,
		};
	boot.cmdline = cmdline_text(&cmdline);
	log_info("kernel command line: %s", boot.cmdline);
	cpio_init(&cpio);
	if (cfg->n_command > 0)
		r = add_command(m, &cpio, &boot, initrd, e);
	if (r == 0)
		r = boot_load(&boot, &m->mem, ret, e);
	cpio_fini(&cpio);
	return r;
}
