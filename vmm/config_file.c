/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/config_file.h"

#include "vmm/optval.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Kinds of JSON values, as bits. */
enum { NONE = 0, FLAG = 1, TEXT = 2, WHOLE = 4, NUMBER = 8, OBJECT = 16 };

static const char *const kind_names[] = { "true or false", "text", "a whole number", "a number",
	                                  "an object" };

/* What each type of option may be written as. */
static const uint8_t kinds[OPT_N_TYPES] = {
	[OPT_FLAG] = FLAG,
	[OPT_TEXT] = TEXT,
	[OPT_PATH] = TEXT,
	[OPT_NAME] = TEXT,
	[OPT_CPU] = TEXT,
	[OPT_UINT] = WHOLE,
	[OPT_SIZE] = TEXT | WHOLE,
	[OPT_SECONDS] = WHOLE | NUMBER,
	[OPT_WORD] = TEXT,
	[OPT_DISK] = TEXT | OBJECT,
	[OPT_ROOT] = TEXT | OBJECT,
	[OPT_NET] = TEXT | OBJECT,
	[OPT_SHARE] = TEXT | OBJECT,
	[OPT_VHOST_USER] = TEXT | OBJECT,
	[OPT_WHERE] = TEXT | OBJECT,
	[OPT_VSOCK] = TEXT | OBJECT,
	[OPT_CONTROL] = TEXT | OBJECT,
	[OPT_RESULT] = TEXT | OBJECT,
	[OPT_FD] = TEXT | OBJECT,
	[OPT_ESCAPE] = TEXT,
	[OPT_PATTERN] = TEXT,
	[OPT_CONSOLE_LOG] = TEXT | OBJECT,
	[OPT_VPORT] = TEXT | OBJECT,
};

static unsigned kind_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_TRUE:
	case JSON_FALSE:
		return FLAG;
	case JSON_STRING:
		return TEXT;
	case JSON_INTEGER:
		return WHOLE;
	case JSON_REAL:
		return NUMBER;
	case JSON_OBJECT:
		return OBJECT;
	default:
		return NONE;
	}
}

static int wrong_kind(unsigned wanted, struct err *e)
{
	char text[80] = "";

	for (unsigned i = 0; i < ARRAY_SIZE(kind_names); i++) {
		size_t len = strlen(text);

		if (wanted >> i & 1)
			(void)snprintf(text + len, sizeof(text) - len, "%s%s", len ? " or " : "",
			               kind_names[i]);
	}
	return err_set(e, EINVAL, "the value is not %s", text);
}

/* A comma that belongs to a value is written twice. */
static void put_doubled(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (*s == ',')
			fputc(',', out);
		fputc(*s, out);
	}
}

/* "KEY", "KEY=VALUE" or "KEY=KEY=VALUE"; @depth: of objects inside each other. */
static int put_pair(FILE *out, const char *key, json_t *v, unsigned depth, struct err *e)
{
	void *inner = json_object_iter(v);

	if (key[strcspn(key, ",=")])
		return err_set(e, EINVAL, "'%.60s' is not a key", key);
	fprintf(out, "%s%s", key, json_is_true(v) ? "" : "=");
	if (json_is_string(v))
		put_doubled(out, json_string_value(v));
	else if (json_is_integer(v))
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_object_size(v) == 1 && depth == 0)
		return put_pair(out, json_object_iter_key(inner), json_object_iter_value(inner), 1,
		                e);
	else if (!json_is_true(v))
		return err_wrap(e, wrong_kind(FLAG | TEXT | WHOLE, e), "'%.60s'", key);
	return 0;
}

/* With a comma before it if it is not the first; nothing for false or null. */
static int put_item(FILE *out, const char *key, json_t *v, struct err *e)
{
	if (json_is_null(v) || json_is_false(v))
		return 0;
	if (ftell(out) > 0)
		fputc(',', out);
	return put_pair(out, key, v, 0, e);
}

static int put_items(FILE *out, const char *key, json_t *v, struct err *e)
{
	json_t *one;
	size_t i;
	int r = 0;

	if (!json_is_array(v))
		return put_item(out, key, v, e);
	json_array_foreach(v, i, one) if (r == 0) r = put_item(out, key, one, e);
	return r;
}

/* Whether values of this option have the key. Some have keys of any name. */
static bool is_known(const struct opt *o, const char *key)
{
	const struct optlist_key *keys = NULL;
	unsigned n = 0, part = 0;

	while ((keys = optval_keys(o->type, part, &n))) {
		for (; n > 0; n--, keys++)
			if (strcmp(keys->name, key) == 0)
				return true;
		part++;
	}
	return part == 0;
}

/* A path comes first, and without its key unless it could be taken for one. */
static void put_path(FILE *out, const char *path)
{
	if (path[0] != '/' && path[0] != '.' && strchr(path, '='))
		fputs("path=", out);
	put_doubled(out, path);
}

static int put_list(FILE *out, const struct opt *o, json_t *object, struct err *e)
{
	const bool disk = o->type == OPT_DISK || o->type == OPT_ROOT;
	json_t *first = disk ? json_object_get(object, "path") : NULL, *v;
	const char *key;
	int r = 0;

	if (json_is_string(first))
		put_path(out, json_string_value(first));
	else if (disk && !json_is_integer(first = json_object_get(object, "fd")))
		return err_set(e, EINVAL, "there is neither a 'path', a text, nor 'fd', a number");
	else if (disk)
		r = put_item(out, "fd", first, e);
	json_object_foreach(object, key, v)
	{
		if (r < 0 || v == first)
			continue;
		r = is_known(o, key) ? put_items(out, key, v, e)
		                     : err_set(e, EINVAL, "unknown key '%.60s'", key);
	}
	return r;
}

/* The comma list that an object stands for. Options that take one keep a copy of it. */
static int set_list(struct config *c, const struct opt *o, json_t *object, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out)
		return err_set(e, ENOMEM, "no memory for its value");
	r = put_list(out, o, object, e);
	if (fclose(out) != 0 && r == 0)
		r = err_set(e, ENOMEM, "no memory for its value");
	return r < 0 ? r : optval_set(c, o, text, e);
}

#define NUMBER_MAX 48 /* bytes */

/* One value of an option. */
static int set_value(struct config *c, const struct opt *o, json_t *v, struct err *e)
{
	char number[NUMBER_MAX];

	if (!(kind_of(v) & kinds[o->type]))
		return wrong_kind(kinds[o->type], e);
	switch (kind_of(v)) {
	case FLAG:
		return json_is_true(v) ? optval_set(c, o, NULL, e) : 0;
	case WHOLE:
		(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		               json_integer_value(v));
		return optval_set(c, o, number, e);
	case NUMBER: /* milliseconds at most: more digits are those of rounding */
		(void)snprintf(number, sizeof(number), "%.3f", json_real_value(v));
		return optval_set(c, o, number, e);
	case OBJECT:
		return set_list(c, o, v, e);
	default:
		return optval_set(c, o, json_string_value(v), e);
	}
}

static int set_option(struct config *c, const struct opt *o, json_t *v, struct err *e)
{
	json_t *one;
	size_t i;
	int r = 0;

	if (json_is_null(v))
		return 0;
	if (o->repeat == 0)
		return set_value(c, o, v, e);
	if (!json_is_array(v))
		return err_set(e, EINVAL, "the value is not a list");
	json_array_foreach(v, i, one) if (r == 0) r = set_value(c, o, one, e);
	return r;
}

/* The words of a command, which is no option. The command line's is another one. */
static int take_command(struct config *c, json_t *v, struct err *e)
{
	const json_t *one;
	char **words;
	size_t i;

	if (!json_is_array(v))
		return err_set(e, EINVAL, "'command': the value is not a list");
	if (c->n_command > 0 || json_array_size(v) == 0)
		return 0;
	words = calloc(json_array_size(v), sizeof(*words));
	c->file_command = words;
	if (!words)
		return err_set(e, ENOMEM, "no memory for the command");
	json_array_foreach(v, i, one)
	{
		if (!json_is_string(one))
			return err_wrap(e, wrong_kind(TEXT, e), "'command'");
		words[i] = (char *)(uintptr_t)json_string_value(one); /* nobody writes to it */
	}
	c->command = words;
	c->n_command = (unsigned)i;
	return 0;
}

static int unknown(const char *name, struct err *e)
{
	const char *near = options_nearest(name, strlen(name));

	if (!near)
		return err_set(e, EINVAL, "unknown option '%.60s'", name);
	return err_set(e, EINVAL, "unknown option '%.60s': did you mean '%s'?", name, near);
}

/* @seen: bit i: options[i] was in the file before. */
static int take_member(struct config *c, uint64_t given, uint64_t *seen, const char *name,
                       json_t *v, struct err *e)
{
	const struct opt *o = options_find(name, strlen(name));
	uint64_t bit;
	int r;

	if (strcmp(name, "command") == 0)
		return take_command(c, v, e);
	if (!o)
		return unknown(name, e);
	if (o->group == GROUP_OTHER)
		return err_set(e, EINVAL, "'%s' is for the command line only", o->name);
	bit = 1ULL << (o - options);
	if (*seen & bit)
		return err_set(e, EINVAL, "'%s' is given twice", o->name);
	*seen |= bit;
	r = given & bit ? 0 : set_option(c, o, v, e);
	return r < 0 ? err_wrap(e, r, "'%s'", o->name) : 0;
}

int config_file_parse(struct config *c, uint64_t given, const char *text, size_t len, struct err *e)
{
	json_error_t why;
	uint64_t seen = 0;
	const char *name;
	json_t *v;
	int first = 0;

	c->file = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!c->file)
		return err_set(e, EINVAL, "line %d, column %d: %s", why.line, why.column, why.text);
	if (!json_is_object(c->file))
		return err_set(e, EINVAL, "it is a list, not an object of options");
	json_object_foreach(c->file, name, v)
	{
		int r = take_member(c, given, &seen, name, v, first == 0 ? e : NULL);

		if (first == 0)
			first = r;
	}
	return first;
}

/* Returns bytes read, or -errno. */
static ssize_t read_all(const char *path, char *buf, size_t room)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	while (len < room) {
		ssize_t n = read(fd, buf + len, room - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return (ssize_t)len;
		len += n > 0 ? (size_t)n : 0;
	}
	return -EFBIG;
}

int config_file_apply(struct config *c, uint64_t given, const char *path, struct err *e)
{
	CLEANUP_FREE char *text = malloc(CONFIG_FILE_MAX + 1);
	ssize_t len = text ? read_all(path, text, CONFIG_FILE_MAX + 1) : -ENOMEM;
	int r;

	if (len < 0)
		return err_errno(e, (int)-len, "--config: cannot read '%.100s'", path);
	json_object_seed(0); /* opens a file, which cannot be later */
	r = config_file_parse(c, given, text, (size_t)len, e);
	return r < 0 ? err_wrap(e, r, "--config '%.100s'", path) : 0;
}
