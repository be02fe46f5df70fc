/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"
#include "vmm/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define CODE_BYTES 16 /* an instruction has at most 15 */

#define CR0_PE   (1U << 0)
#define CR0_PG   (1U << 31)
#define EFER_LMA (1U << 10)

/* What the report says of one kind of end. */
struct story {
	const char *why;
	const char *advice;
};

#define ADVICE_EMULATION                                                                           \
	"a KVM that emulates guest kernel mode knows too few instructions for an ordinary "        \
	"kernel: see 'vmm --check-host'; on any other the guest jumped or mapped wrongly"

static struct story tell_internal(const struct kvm_run *run)
{
	switch (run->internal.suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return (struct story){ "KVM could not emulate an instruction", ADVICE_EMULATION };
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return (struct story){
			"KVM met an exception while it delivered another",
			"the guest's stack or interrupt table is likely broken; look at its last "
			"console lines",
		};
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return (struct story){
			"KVM could not deliver an interrupt or exception",
			"the guest's interrupt table or stack likely lies outside RAM; try more "
			"--memory",
		};
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return (struct story){
			"the processor left the guest for a reason that KVM does not know",
			"see the host's kernel log (dmesg); a newer host kernel may know it",
		};
	default:
		return (struct story){ "KVM reports an internal error",
			               "see the host's kernel log (dmesg)" };
	}
}

static struct story tell(const struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		return (struct story){
			"triple fault: the guest could not handle an exception",
			"an early crash of the kernel: add 'earlyprintk=ttyS0' with --append, and "
			"try more --memory",
		};
	case KVM_EXIT_FAIL_ENTRY:
		return (struct story){
			"the processor refused to enter the guest",
			"the guest's registers do not fit each other, or this is a nested KVM with "
			"gaps; see the host's kernel log (dmesg)",
		};
	case KVM_EXIT_INTERNAL_ERROR:
		return tell_internal(run);
	case KVM_EXIT_NOTIFY:
		return (struct story){ "the guest kept the processor from taking interrupts",
			               "the guest attacks its host or is broken" };
	case KVM_EXIT_HLT:
		return (struct story){ "the guest halted without an interrupt controller",
			               "this KVM has no in-kernel interrupt controller" };
	default:
		return (struct story){ "KVM stopped for a reason that vmm does not handle",
			               "see the host's kernel log (dmesg)" };
	}
}

/* The numbers behind the words, for a bug report. */
static void log_numbers(const struct kvm_run *run, unsigned index)
{
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		log_error("vCPU %u: exit reason %u, hardware reason 0x%llx, processor %u", index,
		          run->exit_reason, run->fail_entry.hardware_entry_failure_reason,
		          run->fail_entry.cpu);
	else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		log_error("vCPU %u: exit reason %u, suberror %u, %u words of data", index,
		          run->exit_reason, run->internal.suberror, run->internal.ndata);
	else
		log_error("vCPU %u: exit reason %u", index, run->exit_reason);
}

static void hex_line(char *ret, size_t size, const uint8_t *bytes, size_t n)
{
	size_t at = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < n && at + 4 <= size; i++)
		at += (size_t)snprintf(ret + at, size - at, i ? " %02x" : "%02x", bytes[i]);
}

/* The bytes that KVM failed to emulate, if it tells them; else those in memory at RIP. */
static size_t code_bytes(int vcpu_fd, const struct kvm_run *run, const struct gmem *mem,
                         uint64_t linear, uint8_t ret[CODE_BYTES])
{
	struct kvm_translation tr = { .linear_address = linear };
	const uint8_t *host = NULL;
	size_t n;

	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
	    run->emulation_failure.ndata >= 4 &&
	    (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
		n = run->emulation_failure.insn_size;
		n = n < sizeof(run->emulation_failure.insn_bytes)
		            ? n
		            : sizeof(run->emulation_failure.insn_bytes);
		memcpy(ret, run->emulation_failure.insn_bytes, n);
		if (n > 0)
			return n;
	}
	if (ioctl(vcpu_fd, KVM_TRANSLATE, &tr) < 0 || !tr.valid)
		return 0;
	/* Up to the end of the page: the next one may be elsewhere. */
	n = 0x1000 - (tr.physical_address & 0xfff);
	n = n < CODE_BYTES ? n : CODE_BYTES;
	host = gmem_span(mem, GPA(tr.physical_address), n);
	if (!host)
		return 0;
	memcpy(ret, host, n);
	return n;
}

static const char *mode_of(const struct kvm_sregs *s)
{
	if (!(s->cr0 & CR0_PE))
		return "real mode";
	if (s->efer & EFER_LMA)
		return s->cs.l ? "64-bit mode" : "compatibility mode";
	return s->cr0 & CR0_PG ? "32-bit paged mode" : "32-bit mode without paging";
}

/* KVM on AMD resets a vCPU that shuts down. Spec: Intel SDM volume 3, 9.1.1 (state after reset) */
static bool was_reset(const struct kvm_run *run, const struct kvm_regs *r,
                      const struct kvm_sregs *s)
{
	return run->exit_reason == KVM_EXIT_SHUTDOWN && r->rip == 0xfff0 &&
	       s->cs.base == 0xffff0000;
}

static void log_state(int vcpu_fd, const struct kvm_run *run, const struct gmem *mem,
                      unsigned index)
{
	uint8_t code[CODE_BYTES];
	char hex[3 * CODE_BYTES + 1];
	struct kvm_sregs s;
	struct kvm_regs r;

	if (ioctl(vcpu_fd, KVM_GET_REGS, &r) < 0 || ioctl(vcpu_fd, KVM_GET_SREGS, &s) < 0) {
		log_error("vCPU %u: its registers cannot be read: %s", index, strerror(errno));
		return;
	}
	if (was_reset(run, &r, &s)) {
		log_error("vCPU %u: KVM has reset it: its registers at the fault are lost", index);
		return;
	}
	hex_line(hex, sizeof(hex), code, code_bytes(vcpu_fd, run, mem, s.cs.base + r.rip, code));
	log_error("vCPU %u: %s, ring %u", index, mode_of(&s), s.ss.dpl);
	log_error("vCPU %u: rip 0x%016llx cs 0x%x rflags 0x%llx", index, r.rip, s.cs.selector,
	          r.rflags);
	log_error("vCPU %u: code %s", index, hex[0] ? hex : "not readable at rip");
	log_error("vCPU %u: rsp 0x%016llx ss 0x%x cr2 0x%llx", index, r.rsp, s.ss.selector, s.cr2);
	log_error("vCPU %u: cr0 0x%llx cr3 0x%llx cr4 0x%llx efer 0x%llx", index, s.cr0, s.cr3,
	          s.cr4, s.efer);
	log_error("vCPU %u: rax 0x%llx rcx 0x%llx rdx 0x%llx rsi 0x%llx rdi 0x%llx", index, r.rax,
	          r.rcx, r.rdx, r.rsi, r.rdi);
}

void arch_vcpu_report(int vcpu_fd, const struct kvm_run *run, const struct gmem *mem,
                      unsigned index)
{
	const struct story story = tell(run);

	log_error("vCPU %u: %s", index, story.why);
	log_numbers(run, index);
	log_state(vcpu_fd, run, mem, index);
	log_error("vCPU %u: %s", index, story.advice);
}
