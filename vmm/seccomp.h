/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_SECCOMP_H
#define VMM_SECCOMP_H

#include "vmm/err.h"

#include <stdbool.h>

/*
 * The filter of system calls that each thread carries from its first step on. The filters are made
 * when vmm is built, by tools/mkfilter.c of the tables in jail_rules.c: making one at run time
 * would cost more than the rest of a VM's start.
 *
 * A call that is not allowed is never carried out. It raises SIGSYS (SECCOMP_RET_TRAP), whose
 * handler says which thread asked for what and ends the process with status 125. A thread that
 * somebody has taken over has no way around it: the handler cannot be replaced (no table lets
 * rt_sigaction() touch SIGSYS), never returns, and uses nothing of the C library; a blocked SIGSYS
 * ends the process, and so does a stack on which the handler cannot run. What a second such thread
 * could do is to keep the first in its handler, by a descriptor for the line that blocks. System
 * calls of another architecture (32 bits, x32) end the process at once.
 */

/* Kinds of threads: each has a table of its own. */
enum seccomp_role {
	SECCOMP_MAIN,
	SECCOMP_VCPU,
	SECCOMP_IO,
	SECCOMP_CARETAKER, /* a process of its own, without a voice: it just dies */
	SECCOMP_CONNECTOR, /* the same */
	SECCOMP_VCPU_RESET, /* a vCPU of a machine that can be reset */
	SECCOMP_IO_SHARED, /* the I/O thread of a machine that has devices of other processes */
	SECCOMP_N_ROLES
};

enum seccomp_mode {
	SECCOMP_OFF,
	SECCOMP_LOG, /* let a violation through; the kernel logs it (audit type 1326) */
	SECCOMP_ENFORCE,
};

/* Stands for the process's own id in the tables, which are older than the process; above any
 * pid. */
#define SECCOMP_OWN_PID 0x7ffffffe

/**
 * seccomp_available() - Whether this kernel has what is needed
 *
 * Return: 0, or -errno.
 */
int seccomp_available(void);

/**
 * seccomp_watch() - From now on a violation is reported and ends the process
 * @e: Says why not
 *
 * Context: set-up, before any thread has a filter.
 * Return:  0, or -errno.
 */
int seccomp_watch(struct err *e) MUST_CHECK;

/**
 * seccomp_enter() - Put the calling thread under the filter of its role, for good
 * @role:  What the thread is
 * @index: Which of them, for the report: 0 to 63
 * @mode:  SECCOMP_OFF: does nothing
 *
 * Sets no_new_privs too, without which an unprivileged process may load no filter.
 * Context: the thread itself, before it touches anything that a guest can reach; threads that it
 *          makes inherit the filter.
 * Return:  0, or -errno.
 */
int seccomp_enter(enum seccomp_role role, unsigned index, enum seccomp_mode mode) MUST_CHECK;

#endif /* VMM_SECCOMP_H */
