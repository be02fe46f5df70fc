/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/cmdline.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DASHES     " -- "
#define DASHES_LEN (sizeof(DASHES) - 1)

/* A piece of text that is not NUL-terminated. */
struct span {
	const char *at;
	size_t len;
};

static struct span trim(const char *at, size_t len)
{
	while (len > 0 && at[0] == ' ') {
		at++;
		len--;
	}
	while (len > 0 && at[len - 1] == ' ')
		len--;
	return (struct span){ at, len };
}

void cmdline_init(struct cmdline *c)
{
	c->buf[0] = '\0';
	c->len = c->n_kernel = 0;
}

static int check_text(const char *text, struct err *e)
{
	bool quoted = false;

	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(
			        e, EINVAL,
			        "control character 0x%02x in the kernel command line: remove it",
			        (unsigned char)*p);
		quoted ^= *p == '"';
	}
	if (quoted)
		return err_set(e, EINVAL, "a double quote is left open in the kernel words: %s",
		               text);
	return 0;
}

/* The first "--" that is a word of its own, or the end of @text. */
static const char *find_dashes(const char *text)
{
	bool quoted = false;
	const char *p;

	for (p = text; *p != '\0'; p++) {
		if (*p == '"')
			quoted = !quoted;
		if (!quoted && (p == text || p[-1] == ' ') && p[0] == '-' && p[1] == '-' &&
		    (p[2] == ' ' || p[2] == '\0'))
			break;
	}
	return p;
}

/* Put @sep and @s at @at, moving what follows. The caller has checked that they fit. */
static void insert(struct cmdline *c, size_t at, const char *sep, size_t sep_len, struct span s)
{
	char *gap = c->buf + at;

	memmove(gap + sep_len + s.len, gap, c->len + 1 - at);
	memcpy(gap, sep, sep_len);
	memcpy(gap + sep_len, s.at, s.len);
	c->len += sep_len + s.len;
}

int cmdline_add(struct cmdline *c, const char *words, struct err *e)
{
	struct span kernel, init = { "", 0 };
	size_t kernel_sep, init_sep;
	const char *dashes;
	int r;

	if (!words)
		return 0;
	r = check_text(words, e);
	if (r < 0)
		return r;
	dashes = find_dashes(words);
	kernel = trim(words, (size_t)(dashes - words));
	if (*dashes != '\0')
		init = trim(dashes + 2, strlen(dashes + 2));
	kernel_sep = kernel.len > 0 && c->n_kernel > 0 ? 1 : 0;
	if (init.len == 0)
		init_sep = 0;
	else
		init_sep = c->len > c->n_kernel ? 1 : DASHES_LEN;
	if (c->len + kernel_sep + kernel.len + init_sep + init.len >= sizeof(c->buf))
		return err_set(
		        e, E2BIG,
		        "the kernel command line is too long: %zu characters, and at most %zu are "
		        "allowed; shorten --append",
		        c->len + kernel_sep + kernel.len + init_sep + init.len, sizeof(c->buf) - 1);
	insert(c, c->n_kernel, " ", kernel_sep, kernel);
	c->n_kernel += kernel_sep + kernel.len;
	insert(c, c->len, init_sep == 1 ? " " : DASHES, init_sep, init);
	return 0;
}

const char *cmdline_text(const struct cmdline *c)
{
	return c->buf;
}
