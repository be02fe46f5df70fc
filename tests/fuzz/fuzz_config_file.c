/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of --config. What is refused must have a message of one line; what is accepted, and goes
 * together, is printed, read again and printed again, and has to be the same both times.
 */
#include "vmm/config_file.h"

#include "vmm/config_json.h"
#include "vmm/optval.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct config *c, size_t *ret_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	if (!out || config_json_write(c, out) < 0 || fclose(out) != 0)
		abort();
	return text;
}

/* Returns 0 if the text was accepted. */
static int take(struct config *c, const char *text, size_t len)
{
	struct err e = { 0 };
	int r = optval_defaults(c, &e);

	if (r == 0)
		r = config_file_parse(c, 0, text, len, &e);
	if (r == 0)
		r = config_check(c, &e);
	if (r < 0 && (e.msg[0] == '\0' || strlen(e.msg) >= sizeof(e.msg)))
		abort();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *first = NULL, *second = NULL;
	size_t first_len, second_len;
	struct config a, b = { .result_fd = -1 };

	if (take(&a, (const char *)data, size) == 0) {
		first = print(&a, &first_len);
		if (take(&b, first, first_len) < 0)
			abort();
		second = print(&b, &second_len);
		if (strcmp(first, second) != 0)
			abort();
		config_fini(&b);
	}
	config_fini(&a);
	return 0;
}
