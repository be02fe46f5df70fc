/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/probe_guest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>

#define TICK_US     10000 /* brings KVM_RUN back, so that no guest can hold it */
#define DEADLINE_MS 500 /* for one piece of code */

/* Iterations of the loop: few where guest kernel mode is emulated, then enough to measure. */
#define LOOPS_FEW   20000ULL
#define LOOPS_MANY  4000000ULL
#define FEW_FAST_US 5000 /* LOOPS_FEW took less: measure again with LOOPS_MANY */

/*
 * An ordinary kernel boots in some 10^9 instructions of ring 0. Emulators run below 2 million a
 * second; hardware, even when itself emulated by QEMU, runs above 20 million.
 */
#define MIN_IPS 5000000ULL

/* The probe's VM. Fields are undone by close_all(). */
struct probe {
	int vm_fd, vcpu_fd; /* -1: none */
	unsigned next_id; /* a vCPU that failed is replaced by a new one */
	size_t run_size; /* bytes */
	struct kvm_run *run; /* NULL: none */
	uint8_t *ram; /* PROBE_RAM bytes, or NULL */
	struct kvm_cpuid2 *cpuid;
	bool has_xsave;
};

static void close_vcpu(struct probe *p)
{
	if (p->run)
		munmap(p->run, p->run_size);
	p->run = NULL;
	fd_close(&p->vcpu_fd);
}

static void close_all(struct probe *p)
{
	close_vcpu(p);
	fd_close(&p->vm_fd);
	if (p->ram)
		munmap(p->ram, PROBE_RAM);
	free(p->cpuid);
}

static void put64(struct probe *p, uint32_t at, uint64_t value)
{
	memcpy(p->ram + at, &value, sizeof(value));
}

/* An interrupt gate to one of the exception entries. Spec: Intel SDM volume 3, 6.14.1 */
static void put_gate(struct probe *p, unsigned vector)
{
	const uint64_t entry = PROBE_CODE + vector * PROBE_VECTOR_BYTES;
	const uint32_t at = PROBE_IDT + vector * 16;

	put64(p, at,
	      (entry & 0xffff) | PROBE_SEL_CODE << 16 | 0x8eULL << 40 | (entry & 0xffff0000) << 32);
	put64(p, at + 8, 0);
}

/* Tables and code, as on the first day: what a test changed does not reach the next. */
static void fill_ram(struct probe *p)
{
	static const uint64_t gdt[PROBE_GDT_ENTRIES] = {
		0,
		0x00af9b000000ffff, /* 0x08 code */
		0x00cf93000000ffff, /* 0x10 data */
		0, /* 0x18 SYSRET counts from here */
		0x00cff3000000ffff, /* 0x20 user data */
		0x00affb000000ffff, /* 0x28 user code */
		0x0000890000000067 | (uint64_t)PROBE_TSS << 16, /* 0x30 task state, two entries */
		0,
	};

	put64(p, PROBE_PML4, PROBE_PDPT | 7);
	put64(p, PROBE_PDPT, PROBE_PD | 7);
	put64(p, PROBE_PD, 0x87); /* 2 MiB at 0, user too */
	memcpy(p->ram + PROBE_GDT, gdt, sizeof(gdt));
	memset(p->ram + PROBE_SCRATCH, 0, 0x1000);
	put64(p, PROBE_TSS + 4, PROBE_STACK); /* RSP0 */
	for (unsigned i = 0; i < PROBE_VECTORS; i++)
		put_gate(p, i);
	memcpy(p->ram + PROBE_CODE, probe_guest_code, (size_t)(probe_guest_end - probe_guest_code));
}

static int open_vm(struct probe *p, int kvm_fd, struct err *e)
{
	struct kvm_userspace_memory_region slot = { .memory_size = PROBE_RAM };
	const struct kvm_cpuid_entry2 *version;
	int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < (int)sizeof(struct kvm_run))
		return err_set(e, ENOTSUP, "KVM_GET_VCPU_MMAP_SIZE gives %d bytes: too few", size);
	p->run_size = (size_t)size;
	p->cpuid = malloc(sizeof(*p->cpuid) + CPUID_CAPACITY * sizeof(p->cpuid->entries[0]));
	if (!p->cpuid)
		return err_errno(e, ENOMEM, "cannot make the probe guest");
	*p->cpuid = (struct kvm_cpuid2){ .nent = CPUID_CAPACITY };
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, p->cpuid) < 0)
		return err_errno(e, errno, "KVM_GET_SUPPORTED_CPUID");
	version = cpuid_find(p->cpuid, CPUID_VERSION, 0);
	p->has_xsave = version && (version->ecx & 1U << 26);
	p->ram = mmap(NULL, PROBE_RAM, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->ram == MAP_FAILED) {
		p->ram = NULL;
		return err_errno(e, errno, "cannot map the probe guest's memory");
	}
	p->vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (p->vm_fd < 0)
		return err_errno(e, errno, "cannot make a VM (KVM_CREATE_VM)");
	slot.userspace_addr = (uintptr_t)p->ram;
	if (ioctl(p->vm_fd, KVM_SET_TSS_ADDR, LAYOUT_KVM_TSS) < 0 ||
	    ioctl(p->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return err_errno(e, errno, "KVM refuses the probe guest's memory");
	return 0;
}

static int open_vcpu(struct probe *p, struct err *e)
{
	p->vcpu_fd = ioctl(p->vm_fd, KVM_CREATE_VCPU, p->next_id++);
	if (p->vcpu_fd < 0)
		return err_errno(e, errno, "cannot make a vCPU (KVM_CREATE_VCPU)");
	if (ioctl(p->vcpu_fd, KVM_SET_CPUID2, p->cpuid) < 0)
		return err_errno(e, errno, "KVM refuses its own processor (KVM_SET_CPUID2)");
	p->run = mmap(NULL, p->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu_fd, 0);
	if (p->run == MAP_FAILED) {
		p->run = NULL;
		return err_errno(e, errno, "cannot map the shared page of the probe's vCPU");
	}
	return 0;
}

/* Put the vCPU in ring 0 at the beginning of a piece of code. */
static int set_regs(struct probe *p, const uint8_t *entry, uint64_t rcx, struct err *e)
{
	const struct kvm_segment data = { .selector = PROBE_SEL_DATA,
		                          .limit = 0xffffffff,
		                          .type = 3,
		                          .present = 1,
		                          .s = 1,
		                          .g = 1,
		                          .db = 1 };
	struct kvm_segment code = data;
	struct kvm_sregs s = {
		.ds = data,
		.es = data,
		.fs = data,
		.gs = data,
		.ss = data,
		.tr = { .type = 11,
		        .present = 1,
		        .limit = 0x67,
		        .base = PROBE_TSS,
		        .selector = PROBE_SEL_TSS },
		.ldt = { .type = 2, .unusable = 1 },
		.gdt = { .base = PROBE_GDT, .limit = PROBE_GDT_ENTRIES * 8 - 1 },
		.idt = { .base = PROBE_IDT, .limit = PROBE_VECTORS * 16 - 1 },
		.cr0 = 0x80000011, /* PG, ET, PE */
		.cr3 = PROBE_PML4,
		.cr4 = 0x20, /* PAE */
		.efer = 0x500, /* LMA, LME */
		.apic_base = LAYOUT_LAPIC | 0x900,
	};
	const struct kvm_regs r = {
		.rip = PROBE_CODE + (uint64_t)(entry - probe_guest_code),
		.rsp = PROBE_STACK,
		.rflags = 2,
		.rcx = rcx,
	};

	code.selector = PROBE_SEL_CODE;
	code.type = 11;
	code.db = 0;
	code.l = 1;
	s.cs = code;
	fill_ram(p);
	if (ioctl(p->vcpu_fd, KVM_SET_SREGS, &s) < 0 || ioctl(p->vcpu_fd, KVM_SET_REGS, &r) < 0)
		return err_errno(e, errno, "KVM refuses the probe guest's registers");
	return 0;
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Whether the guest left as the test demands. */
static bool as_wanted(const struct kvm_run *run, int vector)
{
	const uint8_t *byte = (const uint8_t *)run + run->io.data_offset;

	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT)
		return false;
	if (vector < 0)
		return run->io.port == PROBE_PORT_DONE;
	return run->io.port == PROBE_PORT_EXCEPTION && *byte == vector;
}

/* Ticks only while the guest runs: KVM_CREATE_VM would give up at each. */
static void set_tick(suseconds_t us)
{
	const struct itimerval tick = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &tick, NULL);
}

/* Run a piece of code to its end, or to the deadline. Returns 1 = as wanted, 0 = not, -errno. */
static int run_code(struct probe *p, const uint8_t *entry, uint64_t rcx, int vector,
                    int64_t *ret_us, struct err *e)
{
	int r = set_regs(p, entry, rcx, e);
	int64_t start = now_us();

	if (r < 0)
		return r;
	set_tick(TICK_US);
	do {
		r = ioctl(p->vcpu_fd, KVM_RUN, 0);
		*ret_us = now_us() - start;
	} while (r < 0 && (errno == EINTR || errno == EAGAIN) && *ret_us < DEADLINE_MS * 1000LL);
	set_tick(0);
	return r == 0 && as_wanted(p->run, vector);
}

/* Try every instruction; one that fails costs the vCPU, as its state is anybody's guess. */
static int run_tests(struct probe *p, struct arch_probe *ret, struct err *e)
{
	int64_t us;
	int r = 0;

	for (unsigned i = 0; i < probe_guest_n_tests; i++) {
		const struct probe_test *t = &probe_guest_tests[i];

		if (t->xsave && !p->has_xsave)
			continue;
		if (p->vcpu_fd < 0)
			r = open_vcpu(p, e);
		if (r == 0)
			r = run_code(p, t->entry, 0, t->vector, &us, e);
		if (r < 0)
			return r;
		ret->n_tests++;
		if (r == 0) {
			ret->failed[ret->n_failed++] = t->name;
			close_vcpu(p);
		}
		r = 0;
	}
	return 0;
}

/* Instructions a second in a loop, 0 if it does not even finish. */
static int measure(struct probe *p, uint64_t *ret_ips, struct err *e)
{
	uint64_t loops = LOOPS_FEW;
	int64_t us = 0;
	int r = p->vcpu_fd < 0 ? open_vcpu(p, e) : 0;

	if (r == 0)
		r = run_code(p, probe_guest_loop, loops, -1, &us, e);
	if (r > 0 && us < FEW_FAST_US) {
		loops = LOOPS_MANY;
		r = run_code(p, probe_guest_loop, loops, -1, &us, e);
	}
	if (r < 0)
		return r;
	*ret_ips = r > 0 ? 2 * loops * 1000000 / (uint64_t)(us > 0 ? us : 1) : 0;
	return 0;
}

static void judge(struct arch_probe *ret)
{
	const unsigned n = ret->n_failed;

	ret->runs_kernels = n == 0 && ret->ring0_ips >= MIN_IPS;
	if (n > 0)
		snprintf(ret->why, sizeof(ret->why),
		         "in guest kernel mode %u of %u instructions do not work, among them "
		         "'%s'%s%s%s",
		         n, ret->n_tests, ret->failed[0], n > 1 ? " and '" : "",
		         n > 1 ? ret->failed[1] : "", n > 1 ? "'" : "");
	else if (!ret->runs_kernels)
		snprintf(ret->why, sizeof(ret->why),
		         "guest kernel mode runs only %.1f million instructions a second",
		         (double)ret->ring0_ips / 1e6);
}

static void on_tick(int signo)
{
	(void)signo;
}

int arch_probe_run(int kvm_fd, struct arch_probe *ret, struct err *e)
{
	struct sigaction sa = { .sa_handler = on_tick }, old;
	struct probe p = { .vm_fd = -1, .vcpu_fd = -1 };
	struct arch_probe found = { 0 };
	int r;

	sigaction(SIGALRM, &sa, &old);
	r = open_vm(&p, kvm_fd, e);
	if (r == 0)
		r = run_tests(&p, &found, e);
	if (r == 0)
		r = measure(&p, &found.ring0_ips, e);
	sigaction(SIGALRM, &old, NULL);
	close_all(&p);
	if (r < 0)
		return r;
	judge(&found);
	*ret = found;
	return 0;
}
