/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/metrics.h"

#include "vmm/machine.h"

#include <linux/kvm.h>
#include <linux/virtio_config.h>
#include <stdio.h>

/*
 * Every maker below returns a new reference, or NULL without memory. json_object_set_new() and
 * json_array_append_new() take a reference over even when they fail, and fail on NULL, be it the
 * container or the value.
 */

/* "@a@b": @n. Returns 0, or -1 without memory. */
static int put(json_t *o, const char *a, const char *b, uint64_t n)
{
	char key[48];

	(void)snprintf(key, sizeof(key), "%s%s", a, b);
	return json_object_set_new(o, key, json_integer((json_int_t)n));
}

/* @o, or NULL if something could not be put into it. */
static json_t *whole(json_t *o, int r)
{
	if (r == 0)
		return o;
	json_decref(o);
	return NULL;
}

/* The list of what @make makes of 0 to @n - 1. */
static json_t *list_of(unsigned n, const struct machine *m,
                       json_t *(*make)(const struct machine *m, unsigned i))
{
	json_t *list = json_array();
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++)
		r = json_array_append_new(list, make(m, i));
	return whole(list, r);
}

/* Where bins end, in nanoseconds, and what is in them; as QEMU shows them. */
static json_t *show_histogram(const struct counter_times *t)
{
	json_t *bounds = json_array(), *bins = json_array();
	int r = 0;

	for (unsigned i = 0; i < COUNTER_BINS && r == 0; i++) {
		if (i < COUNTER_BINS - 1)
			r = json_array_append_new(bounds,
			                          json_integer((json_int_t)counter_bound_ns(i)));
		r |= json_array_append_new(bins, json_integer((json_int_t)counter_get(&t->bin[i])));
	}
	return json_pack("{s:o, s:o}", "boundaries", whole(bounds, r), "bins", whole(bins, r));
}

/* QEMU's names of what a disk does. */
static const struct {
	const char *name;
	enum blk_op op;
} ops[] = {
	{ "rd", BLK_READ },       { "wr", BLK_WRITE },  { "flush", BLK_FLUSH },
	{ "unmap", BLK_DISCARD }, { "zero", BLK_ZERO },
};

static json_t *show_disk_counters(const struct blk_counters *c)
{
	json_t *o = json_pack("{s:b, s:b, s:[], s:i}", "account_invalid", 0, "account_failed", 1,
	                      "timed_stats", "wr_highest_offset", 0);
	int r = put(o, "invalid_operations", "", counter_get(&c->refused));

	for (unsigned i = 0; i < ARRAY_SIZE(ops) && r == 0; i++) {
		const struct counter_times *t = &c->times[ops[i].op];
		const uint64_t failed = counter_get(&c->failed[ops[i].op]);
		char failed_name[24], histogram[32];

		(void)snprintf(failed_name, sizeof(failed_name), "failed_%s", ops[i].name);
		(void)snprintf(histogram, sizeof(histogram), "%s_latency_histogram", ops[i].name);
		r = put(o, ops[i].name, "_bytes", counter_get(&c->bytes[ops[i].op])) |
		    put(o, ops[i].name, "_operations", counter_get(&t->n) - failed) |
		    put(o, ops[i].name, "_total_time_ns", counter_get(&t->total_ns)) |
		    put(o, ops[i].name, "_merged", 0) | put(o, failed_name, "_operations", failed) |
		    json_object_set_new(o, histogram, show_histogram(t));
	}
	return whole(o, r);
}

static json_t *show_disk(const struct machine *m, unsigned i)
{
	char device[16], node[16];

	(void)snprintf(device, sizeof(device), "vd%u", i);
	(void)snprintf(node, sizeof(node), "d%u", i);
	return json_pack("{s:s, s:s, s:s, s:o}", "device", "", "qdev", device, "node-name", node,
	                 "stats", show_disk_counters(virtio_blk_counters(m->slot[i].blk)));
}

json_t *metrics_disks(const struct machine *m)
{
	return list_of(m->cfg->n_disks, m, show_disk);
}

/* Those that have no name here are "other". */
static const struct {
	uint8_t reason; /* KVM_EXIT_* */
	char name[16];
} exits[] = {
	{ KVM_EXIT_IO, "io" },
	{ KVM_EXIT_MMIO, "mmio" },
	{ KVM_EXIT_INTR, "intr" },
	{ KVM_EXIT_HLT, "hlt" },
	{ KVM_EXIT_IRQ_WINDOW_OPEN, "irq-window-open" },
	{ KVM_EXIT_SHUTDOWN, "shutdown" },
	{ KVM_EXIT_FAIL_ENTRY, "fail-entry" },
	{ KVM_EXIT_INTERNAL_ERROR, "internal-error" },
	{ KVM_EXIT_SYSTEM_EVENT, "system-event" },
};

/* Those of @n processors together. */
static json_t *show_exits(const struct vcpu *c, unsigned n)
{
	uint64_t sum[VCPU_REASONS] = { 0 }, others = 0, signals = 0;
	json_t *o = json_object();
	int r = 0;

	for (; n > 0; n--, c++) {
		for (unsigned i = 0; i < VCPU_REASONS; i++)
			sum[i] += counter_get(&c->exits[i]);
		others += counter_get(&c->other_exits);
		signals += counter_get(&c->interrupted);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(exits); i++) {
		r |= put(o, exits[i].name, "", sum[exits[i].reason]);
		sum[exits[i].reason] = 0;
	}
	for (unsigned i = 0; i < VCPU_REASONS; i++)
		others += sum[i];
	return whole(o, r | put(o, "other", "", others) | put(o, "signal", "", signals));
}

json_t *metrics_exits(const struct machine *m)
{
	return show_exits(m->vcpus.cpu, m->vcpus.n);
}

static json_t *show_vcpu(const struct machine *m, unsigned i)
{
	const struct vcpu *c = &m->vcpus.cpu[i];

	return json_pack("{s:i, s:i, s:o}", "cpu-index", (int)i, "thread-id", (int)c->tid, "exits",
	                 show_exits(c, 1));
}

static json_t *show_queue(const struct virtq_counters *c)
{
	const uint64_t given = counter_get(&c->given), taken = counter_get(&c->taken);
	json_t *o = json_object();

	/* Read in this order, and by a thread of its own: no depth below zero. */
	return whole(o, put(o, "requests", "", taken) | put(o, "depth", "", taken - given) |
	                        put(o, "bytes-read", "", counter_get(&c->out)) |
	                        put(o, "bytes-written", "", counter_get(&c->in)) |
	                        put(o, "notifications", "", counter_get(&c->kicks)) |
	                        put(o, "interrupts", "", counter_get(&c->interrupts)));
}

static json_t *show_device(const struct machine *m, unsigned i)
{
	const struct virtio_dev *d = m->slot[i].window.dev;
	json_t *queues = json_array(), *o;
	int r = 0;

	for (unsigned q = 0; q < d->ops->n_queues && r == 0; q++)
		r = json_array_append_new(queues, show_queue(&d->queue[q].ring.count));
	o = json_pack("{s:s, s:s, s:b, s:o}", "name", d->label, "type", d->ops->name, "needs-reset",
	              (virtio_dev_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0, "queues",
	              whole(queues, r));
	r = put(o, "failures", "", counter_get(&d->failures)) |
	    put(o, "resets", "", counter_get(&d->resets));
	if (m->slot[i].blk)
		r |= json_object_set_new(o, "engine",
		                         json_string(virtio_blk_engine(m->slot[i].blk))) |
		     json_object_set_new(o, "stats",
		                         show_disk_counters(virtio_blk_counters(m->slot[i].blk)));
	if (m->slot[i].net) {
		const struct virtio_net_counters *net = virtio_net_counters(m->slot[i].net);

		r |= put(o, "frames-refused", "", counter_get(&net->refused)) |
		     put(o, "frames-lost", "", counter_get(&net->lost));
	}
	return whole(o, r);
}

static json_t *show_control(const struct control *c)
{
	json_t *o = json_object();

	return whole(o, put(o, "clients", "", c->n_clients) |
	                        put(o, "rests", "", counter_get(&c->rests)));
}

json_t *metrics_all(const struct machine *m)
{
	const struct result_times *t = m->times;
	json_t *o = json_object(), *times = json_object();
	int r = put(times, "start-us", "", (uint64_t)t->start_ns / 1000) |
	        put(times, "guest-start-us", "", (uint64_t)t->guest_start_ns / 1000) |
	        put(times, "now-us", "", (counter_now_ns() - (uint64_t)t->begin_ns) / 1000);

	r |= json_object_set_new(o, "times", whole(times, r)) |
	     json_object_set_new(o, "control", show_control(&m->monitor.control)) |
	     json_object_set_new(o, "vcpus", list_of(m->vcpus.n, m, show_vcpu)) |
	     json_object_set_new(o, "devices", list_of(m->n_slots, m, show_device));
	return whole(o, r);
}
