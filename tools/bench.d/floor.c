/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of `tools/bench start`: the calls that a virtual machine monitor cannot do without to
 * give a guest the machine that vmm gives it, and to run it: RAM, KVM's local interrupt
 * controllers, the lines of the serial port, the power button and the entropy device, the registers
 * and notifications of the latter, one vCPU with the host's processor model, MSRs and registers.
 * Nothing else: no command line, tables, devices, event loop or thread, and no checks beyond "it
 * worked". The guest is the one of guest.S: it ends with a byte written to the exit port.
 *
 * With the name of a layer also the calls that vmm's jail consists of, up to that layer, with the
 * same arguments: what isolating costs whoever does it. The layers are user, namespaces, root,
 * rights, landlock, limits and filters. One that the host refuses is left out, as vmm does.
 *
 * With "thread" instead of a layer the vCPU has a thread of its own, as vmm's has, and an event
 * loop waits for it: what that costs whoever does it.
 *
 * usage: floor MEMORY_MIB [LAYER|thread]
 */
#include "vmm/seccomp.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <jail_filters.h> /* by tools/mkfilter.c, as vmm's own */

#define NOBODY 65534

#define CPUID_MAX  256
#define CODE_GPA   0x100000
#define WINDOW_GPA 0xc0001000
#define NOTIFY_GPA 0xc0001f50 /* QueueNotify */
#define ACK_GPA    0xc0001f64 /* InterruptACK */
#define N_LINES    3

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
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP };

	call(vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000UL);
	(void)ioctl(vm, KVM_ENABLE_CAP, &no_pmu); /* some hosts refuse it */
	call(vm, KVM_ENABLE_CAP, &split);
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

/* How the machine's one virtio device is told, tells, and shows its registers. */
static void set_up_devices(int vm)
{
	void *registers =
	        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region window = {
		.slot = 1,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = WINDOW_GPA,
		.memory_size = 4096,
		.userspace_addr = (uintptr_t)registers,
	};
	struct kvm_ioeventfd kick = { .len = 4, .flags = KVM_IOEVENTFD_FLAG_DATAMATCH };
	struct kvm_irqfd line = { 0 };

	if (registers == MAP_FAILED)
		exit(1);
	call(vm, KVM_SET_USER_MEMORY_REGION, &window);
	for (line.gsi = 0; line.gsi < N_LINES; line.gsi++) {
		line.fd = (uint32_t)eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		call(vm, KVM_IRQFD, &line);
	}
	kick.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kick.addr = NOTIFY_GPA;
	call(vm, KVM_IOEVENTFD, &kick);
	kick.addr = ACK_GPA;
	kick.datamatch = 1;
	call(vm, KVM_IOEVENTFD, &kick);
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

static void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	(void)prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
	(void)setgroups(0, NULL);
	(void)!setresgid(NOBODY, NOBODY, NOBODY);
	(void)!setresuid(NOBODY, NOBODY, NOBODY);
}

static void empty_root(void)
{
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("floor", "/proc", "tmpfs", flags, "size=4k,nr_inodes=1,mode=555") < 0 ||
	    chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return;
	(void)umount2(".", MNT_DETACH);
	(void)!chdir("/");
}

static void drop_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)syscall(SYS_capset, &header, none);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Every right that each version of Landlock knows, as vmm/jail_landlock.c. */
static void enter_landlock(void)
{
	static const uint64_t files[] = { 0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff, 0xffff };
	const int last = sizeof(files) / sizeof(files[0]) - 1;
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	uint64_t all[3];
	int fd;

	if (version < 1)
		return;
	all[0] = files[version < last ? version : last];
	all[1] = version >= 4 ? 3 : 0;
	all[2] = version >= 6 ? 3 : 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, all, sizeof(all), 0);
	(void)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
}

static void limit(__rlimit_resource_t what, rlim_t value)
{
	const struct rlimit r = { value, value };

	(void)setrlimit(what, &r);
}

/* One thread stands for all here: @action says what becomes of the calls of the others. */
static void load_filter(enum seccomp_role role, uint32_t action)
{
	struct sock_filter op[SECCOMP_FILTER_MAX];
	const struct sock_fprog prog = { .len = seccomp_filters[role].len, .filter = op };

	memcpy(op, seccomp_filters[role].filter, prog.len * sizeof(op[0]));
	for (unsigned i = 0; i < prog.len; i++)
		if (op[i].code == (BPF_RET | BPF_K) && op[i].k == SECCOMP_RET_TRAP)
			op[i].k = action;
	(void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

/* The first KVM_RUN makes a thread of the kernel's, which the limit on processes would refuse. */
static void warm_up(int vcpu, struct kvm_run *run)
{
	run->immediate_exit = 1;
	(void)ioctl(vcpu, KVM_RUN, NULL);
	run->immediate_exit = 0;
}

/* What the layers work on. */
struct floor {
	int vcpu;
	struct kvm_run *run;
};

static void layer_user(const struct floor *f)
{
	(void)f;
	become_nobody();
}

static void layer_namespaces(const struct floor *f)
{
	(void)f;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET |
	            CLONE_NEWCGROUP) < 0)
		(void)unshare(CLONE_NEWUSER);
}

static void layer_root(const struct floor *f)
{
	(void)f;
	empty_root();
}

static void layer_rights(const struct floor *f)
{
	(void)f;
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	drop_rights();
}

static void layer_landlock(const struct floor *f)
{
	(void)f;
	enter_landlock();
}

static void layer_limits(const struct floor *f)
{
	warm_up(f->vcpu, f->run);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_NOFILE, 1);
}

static void layer_filters(const struct floor *f)
{
	(void)f;
	load_filter(SECCOMP_MAIN, SECCOMP_RET_ALLOW);
	load_filter(SECCOMP_VCPU, SECCOMP_RET_TRAP);
}

/* In an order in which each can be applied without those behind it. */
static const struct {
	const char *name;
	void (*apply)(const struct floor *f);
} layers[] = {
	{ "user", layer_user },         { "namespaces", layer_namespaces },
	{ "root", layer_root },         { "rights", layer_rights },
	{ "landlock", layer_landlock }, { "limits", layer_limits },
	{ "filters", layer_filters },
};

static void isolate(const struct floor *f, const char *last)
{
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		layers[i].apply(f);
		if (strcmp(layers[i].name, last) == 0)
			return;
	}
}

static int result(const struct floor *f)
{
	if (f->run->exit_reason != KVM_EXIT_IO)
		return 1;
	return *((uint8_t *)f->run + f->run->io.data_offset);
}

/* A vCPU's thread and what it tells. */
struct threaded {
	struct floor floor;
	pthread_t thread;
	int exited_fd, result;
};

static void on_kick(int signo)
{
	(void)signo;
}

/* After the byte to the exit port the guest goes on, until somebody stops it. */
static void *vcpu_thread(void *arg)
{
	struct threaded *t = arg;
	const uint64_t one = 1;

	warm_up(t->floor.vcpu, t->floor.run);
	call(t->floor.vcpu, KVM_RUN, NULL);
	t->result = result(&t->floor);
	(void)!write(t->exited_fd, &one, sizeof(one));
	while (ioctl(t->floor.vcpu, KVM_RUN, NULL) == 0)
		;
	return NULL;
}

static int run_on_thread(const struct floor *f)
{
	struct threaded t = { .floor = *f, .exited_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	const struct sigaction kick = { .sa_handler = on_kick };
	struct epoll_event event = { .events = EPOLLIN };
	int loop = epoll_create1(EPOLL_CLOEXEC);
	pthread_attr_t attr;

	(void)sigaction(SIGRTMIN, &kick, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	if (epoll_ctl(loop, EPOLL_CTL_ADD, t.exited_fd, &event) < 0 ||
	    pthread_create(&t.thread, &attr, vcpu_thread, &t) != 0 ||
	    epoll_wait(loop, &event, 1, -1) < 0)
		exit(1);
	f->run->immediate_exit = 1;
	pthread_kill(t.thread, SIGRTMIN);
	pthread_join(t.thread, NULL);
	return t.result;
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 128) << 20;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm, vcpu;
	size_t run_size;
	struct floor f;

	if (kvm < 0 || ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return 1;
	run_size = (size_t)call(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	vm = call(kvm, KVM_CREATE_VM, NULL);
	set_up_irqchip(vm);
	set_up_ram(vm, bytes);
	set_up_devices(vm);
	vcpu = call(vm, KVM_CREATE_VCPU, NULL);
	f.vcpu = vcpu;
	f.run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (f.run == MAP_FAILED)
		return 1;
	set_up_registers(kvm, vcpu);
	if (argc > 2 && strcmp(argv[2], "thread") == 0)
		return run_on_thread(&f);
	if (argc > 2)
		isolate(&f, argv[2]);
	call(vcpu, KVM_RUN, NULL);
	return result(&f);
}
