/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/machine.h"

#include "arch/arch.h"
#include "vmm/jail.h"
#include "vmm/payload.h"
#include "vmm/pidfile.h"
#include "vmm/slots.h"

#include <errno.h>

/* Nothing is open: what machine_destroy() finds when machine_create() fails early. */
static void clear(struct machine *m, const struct config *cfg)
{
	*m = (struct machine){
		.cfg = cfg,
		.pidfile_fd = -1,
		.connector.fd = -1,
		.loop = { .epoll_fd = -1, .wake.fd = -1 },
		.monitor.news.fd = -1,
		.run = { .ending.asked.fd = -1, .timeout.source.fd = -1, .grace.source.fd = -1 },
		.witness = { .log.fd = -1, .trace.source.fd = -1, .idle.source.fd = -1 },
		.vm = { .kvm_fd = -1, .fd = -1 },
		.chips = { .uart.irq.fd = -1, .power.irq.fd = -1 },
		.command = { .control.fd = -1, .control_fd = -1 },
		.io.loop = { .epoll_fd = -1, .wake.fd = -1 },
		.vcpus = { .done_fd = -1, .parked_fd = -1 },
	};
}

static int create_pidfile(struct machine *m, struct err *e)
{
	if (!m->cfg->pidfile)
		return 0;
	m->pidfile_fd = pidfile_create(m->cfg->pidfile, e);
	if (m->pidfile_fd < 0)
		return m->pidfile_fd;
	caretaker_owns_path(&m->caretaker, MACHINE_PATH_PIDFILE, m->cfg->pidfile);
	return 0;
}

/* What has to be undone when the process is gone. Returns whether there is anything. */
static bool list_tasks(const struct config *cfg, struct caretaker_tasks *ret)
{
	struct config_end end[CONFIG_ENDS_MAX];
	unsigned n = config_ends(cfg, end);
	bool stdio = false, any = false;

	for (unsigned i = 0; i < n; i++)
		stdio = stdio || end[i].where->kind == WHERE_STDIO;
	*ret = (struct caretaker_tasks){
		.terminal_fd = stdio && endpoint_is_terminal(STDIN_FILENO) ? STDIN_FILENO : -1,
		.filter = jail_filter(cfg->jail),
		.path = { [MACHINE_PATH_VSOCK] = cfg->vsock.socket,
		          [MACHINE_PATH_PIDFILE] = cfg->pidfile },
	};
	for (unsigned i = 0; i < cfg->n_control; i++)
		ret->path[MACHINE_PATH_CONTROL + i] = cfg->control[i].path;
	if (cfg->serial.kind == WHERE_UNIX)
		ret->path[MACHINE_PATH_SERIAL] = cfg->serial.path;
	if (cfg->console.kind == WHERE_UNIX)
		ret->path[MACHINE_PATH_CONSOLE] = cfg->console.path;
	for (unsigned i = 0; i < cfg->n_vports; i++)
		if (cfg->vport[i].where.kind == WHERE_UNIX)
			ret->path[MACHINE_PATH_VPORT + i] = cfg->vport[i].where.path;
	for (unsigned i = 0; i < MACHINE_N_PATHS; i++)
		any = any || ret->path[i];
	return any || ret->terminal_fd >= 0;
}

/* Children are forked before there is anything that they should not have. */
static int create_process(struct machine *m, struct err *e)
{
	const struct config *cfg = m->cfg;
	struct caretaker_tasks tasks;
	int r = 0;

	if (list_tasks(cfg, &tasks))
		r = caretaker_start(&m->caretaker, &tasks, e);
	if (r == 0)
		r = create_pidfile(m, e);
	if (r == 0 && cfg->vsock.cid != 0)
		r = connector_start(&m->connector, cfg->vsock.socket, tasks.filter, e);
	if (r == 0)
		r = loop_init(&m->loop, e);
	if (r == 0)
		r = run_init(m, e);
	if (r == 0)
		r = witness_init(m, e);
	return r == 0 ? monitor_create(m, e) : r;
}

static int create_memory(struct machine *m, struct err *e)
{
	struct arch_ram ram[GMEM_REGIONS_MAX];
	unsigned n = arch_ram_layout(m->cfg->memory, ram);
	int r = vm_create(&m->vm, m->cfg->kvm_fd, e);

	for (unsigned i = 0; i < n && r == 0; i++)
		r = gmem_add(&m->mem, ram[i].base, ram[i].size, e);
	if (r == 0)
		r = config_n_backends(m->cfg) > 0 ? gmem_share(&m->mem, e) : 0;
	if (r == 0)
		r = reset_begin_load(m, e);
	if (r == 0)
		r = vm_add_ram(&m->vm, &m->mem, e);
	if (r == 0)
		r = slots_show(m, e);
	return r < 0 ? r : arch_vm_init(m->vm.fd, e);
}

static int create_chips(struct machine *m, struct err *e)
{
	const struct chardev_setup serial = {
		.where = &m->cfg->serial,
		.escape = m->cfg->escape,
		.label = "serial",
		.loop = &m->loop,
		.caretaker = &m->caretaker,
		.path_index = MACHINE_PATH_SERIAL,
		.events = run_chardev_events(m),
		.tap = witness_kernel,
		.tap_arg = m,
	};
	/* That there may be too many is found when they are made. */
	const unsigned n_virtio = config_n_virtio(m->cfg);
	const struct chips_wiring wiring = {
		.vm = &m->vm,
		.n_lines = arch_platform.virtio.gsi +
		           (n_virtio < arch_platform.n_virtio ? n_virtio : arch_platform.n_virtio),
		.pio = &m->pio,
		.mmio = &m->mmio,
		.ending = &m->run.ending,
		.mem = &m->mem,
		.serial = m->cfg->serial.kind == WHERE_NONE ? NULL : &serial,
	};
	int r = chips_create(&m->chips, &wiring, e);

	if (r == 0 && m->chips.has_serial)
		consoles_add(&m->consoles, &m->chips.serial);
	return r;
}

/* Each vCPU gets its processor model and registers; only the first one has somewhere to go. */
static int create_vcpus(struct machine *m, const struct boot_entry *entry, struct err *e)
{
	struct arch_cpu_model *model = NULL;
	int r = vcpus_init(&m->vcpus, &m->vm, m->cfg->cpus, e);

	if (r == 0)
		r = arch_cpu_model_new(&model, m->vm.kvm_fd, m->cfg->cpu, m->cfg->cpus, e);
	for (unsigned i = 0; i < m->vcpus.n && r == 0; i++)
		r = arch_vcpu_init(model, m->vcpus.cpu[i].fd, i, entry, e);
	arch_cpu_model_free(model);
	m->vcpus.pio = &m->pio;
	m->vcpus.mmio = &m->mmio;
	m->vcpus.mem = &m->mem;
	m->vcpus.warm_up = m->cfg->jail != JAIL_OFF;
	return r;
}

int machine_create(struct machine *m, const struct config *cfg, struct signals *signals,
                   struct err *e)
{
	const struct command_calls calls = { .over = run_command_over, .arg = m };
	struct boot_entry entry;
	int r;

	clear(m, cfg);
	m->signals = signals;
	r = create_process(m, e);
	if (r == 0)
		r = create_memory(m, e);
	if (r == 0)
		r = create_chips(m, e);
	if (r == 0)
		r = ports_open(m, e);
	if (r == 0)
		r = command_open(&m->command, m, &calls, e);
	if (r == 0)
		r = slots_create(m, e);
	if (r == 0)
		r = payload_load(m, &entry, e);
	if (r == 0)
		r = create_vcpus(m, &entry, e);
	if (r == 0)
		r = reset_create(m, e);
	fd_close(&m->vm.kvm_fd); /* it could make other VMs */
	return r;
}

static void finish_io(void *arg)
{
	slots_finish_io(arg);
}

int machine_start(struct machine *m, enum seccomp_mode filter, struct err *e)
{
	const bool shared = config_n_backends(m->cfg) > 0;
	int r = slots_start(m, e);

	if (r == 0 && slots_need_io(m->cfg))
		r = io_thread_start(&m->io, shared ? SECCOMP_IO_SHARED : SECCOMP_IO, filter,
		                    finish_io, m, e);
	return r == 0 ? vcpus_start(&m->vcpus, filter, e) : r;
}

void machine_destroy(struct machine *m)
{
	vcpus_fini(&m->vcpus);
	reset_destroy(m);
	io_thread_fini(&m->io);
	slots_destroy(m);
	ports_fini(&m->ports);
	command_fini(&m->command);
	chips_destroy(&m->chips);
	monitor_destroy(m);
	witness_fini(m);
	run_fini(m);
	loop_fini(&m->loop);
	connector_finish(&m->connector);
	caretaker_finish(&m->caretaker);
	fd_close(&m->pidfile_fd);
}
