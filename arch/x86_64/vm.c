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
 * Leave the PIC masked, as firmware does. A new one is open, with vectors from 0: the lines below
 * 16 would come twice, once by the IOAPIC and once as what looks like an exception, for as long as
 * LINT0 of the boot processor's LAPIC takes the PIC's interrupts, which it does after reset.
 * Everything of the second PIC goes through the first.
 */
static int mask_pic(int vm_fd, struct err *e)
{
	struct kvm_irqchip pic = {
		.chip_id = KVM_IRQCHIP_PIC_MASTER,
		.chip.pic = { .imr = 0xff },
	};

	return ioctl(vm_fd, KVM_SET_IRQCHIP, &pic) < 0
	               ? err_errno(e, errno, "KVM refuses to mask its PIC (KVM_SET_IRQCHIP)")
	               : 0;
}

/*
 * LAPICs, IOAPIC and PIC in the kernel. Not split: irqfds of IOAPIC pins would then need an IOAPIC
 * of ours. No PIT: with hardware-reduced ACPI a kernel asks for no legacy timer, it takes its time
 * from kvmclock and the LAPIC's deadline timer. The identity map page stays at KVM's default, which
 * is LAYOUT_KVM_IDENTITY.
 */
int arch_vm_init(int vm_fd, struct err *e)
{
	if (ioctl(vm_fd, KVM_SET_TSS_ADDR, LAYOUT_KVM_TSS) < 0)
		return err_errno(e, errno, "KVM refuses its task state segment (KVM_SET_TSS_ADDR)");
	disable_pmu(vm_fd);
	if (ioctl(vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_errno(e, errno,
		                 "KVM cannot make the interrupt controllers (KVM_CREATE_IRQCHIP)");
	return mask_pic(vm_fd, e);
}
