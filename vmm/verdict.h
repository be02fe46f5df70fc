/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VERDICT_H
#define VMM_VERDICT_H

#include "vmm/config.h"
#include "vmm/patterns.h"

/*
 * Judges a guest by what its kernel's console shows: --expect and --fail-on. The first pattern that
 * matches decides. What comes in is the guest's: any bytes, in any amount.
 *
 * Lines end with a newline, or with a carriage return that no newline follows. Escape sequences
 * and control characters are no part of them.
 */

#define VERDICT_LINE 512 /* bytes of a matched line that are kept */

enum verdict_state {
	VERDICT_OPEN,
	VERDICT_MET, /* --expect has matched */
	VERDICT_FAILED, /* --fail-on has matched */
};

struct verdict {
	struct patterns *patterns; /* NULL: nothing to look for */
	const char *expect; /* NULL: nothing is expected */
	const char *name[PATTERN_MAX]; /* as given, by number */
	uint32_t met, failed; /* bits of the patterns that decide so */
	uint32_t complaint, harmless; /* of the table of complaints, and of its exceptions */
	uint32_t on_line; /* of the last two, matched on this line so far */
	enum verdict_state state;
	const char *pattern; /* that decided */
	uint8_t escape; /* enum escape of verdict.c */
	bool returned; /* the last byte was a carriage return */
	bool keeping; /* the matched line goes on */
	size_t len; /* of @line */
	char line[VERDICT_LINE]; /* the current line's beginning; once decided, the matched line */
};

/**
 * verdict_init() - Prepare the patterns
 * @v: Any contents
 * @c: Outlives @v
 * @e: Names the option and says what is wrong with the pattern
 *
 * Context: set-up; allocates.
 * Return:  0, or -errno; verdict_fini() is fine in both cases.
 */
int verdict_init(struct verdict *v, const struct config *c, struct err *e) MUST_CHECK;

/**
 * verdict_fini() - Give the patterns back
 * @v: Zeroed, half-initialised or initialised
 */
void verdict_fini(struct verdict *v);

/**
 * verdict_feed() - Look at what the guest has printed
 * @v:   Initialised; @v->state says what is decided afterwards
 * @buf: @len bytes
 * @len: 0 is allowed
 *
 * Context: one thread; bounded time for each byte, no system call, no allocation.
 * Return:  true if this has decided.
 */
bool verdict_feed(struct verdict *v, const uint8_t *buf, size_t len);

/**
 * verdict_finish() - Nothing more comes: the last line may end without a newline
 * @v: Initialised
 *
 * Return: true if this has decided.
 */
bool verdict_finish(struct verdict *v);

#endif /* VMM_VERDICT_H */
