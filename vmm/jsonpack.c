/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jsonpack.h"

#include <stdarg.h>
#include <string.h>

/* What is left of the format, and of its values. */
struct pack {
	const char *fmt;
	va_list *values;
};

/* The next sign that means something; 0 at the end. */
static int next(struct pack *p)
{
	p->fmt += strspn(p->fmt, " ,:");
	return *p->fmt ? *p->fmt++ : 0;
}

static json_t *pack(struct pack *p, int sign, unsigned depth);

/* The members up to the closing sign. After a failure the rest is still taken over, and dropped. */
static json_t *pack_all(struct pack *p, int end, unsigned depth)
{
	json_t *all = end == '}' ? json_object() : json_array();
	int sign;

	while ((sign = next(p)) != end && sign) {
		const char *key = NULL;
		json_t *v;
		int r;

		if (end == '}') /* the analyzer does not see va_start() through the structure */
			key = va_arg(*p->values, const char *); /* NOLINT(clang-analyzer-valist*) */
		v = pack(p, key ? next(p) : sign, depth + 1);
		r = key ? json_object_set_new(all, key, v) : json_array_append_new(all, v);
		if (r < 0) {
			json_decref(all);
			all = NULL;
		}
	}
	return all;
}

#define DEPTH_MAX 8 /* of our own formats */

static json_t *pack(struct pack *p, int sign, unsigned depth)
{
	const char *text;

	switch (depth < DEPTH_MAX ? sign : 0) {
	case 's':
		text = va_arg(*p->values, const char *);
		return text ? json_string(text) : json_null();
	case 'i':
		return json_integer(va_arg(*p->values, int));
	case 'I':
		return json_integer(va_arg(*p->values, json_int_t));
	case 'b':
		return json_boolean(va_arg(*p->values, int));
	case 'o':
		return va_arg(*p->values, json_t *);
	case '{':
		return pack_all(p, '}', depth);
	case '[':
		return pack_all(p, ']', depth);
	default:
		return NULL;
	}
}

json_t *jsonpack_new(const char *fmt, ...)
{
	va_list values;
	struct pack p = { .fmt = fmt, .values = &values };
	json_t *v;

	va_start(values, fmt);
	v = pack(&p, next(&p), 0);
	va_end(values);
	return v;
}
