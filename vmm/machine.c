/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/machine.h"

#include "arch/arch.h"
#include "boot/cmdline.h"
#include "devices/net.h"
#include "vmm/jail.h"
#include "vmm/log.h"
#include "vmm/pidfile.h"
#include "vmm/unixsock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Nothing is open: what machine_destroy() finds when machine_create() fails early. */
static void clear(struct machine *m, const struct config *cfg)
{
	*m = (struct machine){
		.cfg = cfg,
		.pidfile_fd = -1,
		.connector.fd = -1,
		.loop = { .epoll_fd = -1, .wake.fd = -1 },
		.run = { .ending.asked.fd = -1, .timeout.source.fd = -1, .grace.source.fd = -1 },
		.vm = { .kvm_fd = -1, .fd = -1 },
		.chips = { .uart.irq.fd = -1, .power.irq.fd = -1 },
		.io.loop = { .epoll_fd = -1, .wake.fd = -1 },
		.vcpus = { .done_fd = -1, .parked_fd = -1 },
	};
}

/* Places in caretaker_tasks.path. */
enum {
	PATH_CONTROL,
	PATH_SERIAL = PATH_CONTROL + CONFIG_CONTROL_MAX,
	PATH_CONSOLE,
	PATH_VSOCK,
	PATH_PIDFILE,
	N_PATHS
};
_Static_assert(N_PATHS <= CARETAKER_PATHS_MAX, "the caretaker removes every file");

static int create_pidfile(struct machine *m, struct err *e)
{
	if (!m->cfg->pidfile)
		return 0;
	m->pidfile_fd = pidfile_create(m->cfg->pidfile, e);
	if (m->pidfile_fd < 0)
		return m->pidfile_fd;
	caretaker_owns_path(&m->caretaker, PATH_PIDFILE, m->cfg->pidfile);
	return 0;
}

/* What has to be undone when the process is gone. Returns whether there is anything. */
static bool list_tasks(const struct config *cfg, struct caretaker_tasks *ret)
{
	bool stdio = cfg->serial.kind == WHERE_STDIO || cfg->console.kind == WHERE_STDIO;
	bool any = false;

	*ret = (struct caretaker_tasks){
		.terminal_fd = stdio && endpoint_is_terminal(STDIN_FILENO) ? STDIN_FILENO : -1,
		.filter = jail_filter(cfg->jail),
		.path = { [PATH_VSOCK] = cfg->vsock.socket, [PATH_PIDFILE] = cfg->pidfile },
	};
	for (unsigned i = 0; i < cfg->n_control; i++)
		ret->path[PATH_CONTROL + i] = cfg->control[i].path;
	if (cfg->serial.kind == WHERE_UNIX)
		ret->path[PATH_SERIAL] = cfg->serial.path;
	if (cfg->console.kind == WHERE_UNIX)
		ret->path[PATH_CONSOLE] = cfg->console.path;
	for (unsigned i = 0; i < N_PATHS; i++)
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
	return r == 0 ? monitor_create(m, e) : r;
}

static int create_memory(struct machine *m, struct err *e)
{
	struct arch_ram ram[GMEM_REGIONS_MAX];
	unsigned n = arch_ram_layout(m->cfg->memory, ram);
	int r = vm_create(&m->vm, e);

	for (unsigned i = 0; i < n && r == 0; i++)
		r = gmem_add(&m->mem, ram[i].base, ram[i].size, e);
	if (r == 0)
		r = vm_add_ram(&m->vm, &m->mem, e);
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
		.path_index = PATH_SERIAL,
		.events = run_chardev_events(m),
	};
	const struct chips_wiring wiring = {
		.vm = &m->vm,
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

/* Put a device behind the next free window. */
static int add_virtio(struct machine *m, struct virtio_dev *dev, struct err *e)
{
	const struct arch_chip *first = &arch_platform.virtio;
	unsigned n = m->n_slots++;
	uint64_t base = first->base + n * first->len;
	struct virtio_mmio *window = &m->slot[n].window;
	int r;

	virtio_mmio_init(window, dev, &m->mem);
	r = bus_add(&m->mmio,
	            &(struct bus_range){ .base = base,
	                                 .len = VIRTIO_MMIO_WINDOW,
	                                 .ops = &virtio_mmio_bus_ops,
	                                 .self = window },
	            e);
	if (r == 0)
		r = vm_connect_irq(&m->vm, &dev->irq, first->gsi + n, e);
	for (uint16_t q = 0; q < dev->ops->n_queues && r == 0; q++)
		r = vm_connect_kick(&m->vm, base + VIRTIO_MMIO_NOTIFY_OFFSET, q,
		                    dev->queue[q].kick.fd, e);
	return r;
}

static int create_disks(struct machine *m, struct err *e)
{
	const struct config *cfg = m->cfg;
	int r = cfg->n_disks > 0 ? io_thread_init(&m->io, e) : 0;

	for (unsigned i = 0; i < cfg->n_disks && r == 0; i++) {
		struct virtio_blk **blk = &m->slot[m->n_slots].blk;

		r = virtio_blk_new(blk, &cfg->disk[i], i, &m->io.loop, e);
		if (r == 0)
			r = add_virtio(m, virtio_blk_dev(*blk), e);
	}
	return r;
}

static int create_nets(struct machine *m, struct err *e)
{
	const struct config *cfg = m->cfg;
	int r = 0;

	for (unsigned i = 0; i < cfg->n_nets && r == 0; i++) {
		struct virtio_net **net = &m->slot[m->n_slots].net;

		r = net_new(net, &cfg->net[i], cfg->name, i, &m->loop, e);
		if (r == 0)
			r = add_virtio(m, virtio_net_dev(*net), e);
	}
	return r;
}

/* Without a serial port the kernel's last words come by here. */
static void on_console_output(void *arg, const uint8_t *buf, size_t len)
{
	struct machine *m = arg;

	panic_watch_feed(&m->chips.panic_watch, buf, len);
}

static int create_console(struct machine *m, struct err *e)
{
	const struct chardev_setup setup = {
		.where = &m->cfg->console,
		.escape = m->cfg->escape,
		.label = "console",
		.loop = &m->loop,
		.caretaker = &m->caretaker,
		.path_index = PATH_CONSOLE,
		.events = run_chardev_events(m),
		.tap = m->chips.has_serial ? NULL : on_console_output,
		.tap_arg = m,
	};
	const struct virtio_console_end end = { .host = &m->console };
	struct machine_slot *slot = &m->slot[m->n_slots];
	int r;

	if (m->cfg->console.kind == WHERE_NONE)
		return 0;
	m->has_console = true;
	r = chardev_open(&m->console, &setup, e);
	if (r == 0)
		r = virtio_console_new(&slot->console, &end, 1, &m->loop, e);
	if (r < 0)
		return r;
	consoles_add(&m->consoles, &m->console);
	return add_virtio(m, virtio_console_dev(slot->console), e);
}

static int create_rng(struct machine *m, struct err *e)
{
	struct machine_slot *slot = &m->slot[m->n_slots];
	int r = virtio_rng_new(&slot->rng, &m->loop, e);

	return r == 0 ? add_virtio(m, virtio_rng_dev(slot->rng), e) : r;
}

static int create_vsock(struct machine *m, struct err *e)
{
	const struct config_vsock *cfg = &m->cfg->vsock;
	struct machine_slot *slot = &m->slot[m->n_slots];
	struct virtio_vsock_setup setup = { .cid = cfg->cid, .connector = m->connector.fd };
	int r;

	if (cfg->cid == 0)
		return 0;
	setup.listener = unixsock_listen(cfg->socket, e);
	if (setup.listener < 0)
		return err_wrap(e, setup.listener, "--vsock");
	caretaker_owns_path(&m->caretaker, PATH_VSOCK, cfg->socket);
	r = virtio_vsock_new(&slot->vsock, &setup, &m->loop, e);
	return r == 0 ? add_virtio(m, virtio_vsock_dev(slot->vsock), e) : r;
}

static unsigned count_virtio(const struct config *cfg)
{
	return cfg->n_disks + cfg->n_nets + (cfg->console.kind != WHERE_NONE) + 1 /* entropy */ +
	       (cfg->vsock.cid != 0);
}

/* The order is the guest's: the first disk is /dev/vda. */
static int create_devices(struct machine *m, struct err *e)
{
	unsigned n = count_virtio(m->cfg);
	int r;

	if (n > arch_platform.n_virtio)
		return err_set(e, ENOSPC,
		               "%u virtio devices, %u of them disks and network cards, are more "
		               "than this machine's %u windows",
		               n, m->cfg->n_disks + m->cfg->n_nets, arch_platform.n_virtio);
	m->slot = calloc(n, sizeof(*m->slot));
	if (!m->slot)
		return err_errno(e, ENOMEM, "cannot make the devices");
	r = create_disks(m, e);
	if (r == 0)
		r = create_nets(m, e);
	if (r == 0)
		r = create_console(m, e);
	if (r == 0)
		r = create_rng(m, e);
	return r == 0 ? create_vsock(m, e) : r;
}

static int add_ip_word(const struct config_net *net, struct cmdline *ret, struct err *e)
{
	char word[140]; /* optnet.c bounds the text */

	if (!net->ip)
		return 0;
	snprintf(word, sizeof(word), "ip=%s", net->ip);
	return cmdline_add(ret, word, e);
}

/* Where the kernel's messages go; NULL: nowhere. */
static const char *console_word(const struct config *cfg)
{
	if (cfg->serial.kind != WHERE_NONE)
		return arch_platform.console_word;
	return cfg->console.kind != WHERE_NONE ? "hvc0" : NULL;
}

/* Generated words; the user's follow them. */
static int add_default_words(const struct config *cfg, struct cmdline *ret, struct err *e)
{
	const char *word = console_word(cfg);
	char console[32];
	int r = 0;

	if (word) {
		snprintf(console, sizeof(console), "console=%s", word);
		r = cmdline_add(ret, console, e);
	}
	if (r == 0)
		r = cmdline_add(ret, arch_platform.reboot_words, e);
	if (r == 0)
		r = cmdline_add(ret, arch_platform.probe_words, e);
	if (r == 0 && cfg->has_root)
		r = cmdline_add(ret,
		                cfg->disk[0].readonly ? "root=/dev/vda ro" : "root=/dev/vda rw", e);
	for (unsigned i = 0; i < cfg->n_nets && r == 0; i++)
		r = add_ip_word(&cfg->net[i], ret, e);
	return r;
}

/* The words that make a stock kernel fit this machine, then the user's. */
static int build_cmdline(const struct config *cfg, struct cmdline *ret, struct err *e)
{
	int r = 0;

	cmdline_init(ret);
	if (!cfg->no_default_cmdline)
		r = add_default_words(cfg, ret, e);
	for (unsigned i = 0; i < cfg->n_append && r == 0; i++) {
		r = cmdline_add(ret, cfg->append[i], e);
		if (r < 0)
			err_wrap(e, r, "--append");
	}
	return r;
}

/* Bring kernel, initial RAM disk and tables into guest memory. */
static int load_guest(struct machine *m, struct boot_entry *ret, struct err *e)
{
	const struct config *cfg = m->cfg;
	struct boot_archive initrd[CONFIG_INITRD_MAX];
	struct cmdline cmdline;
	struct boot_config boot = {
		.kernel = cfg->kernel,
		.initrd = initrd,
		.n_initrd = cfg->n_initrd,
		.hw = { .n_cpus = cfg->cpus,
		        .n_virtio = m->n_slots,
		        .uart = cfg->serial.kind != WHERE_NONE },
	};
	int r = build_cmdline(cfg, &cmdline, e);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < cfg->n_initrd; i++)
		initrd[i] = (struct boot_archive){ .path = cfg->initrd[i] };
	boot.cmdline = cmdline_text(&cmdline);
	log_info("kernel command line: %s", boot.cmdline);
	return boot_load(&boot, &m->mem, ret, e);
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
	return r;
}

int machine_create(struct machine *m, const struct config *cfg, struct signals *signals,
                   struct err *e)
{
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
		r = create_devices(m, e);
	if (r == 0)
		r = load_guest(m, &entry, e);
	if (r == 0)
		r = create_vcpus(m, &entry, e);
	fd_close(&m->vm.kvm_fd); /* it could make other VMs */
	return r;
}

int machine_start(struct machine *m, enum seccomp_mode filter, struct err *e)
{
	int r = 0;

	if (m->cfg->n_disks > 0)
		r = io_thread_start(&m->io, filter, e);
	return r == 0 ? vcpus_start(&m->vcpus, filter, e) : r;
}

void machine_window_changed(struct machine *m)
{
	for (unsigned i = 0; i < m->n_slots; i++)
		if (m->slot[i].console)
			virtio_console_resized(m->slot[i].console);
}

static void destroy_devices(struct machine *m)
{
	/* The last one may be half-built, in a slot that is not counted. */
	for (unsigned i = 0; m->slot && i < count_virtio(m->cfg); i++) {
		virtio_blk_free(m->slot[i].blk);
		virtio_net_free(m->slot[i].net);
		virtio_console_free(m->slot[i].console);
		virtio_rng_free(m->slot[i].rng);
		virtio_vsock_free(m->slot[i].vsock);
	}
	free(m->slot);
	if (m->has_console)
		chardev_fini(&m->console);
}

void machine_destroy(struct machine *m)
{
	vcpus_fini(&m->vcpus);
	io_thread_fini(&m->io);
	destroy_devices(m);
	chips_destroy(&m->chips);
	vm_destroy(&m->vm);
	gmem_fini(&m->mem);
	monitor_destroy(m);
	run_fini(m);
	loop_fini(&m->loop);
	connector_finish(&m->connector);
	caretaker_finish(&m->caretaker);
	fd_close(&m->pidfile_fd);
	clear(m, m->cfg);
}
