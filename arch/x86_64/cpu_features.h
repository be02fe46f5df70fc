/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_64_CPU_FEATURES_H
#define ARCH_X86_64_CPU_FEATURES_H

#include "vmm/err.h"

#include <linux/kvm.h>
#include <stdbool.h>

/**
 * cpu_features_apply() - Choose which of the host's processor features the guest sees
 * @c:            What KVM supports; changed in place
 * @spec:         "host[,-feature][,+feature]...": names as in /proc/cpuinfo, '-' and '_' alike, and
 *                QEMU's names for KVM's own; NULL is "host"
 * @tsc_deadline: The in-kernel LAPIC has a deadline timer, even where KVM's table does not say so
 * @e:            Names a feature that is unknown, not there or not to be removed
 *
 * Without a word from @spec: all that KVM supports but for nested virtualization (vmx, svm) and
 * waitpkg, which +feature adds, and performance counters, SGX and tracing, which nothing adds.
 * A feature that goes takes with it what cannot work without: xsave all of AVX, AVX-512, AMX and
 * pku; avx its successors; avx512f those of AVX-512. Others go alone.
 *
 * Context: set-up.
 * Return:  0, or -EINVAL.
 */
int cpu_features_apply(struct kvm_cpuid2 *c, const char *spec, bool tsc_deadline,
                       struct err *e) MUST_CHECK;

#endif /* ARCH_X86_64_CPU_FEATURES_H */
