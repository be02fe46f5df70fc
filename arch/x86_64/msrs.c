/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/msrs.h"

#include "vmm/compiler.h"
#include "vmm/log.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#define MSR_IA32_MISC_ENABLE 0x1a0
#define MISC_FAST_STRING     (1ULL << 0) /* without it Linux does without rep movsb */
#define MISC_NO_BTS          (1ULL << 11)
#define MISC_NO_PEBS         (1ULL << 12)

#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE       (1ULL << 11)
#define MTRR_WRITE_BACK   6ULL

/*
 * Everything else is right in a new vCPU: SYSENTER_*, STAR, LSTAR, CSTAR, SYSCALL_MASK and
 * KERNEL_GS_BASE are 0, the time stamp counters start together, and the PAT has its reset value.
 */
static const struct kvm_msr_entry firmware_msrs[] = {
	{ .index = MSR_IA32_MISC_ENABLE, .data = MISC_FAST_STRING | MISC_NO_BTS | MISC_NO_PEBS },
	/* All memory is write-back. With MTRRs off, Linux would do without its PAT too. */
	{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLE | MTRR_WRITE_BACK },
};

void msrs_set(int vcpu_fd, unsigned index)
{
	union {
		struct kvm_msrs list;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(firmware_msrs)];
	} arg;
	size_t done = 0;
	int r;

	/* KVM_SET_MSRS stops at the first entry that it refuses, and says how many it took. */
	while (done < ARRAY_SIZE(firmware_msrs)) {
		const size_t left = ARRAY_SIZE(firmware_msrs) - done;

		arg.list = (struct kvm_msrs){ .nmsrs = (uint32_t)left };
		memcpy(arg.list.entries, &firmware_msrs[done], left * sizeof(firmware_msrs[0]));
		r = ioctl(vcpu_fd, KVM_SET_MSRS, &arg);
		if (r == (int)left)
			return;
		done += r > 0 ? (size_t)r : 0;
		log_debug("vCPU %u: KVM refuses MSR 0x%x = 0x%llx: %s", index,
		          firmware_msrs[done].index, firmware_msrs[done].data,
		          r < 0 ? strerror(errno) : "not supported");
		done++;
	}
}
