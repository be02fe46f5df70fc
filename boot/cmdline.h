/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

/*
 * Builds the kernel's command line: words in the order they are added, and after a lone "--" the
 * words for the guest's first process, which stay last whatever is added later.
 */

#include "vmm/err.h"

#define CMDLINE_MAX 2048 /* bytes with NUL: COMMAND_LINE_SIZE of x86 and arm64 Linux */

struct cmdline {
	char buf[CMDLINE_MAX]; /* always a valid string */
	size_t len; /* characters in all */
	size_t n_kernel; /* characters before " -- " */
};

/**
 * cmdline_init() - Make it empty
 * @c: Any contents
 */
void cmdline_init(struct cmdline *c);

/**
 * cmdline_add() - Add words
 * @c:     Initialised
 * @words: One or more, separated by blanks; double quotes hold blanks together, as the kernel reads
 *         them; what stands behind a lone "--" goes to the first process; NULL or "" adds nothing
 * @e:     Says what is wrong with @words
 *
 * Return: 0; @c is unchanged after an error.
 * Errors: -E2BIG longer than CMDLINE_MAX; -EINVAL control characters, or a quote left open.
 */
int cmdline_add(struct cmdline *c, const char *words, struct err *e) MUST_CHECK;

/**
 * cmdline_text() - The complete line
 * @c: Initialised
 *
 * Return: NUL-terminated; valid until the next cmdline_add().
 */
const char *cmdline_text(const struct cmdline *c);

#endif /* BOOT_CMDLINE_H */
