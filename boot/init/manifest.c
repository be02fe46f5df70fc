/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/manifest.h"

#include <errno.h>
#include <string.h>

#define ALIGN 4

static int add(const char **list, unsigned *n, unsigned max, const char *text)
{
	if (*n == max)
		return -E2BIG;
	list[(*n)++] = text;
	return 0;
}

/* Where a variable stands, or @n_env. */
static unsigned find(const struct manifest *m, const char *text)
{
	size_t name = strcspn(text, "=") + 1;
	unsigned i = 0;

	while (i < m->n_env && strncmp(m->env[i], text, name) != 0)
		i++;
	return i;
}

/* A later one replaces an earlier: getenv() would find the first. */
static int add_env(struct manifest *m, const char *text)
{
	unsigned i = find(m, text);

	if (i == m->n_env)
		return add(m->env, &m->n_env, PROTOCOL_ENV_MAX, text);
	m->env[i] = text;
	return 0;
}

static int take(struct manifest *m, uint32_t kind, const char *text)
{
	switch (kind) {
	case PROTOCOL_ARG:
		return add(m->arg, &m->n_args, PROTOCOL_ARGS_MAX, text);
	case PROTOCOL_ENV:
		return add_env(m, text);
	case PROTOCOL_CWD:
		m->cwd = text;
		return 0;
	case PROTOCOL_USER:
		m->user = text;
		return 0;
	case PROTOCOL_HOSTNAME:
		m->hostname = text;
		return 0;
	case PROTOCOL_ROOT:
		m->root = text;
		return 0;
	default:
		return -EINVAL;
	}
}

int manifest_parse(struct manifest *m, const char *data, size_t len)
{
	struct protocol_head head;
	struct protocol_record record;
	size_t at = sizeof(head);
	int r = 0;

	if (len < sizeof(head))
		return -EINVAL;
	memcpy(&head, data, sizeof(head));
	if (head.magic != PROTOCOL_MAGIC)
		return -EINVAL;
	memset(m, 0, sizeof(*m));
	m->terminal = head.flags & PROTOCOL_TERMINAL;
	m->root_readonly = head.flags & PROTOCOL_ROOT_READONLY;
	m->root_shared = head.flags & PROTOCOL_ROOT_SHARED;
	m->cols = head.cols;
	m->rows = head.rows;
	while (r == 0 && at < len) {
		if (len - at < sizeof(record))
			return -EINVAL;
		memcpy(&record, data + at, sizeof(record));
		at += sizeof(record);
		if (record.len == 0 || record.len > len - at ||
		    strnlen(data + at, record.len) != record.len - 1)
			return -EINVAL;
		r = take(m, record.kind, data + at);
		at += record.len;
		at += -at % ALIGN; /* beyond @len after the last one, which is fine */
	}
	return r;
}

const char *manifest_env(const struct manifest *m, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < m->n_env; i++)
		if (strncmp(m->env[i], name, len) == 0)
			return m->env[i] + len;
	return NULL;
}

void manifest_default(struct manifest *m, const char *text)
{
	if (find(m, text) == m->n_env)
		(void)add_env(m, text);
}
