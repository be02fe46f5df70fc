/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest's first process reads: its configuration, /etc/passwd, /proc/filesystems, a disk.
 */
#include "boot/init/filesystem.h"
#include "boot/init/manifest.h"
#include "boot/init/passwd.h"
#include "boot/init/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds)
		abort();
}

static void read_manifest(const char *data, size_t size)
{
	struct manifest *m = malloc(sizeof(*m));

	if (manifest_parse(m, data, size) == 0) {
		check(m->n_args <= PROTOCOL_ARGS_MAX && m->n_env <= PROTOCOL_ENV_MAX);
		for (unsigned i = 0; i < m->n_args; i++)
			check(m->arg[i] + strlen(m->arg[i]) < data + size);
		check(m->arg[m->n_args] == NULL);
		manifest_default(m, "PATH=/bin");
		check(manifest_env(m, "PATH=") != NULL || m->n_env == PROTOCOL_ENV_MAX);
	}
	free(m);
}

/* The first line is a user's name, the rest a file. */
static void read_texts(const char *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text;
	struct passwd p = { 0 };
	const char *user;

	memcpy(text, data, size);
	text[size] = '\0';
	user = text_line(&rest);
	if (rest && passwd_find(&p, user, rest) == 0)
		check(p.home != NULL);
	memcpy(text, data, size);
	for (rest = text; filesystem_next(&rest);)
		;
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Aligned, and of its own size, so that an access beside it is seen. */
	char *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	read_manifest(copy, size);
	read_texts(copy, size);
	(void)filesystem_probe(copy, size);
	free(copy);
	return 0;
}
