/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage: planted ROLE CALL [bare|raw|log|off]
 *        planted --list
 * Enters the jail as vmm does, then makes one system call from a thread of ROLE (main, vcpu, io,
 * caretaker, connector, vcpu-reset, io-shared): what a guest could do that has taken this thread
 * over. CALL is a name of the list below. With 'bare' there are no filters of system calls, only
 * the layers around them (and limits for the thread main alone): status 0 then says that the call
 * failed all the same, 1 that it did something. With 'raw' standard input is a terminal, which is
 * made raw before. With 'log' the jail only logs, with 'off' there is none.
 * Status 0: the call was let through (or, bare, failed). 125: it was refused, and standard error
 * says so. Ended by SIGSYS: it was foreign. 77: 'bare' and the host does not give the layers.
 */
#include "vmm/jail.h"
#include "vmm/log.h"
#include "vmm/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static const struct sockaddr_in host = {
	.sin_family = AF_INET,
	.sin_port = 0x1600, /* 22 */
	.sin_addr.s_addr = 0x0100007f, /* 127.0.0.1 */
};

/* <asm/termbits.h> cannot be had together with <termios.h>. */
#define TERMIOS2_BYTES 44
#define GET_TERMIOS2   _IOC(_IOC_READ, 'T', 0x2a, TERMIOS2_BYTES)
#define SET_TERMIOS2   _IOC(_IOC_WRITE, 'T', 0x2b, TERMIOS2_BYTES)

static char byte;
static const struct iovec iov = { &byte, 1 };

static const struct sched_param none;

/* Calls of the two other architectures that the kernel has in this one. */
#define I386 0x20000000L
#define X32  0x40000000L

#define PTR(p) ((long)(uintptr_t)(p))
#define ROOM   4096

/* A call with its arguments. Names are those of the report, with what is special after a dash. */
static const struct planted {
	const char *name;
	long nr;
	long arg[6];
	enum { FORBIDDEN, ALLOWED, FOREIGN } want; /* of the thread main */
} calls[] = {
	{ "open", SYS_open, { PTR("/etc/passwd"), O_RDONLY }, FORBIDDEN },
	{ "openat", SYS_openat, { AT_FDCWD, PTR("/etc/passwd"), O_RDONLY }, FORBIDDEN },
	{ "openat2", SYS_openat2, { AT_FDCWD, PTR("/etc/passwd"), 0, 24 }, FORBIDDEN },
	{ "creat", SYS_creat, { PTR("/tmp/planted"), 0600 }, FORBIDDEN },
	{ "memfd_create", SYS_memfd_create, { PTR("planted") }, FORBIDDEN },
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM }, FORBIDDEN },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM }, FORBIDDEN },
	{ "connect", SYS_connect, { 0, PTR(&host), sizeof(host) }, FORBIDDEN },
	{ "bind", SYS_bind, { 0, PTR(&host), sizeof(host) }, FORBIDDEN },
	{ "sendmsg", SYS_sendmsg, { 0 }, FORBIDDEN },
	{ "sendmsg-NOSIGNAL", SYS_sendmsg, { 0, 0, MSG_NOSIGNAL }, FORBIDDEN },
	{ "sendto-address", SYS_sendto, { 0, 0, 0, 0, PTR(&host), sizeof(host) }, FORBIDDEN },
	{ "clone", SYS_clone, { SIGCHLD }, FORBIDDEN },
	{ "clone3", SYS_clone3, { 0, 64 }, FORBIDDEN },
	{ "fork", SYS_fork, { 0 }, FORBIDDEN },
	{ "vfork", SYS_vfork, { 0 }, FORBIDDEN },
	{ "execve", SYS_execve, { PTR("/bin/sh") }, FORBIDDEN },
	{ "execveat", SYS_execveat, { AT_FDCWD, PTR("/bin/sh") }, FORBIDDEN },
	{ "ptrace", SYS_ptrace, { PTRACE_ATTACH, 1 }, FORBIDDEN },
	{ "process_vm_readv", SYS_process_vm_readv, { 1, PTR(&iov), 1, PTR(&iov), 1 }, FORBIDDEN },
	{ "process_vm_writev",
	  SYS_process_vm_writev,
	  { 1, PTR(&iov), 1, PTR(&iov), 1 },
	  FORBIDDEN },
	{ "process_madvise", SYS_process_madvise, { 0 }, FORBIDDEN },
	{ "pidfd_open", SYS_pidfd_open, { 1 }, FORBIDDEN },
	{ "pidfd_getfd", SYS_pidfd_getfd, { 0 }, FORBIDDEN },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, { 0, SIGCONT }, FORBIDDEN },
	{ "sched_setscheduler-other",
	  SYS_sched_setscheduler,
	  { 1, SCHED_BATCH, PTR(&none) },
	  FORBIDDEN },
	{ "sched_setscheduler-FIFO",
	  SYS_sched_setscheduler,
	  { 0, SCHED_FIFO, PTR(&none) },
	  FORBIDDEN },
	{ "io_uring_setup", SYS_io_uring_setup, { 1 }, FORBIDDEN },
	{ "io_uring_register", SYS_io_uring_register, { 0 }, FORBIDDEN },
	{ "io_uring_register-files",
	  SYS_io_uring_register,
	  { 0, IORING_REGISTER_FILES },
	  FORBIDDEN },
	{ "io_uring_register-let-go",
	  SYS_io_uring_register,
	  { 0, IORING_UNREGISTER_FILES },
	  FORBIDDEN },
	{ "io_uring_register-restrictions",
	  SYS_io_uring_register,
	  { 0, IORING_REGISTER_RESTRICTIONS },
	  FORBIDDEN },
	{ "bpf", SYS_bpf, { 0 }, FORBIDDEN },
	{ "keyctl", SYS_keyctl, { 0 }, FORBIDDEN },
	{ "add_key", SYS_add_key, { 0 }, FORBIDDEN },
	{ "personality", SYS_personality, { 0 }, FORBIDDEN },
	{ "userfaultfd", SYS_userfaultfd, { 0 }, FORBIDDEN },
	{ "perf_event_open", SYS_perf_event_open, { 0 }, FORBIDDEN },
	{ "unshare", SYS_unshare, { CLONE_NEWUSER }, FORBIDDEN },
	{ "setns", SYS_setns, { 0 }, FORBIDDEN },
	{ "mount", SYS_mount, { PTR("x"), PTR("/"), PTR("tmpfs") }, FORBIDDEN },
	{ "chroot", SYS_chroot, { PTR("/") }, FORBIDDEN },
	{ "setuid", SYS_setuid, { 0 }, FORBIDDEN },
	{ "setresuid", SYS_setresuid, { 0, 0, 0 }, FORBIDDEN },
	{ "kill", SYS_kill, { 1, SIGCONT }, FORBIDDEN },
	{ "tkill", SYS_tkill, { 1, SIGCONT }, FORBIDDEN },
	{ "tgkill-other", SYS_tgkill, { 1, 1, SIGCONT }, FORBIDDEN },
	{ "rt_sigqueueinfo", SYS_rt_sigqueueinfo, { 1 }, FORBIDDEN },
	{ "rt_sigaction-SIGSYS", SYS_rt_sigaction, { SIGSYS, 0, 0, 8 }, FORBIDDEN },
	{ "rt_sigaction-SIGSYS-high", SYS_rt_sigaction, { 1L << 32 | SIGSYS, 0, 0, 8 }, FORBIDDEN },
	{ "mmap-exec", SYS_mmap, { 0, ROOM, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 }, FORBIDDEN },
	{ "mmap-file", SYS_mmap, { 0, ROOM, PROT_READ, MAP_PRIVATE, 0, 0 }, FORBIDDEN },
	{ "mprotect-exec", SYS_mprotect, { 0, ROOM, 7 }, FORBIDDEN },
	{ "mprotect", SYS_mprotect, { 0, ROOM, PROT_READ }, FORBIDDEN },
	{ "pkey_mprotect", SYS_pkey_mprotect, { 0, ROOM, 7, -1 }, FORBIDDEN },
	{ "mremap", SYS_mremap, { 0, ROOM, ROOM, 0 }, FORBIDDEN },
	{ "fcntl", SYS_fcntl, { 0, F_DUPFD, 0 }, FORBIDDEN },
	{ "dup3", SYS_dup3, { 0, 9, 0 }, FORBIDDEN },
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 1 }, FORBIDDEN },
	{ "seccomp", SYS_seccomp, { 0 }, FORBIDDEN },
	{ "prlimit64", SYS_prlimit64, { 0 }, FORBIDDEN },
	{ "madvise-other", SYS_madvise, { 0, ROOM, MADV_DODUMP }, FORBIDDEN },
	{ "poll-two", SYS_poll, { 0, 2, 0 }, FORBIDDEN },
	{ "futex-PI", SYS_futex, { 0, FUTEX_LOCK_PI }, FORBIDDEN },
	{ "ioctl-TIOCSTI", SYS_ioctl, { 0, TIOCSTI, PTR("x") }, FORBIDDEN },
	{ "ioctl-KVM_CREATE_VM", SYS_ioctl, { 0, KVM_CREATE_VM }, FORBIDDEN },
	{ "ioctl-KVM_SET_REGS", SYS_ioctl, { 0, KVM_SET_REGS }, FORBIDDEN },
	{ "ioctl-TCGETS", SYS_ioctl, { 0, TCGETS }, ALLOWED },
	{ "ioctl-TCSETS", SYS_ioctl, { 0, TCSETS }, ALLOWED },
	{ "ioctl-TCGETS2", SYS_ioctl, { 0, GET_TERMIOS2 }, ALLOWED },
	{ "ioctl-TCSETS2", SYS_ioctl, { 0, SET_TERMIOS2 }, ALLOWED },
	{ "i386-open", I386 | 5, { 0 }, FOREIGN }, /* read of this architecture has the number */
	{ "i386-restart_syscall", I386 | 0, { 0 }, FOREIGN },
	{ "x32-open", X32 | SYS_open, { 0 }, FOREIGN },
	{ "x32-read", X32 | SYS_read, { 0 }, FOREIGN },
};

static const char *const roles[] = {
	[SECCOMP_MAIN] = "main",
	[SECCOMP_VCPU] = "vcpu",
	[SECCOMP_IO] = "io",
	[SECCOMP_CARETAKER] = "caretaker",
	[SECCOMP_CONNECTOR] = "connector",
	[SECCOMP_VCPU_RESET] = "vcpu-reset",
	[SECCOMP_IO_SHARED] = "io-shared",
};

struct thread {
	enum seccomp_role role;
	enum seccomp_mode filter;
	bool bare;
	const struct planted *call;
};

static long call(const struct planted *c)
{
	const long *a = c->arg;
	long r;

	if (!(c->nr & I386))
		return syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	__asm__ volatile("int $0x80"
	                 : "=a"(r)
	                 : "a"(c->nr & ~I386), "b"(a[0]), "c"(a[1])
	                 : "memory");
	return r;
}

/* Ends the process: not every role may end just a thread. */
static void *make_call(void *arg)
{
	const struct thread *t = arg;
	long r;

	if (seccomp_enter(t->role, 3, t->filter) < 0)
		_exit(EXIT_FAILURE);
	r = call(t->call);
	_exit(t->bare && r >= 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int list(void)
{
	static const char *const kinds[] = { "forbidden", "allowed", "foreign" };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		printf("%s %s\n", kinds[calls[i].want], calls[i].name);
	return EXIT_SUCCESS;
}

static bool parse(struct thread *t, int argc, char **argv)
{
	for (unsigned r = 0; argc > 2 && r < ARRAY_SIZE(roles); r++) {
		for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
			if (strcmp(argv[1], roles[r]) != 0 || strcmp(argv[2], calls[i].name) != 0)
				continue;
			t->role = (enum seccomp_role)r;
			t->call = &calls[i];
		}
	}
	return t->call;
}

/* In the order of vmm/main.c. Returns only if something is wrong. */
static int enter_and_call(struct thread *t, const struct config *cfg, struct err *e)
{
	struct jail jail;
	pthread_t other;
	int r = jail_begin(&jail, cfg, e);

	if (r == 0)
		r = jail_enter(&jail, e);
	if (r < 0)
		return t->bare ? 77 : EXIT_FAILURE;
	if (t->bare)
		jail.filter = SECCOMP_OFF;
	/* The main thread has its filter from jail_close(). */
	t->filter = t->role == SECCOMP_MAIN ? SECCOMP_OFF : jail.filter;
	if (t->role != SECCOMP_MAIN) {
		if (pthread_create(&other, NULL, make_call, t) == 0)
			(void)pthread_join(other, NULL);
		return EXIT_FAILURE;
	}
	if (jail_close(&jail, e) == 0)
		make_call(t);
	return EXIT_FAILURE;
}

/* The terminal is in raw mode, and a caretaker knows how it was. */
static int make_raw(struct caretaker *caretaker, struct terminal *terminal, struct err *e)
{
	const struct caretaker_tasks tasks = {
		.terminal_fd = STDIN_FILENO,
		.filter = jail_filter(JAIL_ON),
	};
	int r = caretaker_start(caretaker, &tasks, e);

	if (r < 0)
		return r;
	terminal_init(terminal, STDIN_FILENO, -1, caretaker);
	if (terminal_take(terminal) != TERMINAL_FOREGROUND)
		return err_set(e, ENOTTY, "standard input is not our terminal");
	log_error("raw now");
	return 0;
}

int main(int argc, char **argv)
{
	struct caretaker caretaker;
	struct terminal terminal;
	struct thread t = { .bare = argc > 3 && strcmp(argv[3], "bare") == 0 };
	struct config cfg = { .jail = t.bare ? JAIL_STRICT : JAIL_ON };
	struct err e = { 0 };
	int status;

	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	if (!parse(&t, argc, argv))
		return 2;
	if (argc > 3 && strcmp(argv[3], "raw") == 0 && make_raw(&caretaker, &terminal, &e) < 0)
		return EXIT_FAILURE;
	if (argc > 3 && strcmp(argv[3], "log") == 0)
		cfg.jail = JAIL_LOG;
	if (argc > 3 && strcmp(argv[3], "off") == 0)
		cfg.jail = JAIL_OFF;
	status = enter_and_call(&t, &cfg, &e);
	log_error("%s", e.msg);
	return status;
}
