/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_out.h"

#include <string.h>

#define ROOM_FIRST 1024 /* bytes */

void qmp_out_fini(struct qmp_out *o)
{
	free(o->buf);
	*o = (struct qmp_out){ 0 };
}

/* A plain copy instead of realloc(), whose mremap() the jail does not know. */
static int make_room(struct qmp_out *o, size_t n)
{
	size_t room = o->room ? o->room : ROOM_FIRST;
	char *buf;

	if (n > QMP_OUT_MAX - o->len)
		return -1;
	while (room < o->len + n)
		room *= 2;
	buf = malloc(room);
	if (!buf)
		return -1;
	if (o->len)
		memcpy(buf, o->buf + o->head, o->len);
	free(o->buf);
	o->buf = buf;
	o->head = 0;
	o->room = room;
	return 0;
}

static int append(const char *text, size_t n, void *arg)
{
	struct qmp_out *o = arg;

	if (o->head + o->len + n > o->room && make_room(o, n) < 0)
		return -1;
	memcpy(o->buf + o->head + o->len, text, n);
	o->len += n;
	return 0;
}

void qmp_out_put(struct qmp_out *o, json_t *line)
{
	size_t before = o->len;

	if (o->overflow || !line ||
	    json_dump_callback(line, append, o, JSON_ENSURE_ASCII | JSON_ENCODE_ANY) < 0 ||
	    append("\r\n", 2, o) < 0) {
		o->overflow = true;
		o->len = before;
	}
	json_decref(line);
}

void qmp_out_consume(struct qmp_out *o, size_t n)
{
	o->head += n;
	o->len -= n;
	if (o->len > 0)
		return;
	free(o->buf);
	*o = (struct qmp_out){ .overflow = o->overflow };
}
