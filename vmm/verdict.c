/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/verdict.h"

#include <errno.h>
#include <string.h>

/*
 * --fail-on oops: how a Linux kernel says that something is wrong with itself. Collected from what
 * it prints (kernel/panic.c, lib/bug.c, lib/ubsan.c, mm/kasan, mm/kfence, mm/kmemleak.c,
 * kernel/kcsan, kernel/locking/lockdep.c, kernel/rcu, kernel/hung_task.c, kernel/watchdog.c,
 * arch/.../kernel/traps.c, arch/.../mm/fault.c) and from what syzkaller (pkg/report/linux.go) and
 * LAVA look for.
 *
 * PRINTK: where a message of printk() begins; those of programs, also ones about programs, have
 * their name before them.
 */
#define PRINTK "(^|[]>] ?)"

static const char complaints[] =
        "Kernel panic - not syncing|-\\[ cut here \\]-|"
        /* One with, one without the subsystem's name. */
        PRINTK "(rcu: |watchdog: |NMI watchdog: |traps: )?(BUG: |WARNING: |PANIC: |"
        "INFO: (rcu_[a-z]+ .*stall|task .* blocked for more than|possible |suspicious |"
        "inconsistent |trying to register non-static key)|"
        "Watchdog detected hard LOCKUP)|"
        /* A number and [#1] in the same line: a die() of the kernel, not a trap of a program. */
        PRINTK "(Oops|general protection fault|invalid opcode|divide error|stack segment|"
        "double fault|int3|alignment check|bounds|Internal error)(: |, ).*\\[#[0-9]+]|" PRINTK
        "(general protection fault, (probably|maybe) for|kernel BUG at |"
        "Unable to handle kernel |Unhandled fault: |UBSAN: |KASAN: |KCSAN: |"
        "unregister_netdevice: waiting for |unreferenced object 0x|"
        "kmemleak: [0-9]+ new suspected memory leaks)";

/* What looks like one and is none. */
static const char harmless[] =
        "WARNING: (/etc/ssh/moduli does not exist|The following |workqueue: max_active|"
        "apt does not have)|BUG: bad host security descriptor|INFO: rcu.*Stall ended before";

/* Where in an escape sequence of a terminal the output is. */
enum escape {
	ESCAPE_NONE,
	ESCAPE_BEGUN, /* after ESC */
	ESCAPE_CONTROL, /* after ESC [, until a letter */
	ESCAPE_STRING, /* after ESC ] and the like, until BEL or another ESC */
};

/* Returns the bit of a new pattern, or 0 with @e set. */
static uint32_t add(struct verdict *v, const char *option, const char *name, const char *text,
                    struct err *e)
{
	int n = patterns_add(v->patterns, text, e);

	if (n < 0) {
		err_wrap(e, n, "%s", option);
		return 0;
	}
	v->name[n] = name;
	return UINT32_C(1) << n;
}

static int add_all(struct verdict *v, const struct config *c, struct err *e)
{
	uint32_t bit = 1;

	if (c->expect)
		bit = v->met = add(v, "--expect", c->expect, c->expect, e);
	for (unsigned i = 0; i < c->n_fail_on && bit; i++) {
		const char *text = c->fail_on[i];

		if (strcmp(text, CONFIG_FAIL_ON_OOPS) != 0) {
			bit = add(v, "--fail-on", text, text, e);
			v->failed |= bit;
		} else if (!v->complaint) {
			bit = v->complaint = add(v, "--fail-on", text, complaints, e);
			if (bit)
				bit = v->harmless = add(v, "--fail-on", text, harmless, e);
		}
	}
	return bit ? 0 : -EINVAL;
}

int verdict_init(struct verdict *v, const struct config *c, struct err *e)
{
	memset(v, 0, sizeof(*v));
	if (!c->expect && c->n_fail_on == 0)
		return 0;
	v->expect = c->expect;
	v->patterns = calloc(1, sizeof(*v->patterns));
	if (!v->patterns)
		return err_errno(e, ENOMEM, "cannot watch the console");
	return add_all(v, c, e);
}

void verdict_fini(struct verdict *v)
{
	free(v->patterns);
	v->patterns = NULL;
}

static void decide(struct verdict *v, enum verdict_state state, uint32_t matched)
{
	v->state = state;
	v->pattern = v->name[__builtin_ctz(matched)];
	v->keeping = true;
}

/* Hits of the patterns at one byte. What the kernel complains of is judged when its line is known.
 */
static void judge(struct verdict *v, uint32_t matched)
{
	v->on_line |= matched & (v->complaint | v->harmless);
	if (v->state != VERDICT_OPEN)
		return;
	if (matched & v->failed)
		decide(v, VERDICT_FAILED, matched & v->failed);
	else if (matched & v->met)
		decide(v, VERDICT_MET, matched & v->met);
}

static void end_line(struct verdict *v)
{
	judge(v, patterns_step(v->patterns, '\n'));
	if (v->state == VERDICT_OPEN && v->on_line && !(v->on_line & v->harmless))
		decide(v, VERDICT_FAILED, v->complaint);
	v->keeping = false;
	v->on_line = 0;
	v->escape = ESCAPE_NONE;
	if (v->state == VERDICT_OPEN)
		v->len = 0;
}

/* Whether a byte belongs to an escape sequence. */
static bool skip_escape(struct verdict *v, uint8_t c)
{
	switch (v->escape) {
	case ESCAPE_NONE:
		if (c == 0x1b)
			v->escape = ESCAPE_BEGUN;
		return c == 0x1b;
	case ESCAPE_BEGUN:
		if (c == '[')
			v->escape = ESCAPE_CONTROL;
		else if (c != 0 && strchr("]PX^_", c))
			v->escape = ESCAPE_STRING;
		else if (c >= 0x30)
			v->escape = ESCAPE_NONE;
		return true;
	case ESCAPE_CONTROL:
		if (c >= 0x40)
			v->escape = ESCAPE_NONE;
		return true;
	default:
		if (c == 0x07)
			v->escape = ESCAPE_NONE;
		else if (c == 0x1b)
			v->escape = ESCAPE_BEGUN;
		return true;
	}
}

static void take(struct verdict *v, uint8_t c)
{
	bool returned = v->returned;

	v->returned = c == '\r';
	if (c == '\n' || (returned && c != '\r'))
		end_line(v);
	if (c == '\n' || c == '\r' || skip_escape(v, c) || (c < 0x20 && c != '\t') || c == 0x7f)
		return;
	if (v->len < sizeof(v->line) && (v->state == VERDICT_OPEN || v->keeping))
		v->line[v->len++] = (char)c;
	judge(v, patterns_step(v->patterns, c));
}

bool verdict_feed(struct verdict *v, const uint8_t *buf, size_t len)
{
	enum verdict_state before = v->state;

	/* Behind the matched line nothing counts. */
	for (size_t i = 0; v->patterns && i < len && (v->state == VERDICT_OPEN || v->keeping); i++)
		take(v, buf[i]);
	return v->state != before;
}

bool verdict_finish(struct verdict *v)
{
	enum verdict_state before = v->state;

	if (v->patterns && (v->state == VERDICT_OPEN || v->keeping))
		end_line(v);
	return v->state != before;
}
