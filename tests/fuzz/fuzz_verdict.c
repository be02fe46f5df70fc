/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/verdict.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds)
		abort();
}

/* Feed all of it in pieces of @piece bytes. */
static void judge(struct verdict *v, const struct config *c, const uint8_t *data, size_t size,
                  size_t piece)
{
	struct err e = { 0 };
	int r = verdict_init(v, c, &e);

	check(r == 0);
	while (size > 0) {
		size_t n = size < piece ? size : piece;

		(void)verdict_feed(v, data, n);
		check(v->len <= sizeof(v->line));
		data += n;
		size -= n;
	}
	(void)verdict_finish(v);
	check((v->state == VERDICT_OPEN) == (v->pattern == NULL));
	for (size_t i = 0; i < v->len; i++)
		check((uint8_t)v->line[i] >= 0x20 || v->line[i] == '\t');
}

/* The first line is a pattern, the rest is what a console shows; the pieces in which it comes make
 * no difference. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct verdict whole, bytes;
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end ? (size_t)(end - data) : size;
	char *pattern = malloc(len + 1);
	struct patterns *p = calloc(1, sizeof(*p));
	struct config c = { .expect = pattern, .fail_on = { "oops" }, .n_fail_on = 1 };
	struct err e = { 0 };

	check(pattern && p);
	memcpy(pattern, data, len);
	pattern[len] = '\0';
	if (patterns_add(p, pattern, &e) < 0) {
		check(e.msg[0] != '\0');
		c.expect = NULL;
	} else if (verdict_init(&whole, &c, &e) < 0) {
		c.expect = NULL; /* too large together with the table */
	}
	verdict_fini(&whole);
	free(p);
	if (end) {
		judge(&whole, &c, end + 1, size - len - 1, SIZE_MAX);
		judge(&bytes, &c, end + 1, size - len - 1, 1);
		check(whole.state == bytes.state && whole.pattern == bytes.pattern);
		check(whole.len == bytes.len && memcmp(whole.line, bytes.line, whole.len) == 0);
		verdict_fini(&whole);
		verdict_fini(&bytes);
	}
	free(pattern);
	return 0;
}
