/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/monitor.h"

#include "vmm/machine.h"
#include "vmm/metrics.h"
#include "vmm/service.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

static void resume(struct machine *m)
{
	m->monitor.state = MONITOR_RUNNING;
	m->monitor.cont_asked = false;
	for (unsigned i = 0; i < m->cfg->n_disks; i++) {
		m->monitor.disk_error[i] = 0;
		virtio_blk_retry(m->slot[i].blk);
	}
	m->monitor.crashed = false;
	if (!reset_is_busy(m)) /* else at its end */
		vcpus_resume(&m->vcpus);
	qmp_resumed(&m->monitor.qmp);
}

/* The machine is as it was at its start: one that was stopped waits for a client, as then. */
static void on_reset_done(struct machine *m)
{
	struct monitor *mon = &m->monitor;

	ending_forget(&m->run.ending);
	m->run.panicked = false;
	qmp_reset(&mon->qmp, !mon->reset_asked,
	          mon->reset_asked ? "host-qmp-system-reset" : "guest-reset");
	mon->reset_asked = false;
	mon->crashed = false;
	memset(mon->disk_error, 0, sizeof(mon->disk_error)); /* what was held is forgotten */
	if (mon->state == MONITOR_RUNNING)
		vcpus_release(&m->vcpus);
	else if (mon->state == MONITOR_PAUSED || mon->state == MONITOR_PANICKED)
		mon->state = MONITOR_PRELAUNCH;
}

/* All vCPUs are out of the guest, or were: it may be a stop of old. */
static void on_parked(struct loop_source *s, uint32_t events)
{
	struct monitor *mon = container_of(s, struct monitor, parked);
	struct machine *m = container_of(mon, struct machine, monitor);
	uint64_t count;
	bool reset_done;

	(void)events;
	if (read(s->fd, &count, sizeof(count)) < 0)
		return;
	if (mon->state == MONITOR_ENDED || !vcpus_are_parked(&m->vcpus) ||
	    reset_parked(m, &reset_done))
		return;
	if (reset_done)
		on_reset_done(m);
	if (mon->state != MONITOR_STOPPING)
		return;
	mon->state = mon->crashed ? MONITOR_PANICKED : MONITOR_PAUSED;
	qmp_stopped(&mon->qmp);
	if (mon->cont_asked)
		resume(m);
}

static enum qmp_status get_status(void *vm)
{
	static const enum qmp_status status[] = {
		[MONITOR_PRELAUNCH] = QMP_PRELAUNCH, [MONITOR_RUNNING] = QMP_RUNNING,
		[MONITOR_STOPPING] = QMP_RUNNING,    [MONITOR_PAUSED] = QMP_PAUSED,
		[MONITOR_PANICKED] = QMP_PANICKED,   [MONITOR_ENDED] = QMP_SHUTDOWN,
	};
	const struct machine *m = vm;

	for (unsigned i = 0; i < m->cfg->n_disks; i++)
		if (m->monitor.state == MONITOR_PAUSED && m->monitor.disk_error[i])
			return QMP_IO_ERROR;
	return status[m->monitor.state];
}

static bool stop(void *vm)
{
	struct machine *m = vm;

	if (m->monitor.state == MONITOR_RUNNING) {
		m->monitor.state = MONITOR_STOPPING;
		vcpus_park(&m->vcpus);
	}
	return m->monitor.state != MONITOR_STOPPING;
}

static bool cont(void *vm)
{
	struct machine *m = vm;

	switch (m->monitor.state) {
	case MONITOR_STOPPING:
		m->monitor.cont_asked = true;
		return false;
	case MONITOR_PRELAUNCH:
	case MONITOR_PAUSED:
		resume(m);
		return true;
	case MONITOR_PANICKED: /* qmp_commands.c refuses it */
	case MONITOR_RUNNING:
	case MONITOR_ENDED:
		break;
	}
	return true;
}

/* A device has failed, or its driver wants something else: a few times a second at most are told,
 * since a guest can have it happen at any rate. */
static void tell_news(struct machine *m, struct machine_slot *slot)
{
	const struct virtio_dev *d = slot->window.dev;
	const uint64_t failures = counter_get(&d->failures), changes = counter_get(&d->changes);

	if (failures != slot->failures && log_limit_pass(&slot->failures_told, NULL))
		qmp_needs_reset(&m->monitor.qmp, d->label);
	if (changes != slot->changes && log_limit_pass(&slot->changes_told, NULL))
		qmp_filter_changed(&m->monitor.qmp, d->label);
	slot->failures = failures;
	slot->changes = changes;
}

/* The host has refused something, perhaps for want of space: the guest waits until it has some. */
static void on_news(struct loop_source *s, uint32_t events)
{
	struct monitor *mon = container_of(s, struct monitor, news);
	struct machine *m = container_of(mon, struct machine, monitor);
	struct virtio_blk_failure f;
	uint64_t count;

	(void)events;
	if (read(s->fd, &count, sizeof(count)) < 0)
		return;
	for (unsigned i = 0; i < m->cfg->n_disks; i++) {
		if (!virtio_blk_failed(m->slot[i].blk, &f))
			continue;
		qmp_disk_failed(&mon->qmp, &(struct qmp_disk_error){ i, f.code, f.write, f.held });
		if (!f.held)
			continue;
		mon->disk_error[i] = f.code;
		(void)stop(m);
	}
	for (unsigned i = 0; i < m->n_slots; i++)
		tell_news(m, &m->slot[i]);
}

static void powerdown(void *vm)
{
	monitor_press_button(vm);
}

static void end(void *vm, enum qmp_end how)
{
	struct machine *m = vm;

	if (m->monitor.state == MONITOR_ENDED) {
		/* The guest has ended, and its output waits for a reader who does not read. */
		consoles_abandon(&m->consoles);
		return;
	}
	m->monitor.reset_asked = how == QMP_END_RESET;
	if (how == QMP_END_RESET && m->cfg->on_reboot == ON_REBOOT_RESET) {
		reset_begin(m);
		return;
	}
	ending_decide(&m->run.ending,
	              (struct stop){ .reason = how == QMP_END_RESET ? STOP_REBOOT : STOP_QUIT });
}

static pid_t cpu_thread(void *vm, unsigned cpu)
{
	const struct machine *m = vm;

	return m->vcpus.cpu[cpu].tid;
}

static struct qmp_disk disk(void *vm, unsigned i)
{
	const struct machine *m = vm;
	const struct virtio_blk *b = m->slot[i].blk;

	return (struct qmp_disk){
		.bytes = virtio_blk_bytes(b),
		.allocated = virtio_blk_allocated(b),
		.error = m->monitor.disk_error[i],
	};
}

static bool console(void *vm, unsigned i, struct qmp_console *ret)
{
	const struct machine *m = vm;
	const struct chardev *c = i < m->consoles.n ? m->consoles.end[i] : NULL;

	if (c)
		*ret = (struct qmp_console){ c->setup.label, c->setup.where, c->pty };
	return c;
}

static int connect_console(void *vm, unsigned i, int fd)
{
	struct machine *m = vm;

	return chardev_give(m->consoles.end[i], fd);
}

static bool jail_holds(const struct jail *j, enum jail_layer layer)
{
	return j->mode != JAIL_OFF && j->layers.result[layer] == 0;
}

static json_t *show_jail(const struct jail *j)
{
	static const char *const filters[] = {
		[SECCOMP_OFF] = "off",
		[SECCOMP_LOG] = "log",
		[SECCOMP_ENFORCE] = "enforce",
	};
	json_t *layers = json_array();
	int r = 0;

	for (unsigned i = 0; i < JAIL_N_LAYERS && r == 0; i++) {
		const int refused = j->layers.result[i];

		r = json_array_append_new(
		        layers, json_pack("{s:s, s:b, s:s?}", "name", jail_layer_names[i], "holds",
		                          jail_holds(j, i), "error",
		                          refused < 0 ? strerrordesc_np(-refused) : NULL));
	}
	if (r < 0) {
		json_decref(layers);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "filters", filters[j->filter], "layers", layers);
}

static json_t *report(void *vm, enum qmp_report what)
{
	const struct machine *m = vm;

	switch (what) {
	case QMP_REPORT_METRICS:
		return metrics_all(m);
	case QMP_REPORT_DISKS:
		return metrics_disks(m);
	case QMP_REPORT_JAIL:
		break;
	}
	return show_jail(m->jail);
}

static int resize(void *vm, unsigned disk, uint64_t bytes, struct err *e)
{
	struct machine *m = vm;

	return virtio_blk_resized(m->slot[disk].blk, bytes, e);
}

static int set_link(void *vm, unsigned net, bool up)
{
	struct machine *m = vm;

	return virtio_net_set_link(m->slot[m->cfg->n_disks + net].net, up);
}

static void nmi(void *vm)
{
	struct machine *m = vm;

	vcpus_nmi(&m->vcpus);
}

static const struct qmp_vm_ops ops = {
	.status = get_status,
	.stop = stop,
	.cont = cont,
	.powerdown = powerdown,
	.end = end,
	.cpu_thread = cpu_thread,
	.disk = disk,
	.console = console,
	.connect = connect_console,
	.report = report,
	.resize = resize,
	.set_link = set_link,
	.nmi = nmi,
};

/* Disks stop the VM only if somebody can let it go on. */
static int watch_devices(struct machine *m, struct err *e)
{
	struct loop_source *s = &m->monitor.news;
	int r;

	*s = (struct loop_source){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = on_news };
	r = s->fd < 0 ? -errno : loop_add(&m->loop, s, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "cannot watch the devices") : 0;
}

int monitor_create(struct machine *m, struct err *e)
{
	struct monitor *mon = &m->monitor;

	qmp_init(&mon->qmp, m->cfg, &ops, m);
	if (m->cfg->n_control > 0) {
		int r = watch_devices(m, e);

		if (r < 0)
			return r;
	}
	return control_create(&mon->control, &mon->qmp, &m->loop, &m->caretaker, e);
}

void monitor_destroy(struct machine *m)
{
	control_destroy(&m->monitor.control);
	qmp_fini(&m->monitor.qmp);
	fd_close(&m->monitor.news.fd);
}

int monitor_start(struct machine *m)
{
	struct monitor *mon = &m->monitor;
	int r;

	mon->control.apart = jail_holds(m->jail, JAIL_NS_USER);
	mon->parked = (struct loop_source){ .fd = m->vcpus.parked_fd, .ready = on_parked };
	r = loop_add(&m->loop, &mon->parked, EPOLLIN);
	if (r < 0 || m->cfg->paused)
		return r;
	mon->state = MONITOR_RUNNING;
	vcpus_release(&m->vcpus);
	return 0;
}

void monitor_press_button(struct machine *m)
{
	if (!command_signal(&m->command, SIGTERM)) /* it does not hear the button */
		power_button_press(&m->chips.power);
	qmp_powerdown(&m->monitor.qmp);
}

void monitor_panicked(struct machine *m)
{
	qmp_panicked(&m->monitor.qmp, m->cfg->on_panic == ON_PANIC_PAUSE ? "pause" : "run");
}

void monitor_crashed(struct machine *m)
{
	struct monitor *mon = &m->monitor;

	mon->crashed = true;
	if (!m->run.panicked) /* else it was told before */
		qmp_panicked(&mon->qmp, "pause");
	if (mon->state == MONITOR_PAUSED)
		mon->state = MONITOR_PANICKED;
	else
		(void)stop(m);
}

/* The reason of an end in QEMU's words, and whether it was the guest's. */
static const struct {
	const char *name;
	bool guest;
} reasons[] = {
	[STOP_NONE] = { "none", false },           [STOP_POWEROFF] = { "guest-shutdown", true },
	[STOP_REBOOT] = { "guest-reset", true },   [STOP_PANIC] = { "guest-panic", true },
	[STOP_EXIT] = { "guest-shutdown", true },  [STOP_TIMEOUT] = { "host-signal", false },
	[STOP_IDLE] = { "host-signal", false },    [STOP_EXPECT] = { "host-signal", false },
	[STOP_FAIL_ON] = { "host-signal", false }, [STOP_NO_MATCH] = { "guest-shutdown", true },
	[STOP_SIGNAL] = { "host-signal", false },  [STOP_QUIT] = { "host-qmp-quit", false },
	[STOP_ERROR] = { "host-error", false },
};

_Static_assert(ARRAY_SIZE(reasons) == STOP_N_REASONS, "every reason has QEMU's name");

void monitor_ended(struct machine *m)
{
	struct monitor *mon = &m->monitor;
	enum stop_reason why = ending_get(&m->run.ending).reason;

	if (why == STOP_REBOOT && m->witness.panic_watch.panicked)
		why = STOP_PANIC;
	mon->state = MONITOR_ENDED;
	service_end(m->service);
	if (why == STOP_PANIC && !m->run.panicked)
		qmp_panicked(&mon->qmp, "poweroff");
	if (why == STOP_REBOOT && mon->reset_asked)
		qmp_ended(&mon->qmp, false, "host-qmp-system-reset");
	else
		qmp_ended(&mon->qmp, reasons[why].guest, reasons[why].name);
}
