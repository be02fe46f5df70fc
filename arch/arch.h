/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

/*
 * The contract between the machine and a processor architecture. Each folder below arch/ implements
 * all of it in files of the same names; nothing else in the tree knows which one was built.
 */

#include "boot/boot.h"
#include "vmm/err.h"
#include "vmm/gmem.h"

#include <linux/kvm.h>

/* Where one chip's registers are. */
struct arch_chip {
	enum { ARCH_ABSENT, ARCH_PIO, ARCH_MMIO } space;
	uint64_t base, len; /* bytes */
	uint32_t gsi; /* 0: raises no interrupt */
};

/* The fixed part of the machine: the DSDT describes it to the guest. */
struct arch_platform {
	struct arch_chip virtio; /* first window; gsi of the first device */
	uint64_t virtio_stride; /* bytes from one window to the next */
	unsigned n_virtio; /* windows; device n has gsi virtio.gsi + n */
	struct arch_chip ioapic; /* absent: KVM has all of the interrupt controllers */
	struct arch_chip uart; /* 16550, 8 registers */
	struct arch_chip i8042; /* command port only: CPU reset */
	struct arch_chip exit_port; /* a byte written here ends the VM with that status */
	struct arch_chip pvpanic;
	struct arch_chip power; /* sleep control, sleep status, reset, GED event: devices/power.h */
	const char *console_word; /* kernel word for a console on the uart: "ttyS0" */
	const char *probe_words; /* kernel words: what it need not look for */
	const char *reboot_words; /* kernel words that make reboot and panic end the VM quickly */
};

extern const struct arch_platform arch_platform;

/* Where RAM goes. */
struct arch_ram {
	gpa_t base;
	uint64_t size; /* bytes */
};

/**
 * arch_ram_layout() - Divide RAM into pieces around the gap for devices
 * @bytes: RAM in all, whole pages
 * @ret:   Pieces, ascending
 *
 * Return: Number of pieces set.
 */
unsigned arch_ram_layout(uint64_t bytes, struct arch_ram ret[GMEM_REGIONS_MAX]);

/**
 * arch_vm_init() - Have KVM make its part of the interrupt controllers, and what a VM needs before
 * its vCPUs
 * @vm_fd: From KVM_CREATE_VM
 * @e:     Says what KVM refuses
 *
 * Context: set-up, before the first vCPU and the first interrupt line.
 * Return:  0, or -errno.
 */
int arch_vm_init(int vm_fd, struct err *e) MUST_CHECK;

/* What the guest's processors look like; made once, applied to each vCPU. */
struct arch_cpu_model;

/**
 * arch_cpu_model_new() - Work out the processor that the guest will see
 * @ret:      Set on success; arch_cpu_model_free()
 * @kvm_fd:   /dev/kvm
 * @features: Value of --cpu: "host[,-feature][,+feature]..."; NULL is "host"
 * @n_cpus:   vCPUs, for the topology
 * @e:        Names a feature that is unknown or that the host does not have
 *
 * Return: 0, or -errno.
 */
int arch_cpu_model_new(struct arch_cpu_model **ret, int kvm_fd, const char *features,
                       unsigned n_cpus, struct err *e) MUST_CHECK;

/**
 * arch_cpu_model_free() - Give a model back
 * @model: May be NULL
 */
void arch_cpu_model_free(struct arch_cpu_model *model);

/**
 * arch_vcpu_init() - Give a vCPU its processor model and its state at boot
 * @model:   From arch_cpu_model_new(); not const: it carries what differs between vCPUs
 * @vcpu_fd: From KVM_CREATE_VCPU
 * @index:   0 comes first and is the one that boots; the others wait for the guest to start them
 * @entry:   Where and how the kernel is entered
 * @e:       Says what KVM refuses
 *
 * Return: 0, or -errno.
 */
int arch_vcpu_init(struct arch_cpu_model *model, int vcpu_fd, unsigned index,
                   const struct boot_entry *entry, struct err *e) MUST_CHECK;

/* Descriptors of a machine, for what concerns all of it. */
struct arch_reset_fds {
	int kvm; /* /dev/kvm; arch_reset_save() only */
	unsigned n_vcpus;
	int (*vcpu)(void *arg, unsigned index); /* descriptor of a vCPU */
	void *arg;
};

/* What processors, with their interrupt controllers, were like before the guest's first
 * instruction. */
struct arch_reset;

/**
 * arch_reset_save() - Remember what a machine is to be like after a reset
 * @ret: Set on success; arch_reset_free()
 * @fds: Complete, after arch_vcpu_init() of each vCPU
 * @e:   Says what KVM does not tell
 *
 * Context: set-up.
 * Return:  0, or -errno.
 */
int arch_reset_save(struct arch_reset **ret, const struct arch_reset_fds *fds,
                    struct err *e) MUST_CHECK;

/**
 * arch_reset_restore() - Reset processors, with their interrupt controllers
 * @s:   From arch_reset_save() of the same machine
 * @fds: As there, but for @kvm
 *
 * Context: a thread whose filter allows it; no vCPU runs, and each has left KVM_RUN with nothing
 *          of an instruction left to do. Allocates nothing. Logs what KVM refuses.
 * Return:  0, or -errno.
 */
int arch_reset_restore(const struct arch_reset *s, const struct arch_reset_fds *fds) MUST_CHECK;

/**
 * arch_reset_free() - Forget it
 * @s: May be NULL
 */
void arch_reset_free(struct arch_reset *s);

/**
 * arch_vcpu_report() - Log why a vCPU cannot go on, in about ten readable lines
 * @vcpu_fd: The vCPU
 * @run:     Its shared page after KVM_RUN returned
 * @mem:     Guest RAM, for the code bytes at the instruction pointer
 * @index:   Number of the vCPU
 *
 * Context: the vCPU's thread, after an exit that ends the VM.
 */
void arch_vcpu_report(int vcpu_fd, const struct kvm_run *run, const struct gmem *mem,
                      unsigned index);

/**
 * arch_reset_is_panic() - Whether a reset that the guest asked for is the end of a kernel panic
 * @mem: Guest RAM
 *
 * To be asked when the guest used the reset register or the keyboard controller's reset. Tells by
 * what the kernel leaves in memory when it was started with arch_platform.reboot_words.
 * Context: any thread, does not block.
 * Return:  true for a panic, false for a reboot or if it cannot be told.
 */
bool arch_reset_is_panic(const struct gmem *mem);

#define ARCH_PROBE_TESTS_MAX 32

/* What the probe guest of --check-host found. */
struct arch_probe {
	bool runs_kernels; /* what an ordinary kernel needs works, and fast enough */
	unsigned n_tests; /* instructions tried, or small groups of them */
	unsigned n_failed;
	const char *failed[ARCH_PROBE_TESTS_MAX]; /* @n_failed names of those that did not work */
	uint64_t ring0_ips; /* guest kernel mode: instructions a second, estimated */
	char why[160]; /* the reason when !runs_kernels */
};

/**
 * arch_probe_run() - Run a few instructions in guest kernel mode and see which work
 * @kvm_fd: /dev/kvm
 * @ret:    Set on success
 * @e:      Says what failed
 *
 * Context: set-up (--check-host only); takes well under a second, bounded.
 * Return:  0, or -errno when not even a VM can be made.
 */
int arch_probe_run(int kvm_fd, struct arch_probe *ret, struct err *e) MUST_CHECK;

/* One KVM capability that vmm asks for. */
struct arch_cap {
	int cap; /* KVM_CAP_* */
	const char *name;
	bool required;
	const char *use; /* what is lost without it */
};

/* Ends with name NULL; the architecture's own, besides those of check_host.c. */
extern const struct arch_cap arch_caps[];

/**
 * arch_kvm_kind() - Name the kind of KVM: "kvm-intel (VMX)", "kvm-amd (SVM)", "kvm-pvm"...
 * Return: A constant string, "unknown" if it cannot be told.
 */
const char *arch_kvm_kind(void);

/**
 * arch_kvm_remedy() - What to do where /dev/kvm is missing
 * Return: A constant string.
 */
const char *arch_kvm_remedy(void);

#endif /* ARCH_ARCH_H */
