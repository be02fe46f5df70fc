/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/cpu_model.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/cpuid.h"
#include "vmm/log.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define CPUS_MAX 255 /* APIC ids of 8 bits; 255 is broadcast */

struct arch_cpu_model {
	struct kvm_cpuid2 *cpuid; /* CPUID_CAPACITY entries */
};

int arch_cpu_model_new(struct arch_cpu_model **ret, int kvm_fd, const char *features,
                       unsigned n_cpus, struct err *e)
{
	struct arch_cpu_model *m;
	bool deadline;
	int r;

	if (n_cpus == 0 || n_cpus > CPUS_MAX)
		return err_set(e, EINVAL, "%u vCPUs: 1 to %d are possible", n_cpus, CPUS_MAX);
	m = calloc(1, sizeof(*m));
	if (m)
		m->cpuid =
		        malloc(sizeof(*m->cpuid) + CPUID_CAPACITY * sizeof(m->cpuid->entries[0]));
	if (!m || !m->cpuid) {
		r = err_errno(e, ENOMEM, "cannot make the processor model");
		goto out;
	}
	*m->cpuid = (struct kvm_cpuid2){ .nent = CPUID_CAPACITY };
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, m->cpuid) < 0) {
		r = err_errno(e, errno,
		              "KVM does not tell its processor (KVM_GET_SUPPORTED_CPUID)");
		goto out;
	}
	deadline = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	r = cpu_features_apply(m->cpuid, features, deadline, e);
	if (r < 0)
		goto out;
	cpuid_shape(m->cpuid, n_cpus);
	*ret = m;
	return 0;
out:
	arch_cpu_model_free(m);
	return r;
}

void arch_cpu_model_free(struct arch_cpu_model *m)
{
	if (!m)
		return;
	free(m->cpuid);
	free(m);
}

int cpu_model_apply(struct arch_cpu_model *m, int vcpu_fd, unsigned index, struct err *e)
{
	int khz;

	if (index == 0) { /* all vCPUs tick alike */
		khz = ioctl(vcpu_fd, KVM_GET_TSC_KHZ, 0);
		if (khz > 0)
			cpuid_set_tsc_khz(m->cpuid, (uint32_t)khz);
		else
			log_debug("KVM does not tell the frequency of the time stamp counter");
	}
	cpuid_set_apic_id(m->cpuid, index);
	return ioctl(vcpu_fd, KVM_SET_CPUID2, m->cpuid) < 0
	               ? err_errno(e, errno,
	                           "KVM refuses the processor model of vCPU %u (KVM_SET_CPUID2)",
	                           index)
	               : 0;
}
