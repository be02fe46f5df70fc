/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_ERR_H
#define VMM_ERR_H

#include "vmm/compiler.h"

/*
 * What went wrong during set-up, in one line that names the thing and the remedy. Filled at the
 * leaf, given context on the way up, printed once by main(). Needs no memory.
 */
struct err {
	char msg[240]; /* "" = none; cut with "..." if longer */
};

/**
 * err_set() - Say what is wrong, in words that are complete
 * @e:    Where to write; NULL if the caller does not want the text
 * @code: errno value that stands for the kind of failure, positive
 * @fmt:  printf format; one line, no full stop, names the thing and the remedy
 *
 * Context: any thread, does not block, keeps errno.
 * Return:  -@code, so that a leaf can `return err_set(...)`.
 */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4) COLD;

/**
 * err_errno() - Say what failed, followed by ": " and the text of an errno
 * @e:    Where to write; may be NULL
 * @code: errno of the failed call, positive
 * @fmt:  printf format of what was tried, e.g. "cannot open '%s'"
 *
 * Context: any thread, does not block, keeps errno.
 * Return:  -@code.
 */
int err_errno(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4) COLD;

/**
 * err_wrap() - Put context before a message that is already there
 * @e:   Where the message stands; may be NULL
 * @r:   The negative errno to hand on
 * @fmt: printf format of the context; ": " follows it
 *
 * Context: any thread, does not block.
 * Return:  @r.
 */
int err_wrap(struct err *e, int r, const char *fmt, ...) PRINTF_LIKE(3, 4) COLD;

#endif /* VMM_ERR_H */
