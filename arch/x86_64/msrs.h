/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_64_MSRS_H
#define ARCH_X86_64_MSRS_H

/**
 * msrs_set() - Set the model-specific registers that firmware would have set
 * @vcpu_fd: vCPU that knows its CPUID
 * @index:   Number of the vCPU
 *
 * One that KVM refuses is skipped with a debug line: a kernel boots without it.
 * Context: set-up.
 */
void msrs_set(int vcpu_fd, unsigned index);

#endif /* ARCH_X86_64_MSRS_H */
