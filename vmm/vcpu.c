/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vcpu.h"

#include "arch/arch.h"
#include "vmm/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#define KICK_SIGNAL SIGRTMIN /* brings a vCPU out of KVM_RUN; its handler does nothing */

/* Threads do little: KVM_RUN and a bus callback. Small stacks keep the process small. */
#define STACK_BYTES (128UL * 1024)

static void on_kick(int signo)
{
	(void)signo;
}

/* Map what KVM shares with us for each vCPU. */
static int vcpu_init(struct vcpu *c, struct vcpus *s, struct vm *vm, unsigned index, struct err *e)
{
	*c = (struct vcpu){ .set = s, .index = index, .fd = -1 };
	c->fd = vm_create_vcpu(vm, index, e);
	if (c->fd < 0)
		return c->fd;
	c->run = mmap(NULL, s->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED) {
		c->run = NULL;
		return err_errno(e, errno, "cannot map the shared page of vCPU %u", index);
	}
	return 0;
}

int vcpus_init(struct vcpus *s, struct vm *vm, unsigned n, struct err *e)
{
	int r = 0;

	*s = (struct vcpus){ .done_fd = -1, .parked_fd = -1, .run_size = vm->run_size };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->change, NULL);
	s->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->parked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->done_fd < 0 || s->parked_fd < 0)
		return err_errno(e, errno, "cannot make the vCPUs' eventfd");
	s->cpu = calloc(n, sizeof(*s->cpu));
	if (!s->cpu)
		return err_errno(e, ENOMEM, "cannot make %u vCPUs", n);
	for (; s->n < n && r == 0; s->n++)
		r = vcpu_init(&s->cpu[s->n], s, vm, s->n, e);
	return r;
}

static void port_io(const struct bus *b, struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		uint64_t value = 0;

		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&value, data, run->io.size);
			bus_write(b, run->io.port, run->io.size, value);
		} else {
			value = bus_read(b, run->io.port, run->io.size);
			memcpy(data, &value, run->io.size);
		}
	}
}

static void memory_io(const struct bus *b, struct kvm_run *run)
{
	uint64_t value = 0;

	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, run->mmio.len);
		bus_write(b, run->mmio.phys_addr, run->mmio.len, value);
	} else {
		value = bus_read(b, run->mmio.phys_addr, run->mmio.len);
		memcpy(run->mmio.data, &value, run->mmio.len);
	}
}

/* The guest used one of KVM's own ways to end (Hyper-V crash registers, PSCI). */
static void system_event(struct vcpu *c)
{
	switch (c->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		c->set->ended(c->set->arg, VCPU_END_POWEROFF);
		return;
	case KVM_SYSTEM_EVENT_RESET:
		c->set->ended(c->set->arg, VCPU_END_RESET);
		return;
	default:
		c->set->ended(c->set->arg, VCPU_END_CRASH);
	}
}

/* Serve one exit. Returns false when this vCPU cannot run any more. */
static bool dispatch(struct vcpu *c)
{
	const uint32_t reason = c->run->exit_reason;

	counter_add(reason < VCPU_REASONS ? &c->exits[reason] : &c->other_exits, 1);
	switch (reason) {
	case KVM_EXIT_IO:
		port_io(c->set->pio, c->run);
		return true;
	case KVM_EXIT_MMIO:
		memory_io(c->set->mmio, c->run);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(c);
		return false;
	case KVM_EXIT_SHUTDOWN:
		arch_vcpu_report(c->fd, c->run, c->set->mem, c->index);
		c->set->ended(c->set->arg, VCPU_END_SHUTDOWN);
		return false;
	default:
		arch_vcpu_report(c->fd, c->run, c->set->mem, c->index);
		c->set->ended(c->set->arg, VCPU_END_BROKEN);
		return false;
	}
}

/* Run the guest until somebody wants something else. Returns false when this vCPU is done. */
static bool run_guest(struct vcpu *c)
{
	for (;;) {
		if (ioctl(c->fd, KVM_RUN, 0) == 0) {
			/* Kicked while serving the exit, KVM_RUN ends the instruction and comes
			 * back: whoever looks at the vCPU, or resets it, finds it between two. */
			if (!dispatch(c))
				return false;
		} else if (errno == EINTR) {
			counter_add(&c->interrupted, 1);
			return true;
		} else if (errno != EAGAIN) {
			log_error("vCPU %u: KVM_RUN: %s", c->index, strerror(errno));
			c->set->ended(c->set->arg, VCPU_END_BROKEN);
			return false;
		}
	}
}

/*
 * Tell the guest that it did not run for a while, so that its watchdogs do not cry. Refused
 * (EINVAL) by guests that do not use kvmclock.
 */
static void excuse_pause(struct vcpu *c)
{
	if (ioctl(c->fd, KVM_KVMCLOCK_CTRL, 0) < 0)
		log_debug("vCPU %u: KVM_KVMCLOCK_CTRL: %s", c->index, strerror(errno));
}

/* By the vCPU's own thread: from another one KVM_NMI would wait for KVM_RUN to end. */
static void take_nmi(struct vcpu *c)
{
	if (ioctl(c->fd, KVM_NMI, 0) < 0)
		log_warn("vCPU %u: KVM_NMI: %s", c->index, strerror(errno));
}

/*
 * The first KVM_RUN of a VM makes a kernel thread that is one of this process's (Linux 6.14): it
 * has to happen before the limit on processes, and after the filter, which that thread inherits.
 * With immediate_exit set no instruction of the guest runs.
 */
static void warm_up(struct vcpu *c)
{
	c->run->immediate_exit = 1;
	if (ioctl(c->fd, KVM_RUN, 0) < 0 && errno != EINTR)
		log_debug("vCPU %u: first KVM_RUN: %s", c->index, strerror(errno));
}

/* As the thread's first step. */
static void begin(struct vcpu *c)
{
	struct vcpus *s = c->set;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "vcpu%u", c->index);
	c->tid = gettid();
	prctl(PR_SET_NAME, name); /* pthread_setname_np() from outside would open a file of /proc */
	r = seccomp_enter(s->reset ? SECCOMP_VCPU_RESET : SECCOMP_VCPU, c->index, s->filter);
	if (r == 0 && s->warm_up && c->index == 0)
		warm_up(c);
	pthread_mutex_lock(&s->lock);
	s->begun++;
	s->refused = r < 0 ? r : s->refused;
	pthread_mutex_unlock(&s->lock);
	pthread_cond_broadcast(&s->change); /* whom it wakes finds the lock free */
}

/* With the lock. */
static bool are_parked(const struct vcpus *s)
{
	return s->want == VCPUS_PARKED && s->parked == s->alive && !s->resetting;
}

/* With the lock: the last one to stand still tells whoever waits for that. */
static void tell_parked(struct vcpus *s)
{
	const uint64_t one = 1;

	if (!s->awaited || !are_parked(s))
		return;
	s->awaited = false;
	if (write(s->parked_fd, &one, sizeof(one)) < 0)
		log_error("cannot tell that the vCPUs stand still: %s", strerror(errno));
}

/* With the lock: wait for something else to be wanted. */
static void park(struct vcpus *s)
{
	s->parked++;
	tell_parked(s);
	pthread_cond_wait(&s->change, &s->lock);
	s->parked--;
}

/* With the lock, which is not held meanwhile. */
static void reset(struct vcpus *s)
{
	pthread_mutex_unlock(&s->lock);
	s->reset(s->arg);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n; i++)
		s->cpu[i].unable = false;
	s->resetting = false;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *c = arg;
	struct vcpus *s = c->set;
	const uint64_t one = 1;
	bool able, paused, nmi;

	begin(c);
	pthread_mutex_lock(&s->lock);
	while (s->want != VCPUS_STOPPING) {
		if (s->resetting && c->index == 0) {
			reset(s);
			continue; /* the end may have been asked for meanwhile */
		}
		if (s->want == VCPUS_PARKED || c->unable) {
			park(s);
			continue;
		}
		__atomic_store_n(&c->run->immediate_exit, 0, __ATOMIC_RELAXED);
		paused = c->paused;
		nmi = c->nmi;
		c->paused = c->nmi = false;
		pthread_mutex_unlock(&s->lock);
		if (paused)
			excuse_pause(c);
		if (nmi)
			take_nmi(c);
		able = run_guest(c);
		pthread_mutex_lock(&s->lock);
		c->unable = !able;
	}
	if (--s->alive == 0 && write(s->done_fd, &one, sizeof(one)) < 0)
		log_error("cannot tell that the vCPUs have ended: %s", strerror(errno));
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Threads inherit the signal mask: only the kick may reach a vCPU. */
static int start_threads(struct vcpus *s, struct err *e)
{
	pthread_attr_t attr;
	int r = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (unsigned i = 0; i < s->n && r == 0; i++) {
		r = pthread_create(&s->cpu[i].thread, &attr, vcpu_thread, &s->cpu[i]);
		if (r != 0) {
			r = err_errno(e, r, "cannot start the thread of vCPU %u", i);
		} else {
			s->cpu[i].started = true;
			s->alive++;
		}
	}
	pthread_attr_destroy(&attr);
	return r;
}

int vcpus_start(struct vcpus *s, enum seccomp_mode filter, struct err *e)
{
	struct sigaction sa = { .sa_handler = on_kick };
	int r;

	sigemptyset(&sa.sa_mask);
	if (sigaction(KICK_SIGNAL, &sa, NULL) < 0)
		return err_errno(e, errno, "cannot set the vCPUs' signal");
	s->filter = filter;
	pthread_mutex_lock(&s->lock);
	r = start_threads(s, e);
	while (r == 0 && s->begun < s->n)
		pthread_cond_wait(&s->change, &s->lock);
	if (r == 0 && s->refused < 0)
		r = err_errno(e, -s->refused, "cannot filter the vCPUs' threads");
	pthread_mutex_unlock(&s->lock);
	return r;
}

void vcpus_release(struct vcpus *s)
{
	pthread_mutex_lock(&s->lock);
	s->want = VCPUS_RUNNING;
	pthread_mutex_unlock(&s->lock);
	pthread_cond_broadcast(&s->change);
}

/*
 * immediate_exit is set before the signal is sent and cleared by the thread only under the lock,
 * with @want read afterwards: a vCPU on its way into KVM_RUN comes out at once.
 */
static void kick_all(struct vcpus *s)
{
	for (unsigned i = 0; s->cpu && i < s->n; i++) {
		if (!s->cpu[i].started)
			continue;
		__atomic_store_n(&s->cpu[i].run->immediate_exit, 1, __ATOMIC_RELAXED);
		pthread_kill(s->cpu[i].thread, KICK_SIGNAL);
	}
}

void vcpus_park(struct vcpus *s)
{
	pthread_mutex_lock(&s->lock);
	s->want = VCPUS_PARKED;
	s->awaited = true;
	pthread_cond_broadcast(&s->change); /* those that cannot run count anew */
	kick_all(s);
	pthread_mutex_unlock(&s->lock);
}

bool vcpus_are_parked(struct vcpus *s)
{
	bool parked;

	pthread_mutex_lock(&s->lock);
	parked = are_parked(s);
	pthread_mutex_unlock(&s->lock);
	return parked;
}

void vcpus_reset(struct vcpus *s)
{
	pthread_mutex_lock(&s->lock);
	s->resetting = true;
	s->awaited = true;
	pthread_cond_broadcast(&s->change);
	pthread_mutex_unlock(&s->lock);
}

void vcpus_resume(struct vcpus *s)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n; i++)
		s->cpu[i].paused = true;
	pthread_mutex_unlock(&s->lock);
	vcpus_release(s);
}

void vcpus_paused(struct vcpus *s)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n; i++)
		s->cpu[i].paused = true;
	kick_all(s);
	pthread_mutex_unlock(&s->lock);
}

void vcpus_nmi(struct vcpus *s)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n; i++)
		s->cpu[i].nmi = true;
	kick_all(s);
	pthread_mutex_unlock(&s->lock);
}

void vcpus_stop(struct vcpus *s)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	if (s->want != VCPUS_STOPPING) {
		s->want = VCPUS_STOPPING;
		pthread_cond_broadcast(&s->change);
		kick_all(s);
		if (s->alive == 0 && s->done_fd >= 0 && write(s->done_fd, &one, sizeof(one)) < 0)
			log_debug("vCPUs: end told already");
	}
	pthread_mutex_unlock(&s->lock);
}

void vcpus_fini(struct vcpus *s)
{
	if (s->cpu)
		vcpus_stop(s);
	for (unsigned i = 0; s->cpu && i < s->n; i++) {
		struct vcpu *c = &s->cpu[i];

		if (c->started)
			pthread_join(c->thread, NULL);
		if (c->run)
			munmap(c->run, s->run_size);
		fd_close(&c->fd);
	}
	free(s->cpu);
	s->cpu = NULL;
	s->n = 0;
	fd_close(&s->done_fd);
	fd_close(&s->parked_fd);
}
