/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_OUT_H
#define VMM_QMP_OUT_H

#include "vmm/compiler.h"

#include <jansson.h>
#include <stdbool.h>

/* What a client has still to read: lines of JSON in a buffer that is bounded. */

#define QMP_OUT_MAX (128UL * 1024) /* bytes */

struct qmp_out {
	char *buf; /* NULL: empty */
	size_t head, len, room; /* oldest byte, bytes held, bytes allocated */
	bool overflow; /* a line did not fit, or there was no memory: nothing is taken any more */
};

/**
 * qmp_out_put() - Append one value as a line
 * @o:    Zeroed at first
 * @line: Taken over; NULL is no memory
 *
 * ASCII, ends with CR LF. A line that does not fit leaves what was there, and sets @o->overflow.
 * Context: one thread; allocates.
 */
void qmp_out_put(struct qmp_out *o, json_t *line);

/**
 * qmp_out_consume() - Forget bytes that the client has
 * @o: Buffer
 * @n: At most @o->len
 */
void qmp_out_consume(struct qmp_out *o, size_t n);

/**
 * qmp_out_fini() - Throw everything away
 * @o: Zeroed or used; zeroed afterwards
 */
void qmp_out_fini(struct qmp_out *o);

#endif /* VMM_QMP_OUT_H */
