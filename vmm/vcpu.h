/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include "vmm/bus.h"
#include "vmm/counter.h"
#include "vmm/loop.h"
#include "vmm/seccomp.h"
#include "vmm/vm.h"

#include <pthread.h>

/*
 * The vCPU threads: KVM_RUN and the dispatch of its exits to the buses, nothing else. All of them
 * are made parked; vcpus_release() lets them into the guest.
 */

#define VCPU_REASONS 40 /* KVM_EXIT_* below it are told apart */

struct kvm_run;
struct vcpus;

struct vcpu {
	struct vcpus *set;
	unsigned index;
	int fd;
	struct kvm_run *run; /* shared with KVM; immediate_exit is written by other threads */
	pthread_t thread;
	pid_t tid; /* of the thread; valid after vcpus_start() */
	bool started;
	bool nmi; /* [lock of the set] is to get one */
	bool paused; /* [lock of the set] the guest stood still without knowing */
	/* Counted by the thread since the start: exits by KVM_EXIT_*, the others, and how often a
	 * signal brought it out of the guest. */
	uint64_t exits[VCPU_REASONS], other_exits, interrupted;
	bool unable; /* [lock of the set] cannot run any more, unless it is reset */
};

/* What a vCPU found that ends the VM. */
enum vcpu_end {
	VCPU_END_SHUTDOWN, /* KVM_EXIT_SHUTDOWN: triple fault */
	VCPU_END_RESET, /* the guest asked KVM itself for a reset (KVM_EXIT_SYSTEM_EVENT) */
	VCPU_END_POWEROFF, /* likewise, poweroff */
	VCPU_END_CRASH, /* likewise, the guest says that it crashed */
	VCPU_END_BROKEN, /* KVM cannot go on: reported on the log before */
};

/* The vCPUs of a machine, and what they all use. */
struct vcpus {
	struct vcpu *cpu; /* @n of them */
	unsigned n;
	size_t run_size; /* bytes */
	const struct bus *pio, *mmio;
	const struct gmem *mem;
	void (*ended)(void *arg, enum vcpu_end why); /* on a vCPU thread */
	void *arg;
	void (*reset)(void *arg); /* on the first vCPU's thread, all parked; NULL: is never reset */
	pthread_mutex_t lock;
	pthread_cond_t change; /* of @want */
	enum { VCPUS_PARKED, VCPUS_RUNNING, VCPUS_STOPPING } want; /* [lock] */
	enum seccomp_mode filter;
	bool warm_up; /* there will be no new threads: KVM makes its own before */
	unsigned begun; /* [lock] threads that have, or have not got, their filter */
	int refused; /* [lock] 0, or the -errno of a filter */
	unsigned alive; /* [lock] threads that have not ended */
	unsigned parked; /* [lock] threads that wait for a change of @want */
	bool awaited; /* [lock] @parked_fd is to tell when all are parked */
	bool resetting; /* [lock] @reset is to be called, or is at work */
	int done_fd; /* eventfd, written by the last thread that ends */
	int parked_fd; /* eventfd, written once all are parked and @awaited */
};

/**
 * vcpus_init() - Make the vCPUs, without threads
 * @s:    Any contents
 * @vm:   VM with its RAM
 * @n:    vCPUs, 1 or more
 * @e:    Says what KVM refuses
 *
 * The caller then sets pio, mmio, mem, ended, arg, reset and warm_up, and gives each fd its
 * registers.
 * Context: set-up.
 * Return:  0, or -errno; vcpus_fini() is fine in both cases.
 */
int vcpus_init(struct vcpus *s, struct vm *vm, unsigned n, struct err *e) MUST_CHECK;

/**
 * vcpus_start() - Make the threads; they wait for vcpus_release()
 * @s:      Complete
 * @filter: What becomes of system calls that their table does not list
 * @e:      Says why not
 *
 * Returns when each has its filter.
 * Context: set-up.
 * Return:  0, or -errno.
 */
int vcpus_start(struct vcpus *s, enum seccomp_mode filter, struct err *e) MUST_CHECK;

/**
 * vcpus_release() - Let all vCPUs run their guest
 * @s: Started
 *
 * Context: main thread.
 */
void vcpus_release(struct vcpus *s);

/**
 * vcpus_park() - Make all vCPUs leave the guest and wait
 * @s: Released
 *
 * Does not wait: a vCPU may be waiting for the caller's loop. s->parked_fd becomes readable when
 * vcpus_are_parked(), and may be still readable when that is over.
 * Context: main thread.
 */
void vcpus_park(struct vcpus *s);

/**
 * vcpus_are_parked() - Whether no vCPU runs, and none will before vcpus_resume()
 * @s: Started
 *
 * Context: main thread.
 */
bool vcpus_are_parked(struct vcpus *s);

/**
 * vcpus_resume() - Let all vCPUs go on, the guest excused for the time that it stood still
 * @s: Started
 *
 * Context: main thread.
 */
void vcpus_resume(struct vcpus *s);

/**
 * vcpus_reset() - Have s->reset called, on the thread of the first vCPU
 * @s: All parked
 *
 * Does not wait: vcpus_are_parked() again, and s->parked_fd tells, when it has returned. Then
 * every vCPU is able to run.
 * Context: main thread.
 */
void vcpus_reset(struct vcpus *s);

/**
 * vcpus_paused() - The whole process was stopped for a while (SIGSTOP, SIGTSTP): excuse the guest
 * @s: Started
 *
 * Context: main thread; does not wait.
 * Spec:    Linux Documentation/virt/kvm/api.rst 4.76 KVM_KVMCLOCK_CTRL
 */
void vcpus_paused(struct vcpus *s);

/**
 * vcpus_nmi() - Send every vCPU a non-maskable interrupt
 * @s: Started; parked ones get it when they go on
 *
 * Context: main thread; does not wait.
 * Spec:    Linux Documentation/virt/kvm/api.rst 4.64 KVM_NMI
 */
void vcpus_nmi(struct vcpus *s);

/**
 * vcpus_stop() - Make all vCPUs leave the guest and end their threads
 * @s: Started or not
 *
 * Does not wait: a vCPU may be waiting for the caller's loop. s->done_fd becomes readable when the
 * last one has ended (at once if none was started).
 * Context: main thread; may be called again.
 */
void vcpus_stop(struct vcpus *s);

/**
 * vcpus_fini() - Join the threads and give the vCPUs back
 * @s: Half-built or complete; threads have ended or end without this thread's help
 */
void vcpus_fini(struct vcpus *s);

#endif /* VMM_VCPU_H */
