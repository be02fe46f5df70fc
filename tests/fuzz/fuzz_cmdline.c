/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/cmdline.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds)
		abort();
}

/* Add one piece and check that the line is sound, or what it was before. */
static void add(struct cmdline *c, const char *piece)
{
	const struct cmdline before = *c;
	struct err e = { 0 };

	if (cmdline_add(c, piece, &e) < 0) {
		check(e.msg[0] != '\0');
		check(memcmp(c, &before, sizeof(before)) == 0);
		return;
	}
	check(c->len < CMDLINE_MAX && strlen(cmdline_text(c)) == c->len);
	check(c->n_kernel <= c->len && c->n_kernel >= before.n_kernel);
	check(c->n_kernel == c->len || memcmp(c->buf + c->n_kernel, " -- ", 4) == 0);
	for (size_t i = 0; i < c->len; i++)
		check((unsigned char)c->buf[i] >= ' ' && c->buf[i] != 0x7f);
}

/* Pieces, separated by NUL, as --append would give them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct cmdline c = { 0 };

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	cmdline_init(&c);
	for (size_t at = 0; at <= size; at += strlen(text + at) + 1)
		add(&c, text + at);
	free(text);
	return 0;
}
