/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/command_archive.h"

#include "boot/init/protocol.h"

#include "vmm/num.h"

#include <errno.h>
#include <init_archive.h>
#include <stdio.h>
#include <string.h>

#define ALIGN 4

struct config_file {
	uint8_t *bytes; /* PROTOCOL_CONFIG_MAX of them */
	size_t len;
	unsigned n_args;
	bool full;
};

static void add(struct config_file *f, enum protocol_kind kind, const char *text)
{
	struct protocol_record record = { .kind = kind };
	size_t len = text ? strlen(text) + 1 : 0;
	size_t end = num_align_up(f->len + sizeof(record) + len, ALIGN);

	if (!text)
		return;
	if (end > PROTOCOL_CONFIG_MAX ||
	    (kind == PROTOCOL_ARG && ++f->n_args > PROTOCOL_ARGS_MAX)) {
		f->full = true;
		return;
	}
	record.len = (uint32_t)len;
	memcpy(f->bytes + f->len, &record, sizeof(record));
	memcpy(f->bytes + f->len + sizeof(record), text, len);
	f->len = end;
}

/* The guest's programs draw on the caller's terminal. */
static void add_term(struct config_file *f)
{
	const char *term = getenv("TERM");
	char text[80];

	if (term && (size_t)snprintf(text, sizeof(text), "TERM=%s", term) < sizeof(text))
		add(f, PROTOCOL_ENV, text);
}

static void fill(struct config_file *f, const struct config *cfg,
                 const struct command_window *window)
{
	struct protocol_head head = { .magic = PROTOCOL_MAGIC };

	if (window) {
		head.flags |= PROTOCOL_TERMINAL;
		head.cols = window->cols;
		head.rows = window->rows;
	}
	if (cfg->root_dir.readonly || (cfg->has_root && cfg->disk[0].readonly))
		head.flags |= PROTOCOL_ROOT_READONLY;
	if (cfg->root_dir.share)
		head.flags |= PROTOCOL_ROOT_SHARED;
	memcpy(f->bytes, &head, sizeof(head));
	f->len = sizeof(head);
	add(f, PROTOCOL_HOSTNAME, cfg->name);
	add(f, PROTOCOL_ROOT,
	    cfg->has_root         ? "/dev/vda"
	    : cfg->root_dir.share ? CONFIG_ROOT_TAG
	                          : NULL);
	add(f, PROTOCOL_CWD, cfg->cwd);
	add(f, PROTOCOL_USER, cfg->guest_user);
	/* The last one of a name counts. */
	if (window)
		add_term(f);
	for (unsigned i = 0; i < cfg->n_env; i++)
		add(f, PROTOCOL_ENV, cfg->env[i]);
	for (unsigned i = 0; i < cfg->n_command; i++)
		add(f, PROTOCOL_ARG, cfg->command[i]);
}

int command_archive_write(struct cpio *c, const struct config *cfg,
                          const struct command_window *window, struct err *e)
{
	CLEANUP_FREE uint8_t *bytes = calloc(1, PROTOCOL_CONFIG_MAX);
	struct config_file f = { .bytes = bytes };
	int r;

	if (!bytes)
		return err_errno(e, ENOMEM, "cannot prepare the command");
	fill(&f, cfg, window);
	if (f.full)
		return err_set(e, E2BIG,
		               "the command is too long: with its environment it can have %d words "
		               "and %zu KiB",
		               PROTOCOL_ARGS_MAX, PROTOCOL_CONFIG_MAX / 1024);
	r = cpio_dir(c, PROTOCOL_FOLDER, 0700, e);
	return r == 0 ? cpio_file(c, PROTOCOL_CONFIG, 0600, f.bytes, f.len, e) : r;
}

struct boot_archive command_archive_init(void)
{
	return (struct boot_archive){ .path = "first process",
		                      .data = init_archive,
		                      .size = sizeof(init_archive) };
}
