/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/seccomp.h"

#include "arch/signal.h"
#include "vmm/log.h"
#include "vmm/stop.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
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

static const char *call_name(long nr)
{
	const char *s = seccomp_names;

	if (nr < 0 || nr >= SECCOMP_N_NAMES)
		return "?";
	while (nr-- > 0)
		s += strlen(s) + 1;
	return *s ? s : "?";
}

/* Only vCPUs are several. */
static void thread_name(unsigned data, char ret[16])
{
	const unsigned role = TRAP_ROLE(data);

	if (role == SECCOMP_VCPU || role == SECCOMP_VCPU_RESET)
		snprintf(ret, 16, "vcpu%u", TRAP_INDEX(data));
	else
		snprintf(ret, 16, "%s", role < SECCOMP_N_ROLES ? role_names[role] : "?");
}

/*
 * The thread was stopped at the call itself, so this is no interruption of arbitrary code; what is
 * left unfinished does not matter, since the process ends here. That also has the caretaker put the
 * terminal back.
 */
static void on_violation(int signo, siginfo_t *info, void *context)
{
	uint64_t a[6];
	char thread[16];

	(void)signo;
	if (info->si_code != BY_FILTER)
		return; /* somebody's kill -SYS */
	arch_signal_args(context, a);
	thread_name((unsigned)info->si_errno, thread);
	log_error("jail: thread %s made the forbidden system call %s (%d), arguments %#jx %#jx "
	          "%#jx %#jx %#jx %#jx",
	          thread, call_name(info->si_syscall), info->si_syscall, (uintmax_t)a[0],
	          (uintmax_t)a[1], (uintmax_t)a[2], (uintmax_t)a[3], (uintmax_t)a[4],
	          (uintmax_t)a[5]);
	syscall(SYS_exit_group, STATUS_ERROR); /* nobody's hooks */
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
