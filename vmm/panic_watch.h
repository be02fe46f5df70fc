/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PANIC_WATCH_H
#define VMM_PANIC_WATCH_H

#include "vmm/compiler.h"

#include <stdbool.h>

/*
 * Tells from a kernel's last words on the console whether a reset is the end of a panic or a
 * reboot. arch_reset_is_panic() knows better, but only of kernels that were given our words.
 */

#define PANIC_WATCH_TEXTS 2

struct panic_watch {
	unsigned matched[PANIC_WATCH_TEXTS]; /* bytes of each text seen so far */
	bool panicked; /* the last of the texts was that of a panic */
};

/**
 * panic_watch_feed() - Look at the next bytes
 * @w:   Zeroed at first; @w->panicked is up to date afterwards
 * @buf: Console output of the guest
 * @len: Bytes
 *
 * Context: one thread at a time.
 */
void panic_watch_feed(struct panic_watch *w, const uint8_t *buf, size_t len);

#endif /* VMM_PANIC_WATCH_H */
