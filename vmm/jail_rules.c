/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail_rules.h"

#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define INT  UINT64_C(0xffffffff) /* the kernel reads an int */
#define FULL UINT64_MAX
#define OPS  (INT & ~(uint64_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))

/* Rows. RARE ends the row of a call that no ordinary run makes, and says when it is made. */
#define RULE(sys, ...)                                                                             \
	{                                                                                          \
		.name = #sys, .nr = __NR_##sys, __VA_ARGS__                                        \
	}
#define ANY(sys, why_) RULE(sys, .why = (why_))
#define IF(sys, n_, value_, mask_, detail_, ...)                                                   \
	RULE(sys, .detail = (detail_), .n_matches = 1, .match = { { n_, mask_, value_ } },         \
	     __VA_ARGS__)
#define IOCTL(request, ...) IF(ioctl, 1, (uint32_t)(request), INT, #request, __VA_ARGS__)
#define FUTEX(op, ...)      IF(futex, 1, op, OPS, #op, __VA_ARGS__)
#define SIGACTION(s, why_)  IF(rt_sigaction, 0, s, FULL, #s, .why = (why_))
/* The calling thread is 0: a number could be any process of the same user. */
#define POLICY(p, ...)                                                                             \
	RULE(sched_setscheduler, .detail = "this thread, " #p, .n_matches = 2,                     \
	     .match = { { 0, INT, 0 }, { 1, INT, p } }, __VA_ARGS__)
#define RARE(text) .unseen = (text)

/* What the C library does at the end of each thread, and our handler at a violation. */
#define END_OF_THREAD                                                                              \
	ANY(rt_sigprocmask, "block signals while the thread ends"),                                \
	        IF(madvise, 2, MADV_DONTNEED, INT, "MADV_DONTNEED", .why = "give back the stack"), \
	        ANY(exit, "end of the thread")
#define ONE_POLL(...) IF(poll, 1, 1, INT, "one descriptor", __VA_ARGS__)
#define VIOLATION                                                                                  \
	ONE_POLL(.why = "whether the line about a violation finds room",                           \
	         RARE("a violation has not happened")),                                            \
	        RULE(exit_group, .why = "end the process after a violation",                       \
	             RARE("a violation has not happened"))

#define LOG_CLOCK                                                                                  \
	RULE(clock_gettime, .why = "rate of messages, where the vDSO cannot tell the time",        \
	     RARE("the vDSO can"))

/* clang-format off: a row is a line where it can be */
static const struct jail_rule main_rules[] = {
	ANY(epoll_wait, "event loop"),
	ANY(epoll_ctl, "watch consoles, streams and clients as they come, go, and are slow"),
	ANY(read, "console input, eventfds, timers, signalfd"),
	ANY(write, "console output, eventfds, messages, the result"),
	ANY(readv, "frames from the host's end of a network card"),
	ANY(writev, "frames to the host's end of a network card"),
	IF(sendto, 4, 0, FULL, "no address",
	   .why = "console on a socket; streams; control clients"),
	ANY(shutdown, "streams that end in one direction first"),
	ANY(accept4, "clients of consoles, streams and control sockets"),
	ANY(getsockopt, "user of a control client"),
	ANY(recvmsg, "console on a socket; streams; commands and descriptors of control clients"),
	ANY(timerfd_settime, "timeout, grace, the console's gathering of bytes, rests of control"),
	RULE(clock_gettime,
	     .why = "times of the result, work for clients, where the vDSO cannot tell the time",
	     RARE("the vDSO can")),
	IOCTL(TCGETS, .why = "modes of the terminal"),
	IOCTL(TCSETS, .why = "make the terminal raw, and put it back"),
	IOCTL(TCGETS2, .why = "the same in C libraries from 2.42 on", RARE("older C library")),
	IOCTL(TCSETS2, .why = "the same in C libraries from 2.42 on", RARE("older C library")),
	IOCTL(TUNSETOFFLOAD, .why = "what the guest's driver lets the tap leave to it",
	      RARE("only root can make a tap")),
	IOCTL(TUNSETQUEUE, .why = "how many queues of the tap the guest's driver uses",
	      RARE("likewise")),
	IOCTL(BLKGETSIZE64, .why = "new size of a block device", RARE("no disk grows")),
	IOCTL(VHOST_SET_FEATURES, .why = "hand the rings of a network card to the kernel",
	      RARE("no network card with vhost")),
	IOCTL(VHOST_SET_VRING_NUM, .why = "the same", RARE("no network card with vhost")),
	IOCTL(VHOST_SET_VRING_BASE, .why = "the same", RARE("no network card with vhost")),
	IOCTL(VHOST_SET_VRING_ADDR, .why = "the same", RARE("no network card with vhost")),
	IOCTL(VHOST_NET_SET_BACKEND, .why = "the same, and take them back at a reset",
	      RARE("no network card with vhost")),
	IOCTL(VHOST_GET_VRING_BASE, .why = "where the kernel was in a ring that it gives back",
	      RARE("no network card with vhost")),
	IOCTL(TIOCGPGRP, .why = "whether the terminal is ours at the moment"),
	IOCTL(TIOCGWINSZ, .why = "size of the terminal"),
	ANY(getpgrp, "whether the terminal is ours at the moment"),
	FUTEX(FUTEX_WAIT, .why = "locks", RARE("locks are seldom fought over")),
	FUTEX(FUTEX_WAKE, .why = "locks; release the threads"),
	FUTEX(FUTEX_WAIT_BITSET, .why = "join a thread", RARE("it has mostly ended before")),
	IF(tgkill, 0, SECCOMP_OWN_PID, INT, "this process",
	   .why = "bring vCPUs out of the guest; end by a signal"),
	ANY(getpid, "pthread_kill() asks; end by a signal"),
	ANY(getrandom, "entropy device"),
	ANY(rt_sigprocmask, "pthread_kill(), end by a signal"),
	SIGACTION(SIGPIPE, "as it was, at the end"),
	SIGACTION(SIGXFSZ, "as it was, at the end"),
	SIGACTION(SIGTTIN, "as it was, at the end"),
	SIGACTION(SIGTTOU, "as it was, at the end"),
	IF(rt_sigaction, 0, SIGINT, FULL, "SIGINT", .why = "end by the escape key, by its default",
	   RARE("it was not ignored when we began")),
	ANY(close, "descriptors, at the end"),
	ANY(munmap, "guest RAM and shown registers, at the end"),
	RULE(brk, .why = "memory for control clients and the result",
	     RARE("the heap has room left")),
	RULE(mmap, .detail = "anonymous, not PROT_EXEC", .n_matches = 2,
	     .match = { { 2, PROT_EXEC, 0 }, { 3, MAP_ANONYMOUS, MAP_ANONYMOUS } },
	     .why = "memory for control clients and the result, where brk() has none",
	     RARE("the heap has room left")),
	ONE_POLL(.why = "whether a client has gone; wait for room in a pipe of --result",
	         RARE("there are no clients, and the pipe has room")),
	RULE(restart_syscall, .why = "the kernel's way back into poll() after SIGSTOP",
	     RARE("nobody stops us there")),
	RULE(ftruncate,
	     .why = "empty files of output when the VM starts, and the result when it cannot "
	            "be written whole; resize an image",
	     RARE("no output goes to a file")),
	ANY(wait4, "wait for the end of caretaker and connector"),
	ANY(exit_group, "end of the process"),
};

/* What a vCPU does to run its guest; the rest of a table may add ioctls in front. */
#define VCPU_ROWS                                                                                  \
	IOCTL(KVM_RUN, .why = "run the guest"),                                                    \
	        IOCTL(KVM_KVMCLOCK_CTRL, .why = "tell the guest that it was stopped for a while"), \
	        IOCTL(KVM_SET_GSI_ROUTING,                                                         \
	              .why = "where the guest wants the interrupts of devices"),                   \
	        IOCTL(KVM_NMI, .why = "interrupt that an operator sends", RARE("nobody does")),    \
	        IOCTL(KVM_GET_REGS, .why = "report of a guest that cannot go on"),                 \
	        IOCTL(KVM_GET_SREGS, .why = "report of a guest that cannot go on"),                \
	        IOCTL(KVM_TRANSLATE, .why = "report of a guest that cannot go on",                 \
	              RARE("not after each kind of crash")),                                       \
	        ANY(write, "eventfds: wake a loop, raise an interrupt; messages"),                 \
	        ANY(timerfd_settime, "the console's gathering of bytes"),                          \
	        FUTEX(FUTEX_WAIT, .why = "locks of devices",                                       \
	              RARE("locks are seldom fought over")),                                       \
	        FUTEX(FUTEX_WAKE, .why = "locks of devices"),                                      \
	        FUTEX(FUTEX_WAIT_BITSET,                                                           \
	              .why = "parked until the guest may run; wait for a loop"),                   \
	        ANY(rt_sigreturn, "leave the handler of the signal that interrupts KVM_RUN"),      \
	        LOG_CLOCK, END_OF_THREAD, VIOLATION

static const struct jail_rule vcpu_rules[] = { VCPU_ROWS };

/* Instead, with --on-reboot reset. */
static const struct jail_rule vcpu_reset_rules[] = {
	IOCTL(KVM_SET_NESTED_STATE, .why = "reset: out of a guest of the guest",
	      RARE("the host may not nest")),
	IOCTL(KVM_SET_SREGS, .why = "reset: modes, segments and tables"),
	IOCTL(KVM_SET_REGS, .why = "reset: registers"),
	IOCTL(KVM_SET_XSAVE, .why = "reset: floating point and vectors"),
	IOCTL(KVM_SET_XCRS, .why = "reset: which of them are in use"),
	IOCTL(KVM_SET_DEBUGREGS, .why = "reset: breakpoints"),
	IOCTL(KVM_SET_MSRS, .why = "reset: model-specific registers, KVM's clock among them"),
	IOCTL(KVM_SET_LAPIC, .why = "reset: interrupts and timer"),
	IOCTL(KVM_SET_VCPU_EVENTS, .why = "reset: exceptions that were on their way"),
	IOCTL(KVM_SET_MP_STATE, .why = "reset: who waits to be started"),
	VCPU_ROWS,
	IF(madvise, 2, MADV_REMOVE, INT, "MADV_REMOVE", .why = "reset: clear RAM that others map"),
};

#define IO_ROWS                                                                                    \
	ANY(preadv, "requests of the guest"), ANY(pwritev2, "requests of the guest"),              \
	        ANY(fdatasync, "flushes of the guest"),                                            \
	        ANY(fallocate, "what the guest discards or zeroes, where there is no ring"),       \
	        RULE(io_uring_enter,                                                               \
	             .why = "the same, in the disk's ring of restricted operations",               \
	             RARE("a host may refuse io_uring")),                                          \
	        IF(io_uring_register, 1, IORING_UNREGISTER_FILES, INT, "IORING_UNREGISTER_FILES",  \
	           .why = "let go of the disks at the end", RARE("likewise")),                     \
	        POLICY(SCHED_BATCH, .why = "let a vCPU with much to ask for finish",               \
	               RARE("its requests come one by one")),                                      \
	        POLICY(SCHED_OTHER, .why = "as before", RARE("likewise")),                         \
	        ANY(epoll_wait, "event loop"),                                                     \
	        ANY(read, "eventfds: the guest has requests, or a vCPU a question"),               \
	        ANY(write, "eventfds: raise an interrupt; messages"),                              \
	        FUTEX(FUTEX_WAIT, .why = "locks", RARE("locks are seldom fought over")),           \
	        FUTEX(FUTEX_WAKE, .why = "answer to a vCPU"),                                      \
	        FUTEX(FUTEX_WAIT_BITSET, .why = "parked until the guest may run"), LOG_CLOCK,      \
	        END_OF_THREAD, VIOLATION

static const struct jail_rule io_rules[] = { IO_ROWS };

/* Instead, with devices that other processes serve: what these are sent cannot be filtered. */
static const struct jail_rule io_shared_rules[] = {
	IO_ROWS,
	ANY(epoll_ctl, "leave a queue to another process, and take it back"),
	IF(sendmsg, 2, MSG_NOSIGNAL, INT, "MSG_NOSIGNAL", .why = "hand queues to another process"),
	IF(recvmsg, 2, 0, INT, "no flags", .why = "its answers"),
	IF(shutdown, 1, SHUT_RDWR, INT, "SHUT_RDWR",
	   .why = "be done with one that breaks the rules", RARE("none does")),
};

static const struct jail_rule caretaker_rules[] = {
	FUTEX(FUTEX_WAIT, .why = "wait for the VM's end"),
	FUTEX(FUTEX_WAKE, .why = "locks", RARE("nobody else waits")),
	IOCTL(TCGETS, .why = "whether the terminal still is as the VM left it"),
	IOCTL(TCSETS, .why = "put the terminal back"),
	IOCTL(TCGETS2, .why = "the same in C libraries from 2.42 on", RARE("older C library")),
	IOCTL(TCSETS2, .why = "the same in C libraries from 2.42 on", RARE("older C library")),
	ANY(newfstatat, "whether a file still is the one that the VM made"),
	ANY(unlink, "remove a file that the VM made"),
	ANY(exit_group, "end of the process"),
};

static const struct jail_rule connector_rules[] = {
	ANY(recvfrom, "the VM's questions"),
	IF(socket, 0, AF_UNIX, INT, "AF_UNIX", .why = "a stream of the guest's to the host"),
	ANY(connect, "the same: to the path with a number behind it"),
	ANY(sendmsg, "hand the stream over"),
	ANY(close, "a stream that was handed over or refused"),
	ANY(exit_group, "end of the process"),
};
/* clang-format on */

#define TABLE(thread_, rules, max)                                                                 \
	{                                                                                          \
		thread_, rules, ARRAY_SIZE(rules), max                                             \
	}

const struct jail_table jail_rules[] = {
	[SECCOMP_MAIN] = TABLE("main", main_rules, 30),
	[SECCOMP_VCPU] = TABLE("vcpu", vcpu_rules, 12),
	[SECCOMP_IO] = TABLE("io", io_rules, 30),
	[SECCOMP_CARETAKER] = TABLE("caretaker", caretaker_rules, 15),
	[SECCOMP_CONNECTOR] = TABLE("connector", connector_rules, 6),
	[SECCOMP_VCPU_RESET] = TABLE("vcpu-reset", vcpu_reset_rules, 12),
	[SECCOMP_IO_SHARED] = TABLE("io-shared", io_shared_rules, 30),
};

_Static_assert(ARRAY_SIZE(jail_rules) == SECCOMP_N_ROLES, "every role has a table");

unsigned jail_rules_calls(const struct jail_table *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n; i++) {
		bool again = false;

		for (unsigned j = 0; j < i; j++)
			again = again || t->rule[j].nr == t->rule[i].nr;
		n += !again;
	}
	return n;
}
