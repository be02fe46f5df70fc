/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"
#include "arch/x86_64/cpu_model.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/msrs.h"

#include <errno.h>
#include <sys/ioctl.h>

#define CR0_PE   (1U << 0)
#define CR0_ET   (1U << 4)
#define CR0_PG   (1U << 31)
#define CR4_PAE  (1U << 5)
#define EFER_LME (1U << 8)
#define EFER_LMA (1U << 10)

#define RFLAGS_RESERVED 0x2 /* always 1 */

#define APIC_BASE_BSP    (1U << 8)
#define APIC_BASE_ENABLE (1U << 11)

/* Types of descriptors. */
#define TYPE_DATA 3 /* read, write, accessed */
#define TYPE_CODE 11 /* execute, read, accessed */
#define TYPE_TSS  11 /* busy */
#define TYPE_LDT  2

#define TSS_LIMIT 0x67 /* PVH asks for exactly this */

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
	};
}

/* What both protocols have in common: flat segments, tables in low memory, LAPIC on. */
static struct kvm_sregs common_sregs(void)
{
	struct kvm_segment data = flat(LAYOUT_SEL_DATA, TYPE_DATA);

	data.db = 1;
	return (struct kvm_sregs){
		.ds = data,
		.es = data,
		.fs = data,
		.gs = data,
		.ss = data,
		.tr = { .selector = LAYOUT_SEL_TSS,
		        .limit = TSS_LIMIT,
		        .type = TYPE_TSS,
		        .present = 1 },
		.ldt = { .type = TYPE_LDT, .unusable = 1 },
		.gdt = { .base = LAYOUT_GDT, .limit = LAYOUT_GDT_LIMIT },
		.idt = { .base = 0, .limit = 0 }, /* a fault before the kernel has its own ends
		                                   * the VM */
		.apic_base = LAYOUT_LAPIC | APIC_BASE_ENABLE | APIC_BASE_BSP,
	};
}

/* 64-bit mode, paging on. Spec: Linux Documentation/arch/x86/boot.rst, 64-bit boot protocol. */
static void enter_linux64(struct kvm_sregs *s)
{
	s->cs = flat(LAYOUT_SEL_CODE64, TYPE_CODE);
	s->cs.l = 1;
	s->cr0 = CR0_PE | CR0_ET | CR0_PG;
	s->cr3 = LAYOUT_PML4;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
}

/* 32-bit protected mode, paging off. Spec: Xen docs/misc/pvh.pandoc. */
static void enter_pvh(struct kvm_sregs *s)
{
	s->cs = flat(LAYOUT_SEL_CODE32, TYPE_CODE);
	s->cs.db = 1;
	s->cr0 = CR0_PE | CR0_ET;
}

/*
 * Set without asking for the present values: a new vCPU's are known. Its FPU is as after FNINIT,
 * and its LAPIC would pass a PIC's interrupts on (LINT0), both right for a boot processor; there is
 * no PIC.
 */
static int set_entry(int vcpu_fd, const struct boot_entry *entry, struct err *e)
{
	const bool pvh = entry->protocol == BOOT_PVH;
	struct kvm_sregs sregs = common_sregs();
	struct kvm_regs regs = {
		.rip = entry->pc,
		.rflags = RFLAGS_RESERVED,
		.rsp = LAYOUT_STACK,
		.rbp = LAYOUT_STACK,
		.rsi = pvh ? 0 : entry->params,
		.rbx = pvh ? entry->params : 0,
	};

	if (pvh)
		enter_pvh(&sregs);
	else
		enter_linux64(&sregs);
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0)
		return err_errno(e, errno, "KVM refuses the boot mode (KVM_SET_SREGS)");
	if (ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return err_errno(e, errno, "KVM refuses the boot registers (KVM_SET_REGS)");
	return 0;
}

int arch_vcpu_init(struct arch_cpu_model *model, int vcpu_fd, unsigned index,
                   const struct boot_entry *entry, struct err *e)
{
	int r = cpu_model_apply(model, vcpu_fd, index, e);

	if (r < 0)
		return r;
	msrs_set(vcpu_fd, index);
	/* The others wait in the LAPIC for INIT and SIPI, which set their registers. */
	return index == 0 ? set_entry(vcpu_fd, entry, e) : 0;
}
