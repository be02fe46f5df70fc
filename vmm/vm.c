/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vm.h"

#include "arch/arch.h"
#include "vmm/log.h"
#include "vmm/num.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define KVM_API_VERSION_WANTED 12 /* the only one since Linux 2.6.22 */
#define SLOT_BYTES_MAX         (4 * TiB) /* half of what KVM takes as one piece, 2^31 - 1 pages */
#define CREATE_VM_TRIES        5 /* KVM_CREATE_VM is interruptible, and signals are part of life */

/* Name the group that may open /dev/kvm: the usual remedy is to join it. */
static int refused(struct err *e)
{
	struct stat st;
	const struct group *gr = stat(VM_KVM_PATH, &st) == 0 ? getgrgid(st.st_gid) : NULL;

	if (!gr || !(st.st_mode & S_IWGRP))
		return err_set(e, EACCES,
		               VM_KVM_PATH
		               " is not permitted: run as root, or 'chmod g+rw' it for a group "
		               "of yours; 'vmm --check-host' tells more");
	return err_set(e, EACCES,
	               VM_KVM_PATH
	               " is not permitted: join its group ('usermod -aG %s USER', then log "
	               "in again); 'vmm --check-host' tells more",
	               gr->gr_name);
}

int vm_open_kvm(struct err *e)
{
	int fd = open(VM_KVM_PATH, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == EACCES || errno == EPERM)
		return refused(e);
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		return err_set(e, errno,
		               VM_KVM_PATH
		               " is missing: enable virtualization in the firmware and load "
		               "kvm_intel or kvm_amd, or pass the device into this container");
	return err_errno(e, errno, "cannot open " VM_KVM_PATH);
}

int vm_create(struct vm *vm, int kvm_fd, struct err *e)
{
	int r;

	*vm = (struct vm){ .kvm_fd = kvm_fd >= 0 ? kvm_fd : vm_open_kvm(e), .fd = -1 };
	if (vm->kvm_fd < 0)
		return vm->kvm_fd;
	r = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (r < 0 && kvm_fd >= 0)
		return err_errno(e, errno, "--kvm fd=%d is no KVM device (KVM_GET_API_VERSION)",
		                 kvm_fd);
	if (r < 0)
		return err_errno(e, errno,
		                 VM_KVM_PATH " is no KVM device; 'vmm --check-host' tells more");
	if (r != KVM_API_VERSION_WANTED)
		return err_set(e, ENOTSUP,
		               VM_KVM_PATH " speaks API version %d; version %d is needed", r,
		               KVM_API_VERSION_WANTED);
	r = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < (int)sizeof(struct kvm_run))
		return err_set(e, ENOTSUP,
		               "KVM shares too little with a vCPU (KVM_GET_VCPU_MMAP_SIZE: %d)", r);
	vm->run_size = (size_t)r;
	for (int i = 0; i < CREATE_VM_TRIES && vm->fd < 0; i++) {
		vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
		if (vm->fd < 0 && errno != EINTR)
			break;
	}
	if (vm->fd < 0)
		return err_errno(e, errno, "cannot make a VM (KVM_CREATE_VM)");
	return 0;
}

static int add_region(struct vm *vm, const struct gmem_region *g, struct err *e)
{
	for (uint64_t at = 0; at < g->size; at += SLOT_BYTES_MAX) {
		const uint64_t left = g->size - at;
		struct kvm_userspace_memory_region slot = {
			.slot = vm->n_memslots++,
			.guest_phys_addr = g->base.a + at,
			.memory_size = left < SLOT_BYTES_MAX ? left : SLOT_BYTES_MAX,
			.userspace_addr = (uintptr_t)g->host + at,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return err_errno(e, errno,
			                 "KVM refuses %ju MiB of RAM at 0x%jx; give --memory less",
			                 (uintmax_t)(slot.memory_size / MiB),
			                 (uintmax_t)slot.guest_phys_addr);
	}
	return 0;
}

int vm_add_ram(struct vm *vm, const struct gmem *mem, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < mem->n_regions && r == 0; i++)
		r = add_region(vm, &mem->region[i], e);
	return r;
}

bool vm_can_show(const struct vm *vm)
{
	return ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) > 0;
}

int vm_show(struct vm *vm, uint64_t at, const void *host, size_t size, struct err *e)
{
	struct kvm_userspace_memory_region slot = {
		.slot = vm->n_memslots++,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = at,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0
	               ? err_errno(e, errno,
	                           "KVM refuses memory to read at 0x%jx (KVM_MEM_READONLY)",
	                           (uintmax_t)at)
	               : 0;
}

int vm_connect_irq(struct vm *vm, const struct irq *irq, uint32_t gsi, struct err *e)
{
	struct kvm_irqfd arg = { .fd = (uint32_t)irq->fd, .gsi = gsi };

	assert(gsi < VM_LINES_MAX);
	vm->line[gsi] = irq;
	return ioctl(vm->fd, KVM_IRQFD, &arg) < 0
	               ? err_errno(e, errno, "cannot wire interrupt %u (KVM_CAP_IRQFD)", gsi)
	               : 0;
}

static int set_routes(struct vm *vm)
{
	union {
		struct kvm_irq_routing table;
		uint8_t room[sizeof(struct kvm_irq_routing) + sizeof(vm->route)];
	} all = { .table.nr = vm->n_routes };
	int r;

	memcpy(all.room + sizeof(all.table), vm->route, vm->n_routes * sizeof(vm->route[0]));
	if (ioctl(vm->fd, KVM_SET_GSI_ROUTING, &all) == 0)
		return 0;
	r = -errno;
	if (log_limit_pass(&vm->refusals, NULL))
		log_error("KVM_SET_GSI_ROUTING: %s: interrupts of devices may not arrive",
		          strerrordesc_np(-r));
	return r;
}

/* Returns where the entry of a line is, or where it would be. */
static struct kvm_irq_routing_entry *find_route(struct vm *vm, uint32_t gsi)
{
	uint32_t i = 0;

	while (i < vm->n_routes && vm->route[i].gsi != gsi)
		i++;
	return &vm->route[i];
}

void vm_route(struct vm *vm, uint32_t gsi, uint64_t address, uint32_t data)
{
	struct kvm_irq_routing_entry *route = find_route(vm, gsi);
	const bool is_new = route == &vm->route[vm->n_routes];

	if (is_new)
		vm->n_routes++;
	*route = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = (uint32_t)address,
		           .address_hi = (uint32_t)(address >> 32),
		           .data = data },
	};
	if (set_routes(vm) == 0 && is_new && vm->line[gsi])
		irq_raise(vm->line[gsi]);
}

void vm_unroute(struct vm *vm, uint32_t gsi)
{
	struct kvm_irq_routing_entry *route = find_route(vm, gsi);

	if (route == &vm->route[vm->n_routes])
		return;
	*route = vm->route[--vm->n_routes];
	(void)set_routes(vm); /* it was logged */
}

int vm_unroute_all(struct vm *vm)
{
	vm->n_routes = 0;
	return set_routes(vm);
}

int vm_connect_kick(struct vm *vm, uint64_t addr, uint32_t value, int fd, struct err *e)
{
	struct kvm_ioeventfd arg = {
		.datamatch = value,
		.addr = addr,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	return ioctl(vm->fd, KVM_IOEVENTFD, &arg) < 0
	               ? err_errno(e, errno,
	                           "cannot wire the notification at 0x%jx (KVM_CAP_IOEVENTFD)",
	                           (uintmax_t)addr)
	               : 0;
}

int vm_create_vcpu(struct vm *vm, unsigned index, struct err *e)
{
	int fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);

	if (fd >= 0)
		return fd;
	if (errno == EINVAL && index > 0)
		return err_set(e, EINVAL,
		               "KVM allows only %u vCPUs here; give --cpus a smaller number",
		               index);
	return err_errno(e, errno, "cannot make vCPU %u (KVM_CREATE_VCPU)", index);
}
