/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/panic_watch.h"

/*
 * Both are printed at KERN_EMERG, which no usual log level hides: kernel/panic.c, and
 * kernel/reboot.c before every restart that was asked for. The first byte of each stands nowhere
 * else in it, so that a mismatch needs no falling back inside the text.
 */
static const struct {
	const char *text;
	bool panicked;
} texts[] = {
	{ "Kernel panic - not syncing", true },
	{ "Restarting system", false },
};

_Static_assert(ARRAY_SIZE(texts) == PANIC_WATCH_TEXTS, "struct panic_watch follows each");

void panic_watch_feed(struct panic_watch *w, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		for (unsigned t = 0; t < PANIC_WATCH_TEXTS; t++) {
			const char *text = texts[t].text;

			if (buf[i] == (uint8_t)text[w->matched[t]])
				w->matched[t]++;
			else
				w->matched[t] = buf[i] == (uint8_t)text[0];
			if (text[w->matched[t]] == '\0') {
				w->matched[t] = 0;
				w->panicked = texts[t].panicked;
			}
		}
	}
}
