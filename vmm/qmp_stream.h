/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_STREAM_H
#define VMM_QMP_STREAM_H

#include "vmm/err.h"

#include <jansson.h>

/*
 * Cuts a client's bytes into JSON values. Nothing but JSON itself separates them: a value is there
 * as soon as its last bracket is, newline or not. As in QEMU a string may stand in single quotes,
 * and a byte that JSON has no use for, best 0xff, brings the parser back to its beginning.
 */

#define QMP_STREAM_MAX   32768 /* bytes of one value */
#define QMP_STREAM_DEPTH 64 /* brackets inside each other */

struct qmp_stream {
	enum qmp_stream_state {
		QMP_STREAM_BETWEEN, /* tokens */
		QMP_STREAM_WORD, /* in a number, true, false or null */
		QMP_STREAM_STRING,
		QMP_STREAM_ESCAPE, /* in a string, after a backslash */
		QMP_STREAM_LOST, /* after an error: until something that may begin a value */
	} state;
	char quote; /* that ends the string */
	int braces, brackets; /* open; negative: more were closed */
	size_t token; /* offset in @text where the token in hand begins */
	char *text; /* the value so far, in double quotes only; NULL: nothing */
	size_t len, room;
};

enum qmp_stream_result {
	QMP_STREAM_MORE, /* all bytes are used up, and no value is complete */
	QMP_STREAM_VALUE,
	QMP_STREAM_ERROR, /* not JSON; goes on behind it */
	QMP_STREAM_END, /* too large, or no memory: nothing behind it can be trusted */
};

/**
 * qmp_stream_next() - Look for the end of the next value
 * @s:        Zeroed at first
 * @buf:      Bytes of the client
 * @len:      How many
 * @ret_used: Set to how many of them are done with
 * @ret:      Set to a new reference if QMP_STREAM_VALUE is returned
 * @e:        Says what is wrong, in QEMU's words, if QMP_STREAM_ERROR or QMP_STREAM_END is returned
 *
 * Context: one thread; allocates up to twice QMP_STREAM_MAX, and what the value takes.
 * Return:  What there is.
 */
enum qmp_stream_result qmp_stream_next(struct qmp_stream *s, const uint8_t *buf, size_t len,
                                       size_t *ret_used, json_t **ret, struct err *e) MUST_CHECK;

/**
 * qmp_stream_fini() - Forget the value in hand
 * @s: Zeroed or used; zeroed afterwards
 */
void qmp_stream_fini(struct qmp_stream *s);

#endif /* VMM_QMP_STREAM_H */
