/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CLI_RIG_H
#define TESTS_UNIT_CLI_RIG_H

#include "tests/unit/run.h"
#include "vmm/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Command lines, parsed. One program's: what is here is static. */

#define WORDS_MAX 256 /* room for CONFIG_ENV_MAX + 1 of one option */

static struct config cfg;
static struct err err;

static void setup(void)
{
	cfg = (struct config){ .result_fd = -1 };
	err.msg[0] = '\0';
}

static void teardown(void)
{
	config_fini(&cfg);
}

/* Parse words that end with NULL; the program's name comes before them. */
static int parse(const char *const *words)
{
	static const char *argv[WORDS_MAX]; /* the configuration points into it */
	int argc = 1;

	argv[0] = "vmm";
	while (words[argc - 1]) {
		argv[argc] = words[argc - 1];
		argc++;
	}
	argv[argc] = NULL;
	return cli_parse(&cfg, argc, (char **)argv, &err);
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

static void assert_refused(int r, int code, const char *names)
{
	ck_assert_int_eq(r, -code);
	ck_assert_ptr_nonnull(strstr(err.msg, names));
}

#endif /* TESTS_UNIT_CLI_RIG_H */
