/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"
#include "arch/x86_64/layout.h"
#include "vmm/log.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

/*
 * Take the host's performance counters away from the guest; its CPUID does not show any. An AMD
 * guest could reach the four oldest ones all the same where KVM refuses (Linux before 5.18, or the
 * host uses none).
 */
static void disable_pmu(int vm_fd)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_PMU_CAPABILITY,
		.args = { KVM_PMU_CAP_DISABLE },
	};

	if (ioctl(vm_fd, KVM_ENABLE_CAP, &cap) < 0)
		log_debug("KVM_PMU_CAP_DISABLE: %s", strerror(errno));
}

/*
 * KVM has the LAPICs, and nothing else: there is no PIC and no PIT, since with hardware-reduced
 * ACPI a kernel asks for neither, it takes its time from kvmclock and the LAPIC's deadline timer.
 * The IOAPIC is ours (devices/ioapic.h), because KVM delivers what comes in at the pins of its own
 * by way of a kernel thread, but a message to a LAPIC at once; and what the kernel does not emulate
 * no guest can attack in there. No pin is reserved with KVM: that is for levels, whose ends it
 * would have to tell. The identity map page stays at KVM's default, which is LAYOUT_KVM_IDENTITY.
 */
int arch_vm_init(int vm_fd, struct err *e)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP };

	if (ioctl(vm_fd, KVM_SET_TSS_ADDR, LAYOUT_KVM_TSS) < 0)
		return err_errno(e, errno, "KVM refuses its task state segment (KVM_SET_TSS_ADDR)");
	disable_pmu(vm_fd);
	if (ioctl(vm_fd, KVM_ENABLE_CAP, &split) < 0)
		return err_errno(
		        e, errno,
		        "KVM cannot make the interrupt controllers (KVM_CAP_SPLIT_IRQCHIP)");
	return 0;
}
