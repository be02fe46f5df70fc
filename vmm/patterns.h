/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PATTERNS_H
#define VMM_PATTERNS_H

#include "vmm/err.h"

#include <stdbool.h>

/*
 * Extended regular expressions over text that a guest writes. The C library's regexec() allocates
 * as the text asks for it, up to 2^n states, and starts anew with each call. This one follows all
 * patterns at once, byte by byte, with a state that never grows: memory is fixed by the patterns,
 * time by the number of bytes, and a line may come in any pieces and be of any length.
 *
 * Spec: POSIX.1-2017, base definitions, section 9.4, in the POSIX locale, without collating
 * symbols and equivalence classes. What POSIX leaves undefined is refused.
 */

#define PATTERN_INSTS   2048 /* of all patterns of a set */
#define PATTERN_CLASSES 64 /* bracket expressions of a set */
#define PATTERN_MAX     32 /* patterns of a set: bits of what patterns_step() returns */

struct pattern_inst {
	uint8_t op; /* enum op of patterns.c */
	uint8_t arg; /* byte, class or pattern */
	int16_t to; /* of a jump, relative */
};

/* A set of instructions: a sparse set, which is emptied in no time. */
struct pattern_threads {
	unsigned n;
	uint16_t pc[PATTERN_INSTS];
	uint16_t place[PATTERN_INSTS];
};

/* Large, and touched only as far as patterns need it: allocate it zeroed. */
struct patterns {
	unsigned n, n_insts, n_classes;
	bool in_line; /* a byte of the line has been seen */
	unsigned current; /* which of @threads */
	uint16_t start[PATTERN_MAX];
	uint8_t first[32]; /* bytes with which a match can begin */
	struct pattern_inst inst[PATTERN_INSTS];
	uint8_t class[PATTERN_CLASSES][32];
	struct pattern_threads threads[2];
};

/**
 * patterns_add() - Add one to the set
 * @p:    Zeroed, or with patterns
 * @text: Expression; only read here
 * @e:    Says what is wrong with it, and where; does not name the option
 *
 * Context: set-up; does not allocate.
 * Return:  Its number, 0 for the first.
 * Errors:  -EINVAL no expression, or one that matches any text; -E2BIG too large, or too many.
 */
int patterns_add(struct patterns *p, const char *text, struct err *e) MUST_CHECK;

/**
 * patterns_step() - Look at the next byte
 * @p: Set
 * @c: Any byte; a newline ends the line, and is part of no match
 *
 * Context: one thread; bounded time, no system call.
 * Return:  A bit for each pattern that has just matched; more than once for the same text at times.
 */
uint32_t patterns_step(struct patterns *p, uint8_t c);

#endif /* VMM_PATTERNS_H */
