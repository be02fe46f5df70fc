/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_SIGNAL_H
#define ARCH_SIGNAL_H

#include <stdint.h>
#include <ucontext.h>

/* Part of the contract of arch.h, apart from it because it concerns our own process only. */

/**
 * arch_signal_args() - The arguments of the system call at which a thread was stopped
 * @uc:  Third argument of the handler of SIGSYS
 * @ret: In the order of the system call
 *
 * Context: async-signal-safe.
 */
void arch_signal_args(const ucontext_t *uc, uint64_t ret[6]);

/**
 * arch_signal_call() - A system call that goes by no C library
 * @nr: Its number
 * @a:  First argument
 * @b:  Second
 * @c:  Third
 *
 * Context: async-signal-safe; touches no memory of its own, errno neither.
 * Return:  What the kernel returns: a negative errno for an error.
 */
long arch_signal_call(long nr, long a, long b, long c);

#endif /* ARCH_SIGNAL_H */
