/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"
#include "vmm/log.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

/*
 * KVM has no reset. What a vCPU is like after one is therefore read from it before its first
 * instruction, and written back. Nothing here has to know what each register is reset to, nor which
 * of them this host's KVM has.
 */

#define MSRS_MAX 512 /* some 150 with Linux 6.18 */

#define MSR_TSC       0x10
#define MSR_DEBUGCTL  0x1d9
#define MSR_MTRR_VAR  0x200 /* 8 pairs of base and mask */
#define MSR_MTRR_64K  0x250
#define MSR_MTRR_16K  0x258 /* and the next */
#define MSR_MTRR_4K   0x268 /* 8 of them */
#define MSR_MTRR_TYPE 0x2ff

/* What KVM_GET_MSR_INDEX_LIST may leave out, as runs of numbers. */
static const struct {
	uint32_t first, n;
} more_msrs[] = {
	{ MSR_DEBUGCTL, 1 }, { MSR_MTRR_VAR, 16 }, { MSR_MTRR_64K, 1 },
	{ MSR_MTRR_16K, 2 }, { MSR_MTRR_4K, 8 },   { MSR_MTRR_TYPE, 1 },
};

struct vcpu_state {
	/* struct kvm_nested_state of a vCPU that has no guest of its own, and struct kvm_xsave:
	 * both may end in more, here they do not. */
	uint64_t nested[sizeof(struct kvm_nested_state) / sizeof(uint64_t)];
	uint64_t xsave[sizeof(struct kvm_xsave) / sizeof(uint64_t)];
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;
	bool has[16]; /* which of the rows of parts[] KVM knows */
};

struct arch_reset {
	unsigned n_msrs;
	struct kvm_msr_entry msr[MSRS_MAX]; /* the same in every vCPU */
	unsigned n_vcpus;
	struct vcpu_state vcpu[];
};

/*
 * The parts of a vCPU in the order in which they are written: out of a nested guest first; the
 * LAPIC after its base address, which is one of the sregs, and after the mode of its timer's MSR.
 */
static const struct part {
	size_t offset; /* in struct vcpu_state */
	unsigned long get, set;
	const char *name;
	bool optional;
} parts[] = {
#define PART(field, what, ...)                                                                     \
	{                                                                                          \
		offsetof(struct vcpu_state, field), KVM_GET_##what, KVM_SET_##what,                \
		        "KVM_SET_" #what, __VA_ARGS__                                              \
	}
	PART(nested, NESTED_STATE, true), PART(sregs, SREGS, false),
	PART(regs, REGS, false),          PART(xsave, XSAVE, true),
	PART(xcrs, XCRS, true),           PART(debugregs, DEBUGREGS, true),
	PART(lapic, LAPIC, false),        PART(events, VCPU_EVENTS, false),
	PART(mp, MP_STATE, false),
#undef PART
};

_Static_assert(ARRAY_SIZE(parts) <= ARRAY_SIZE(((struct vcpu_state *)0)->has), "one for each part");

union one_msr {
	struct kvm_msrs list;
	uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
};

/* Read one MSR of a new vCPU, if KVM lets us. */
static void save_msr(struct arch_reset *s, int vcpu_fd, uint32_t index)
{
	union one_msr one = { .list.nmsrs = 1 };

	one.list.entries[0].index = index;
	if (s->n_msrs == MSRS_MAX || ioctl(vcpu_fd, KVM_GET_MSRS, &one) != 1)
		return;
	/* To KVM a time stamp counter of 0 means the VM's common time, whatever it is by now. */
	if (index == MSR_TSC)
		one.list.entries[0].data = 0;
	s->msr[s->n_msrs++] = one.list.entries[0];
}

static int save_msrs(struct arch_reset *s, int kvm_fd, int vcpu_fd, struct err *e)
{
	union {
		struct kvm_msr_list list;
		uint8_t room[sizeof(struct kvm_msr_list) + MSRS_MAX * sizeof(uint32_t)];
	} all = { .list.nmsrs = MSRS_MAX };

	if (ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &all) < 0)
		return err_errno(e, errno, "KVM does not list its MSRs (KVM_GET_MSR_INDEX_LIST)");
	for (unsigned i = 0; i < all.list.nmsrs; i++)
		save_msr(s, vcpu_fd, all.list.indices[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(more_msrs); i++)
		for (uint32_t n = 0; n < more_msrs[i].n; n++)
			save_msr(s, vcpu_fd, more_msrs[i].first + n);
	return 0;
}

static int save_vcpu(struct vcpu_state *v, int vcpu_fd, struct err *e)
{
	const struct kvm_nested_state head = { .size = sizeof(v->nested) };

	memcpy(v->nested, &head, sizeof(v->nested));
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		v->has[i] = ioctl(vcpu_fd, parts[i].get, (uint8_t *)v + parts[i].offset) >= 0;
		if (!v->has[i] && !parts[i].optional)
			return err_errno(e, errno,
			                 "KVM does not tell what '--on-reboot reset' has to put "
			                 "back (the counterpart of %s)",
			                 parts[i].name);
	}
	return 0;
}

int arch_reset_save(struct arch_reset **ret, const struct arch_reset_fds *fds, struct err *e)
{
	struct arch_reset *s = calloc(1, sizeof(*s) + fds->n_vcpus * sizeof(s->vcpu[0]));
	int r;

	if (!s)
		return err_errno(e, ENOMEM, "cannot keep the state of %u vCPUs", fds->n_vcpus);
	s->n_vcpus = fds->n_vcpus;
	r = save_msrs(s, fds->kvm, fds->vcpu(fds->arg, 0), e);
	for (unsigned i = 0; i < s->n_vcpus && r == 0; i++)
		r = save_vcpu(&s->vcpu[i], fds->vcpu(fds->arg, i), e);
	if (r < 0)
		free(s);
	else
		*ret = s;
	return r;
}

void arch_reset_free(struct arch_reset *s)
{
	free(s);
}

/* What KVM refuses now it has refused to the guest too, so it is as it was. */
static void restore_msrs(const struct arch_reset *s, int vcpu_fd)
{
	union one_msr one = { .list.nmsrs = 1 };

	for (unsigned i = 0; i < s->n_msrs; i++) {
		one.list.entries[0] = s->msr[i];
		if (ioctl(vcpu_fd, KVM_SET_MSRS, &one) != 1)
			log_debug("reset: KVM refuses MSR 0x%x", s->msr[i].index);
	}
}

static int restore_vcpu(const struct arch_reset *s, unsigned index, int vcpu_fd)
{
	const struct vcpu_state *v = &s->vcpu[index];

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i].set == KVM_SET_LAPIC)
			restore_msrs(s, vcpu_fd);
		if (v->has[i] &&
		    ioctl(vcpu_fd, parts[i].set, (const uint8_t *)v + parts[i].offset) < 0) {
			const int error = errno;

			log_error("reset: vCPU %u: %s: %s", index, parts[i].name, strerror(error));
			return -error;
		}
	}
	return 0;
}

int arch_reset_restore(const struct arch_reset *s, const struct arch_reset_fds *fds)
{
	int r = 0;

	for (unsigned i = 0; i < s->n_vcpus && r == 0; i++)
		r = restore_vcpu(s, i, fds->vcpu(fds->arg, i));
	return r;
}
