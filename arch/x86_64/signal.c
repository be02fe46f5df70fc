/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/signal.h"

/* Spec: System V ABI, AMD64 supplement, A.2.1 */
void arch_signal_args(const ucontext_t *uc, uint64_t ret[6])
{
	static const int order[] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };

	for (unsigned i = 0; i < 6; i++)
		ret[i] = (uint64_t)uc->uc_mcontext.gregs[order[i]];
}

/* Spec: System V ABI, AMD64 supplement, A.2.1 */
long arch_signal_call(long nr, long a, long b, long c)
{
	__asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return nr;
}
