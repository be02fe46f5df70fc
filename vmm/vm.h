/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "vmm/gmem.h"
#include "vmm/irq.h"
#include "vmm/log.h"

#include <linux/kvm.h>

#define VM_LINES_MAX 24 /* interrupt lines: global system interrupts from 0 on */

/* One KVM virtual machine: its descriptors and the wires between it and the devices. */
struct vm {
	int kvm_fd; /* /dev/kvm */
	int fd; /* KVM_CREATE_VM */
	size_t run_size; /* bytes of a vCPU's shared mapping */
	unsigned n_memslots;
	/* What each line is to become, as KVM was last told; those that are not in it go nowhere.
	 */
	struct kvm_irq_routing_entry route[VM_LINES_MAX];
	unsigned n_routes;
	const struct irq *line[VM_LINES_MAX]; /* who raises it; NULL: nobody */
	struct log_limit refusals; /* of changes of routes */
};

#define VM_KVM_PATH "/dev/kvm"

/**
 * vm_open_kvm() - Open /dev/kvm
 * @e: Says whether it is missing or not permitted, and the remedy
 *
 * Context: set-up.
 * Return:  The descriptor, or -errno.
 */
int vm_open_kvm(struct err *e) MUST_CHECK;

/**
 * vm_create() - Open KVM and make an empty VM
 * @vm: Any contents
 * @kvm_fd: Inherited, taken over; -1: open the device
 * @e:  Says what KVM refuses
 *
 * There is no way to close it but the end of the process.
 * Context: set-up.
 * Return:  0, or -errno.
 * Spec:    Linux Documentation/virt/kvm/api.rst 4.1, 4.2
 */
int vm_create(struct vm *vm, int kvm_fd, struct err *e) MUST_CHECK;

/**
 * vm_add_ram() - Show guest RAM to the guest
 * @vm:  VM without RAM; vm_connect_kick() comes later, because from then on KVM makes
 *       each change of the memory map wait for its readers, for milliseconds
 * @mem: All regions; stays mapped as long as the process lives
 * @e:   Says what KVM refuses
 *
 * Context: set-up.
 * Return:  0, or -errno.
 */
int vm_add_ram(struct vm *vm, const struct gmem *mem, struct err *e) MUST_CHECK;

/**
 * vm_can_show() - Whether KVM knows memory that the guest may only read
 * @vm: VM
 */
bool vm_can_show(const struct vm *vm);

/**
 * vm_show() - Let the guest read memory of ours; what it writes there is an exit
 * @vm:   VM that can, before the first vm_connect_kick(), as in vm_add_ram()
 * @at:   Guest physical address, whole pages
 * @host: Stays mapped while vCPUs run
 * @size: Bytes, whole pages
 * @e:    Says what KVM refuses
 *
 * Context: set-up.
 * Return:  0, or -errno.
 * Spec:    Linux Documentation/virt/kvm/api.rst 4.35, KVM_MEM_READONLY
 */
int vm_show(struct vm *vm, uint64_t at, const void *host, size_t size, struct err *e) MUST_CHECK;

/**
 * vm_connect_irq() - Let an eventfd raise an interrupt without an exit (irqfd)
 * @vm:  VM
 * @irq: Line, initialised; outlives @vm's vCPUs
 * @gsi: Global system interrupt, as in the ACPI tables, less than VM_LINES_MAX
 * @e:   Says what KVM refuses
 *
 * Context: set-up.
 * Return:  0, or -errno.
 */
int vm_connect_irq(struct vm *vm, const struct irq *irq, uint32_t gsi, struct err *e) MUST_CHECK;

/**
 * vm_route() - Say what an interrupt line becomes
 * @vm:      VM
 * @gsi:     Line, less than VM_LINES_MAX
 * @address: Of the message signalled interrupt: which LAPICs
 * @data:    Of it: the vector
 *
 * A line that went nowhere before is raised once: an edge may have come meanwhile, and drivers are
 * used to interrupts without a cause. A change that KVM refuses, for want of memory, is logged, a
 * few times; KVM then goes on with what it had, until another one succeeds. Context: vCPU threads,
 * one call at a time; waits for KVM's readers of the table, microseconds. Spec:    Linux
 * Documentation/virt/kvm/api.rst 4.52
 */
void vm_route(struct vm *vm, uint32_t gsi, uint64_t address, uint32_t data);

/**
 * vm_unroute() - Let a line go nowhere
 * @vm:  VM
 * @gsi: Line, less than VM_LINES_MAX
 *
 * Context: as vm_route().
 */
void vm_unroute(struct vm *vm, uint32_t gsi);

/**
 * vm_unroute_all() - Let no line go anywhere
 * @vm: VM
 *
 * Context: as vm_route().
 * Return:  0, or -errno, which is logged.
 */
int vm_unroute_all(struct vm *vm) MUST_CHECK;

/**
 * vm_connect_kick() - Let a guest's write signal an eventfd without an exit to us (ioeventfd)
 * @vm:    VM
 * @addr:  Guest physical address of a 4-byte register
 * @value: The value that must be written
 * @fd:    eventfd
 * @e:     Says what KVM refuses
 *
 * Context: set-up.
 * Return:  0, or -errno.
 */
int vm_connect_kick(struct vm *vm, uint64_t addr, uint32_t value, int fd, struct err *e) MUST_CHECK;

/**
 * vm_create_vcpu() - Make a vCPU
 * @vm:    VM
 * @index: 0 for the boot processor
 * @e:     Says what KVM refuses
 *
 * Context: set-up.
 * Return:  Its descriptor, or -errno.
 */
int vm_create_vcpu(struct vm *vm, unsigned index, struct err *e) MUST_CHECK;

#endif /* VMM_VM_H */
