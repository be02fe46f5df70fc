/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_64_CPU_MODEL_H
#define ARCH_X86_64_CPU_MODEL_H

#include "arch/arch.h"

/**
 * cpu_model_apply() - Show the processor model to one vCPU
 * @m:       From arch_cpu_model_new(); holds the last vCPU's APIC id afterwards
 * @vcpu_fd: From KVM_CREATE_VCPU, before its MSRs are set: KVM judges those by this
 * @index:   Number of the vCPU, which is its APIC id; 0 comes first
 * @e:       Says what KVM refuses
 *
 * Context: set-up.
 * Return:  0, or -errno.
 */
int cpu_model_apply(struct arch_cpu_model *m, int vcpu_fd, unsigned index,
                    struct err *e) MUST_CHECK;

#endif /* ARCH_X86_64_CPU_MODEL_H */
