/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/cpuid.h"

#include "vmm/compiler.h"

#include <string.h>

#define LEAF1_ECX_PDCM  (1U << 15)
#define LEAF1_EDX_HTT   (1U << 28)
#define LEAF6_EAX_ARAT  (1U << 2) /* the LAPIC timer never stops */
#define EXT1_ECX_LEGACY (1U << 1) /* CmpLegacy: HTT counts cores */
#define EXT1_ECX_TOPO   (1U << 22) /* TOPOEXT: leaves 0x8000001d and 0x8000001e */

#define LEVEL_SMT  (1U << 8)
#define LEVEL_CORE (2U << 8)

#define APIC_BUS_KHZ 1000000 /* KVM's LAPIC timer counts nanoseconds */

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *c, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == function &&
		    (e->index == index || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return e;
	}
	return NULL;
}

/* Find or add an entry. NULL when the table is full, which no KVM reaches: the leaf is missing
 * then.
 */
static struct kvm_cpuid_entry2 *put(struct kvm_cpuid2 *c, uint32_t function, uint32_t index,
                                    uint32_t flags)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(c, function, index);

	if (e)
		return e;
	if (c->nent >= CPUID_CAPACITY)
		return NULL;
	e = &c->entries[c->nent++];
	*e = (struct kvm_cpuid_entry2){ .function = function, .index = index, .flags = flags };
	return e;
}

/* Empty a leaf with all its subleaves; drop_empty() takes the entries out. */
static void clear_leaf(struct kvm_cpuid2 *c, uint32_t function)
{
	for (uint32_t i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == function)
			e->eax = e->ebx = e->ecx = e->edx = 0;
	}
}

bool cpuid_is_amd(struct kvm_cpuid2 *c)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(c, CPUID_BASIC, 0);
	char vendor[12];

	if (!e)
		return false;
	memcpy(vendor, &e->ebx, 4);
	memcpy(vendor + 4, &e->edx, 4);
	memcpy(vendor + 8, &e->ecx, 4);
	return memcmp(vendor, "AuthenticAMD", 12) == 0 || memcmp(vendor, "HygonGenuine", 12) == 0;
}

/* Bits of an APIC id that number the cores of the package. */
static uint32_t core_bits(unsigned n_cpus)
{
	uint32_t bits = 0;

	while ((1U << bits) < n_cpus)
		bits++;
	return bits;
}

/* What every processor has: how many logical processors share the package. */
static void shape_version(struct kvm_cpuid2 *c, unsigned n_cpus)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(c, CPUID_VERSION, 0);

	if (!e)
		return;
	e->ebx = (e->ebx & 0xffff) | 1U << (16 + core_bits(n_cpus));
	e->ecx &= ~LEAF1_ECX_PDCM;
	e->edx = n_cpus > 1 ? e->edx | LEAF1_EDX_HTT : e->edx & ~LEAF1_EDX_HTT;
}

/*
 * Which processors share a cache: EAX bits 25:14. Cores have their own first and second level; the
 * third belongs to the package. Intel also counts the core ids of the package there (bits 31:26).
 */
static void shape_caches(struct kvm_cpuid2 *c, uint32_t leaf, unsigned n_cpus)
{
	const uint32_t ids = (1U << core_bits(n_cpus)) - 1;

	for (uint32_t i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];
		const uint32_t level = e->eax >> 5 & 7;

		if (e->function != leaf || (e->eax & 0x1f) == 0)
			continue;
		e->eax &= 0x3fff;
		if (level >= 3)
			e->eax |= ids << 14;
		if (leaf == CPUID_CACHES)
			e->eax |= (ids & 0x3f) << 26;
	}
}

/* One level of leaf 0xb; EDX is the vCPU's own. */
static void put_level(struct kvm_cpuid2 *c, uint32_t index, uint32_t shift, uint32_t n,
                      uint32_t type)
{
	struct kvm_cpuid_entry2 *e = put(c, CPUID_TOPOLOGY, index, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);

	if (!e)
		return;
	e->eax = shift;
	e->ebx = n;
	e->ecx = index | type;
}

/*
 * Leaf 0xb: threads of a core, cores of the package, end. Leaf 0x1f says the same with more levels;
 * software falls back to 0xb when it is empty, so one of them is enough.
 */
static void shape_topology(struct kvm_cpuid2 *c, unsigned n_cpus)
{
	const struct kvm_cpuid_entry2 *basic = cpuid_find(c, CPUID_BASIC, 0);

	clear_leaf(c, CPUID_TOPOLOGY_V2);
	clear_leaf(c, CPUID_TOPOLOGY);
	if (!basic || basic->eax < CPUID_TOPOLOGY)
		return;
	put_level(c, 0, 0, 1, LEVEL_SMT);
	put_level(c, 1, core_bits(n_cpus), n_cpus, LEVEL_CORE);
	put_level(c, 2, 0, 0, 0);
}

/* AMD's own leaves: number of cores, core id, caches. */
static void shape_amd(struct kvm_cpuid2 *c, unsigned n_cpus)
{
	struct kvm_cpuid_entry2 *sizes = cpuid_find(c, CPUID_SIZES, 0);
	struct kvm_cpuid_entry2 *ext = cpuid_find(c, CPUID_EXTENDED_VERSION, 0);
	const struct kvm_cpuid_entry2 *cache;

	if (!ext || !sizes)
		return;
	sizes->ecx = (n_cpus - 1) | core_bits(n_cpus) << 12;
	ext->ecx = n_cpus > 1 ? ext->ecx | EXT1_ECX_LEGACY : ext->ecx & ~EXT1_ECX_LEGACY;
	shape_caches(c, CPUID_AMD_CACHES, n_cpus);
	cache = cpuid_find(c, CPUID_AMD_CACHES, 0);
	if (!cache || cache->eax == 0)
		ext->ecx &= ~EXT1_ECX_TOPO; /* half a description confuses more than none */
	if (ext->ecx & EXT1_ECX_TOPO)
		put(c, CPUID_AMD_TOPOLOGY, 0, 0);
	else
		clear_leaf(c, CPUID_AMD_TOPOLOGY);
}

/* Leaves of things that this machine does not have. */
static void clear_foreign(struct kvm_cpuid2 *c)
{
	static const uint32_t foreign[] = {
		0x5, /* MONITOR, MWAIT */
		0xa, /* performance counters */
		0xf,        0x10, /* cache and bandwidth allocation */
		0x12, /* SGX */
		0x14, /* processor trace */
		0x1b,       0x1c, /* platform configuration, last branch records */
		0x8000001f, /* memory encryption */
		0x80000022, /* performance counters, AMD */
	};
	struct kvm_cpuid_entry2 *power = cpuid_find(c, 0x6, 0);

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		clear_leaf(c, foreign[i]);
	if (power)
		*power = (struct kvm_cpuid_entry2){ .function = 0x6,
			                            .eax = power->eax & LEAF6_EAX_ARAT };
}

/*
 * An entry that answers only zeros answers like one that is missing. KVM searches the table at each
 * CPUID exit, so short is better.
 */
static void drop_empty(struct kvm_cpuid2 *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->eax || e->ebx || e->ecx || e->edx || e->function == CPUID_AMD_TOPOLOGY)
			c->entries[n++] = *e;
	}
	c->nent = n;
}

void cpuid_shape(struct kvm_cpuid2 *c, unsigned n_cpus)
{
	clear_foreign(c);
	shape_version(c, n_cpus);
	shape_caches(c, CPUID_CACHES, n_cpus);
	shape_topology(c, n_cpus);
	if (cpuid_is_amd(c))
		shape_amd(c, n_cpus);
	drop_empty(c);
}

void cpuid_set_apic_id(struct kvm_cpuid2 *c, uint32_t apic_id)
{
	for (uint32_t i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		switch (e->function) {
		case CPUID_VERSION:
			e->ebx = (e->ebx & 0xffffff) | apic_id << 24;
			break;
		case CPUID_TOPOLOGY:
			e->edx = apic_id;
			break;
		case CPUID_AMD_TOPOLOGY: /* core id as the APIC id, one thread, node 0 of 1 */
			e->eax = apic_id;
			e->ebx = apic_id & 0xff;
			break;
		default:
			break;
		}
	}
}

void cpuid_set_tsc_khz(struct kvm_cpuid2 *c, uint32_t khz)
{
	struct kvm_cpuid_entry2 *kvm = cpuid_find(c, CPUID_KVM, 0);
	struct kvm_cpuid_entry2 *timing;

	if (!kvm || khz == 0)
		return;
	timing = put(c, CPUID_HYPERVISOR_TIMING, 0, 0);
	if (!timing)
		return;
	timing->eax = khz;
	timing->ebx = APIC_BUS_KHZ;
	if (kvm->eax < CPUID_HYPERVISOR_TIMING)
		kvm->eax = CPUID_HYPERVISOR_TIMING;
}
