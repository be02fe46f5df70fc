/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/seccomp.h"

#include "arch/signal.h"
#include "vmm/log.h"
#include "vmm/stop.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/*
 * Made at build time: seccomp_filters[SECCOMP_N_ROLES], SECCOMP_FILTER_MAX instructions at most in
 * any of them, and seccomp_names, which holds the names of system calls 0, 1, 2... one after the
 * other, each with its terminator, "" for those that have none.
 */
#include <jail_filters.h>

/* 16 bits that the kernel hands from the filter to the handler: which thread it was. */
#define TRAP_DATA(role, index) ((uint32_t)(role) << 8 | ((index)&0xff))
#define TRAP_ROLE(data)        ((unsigned)(data) >> 8 & 0xff)
#define TRAP_INDEX(data)       ((unsigned)(data)&0xff)

#define BY_FILTER 1 /* SYS_SECCOMP of the kernel; the C library does not name it */

#define LINE_BYTES                                                                                 \
	320 /* every line fits; one below PIPE_BUF does not block where there is room              \
	     */
#define ROOM_MS 1000

static const char *const role_names[] = {
	[SECCOMP_MAIN] = "main",
	[SECCOMP_VCPU] = "vcpu",
	[SECCOMP_IO] = "io",
	[SECCOMP_CARETAKER] = "caretaker",
	[SECCOMP_CONNECTOR] = "connector",
	[SECCOMP_VCPU_RESET] = "vcpu",
	[SECCOMP_IO_SHARED] = "io",
};

_Static_assert(ARRAY_SIZE(role_names) == SECCOMP_N_ROLES, "every role has a name");

/* Text that grows on the stack; what is too much is left out. */
struct line {
	unsigned len;
	char text[LINE_BYTES];
};

/* A part of it: words, and a number behind them unless @base is 0. */
struct part {
	const char *words;
	uint64_t number;
	unsigned base;
};

static void put(struct line *l, const struct part *p)
{
	char digits[24], *d = digits;
	uint64_t n = p->number;

	for (const char *s = p->words; *s && l->len < sizeof(l->text); s++)
		l->text[l->len++] = *s;
	if (p->base == 0)
		return;
	do
		*d++ = "0123456789abcdef"[n % p->base];
	while (n /= p->base);
	while (d > digits && l->len < sizeof(l->text))
		l->text[l->len++] = *--d;
}

static const char *call_name(int nr)
{
	const char *s = seccomp_names;

	if (nr < 0 || nr >= SECCOMP_N_NAMES)
		return "?";
	while (nr-- > 0)
		while (*s++)
			;
	return *s ? s : "?";
}

static void put_violation(struct line *l, const siginfo_t *info, const ucontext_t *context)
{
	const unsigned role = TRAP_ROLE(info->si_errno), index = TRAP_INDEX(info->si_errno);
	const bool several = role == SECCOMP_VCPU || role == SECCOMP_VCPU_RESET;
	uint64_t a[6];

	arch_signal_args(context, a);

	const struct part part[] = {
		{ .words = "vmm: jail: thread " },
		{ role < SECCOMP_N_ROLES ? role_names[role] : "?", index, several ? 10 : 0 },
		{ .words = " made the forbidden system call " },
		{ .words = call_name(info->si_syscall) },
		{ " (", (unsigned)info->si_syscall, 10 },
		{ "), arguments 0x", a[0], 16 },
		{ " 0x", a[1], 16 },
		{ " 0x", a[2], 16 },
		{ " 0x", a[3], 16 },
		{ " 0x", a[4], 16 },
		{ " 0x", a[5], 16 },
		{ .words = "\n" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(part); i++)
		put(l, &part[i]);
}

/* A reader that does not read must not keep the process alive: what has no room goes unsaid. */
static void say(const struct line *l)
{
	struct pollfd room = { .fd = log_fd(), .events = POLLOUT };

	if (arch_signal_call(SYS_poll, (long)&room, 1, ROOM_MS) > 0 && (room.revents & POLLOUT))
		(void)arch_signal_call(SYS_write, room.fd, (long)l->text, l->len);
}

/*
 * The thread was stopped at the call itself, so this is no interruption of arbitrary code; what is
 * left unfinished does not matter, since the process ends here. That also has the caretaker put the
 * terminal back.
 *
 * Whoever caused it can write all memory of the process, from another thread at the same time. So
 * there is nothing here that memory could turn another way: no return, no call (FLATTEN), nothing
 * of the C library. A SIGSYS that somebody sends ends the process, as it ends others.
 */
static FLATTEN NORETURN void on_violation(int signo, siginfo_t *info, void *context)
{
	struct line l;

	(void)signo;
	l.len = 0;
	if (info->si_code == BY_FILTER)
		put_violation(&l, info, context);
	else
		put(&l, &(struct part){ .words = "vmm: ended by a SIGSYS from outside\n" });
	say(&l);
	for (;;)
		(void)arch_signal_call(SYS_exit_group, STATUS_ERROR, 0, 0);
}

int seccomp_available(void)
{
	const uint32_t action = SECCOMP_RET_TRAP;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? -errno : 0;
}

int seccomp_watch(struct err *e)
{
	struct sigaction sa = { .sa_sigaction = on_violation, .sa_flags = SA_SIGINFO };

	/* The handler is not interrupted: the first violation is the one to tell. */
	sigfillset(&sa.sa_mask);
	if (sigaction(SIGSYS, &sa, NULL) < 0)
		return err_errno(e, errno, "cannot watch for violations of the jail");
	return 0;
}

/* What was not known when the filter was made. */
static void complete(struct sock_filter *op, uint32_t trap)
{
	if (op->code == (BPF_RET | BPF_K) && op->k == SECCOMP_RET_TRAP)
		op->k = trap;
	if (op->code == (BPF_JMP | BPF_JEQ | BPF_K) && op->k == SECCOMP_OWN_PID)
		op->k = (uint32_t)getpid();
}

int seccomp_enter(enum seccomp_role role, unsigned index, enum seccomp_mode mode)
{
	const uint32_t trap =
	        mode == SECCOMP_LOG ? SECCOMP_RET_LOG : SECCOMP_RET_TRAP | TRAP_DATA(role, index);
	struct sock_filter op[SECCOMP_FILTER_MAX];
	const struct sock_fprog prog = { .len = seccomp_filters[role].len, .filter = op };

	if (mode == SECCOMP_OFF)
		return 0;
	memcpy(op, seccomp_filters[role].filter, prog.len * sizeof(op[0]));
	for (unsigned i = 0; i < prog.len; i++)
		complete(&op[i], trap);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}
