/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/witness.h"

#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/result.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)

/* From a complaint of the kernel to the end: what it has to say comes within this. */
#define TRACE_MS 3000

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 * NS_PER_MS + ts.tv_nsec;
}

static void on_trace_over(void *arg)
{
	struct machine *m = arg;

	ending_request(&m->run.ending,
	               (struct stop){ .reason = STOP_FAIL_ON, .status = STATUS_FAILED });
}

/* Output that the guest wrote and nobody has read yet is no silence of the guest's. */
static bool may_be_silent(struct machine *m)
{
	return m->monitor.state != MONITOR_RUNNING || consoles_are_blocked(&m->consoles);
}

static void on_idle(void *arg)
{
	struct machine *m = arg;
	struct witness *w = &m->witness;
	int64_t limit_ms = (int64_t)m->cfg->idle_timeout_ms, silent_ms;

	if (may_be_silent(m))
		w->last_ns = now_ns();
	silent_ms = (now_ns() - w->last_ns) / NS_PER_MS;
	if (silent_ms < limit_ms) {
		timer_arm_ms(&w->idle, (uint64_t)(limit_ms - silent_ms));
		return;
	}
	log_error("no console has shown anything within --idle-timeout");
	ending_request(&m->run.ending,
	               (struct stop){ .reason = STOP_IDLE, .status = STATUS_TIMEOUT });
}

int witness_init(struct machine *m, struct err *e)
{
	const struct config *cfg = m->cfg;
	struct witness *w = &m->witness;
	int r = conlog_open(&w->log, cfg->console_log.path, cfg->console_log.max, e);

	if (r == 0)
		r = verdict_init(&w->verdict, cfg, e);
	if (r == 0 && cfg->n_fail_on > 0)
		r = timer_init(&w->trace, &m->loop, on_trace_over, m, e);
	if (r == 0 && cfg->idle_timeout_ms > 0)
		r = timer_init(&w->idle, &m->loop, on_idle, m, e);
	return r;
}

void witness_fini(struct machine *m)
{
	struct witness *w = &m->witness;

	timer_fini(&w->idle);
	timer_fini(&w->trace);
	verdict_fini(&w->verdict);
	conlog_close(&w->log);
}

void witness_start(struct machine *m)
{
	m->witness.last_ns = now_ns();
	outfile_begin(&m->witness.log.file, m->witness.log.fd);
	if (m->cfg->idle_timeout_ms > 0)
		timer_arm_ms(&m->witness.idle, m->cfg->idle_timeout_ms);
}

void witness_other(void *arg, const uint8_t *buf, size_t len)
{
	struct machine *m = arg;

	(void)buf;
	(void)len;
	m->witness.last_ns = now_ns();
}

void witness_kernel(void *arg, const uint8_t *buf, size_t len)
{
	struct machine *m = arg;
	struct witness *w = &m->witness;

	witness_other(m, buf, len);
	if (w->first_ns == 0)
		w->first_ns = w->last_ns;
	panic_watch_feed(&w->panic_watch, buf, len);
	conlog_put(&w->log, buf, len);
	if (!verdict_feed(&w->verdict, buf, len) || m->run.ending_began)
		return;
	if (w->verdict.state == VERDICT_FAILED)
		timer_arm_ms(&w->trace, TRACE_MS);
	else
		ending_request(&m->run.ending, (struct stop){ .reason = STOP_EXPECT });
}

struct stop witness_judge(struct machine *m, struct stop stop)
{
	struct witness *w = &m->witness;

	(void)verdict_finish(&w->verdict);
	/* Somebody else's wish, or a status that says more, stays. */
	if (stop.reason == STOP_PANIC || stop.reason == STOP_SIGNAL || stop.reason == STOP_ERROR ||
	    stop.reason == STOP_EXPECT)
		return stop;
	if (w->verdict.state == VERDICT_FAILED)
		return (struct stop){ .reason = STOP_FAIL_ON, .status = STATUS_FAILED };
	if (!w->verdict.expect || stop.status != 0)
		return stop;
	if (w->verdict.state == VERDICT_MET)
		return (struct stop){ .reason = STOP_EXPECT };
	log_error("the VM ended (%s) before its console showed what --expect wants",
	          stop_reason_names[stop.reason]);
	return (struct stop){ .reason = STOP_NO_MATCH, .status = STATUS_FAILED };
}

/* Whether the user has not seen why: the status says that it was not the guest's own decision. */
static bool wants_last_lines(const struct machine *m, const struct stop *stop)
{
	const struct config_where *where =
	        m->cfg->serial.kind != WHERE_NONE ? &m->cfg->serial : &m->cfg->console;

	return where->kind != WHERE_STDIO && where->kind != WHERE_STDERR &&
	       (stop->reason == STOP_PANIC || stop->reason == STOP_ERROR ||
	        stop->reason == STOP_TIMEOUT || stop->reason == STOP_IDLE ||
	        stop->reason == STOP_FAIL_ON || stop->reason == STOP_NO_MATCH);
}

void witness_report(const struct machine *m, const struct stop *stop, struct result_report *ret)
{
	const struct witness *w = &m->witness;
	const struct verdict *v = &w->verdict;

	ret->times.first_output_ns = w->first_ns ? w->first_ns - ret->times.begin_ns : 0;
	ret->pattern = v->pattern;
	if (v->pattern)
		(void)snprintf(ret->line, sizeof(ret->line), "%.*s", (int)v->len, v->line);
	if (v->state == VERDICT_FAILED && stop->reason == STOP_FAIL_ON)
		log_error("the console shows '%s'", ret->line);
	if (wants_last_lines(m, stop))
		conlog_show_last(&w->log);
}
