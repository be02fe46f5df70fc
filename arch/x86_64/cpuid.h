/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_64_CPUID_H
#define ARCH_X86_64_CPUID_H

/*
 * The table of CPUID answers that a guest sees: pure transformations of what
 * KVM_GET_SUPPORTED_CPUID gave, so that they are tested without KVM.
 */

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

/* Room of every table here: KVM never has more entries (KVM_MAX_CPUID_ENTRIES). */
#define CPUID_CAPACITY 256

/* Leaves by name, as far as more than one place needs them. */
enum {
	CPUID_BASIC = 0x0, /* EAX: highest basic leaf; EBX, EDX, ECX: vendor */
	CPUID_VERSION = 0x1,
	CPUID_CACHES = 0x4,
	CPUID_TOPOLOGY = 0xb,
	CPUID_XSTATE = 0xd,
	CPUID_TOPOLOGY_V2 = 0x1f,
	CPUID_KVM = 0x40000000, /* EAX: highest KVM leaf */
	CPUID_KVM_FEATURES = 0x40000001,
	CPUID_HYPERVISOR_TIMING = 0x40000010, /* EAX: TSC kHz, EBX: LAPIC timer kHz */
	CPUID_EXTENDED = 0x80000000,
	CPUID_EXTENDED_VERSION = 0x80000001,
	CPUID_SIZES = 0x80000008,
	CPUID_AMD_CACHES = 0x8000001d,
	CPUID_AMD_TOPOLOGY = 0x8000001e,
};

/**
 * cpuid_find() - Look up one entry
 * @c:        Table
 * @function: Leaf (EAX)
 * @index:    Subleaf (ECX); ignored by leaves without subleaves
 *
 * Return: The entry inside @c, or NULL.
 */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *c, uint32_t function, uint32_t index);

/**
 * cpuid_is_amd() - Whether the processor is an AMD or a Hygon
 * @c: Table with leaf 0
 */
bool cpuid_is_amd(struct kvm_cpuid2 *c);

/**
 * cpuid_shape() - Turn the host's processor into the guest's
 * @c:      Room for CPUID_CAPACITY entries; changed in place, empty entries are dropped
 * @n_cpus: vCPUs, 1 to 255
 *
 * One package of @n_cpus cores with one thread each and a shared last level cache. No performance
 * counters, no power management, none of the host's own topology. Feature bits are left to
 * cpu_features_apply(), but for those that follow from the topology.
 * Context: set-up.
 * Spec:    Intel SDM volume 2 CPUID; AMD APM volume 3 appendix E
 */
void cpuid_shape(struct kvm_cpuid2 *c, unsigned n_cpus);

/**
 * cpuid_set_apic_id() - Make the table that of one vCPU
 * @c:       From cpuid_shape()
 * @apic_id: The vCPU's index
 */
void cpuid_set_apic_id(struct kvm_cpuid2 *c, uint32_t apic_id);

/**
 * cpuid_set_tsc_khz() - Tell the guest how fast its time stamp counter runs
 * @c:   From cpuid_shape()
 * @khz: From KVM_GET_TSC_KHZ
 *
 * The guest then need not calibrate against a timer that this machine does not have.
 */
void cpuid_set_tsc_khz(struct kvm_cpuid2 *c, uint32_t khz);

#endif /* ARCH_X86_64_CPUID_H */
