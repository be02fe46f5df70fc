/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line. The input is its words, each ended by a newline, up to the first NUL. What is
 * refused must have a message, and what is accepted must be printable.
 */
#include "vmm/cli.h"
#include "vmm/config_json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 128

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --help and --dry-run print. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return freopen("/dev/null", "w", stdout) ? 0 : 1;
}

/* Cut @text into words, in place. Returns their number. */
static int split(char *text, char *words[WORDS_MAX])
{
	int n = 0;

	words[n++] = text;
	for (char *s = text; *s && n < WORDS_MAX - 1; s++) {
		if (*s == '\n') {
			*s = '\0';
			words[n++] = s + 1;
		}
	}
	words[n] = NULL;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *text = malloc(size + 1);
	char *words[WORDS_MAX];
	struct config config;
	struct err e;
	int argc, r;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	argc = split(text, words);
	r = cli_parse(&config, argc, words, &e);
	if (r < 0 && (e.msg[0] == '\0' || strlen(e.msg) >= sizeof(e.msg)))
		abort();
	if (r == 0 && config_json_write(&config, stdout) < 0)
		abort();
	config_fini(&config);
	return 0;
}
