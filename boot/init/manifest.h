/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_MANIFEST_H
#define BOOT_INIT_MANIFEST_H

#include "boot/init/protocol.h"

#include <stdbool.h>

/* The configuration (protocol.h) as the guest's first process uses it. Needs no C library. */

struct manifest {
	const char *arg[PROTOCOL_ARGS_MAX + 1]; /* ends with NULL */
	const char *env[PROTOCOL_ENV_MAX + 1]; /* ends with NULL */
	unsigned n_args, n_env;
	const char *cwd, *user, *hostname, *root; /* NULL: none */
	bool terminal, root_readonly, root_shared;
	uint16_t cols, rows;
};

/**
 * manifest_parse() - Take a configuration apart
 * @m:    Set on success; points into @data
 * @data: The file, 4 byte aligned
 * @len:  Bytes of it
 *
 * Return: 0.
 * Errors: -EINVAL another format, or cut off; -E2BIG too many words.
 */
int manifest_parse(struct manifest *m, const char *data, size_t len) MUST_CHECK;

/**
 * manifest_env() - The value of a variable
 * @m:    Parsed
 * @name: With the equals sign: "PATH="
 *
 * Return: Its value, or NULL.
 */
const char *manifest_env(const struct manifest *m, const char *name);

/**
 * manifest_default() - Give a variable a value if it has none
 * @m:    Parsed
 * @text: NAME=VALUE; must live as long as @m
 *
 * Without room for it nothing is changed.
 */
void manifest_default(struct manifest *m, const char *text);

#endif /* BOOT_INIT_MANIFEST_H */
