/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of `tools/bench start`: the calls that a virtual machine monitor cannot do without to
 * give a guest the machine that vmm gives it, and to run it: RAM, the interrupt controllers as
 * firmware leaves them, one vCPU with the host's processor model, MSRs and registers. Nothing else:
 * no command line, tables, devices, event loop or thread, and no checks beyond "it worked". The
 * guest is the one of guest.S: it ends with a byte written to the exit port.
 *
 * usage: floor MEMORY_MIB
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CPUID_MAX 256
#define CODE_GPA  0x100000

#define MSR_MISC_ENABLE   0x1a0
#define MSR_MTRR_DEF_TYPE 0x2ff

union cpuid {
	struct kvm_cpuid2 list;
	uint8_t room[sizeof(struct kvm_cpuid2) + CPUID_MAX * sizeof(struct kvm_cpuid_entry2)];
};

static const uint8_t guest[] = {
	0xb0, 0x2a, /* mov $42, %al */
	0xe6, 0xf4, /* out %al, $0xf4 */
	0xf4, /* hlt */
};

/* Stop at the first call that fails: the benchmark shows the status. */
static int call(int fd, unsigned long request, void *arg)
{
	int r = ioctl(fd, request, arg);

	if (r < 0)
		exit(1);
	return r;
}

static void set_up_irqchip(int vm)
{
	struct kvm_enable_cap no_pmu = { .cap = KVM_CAP_PMU_CAPABILITY,
		                         .args = { KVM_PMU_CAP_DISABLE } };
	struct kvm_irqchip masked = { .chip_id = KVM_IRQCHIP_PIC_MASTER, .chip.pic.imr = 0xff };

	call(vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000UL);
	(void)ioctl(vm, KVM_ENABLE_CAP, &no_pmu); /* some hosts refuse it */
	call(vm, KVM_CREATE_IRQCHIP, NULL);
	call(vm, KVM_SET_IRQCHIP, &masked);
}

static void set_up_ram(int vm, size_t bytes)
{
	uint8_t *ram = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct kvm_userspace_memory_region slot = {
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)ram,
	};

	if (ram == MAP_FAILED)
		exit(1);
	memcpy(ram + CODE_GPA, guest, sizeof(guest));
	call(vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

static void set_up_msrs(int vcpu)
{
	static const struct kvm_msr_entry entries[] = {
		{ .index = MSR_MISC_ENABLE, .data = 0x1801 },
		{ .index = MSR_MTRR_DEF_TYPE, .data = 0x806 },
	};
	union {
		struct kvm_msrs list;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(entries)];
	} msrs = { .list.nmsrs = 2 };

	memcpy(msrs.list.entries, entries, sizeof(entries));
	(void)ioctl(vcpu, KVM_SET_MSRS, &msrs); /* some hosts refuse one */
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){ .selector = selector,
		                     .limit = 0xffffffff,
		                     .type = type,
		                     .present = 1,
		                     .s = 1,
		                     .g = 1,
		                     .db = 1 };
}

/* 32-bit protected mode, paging off, as PVH wants it. */
static void set_up_registers(int kvm, int vcpu)
{
	static union cpuid cpuid = { .list.nent = CPUID_MAX };
	struct kvm_segment data = flat(0x18, 3);
	struct kvm_sregs sregs = {
		.cs = flat(0x10, 11),
		.ds = data,
		.es = data,
		.fs = data,
		.gs = data,
		.ss = data,
		.tr = { .selector = 0x20, .limit = 0x67, .type = 11, .present = 1 },
		.ldt = { .type = 2, .unusable = 1 },
		.cr0 = 0x11,
		.apic_base = 0xfee00900,
	};
	struct kvm_regs regs = { .rip = CODE_GPA, .rflags = 2 };

	call(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	call(vcpu, KVM_SET_CPUID2, &cpuid);
	set_up_msrs(vcpu);
	call(vcpu, KVM_SET_SREGS, &sregs);
	call(vcpu, KVM_SET_REGS, &regs);
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 128) << 20;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm, vcpu;
	size_t run_size;
	struct kvm_run *run;

	if (kvm < 0 || ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return 1;
	run_size = (size_t)call(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	vm = call(kvm, KVM_CREATE_VM, NULL);
	set_up_irqchip(vm);
	set_up_ram(vm, bytes);
	vcpu = call(vm, KVM_CREATE_VCPU, NULL);
	run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return 1;
	set_up_registers(kvm, vcpu);
	call(vcpu, KVM_RUN, NULL);
	return run->exit_reason == KVM_EXIT_IO ? *((uint8_t *)run + run->io.data_offset) : 1;
}
