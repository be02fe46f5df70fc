/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"

#include <stdio.h>
#include <string.h>

#define REQUIRED true
#define OPTIONAL false

const struct arch_cap arch_caps[] = {
	{ KVM_CAP_SPLIT_IRQCHIP, "SPLIT_IRQCHIP", REQUIRED, "local interrupt controllers" },
	{ KVM_CAP_SET_TSS_ADDR, "SET_TSS_ADDR", REQUIRED, "real mode, where processors start" },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID", REQUIRED, "the guest's view of its processor" },
	{ KVM_CAP_KVMCLOCK_CTRL, "KVMCLOCK_CTRL", OPTIONAL,
	  "no false alarms of the guest's watchdogs after a pause" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "TSC_DEADLINE_TIMER", OPTIONAL,
	  "cheap timers; without it the guest calibrates its LAPIC" },
	{ KVM_CAP_GET_TSC_KHZ, "GET_TSC_KHZ", OPTIONAL, "the guest knows its TSC frequency" },
	{ KVM_CAP_INTERNAL_ERROR_DATA, "INTERNAL_ERROR_DATA", OPTIONAL,
	  "the reason in the report of a guest that KVM cannot run" },
	{ 0, NULL, false, NULL },
};

/*
 * Modules by what they need of the processor, the unusual ones first: where they are loaded beside
 * another, they are the ones that serve /dev/kvm.
 */
const char *arch_kvm_kind(void)
{
	static const struct {
		const char *path, *kind;
	} modules[] = {
		{ "/sys/module/kvm_pvm", "kvm-pvm (no VMX or SVM: guest kernel mode is emulated)" },
		{ "/sys/module/kvm_amd", "kvm-amd (SVM)" },
		{ "/sys/module/kvm_intel", "kvm-intel (VMX)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		if (access(modules[i].path, F_OK) == 0)
			return modules[i].kind;
	return "unknown";
}

/* Whether the first processor has a flag in /proc/cpuinfo. */
static bool has_flag(const char *line, const char *flag)
{
	const size_t len = strlen(flag);

	for (const char *at = strstr(line, flag); at; at = strstr(at + len, flag))
		if (at[-1] == ' ' && (at[len] == ' ' || at[len] == '\n'))
			return true;
	return false;
}

const char *arch_kvm_remedy(void)
{
	const char *advice = "/proc/cpuinfo cannot be read";
	char line[8192];
	FILE *f;

	if (access("/sys/module/kvm", F_OK) == 0)
		return "the kernel has KVM: make the node (mknod /dev/kvm c 10 232), or pass it "
		       "into "
		       "this container (--device /dev/kvm)";
	f = fopen("/proc/cpuinfo", "re");
	if (!f)
		return advice;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		if (has_flag(line, "vmx"))
			advice = "load it: sudo modprobe kvm_intel";
		else if (has_flag(line, "svm"))
			advice = "load it: sudo modprobe kvm_amd";
		else if (has_flag(line, "hypervisor"))
			advice = "this is a virtual machine without nested virtualization: enable "
			         "it on its host";
		else
			advice = "enable virtualization in the firmware (VT-x, SVM mode)";
		break;
	}
	fclose(f);
	return advice;
}
