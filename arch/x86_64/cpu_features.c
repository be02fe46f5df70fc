/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/cpu_features.h"

#include "arch/x86_64/cpuid.h"

#include <errno.h>
#include <string.h>

/* The registers of CPUID that hold feature bits. */
enum word {
	W_1_ECX,
	W_1_EDX,
	W_7_EBX,
	W_7_ECX,
	W_7_EDX,
	W_7_1_EAX,
	W_7_1_EDX,
	W_XSAVE, /* 0xd.1 EAX */
	W_KVM, /* 0x40000001 EAX */
	W_EXT_ECX, /* 0x80000001 */
	W_EXT_EDX,
	W_APM, /* 0x80000007 EDX */
	W_AMD, /* 0x80000008 EBX */
	W_AMD2, /* 0x80000021 EAX */
	N_WORDS
};

static const struct {
	uint32_t function, index;
	enum { EAX, EBX, ECX, EDX } reg;
} where[N_WORDS] = {
	[W_1_ECX] = { 0x1, 0, ECX },          [W_1_EDX] = { 0x1, 0, EDX },
	[W_7_EBX] = { 0x7, 0, EBX },          [W_7_ECX] = { 0x7, 0, ECX },
	[W_7_EDX] = { 0x7, 0, EDX },          [W_7_1_EAX] = { 0x7, 1, EAX },
	[W_7_1_EDX] = { 0x7, 1, EDX },        [W_XSAVE] = { 0xd, 1, EAX },
	[W_KVM] = { 0x40000001, 0, EAX },     [W_EXT_ECX] = { 0x80000001, 0, ECX },
	[W_EXT_EDX] = { 0x80000001, 0, EDX }, [W_APM] = { 0x80000007, 0, EDX },
	[W_AMD] = { 0x80000008, 0, EBX },     [W_AMD2] = { 0x80000021, 0, EAX },
};

/*
 * Names as in /proc/cpuinfo (Linux arch/x86/include/asm/cpufeatures.h), from bit 0 on, with "." for
 * a bit without one; a name may have two bits. In one string for a register: 400 pointers are 3
 * KiB.
 */
static const char *const names[N_WORDS] = {
	[W_1_ECX] = "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est "
	            "tm2 ssse3 cid sdbg fma cx16 xtpr pdcm "
	            ". pcid dca sse4_1 sse4_2 x2apic movbe popcnt "
	            "tsc_deadline_timer aes xsave . avx f16c rdrand hypervisor",
	[W_1_EDX] = "fpu vme de pse tsc msr pae mce "
	            "cx8 apic . sep mtrr pge mca cmov "
	            "pat pse36 pn clflush . dts acpi mmx "
	            "fxsr sse sse2 ss ht tm ia64 pbe",
	[W_7_EBX] = "fsgsbase tsc_adjust sgx bmi1 hle avx2 . smep "
	            "bmi2 erms invpcid rtm cqm . mpx rdt_a "
	            "avx512f avx512dq rdseed adx smap avx512ifma . clflushopt "
	            "clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl",
	[W_7_ECX] = ". avx512vbmi umip pku . waitpkg avx512_vbmi2 user_shstk "
	            "gfni vaes vpclmulqdq avx512_vnni avx512_bitalg tme avx512_vpopcntdq . "
	            "la57 . . . . . rdpid . "
	            "bus_lock_detect cldemote . movdiri movdir64b enqcmd sgx_lc",
	[W_7_EDX] = ". . avx512_4vnniw avx512_4fmaps fsrm . . . "
	            "avx512_vp2intersect . md_clear . . . serialize . "
	            "tsxldtrk . pconfig arch_lbr ibt . amx_bf16 avx512_fp16 "
	            "amx_tile amx_int8 spec_ctrl stibp flush_l1d arch_capabilities "
	            "core_capabilities ssbd",
	[W_7_1_EAX] = "sha512 sm3 sm4 . avx_vnni avx512_bf16 . cmpccxadd "
	              ". . fzrm fsrs fsrc . . . "
	              ". fred lkgs wrmsrns . amx_fp16 . avx_ifma "
	              ". . lam",
	[W_7_1_EDX] = ". . . . avx_vnni_int8 avx_ne_convert . . "
	              "amx_complex . avx_vnni_int16 . . . prefetchiti . "
	              ". . . avx10",
	[W_XSAVE] = "xsaveopt xsavec xgetbv1 xsaves xfd",
	[W_KVM] = "kvmclock kvm_nopiodelay kvm_mmu kvmclock kvm_asyncpf kvm_steal_time kvm_pv_eoi "
	          "kvm_pv_unhalt "
	          ". kvm_pv_tlb_flush kvm_asyncpf_vmexit kvm_pv_ipi kvm_poll_control "
	          "kvm_pv_sched_yield kvm_asyncpf_int kvm_msi_ext_dest_id "
	          ". . . . . . . . "
	          "kvmclock_stable_bit",
	[W_EXT_ECX] = "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse "
	              "3dnowprefetch osvw ibs xop skinit wdt . lwp "
	              "fma4 tce . nodeid_msr . tbm topoext perfctr_core "
	              "perfctr_nb . bpext ptsc perfctr_llc mwaitx",
	[W_EXT_EDX] = ". . . . . . . . "
	              ". . . syscall . . . . "
	              ". . . mp nx . mmxext . "
	              ". fxsr_opt pdpe1gb rdtscp . lm 3dnowext 3dnow",
	[W_APM] = ". . . . . . . . "
	          "constant_tsc",
	[W_AMD] = "clzero irperf xsaveerptr . rdpru . . . "
	          ". wbnoinvd . . ibpb . ibrs stibp "
	          ". stibp_always_on . . . . . . "
	          "ssbd virt_ssbd amd_ssb_no . amd_psfd",
	[W_AMD2] = "no_nested_data_bp . lfence_rdtsc . . . null_sel_clr_base . "
	           "autoibrs",
};

#define BIT(n) (1U << (n))

/* Never offered: they need more than a bit, or count what the host does. */
static const uint32_t never[N_WORDS] = {
	[W_1_ECX] = BIT(2) | BIT(3) | BIT(4) | BIT(15), /* dtes64, monitor, ds_cpl, pdcm */
	[W_1_EDX] = BIT(21), /* dts */
	[W_7_EBX] = BIT(2) | BIT(12) | BIT(15) | BIT(25), /* sgx, cqm, rdt_a, intel_pt */
	[W_7_ECX] = BIT(30), /* sgx_lc */
	[W_7_EDX] = BIT(18) | BIT(19), /* pconfig, arch_lbr */
	[W_EXT_ECX] = BIT(10) | BIT(23) | BIT(24) | BIT(28), /* ibs, perfctr_* */
};

/* Left out unless asked for: nested virtualization, and waiting that holds a host processor. */
static const uint32_t on_request[N_WORDS] = {
	[W_1_ECX] = BIT(5), /* vmx */
	[W_7_ECX] = BIT(5), /* waitpkg */
	[W_EXT_ECX] = BIT(2), /* svm */
};

/* The kernel is entered in 64-bit mode with a LAPIC. */
static const uint32_t essential[N_WORDS] = {
	[W_1_EDX] = BIT(5) | BIT(6) | BIT(9), /* msr, pae, apic */
	[W_EXT_EDX] = BIT(29), /* lm */
};

/* Extended states (XCR0), the feature whose removal ends each, and the features that need them. */
#define XCR0_MPX    (BIT(3) | BIT(4))
#define XCR0_YMM    BIT(2)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define XCR0_PKRU   BIT(9)
#define XCR0_AMX    (BIT(17) | BIT(18))

static const struct {
	uint32_t states, ends; /* without @root, @ends go */
	enum word word;
	uint32_t root;
	uint32_t needs[N_WORDS]; /* features that need all of @states */
} xstates[] = {
	{ XCR0_YMM,
	  XCR0_YMM | XCR0_AVX512,
	  W_1_ECX,
	  BIT(28),
	  { [W_1_ECX] = BIT(12) | BIT(28) | BIT(29), /* fma, avx, f16c */
	    [W_7_EBX] = BIT(5), /* avx2 */
	    [W_7_ECX] = BIT(9) | BIT(10), /* vaes, vpclmulqdq */
	    [W_7_1_EAX] = BIT(0) | BIT(1) | BIT(2) | BIT(4) | BIT(23), /* sha512 to avx_ifma */
	    [W_7_1_EDX] = BIT(4) | BIT(5) | BIT(10), /* avx_vnni_int8 and so on */
	    [W_EXT_ECX] = BIT(11) | BIT(16) /* xop, fma4 */ } },
	{ XCR0_AVX512,
	  XCR0_AVX512,
	  W_7_EBX,
	  BIT(16),
	  { [W_7_EBX] =
	            BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31),
	    [W_7_ECX] = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14),
	    [W_7_EDX] = BIT(2) | BIT(3) | BIT(8) | BIT(23),
	    [W_7_1_EAX] = BIT(5), /* avx512_bf16 */
	    [W_7_1_EDX] = BIT(19) /* avx10 */ } },
	{ XCR0_PKRU, XCR0_PKRU, W_7_ECX, BIT(3), { [W_7_ECX] = BIT(3) } },
	{ XCR0_MPX, XCR0_MPX, W_7_EBX, BIT(14), { [W_7_EBX] = BIT(14) } },
	{ XCR0_AMX,
	  XCR0_AMX,
	  W_7_EDX,
	  BIT(24), /* needs a permission that vmm does not ask for */
	  { [W_7_EDX] = BIT(22) | BIT(24) | BIT(25),
	    [W_7_1_EAX] = BIT(21),
	    [W_7_1_EDX] = BIT(8),
	    [W_XSAVE] = BIT(4) /* xfd */ } },
};

#define XSAVE     BIT(26) /* of W_1_ECX */
#define OSXSAVE   BIT(27) /* of W_1_ECX: KVM's own */
#define XSAVES    BIT(3) /* of W_XSAVE */
#define SHSTK     BIT(7) /* of W_7_ECX */
#define IBT       BIT(20) /* of W_7_EDX */
#define ARCH_CAPS BIT(29) /* of W_7_EDX */

/* Bits of leaf 0x80000001 EDX in which an AMD repeats leaf 1 EDX. */
#define AMD_ALIASES 0x0183f3ffU

static uint32_t *word_of(struct kvm_cpuid2 *c, enum word w)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(c, where[w].function, where[w].index);

	if (!e)
		return NULL;
	switch (where[w].reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

static bool same_name(const char *known, const char *asked, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (known[i] != (asked[i] == '-' ? '_' : asked[i]) || known[i] == '.')
			return false;
	return known[len] == '\0' || known[len] == ' ';
}

/* Set @ret to the bits of a name. Returns false if there are none. */
static bool lookup(const char *name, size_t len, uint32_t ret[N_WORDS])
{
	bool found = false;

	memset(ret, 0, N_WORDS * sizeof(*ret));
	for (unsigned w = 0; w < N_WORDS; w++) {
		const char *known = names[w];

		for (unsigned bit = 0; *known; bit++) {
			if (same_name(known, name, len)) {
				ret[w] |= BIT(bit);
				found = true;
			}
			known += strcspn(known, " ");
			known += strspn(known, " ");
		}
	}
	return found;
}

static bool overlap(const uint32_t a[N_WORDS], const uint32_t b[N_WORDS])
{
	for (unsigned w = 0; w < N_WORDS; w++)
		if (a[w] & b[w])
			return true;
	return false;
}

/* One "+feature" or "-feature". */
static int change(uint32_t guest[N_WORDS], const uint32_t host[N_WORDS], const char *word,
                  size_t len, struct err *e)
{
	const int shown = (int)(len < 40 ? len : 40);
	uint32_t bits[N_WORDS];

	if (len < 2 || (word[0] != '+' && word[0] != '-'))
		return err_set(e, EINVAL, "--cpu: '%.*s' is not '+FEATURE' or '-FEATURE'", shown,
		               word);
	if (!lookup(word + 1, len - 1, bits))
		return err_set(e, EINVAL,
		               "--cpu: there is no feature '%.*s'; names are those of the flags in "
		               "/proc/cpuinfo",
		               shown - 1, word + 1);
	if (word[0] == '+' && !overlap(bits, host))
		return err_set(e, EINVAL, "--cpu: this host's KVM does not offer '%.*s'", shown - 1,
		               word + 1);
	if (word[0] == '-' && overlap(bits, essential))
		return err_set(e, EINVAL,
		               "--cpu: '%.*s' cannot be removed: the kernel is entered in 64-bit "
		               "mode, with a local APIC",
		               shown - 1, word + 1);
	for (unsigned w = 0; w < N_WORDS; w++)
		guest[w] = word[0] == '+' ? guest[w] | (bits[w] & host[w]) : guest[w] & ~bits[w];
	return 0;
}

static int change_all(uint32_t guest[N_WORDS], const uint32_t host[N_WORDS], const char *spec,
                      struct err *e)
{
	size_t len = strcspn(spec, ",");
	int r = 0;

	if (len != 4 || memcmp(spec, "host", 4) != 0)
		return err_set(e, EINVAL,
		               "--cpu: the only processor is 'host', optionally followed by "
		               "',-FEATURE' or ',+FEATURE'");
	for (spec += len; *spec == ',' && r == 0; spec += len) {
		spec++;
		len = strcspn(spec, ",");
		r = change(guest, host, spec, len, e);
	}
	return r;
}

/* Keep extended states and the features that need them in step. */
static uint32_t settle_xstates(uint32_t guest[N_WORDS], uint32_t xcr0)
{
	if (!(guest[W_1_ECX] & XSAVE)) {
		guest[W_XSAVE] = 0;
		xcr0 = 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(xstates); i++)
		if (!(guest[xstates[i].word] & xstates[i].root))
			xcr0 &= ~xstates[i].ends;
	for (size_t i = 0; i < ARRAY_SIZE(xstates); i++)
		if ((xcr0 & xstates[i].states) != xstates[i].states)
			for (unsigned w = 0; w < N_WORDS; w++)
				guest[w] &= ~xstates[i].needs[w];
	if (!(guest[W_XSAVE] & XSAVES)) {
		guest[W_7_ECX] &= ~SHSTK;
		guest[W_7_EDX] &= ~IBT;
	}
	return xcr0;
}

/* Leaf 0xd: the states that are left, each with a subleaf. */
static void write_xstates(struct kvm_cpuid2 *c, uint32_t xcr0, bool xsaves)
{
	struct kvm_cpuid_entry2 *xss = cpuid_find(c, CPUID_XSTATE, 1);
	uint64_t states;

	if (xss && !xsaves)
		xss->ebx = xss->ecx = xss->edx = 0;
	states = xcr0 | (xss ? xss->ecx : 0);
	for (uint32_t i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function != CPUID_XSTATE || e->index == 1)
			continue;
		if (e->index == 0 && xcr0 != 0)
			e->eax = xcr0;
		else if (e->index >= 32 || !(states >> e->index & 1) || xcr0 == 0)
			e->eax = e->ebx = e->ecx = e->edx = 0;
	}
}

int cpu_features_apply(struct kvm_cpuid2 *c, const char *spec, bool tsc_deadline, struct err *e)
{
	const struct kvm_cpuid_entry2 *xstate = cpuid_find(c, CPUID_XSTATE, 0);
	const bool amd = cpuid_is_amd(c);
	uint32_t host[N_WORDS], guest[N_WORDS], xcr0;
	int r;

	for (unsigned w = 0; w < N_WORDS; w++) {
		const uint32_t *reg = word_of(c, w);

		host[w] = reg ? *reg & ~never[w] : 0;
	}
	host[W_1_ECX] |= BIT(31); /* hypervisor */
	if (tsc_deadline)
		host[W_1_ECX] |= BIT(24);
	if (amd)
		host[W_7_EDX] &= ~ARCH_CAPS; /* KVM makes it up; an AMD has none */
	for (unsigned w = 0; w < N_WORDS; w++)
		guest[w] = host[w] & ~on_request[w];
	r = spec ? change_all(guest, host, spec, e) : 0;
	if (r < 0)
		return r;

	xcr0 = settle_xstates(guest, xstate ? xstate->eax : 0);
	if (amd)
		guest[W_EXT_EDX] &= guest[W_1_EDX] | ~AMD_ALIASES;
	for (unsigned w = 0; w < N_WORDS; w++) {
		uint32_t *reg = word_of(c, w);

		if (reg)
			*reg = guest[w];
	}
	write_xstates(c, xcr0, guest[W_XSAVE] & XSAVES);
	return 0;
}
