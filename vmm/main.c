/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/check_host.h"
#include "vmm/cli.h"
#include "vmm/jail.h"
#include "vmm/machine.h"
#include "vmm/metrics.h"
#include "vmm/result.h"
#include "vmm/service.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE       4096
#define STACK_SHED 65536 /* bytes; more than the set-up uses */

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * The set-up is done, and needed more stack than the loop ever will: kernel headers, tables of
 * KVM. What lies further below than a call of madvise(2) itself reaches goes back to the host.
 */
static void shed_stack(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE - 1);

	/* Stack that was never used is not mapped, which is no error here. */
	(void)madvise((void *)(here - STACK_SHED), STACK_SHED - PAGE, MADV_DONTNEED);
}

/*
 * One VM from beginning to end. The order is the security argument: everything is opened, every
 * thread is made, and only then does the guest run.
 */
static int run_vm(const struct config *cfg, struct jail *jail, struct signals *signals,
                  struct service *service, struct result_report *report, struct err *e)
{
	struct result_times *times = &report->times;
	struct machine m;
	int r = machine_create(&m, cfg, signals, e);

	m.times = times;
	m.jail = jail;
	m.service = service;
	if (r == 0)
		r = jail_enter(jail, e);
	if (r == 0)
		service_enter(service);
	if (r == 0)
		r = machine_start(&m, jail->filter, e);
	if (r == 0)
		service_ready(service);
	shed_stack();
	if (r == 0)
		r = jail_close(jail, e);
	if (r == 0) {
		times->guest_start_ns = clock_ns(CLOCK_MONOTONIC) - times->begin_ns;
		r = machine_run(&m, &report->stop, e);
		witness_report(&m, &report->stop, report);
		service_end(service);
		command_times(&m.command, times);
		/* jansson has been prepared for the jail if there is a result, and only then. */
		if (cfg->result || cfg->result_fd >= 0)
			report->exits = metrics_exits(&m);
	}
	machine_destroy(&m);
	times->end_ns = clock_ns(CLOCK_MONOTONIC) - times->begin_ns;
	return r;
}

/* What was inherited and not asked for goes before anything of ours is opened. */
static void shed(struct jail *jail, const struct config *cfg, const struct signals *signals)
{
	int keep[3 + CONFIG_ENDS_MAX + CONFIG_NETS_MAX + CONFIG_CONTROL_MAX + CONFIG_DISKS_MAX] = {
		cfg->result_fd,
		signals->source.fd,
	};
	struct config_end end[CONFIG_ENDS_MAX];
	unsigned n_ends = config_ends(cfg, end), n = 2;

	for (unsigned i = 0; i < n_ends; i++)
		if (end[i].where->kind == WHERE_FD)
			keep[n++] = end[i].where->fd;

	keep[n++] = cfg->kvm_fd;
	for (unsigned i = 0; i < cfg->n_control; i++)
		keep[n++] = cfg->control[i].fd;
	for (unsigned i = 0; i < cfg->n_disks; i++)
		if (cfg->disk[i].inherited)
			keep[n++] = cfg->disk[i].fd;
	for (unsigned i = 0; i < cfg->n_nets; i++)
		if (cfg->net[i].kind == NET_FD)
			keep[n++] = cfg->net[i].fd;
	if (cfg->jail != JAIL_OFF)
		jail->layers.result[JAIL_SHED] = jail_shed(keep, n);
}

/* Open what a failure is reported to. @r: what happened so far; an earlier error is the one to
 * tell. */
static int open_outputs(const struct config *cfg, int r, struct result *result, struct err *e)
{
	struct err unheard = { 0 };
	int opened = result_open(result, cfg->result, cfg->result_fd, r < 0 ? &unheard : e);

	if (r == 0)
		r = opened;
	return r < 0 ? r : log_open(cfg->log, cfg->log_level, e);
}

/* Whatever happened is told here, and only here: a line, the result file, the status. */
static struct stop conclude(struct result *result, int r, struct result_report *report,
                            struct err *e)
{
	struct err also = { 0 };

	if (r < 0)
		report->stop = (struct stop){ .reason = STOP_ERROR, .status = STATUS_ERROR };
	if (report->stop.reason == STOP_ERROR) {
		report->message = e->msg;
		log_error("%s", e->msg);
	}
	if (result_write(result, report, &also) < 0) {
		report->stop = (struct stop){ .reason = STOP_ERROR, .status = STATUS_ERROR };
		log_error("%s", also.msg);
	}
	return report->stop;
}

int main(int argc, char **argv)
{
	struct result_report report = {
		.times.begin_ns = clock_ns(CLOCK_MONOTONIC),
		.times.start_ns = clock_ns(CLOCK_REALTIME),
	};
	struct config cfg;
	struct result result = { .fd = -1, .status_fd = -1 };
	struct signals signals = { .source.fd = -1 };
	struct service service;
	struct jail jail = { 0 };
	struct stop stop = { 0 };
	int status = 0;
	struct err e = { 0 };
	int r = endpoint_reserve_stdio(&e);

	if (r == 0)
		r = signals_init(&signals, &e);
	if (r < 0)
		return conclude(&result, r, &report, &e).status;
	r = cli_parse(&cfg, argc, argv, &e);
	if (r == 0)
		r = jail_begin(&jail, &cfg, &e);
	shed(&jail, &cfg, &signals);
	if (r == 0 && !cfg.check_host)
		r = service_begin(&service, &cfg, &status, &e);
	/* Also after an error: an old result must not be taken for this run's. */
	if (r <= 0)
		r = open_outputs(&cfg, r, &result, &e);
	if (r == 0 && cfg.check_host)
		r = check_host_run(stdout, &e);
	else if (r == 0)
		r = run_vm(&cfg, &jail, &signals, &service, &report, &e);
	if (r > 0) /* no VM was asked for, and what was has been done */
		stop.status = r == CHECK_HOST_UNFIT ? r : status;
	else
		stop = conclude(&result, r, &report, &e);
	config_fini(&cfg);
	if (stop.reason == STOP_SIGNAL)
		signals_die(&signals, stop.signal);
	return stop.status;
}
