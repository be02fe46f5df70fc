/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/reset.h"

#include "arch/arch.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/slots.h"

static int vcpu_fd(void *arg, unsigned index)
{
	const struct machine *m = arg;

	return m->vcpus.cpu[index].fd;
}

static struct arch_reset_fds fds_of(struct machine *m)
{
	return (struct arch_reset_fds){
		.kvm = m->vm.kvm_fd,
		.n_vcpus = m->vcpus.n,
		.vcpu = vcpu_fd,
		.arg = m,
	};
}

/* On the first vCPU's thread, while nobody else uses vCPUs or guest memory. */
static void restore(void *arg)
{
	struct machine *m = arg;
	const struct arch_reset_fds fds = fds_of(m);

	/* Processors first: some write to guest memory as they let go of it. */
	m->reset.failure = arch_reset_restore(m->reset.state, &fds);
	if (m->reset.failure == 0)
		m->reset.failure = chips_reset_lines(&m->chips);
	if (m->reset.failure == 0)
		m->reset.failure = gmem_restore(&m->mem);
}

int reset_begin_load(struct machine *m, struct err *e)
{
	return m->cfg->on_reboot == ON_REBOOT_RESET ? gmem_keep_begin(&m->mem, e) : 0;
}

int reset_create(struct machine *m, struct err *e)
{
	const struct arch_reset_fds fds = fds_of(m);
	int r;

	if (m->cfg->on_reboot != ON_REBOOT_RESET)
		return 0;
	r = gmem_keep_end(&m->mem, e);
	if (r == 0)
		r = arch_reset_save(&m->reset.state, &fds, e);
	m->vcpus.reset = restore;
	return r;
}

void reset_destroy(struct machine *m)
{
	arch_reset_free(m->reset.state);
	m->reset.state = NULL;
}

void reset_begin(struct machine *m)
{
	if (m->reset.step != RESET_NOT)
		return;
	m->reset.step = RESET_PARKING;
	vcpus_park(&m->vcpus);
}

bool reset_is_busy(const struct machine *m)
{
	return m->reset.step != RESET_NOT;
}

bool reset_parked(struct machine *m, bool *ret_done)
{
	*ret_done = false;
	switch (m->reset.step) {
	case RESET_NOT:
		return false;
	case RESET_PARKING:
		m->reset.step = RESET_WORKING;
		slots_reset(m);
		m->witness.panic_watch = (struct panic_watch){ 0 };
		chips_reset(&m->chips);
		vcpus_reset(&m->vcpus);
		return true;
	case RESET_WORKING:
		break;
	}
	m->reset.step = RESET_NOT;
	if (m->reset.failure < 0) {
		ending_decide(&m->run.ending,
		              (struct stop){ .reason = STOP_ERROR, .status = STATUS_ERROR });
		return true;
	}
	if (log_limit_pass(&m->reset.told, NULL))
		log_info("the machine was reset");
	*ret_done = true;
	return false;
}
