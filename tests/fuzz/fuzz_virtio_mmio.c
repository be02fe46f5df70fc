/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A guest that reads and writes the registers of a device in any order, over RAM that it changes.
 *
 * Input: steps of 8 bytes: what to do, the width, where (2 bytes), a value (4 bytes).
 */
#include "devices/virtio_mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define RAM_BYTES    0x10000ULL
#define QUEUES       2
#define QUEUE_MAX    64
#define CONFIG_BYTES 20
#define CANARY       0xc5
#define STEPS        2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct step {
	uint8_t what, width;
	uint16_t where;
	uint32_t value;
};

struct probe {
	struct virtio_dev base;
	uint8_t config[CONFIG_BYTES + 8]; /* the device knows of CONFIG_BYTES */
	unsigned kicks;
	bool active;
};

static void require(bool what)
{
	if (!what)
		abort();
}

static struct probe *probe_of(struct virtio_dev *d)
{
	return container_of(d, struct probe, base);
}

static int probe_activate(struct virtio_dev *d)
{
	struct probe *p = probe_of(d);

	require(!p->active);
	p->active = true;
	return virtio_dev_has(d, 7) ? -1 : 0; /* a way to fail that the driver can choose */
}

static int probe_kick(struct virtio_dev *d, uint16_t qi)
{
	struct virtq *q = &d->queue[qi].ring;
	struct virtq_chain c;
	int r;

	require(probe_of(d)->active && qi < QUEUES);
	require(!(virtio_dev_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET));
	probe_of(d)->kicks++;
	while ((r = virtq_next(q, &c)) > 0)
		virtq_push(q, c.head, (uint32_t)c.in.left);
	virtio_dev_signal(d, qi);
	return r;
}

static void probe_reset(struct virtio_dev *d)
{
	require(probe_of(d)->active);
	probe_of(d)->active = false;
}

static void probe_config_written(struct virtio_dev *d, size_t off, size_t len)
{
	(void)d;
	require(off < CONFIG_BYTES && len >= 1 && len <= CONFIG_BYTES - off);
}

static const struct virtio_dev_ops probe_ops = {
	.name = "probe",
	.id = 42,
	.n_queues = QUEUES,
	.queue_max = QUEUE_MAX,
	.config_size = CONFIG_BYTES,
	.activate = probe_activate,
	.kick = probe_kick,
	.reset = probe_reset,
	.config_written = probe_config_written,
};

static void change_config(struct virtio_dev *d, void *arg)
{
	memcpy(d->config, arg, sizeof(uint32_t));
}

/* Write a register of 32 bits. */
static void wr(struct virtio_mmio *t, uint64_t offset, uint32_t value)
{
	virtio_mmio_bus_ops.write(t, offset, 4, value);
}

/* What a driver does first, so that the steps after it reach further. */
static void bring_up(struct virtio_mmio *t, uint32_t features, uint32_t status)
{
	wr(t, VIRTIO_MMIO_STATUS, 3);
	wr(t, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(t, VIRTIO_MMIO_DRIVER_FEATURES, features);
	wr(t, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	wr(t, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	wr(t, VIRTIO_MMIO_STATUS, 11);
	for (uint32_t qi = 0; qi < QUEUES; qi++) {
		wr(t, VIRTIO_MMIO_QUEUE_SEL, qi);
		wr(t, VIRTIO_MMIO_QUEUE_NUM, 4);
		wr(t, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000 * qi);
		wr(t, VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x1000 * qi + 0x40);
		wr(t, VIRTIO_MMIO_QUEUE_USED_LOW, 0x1000 * qi + 0x80);
		wr(t, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	wr(t, VIRTIO_MMIO_STATUS, status);
}

static void do_step(struct virtio_mmio *t, const struct step *s)
{
	static const unsigned widths[] = { 4, 1, 2, 8 };
	unsigned len = widths[s->width & 3];
	uint64_t offset = s->where % (VIRTIO_MMIO_WINDOW - len + 1);
	uint64_t value =
	        len == 8 ? s->value * 0x100000001ULL : s->value & (UINT64_MAX >> (64 - 8 * len));
	uint32_t change = s->value;

	switch (s->what & 7) {
	case 0:
		value = virtio_mmio_bus_ops.read(t, offset, len);
		require(len == 8 || value >> (8 * len) == 0);
		break;
	case 1:
		virtio_mmio_bus_ops.write(t, offset, len, value);
		break;
	case 2:
	case 3: /* the registers, rather than what lies between */
		wr(t, s->where % VIRTIO_MMIO_CONFIG & ~3U, s->value);
		break;
	case 4:
		memcpy(t->mem->region[0].host + s->where % (RAM_BYTES - 4), &s->value, 4);
		break;
	case 5:
		bring_up(t, (s->where & 3U) << VIRTIO_RING_F_INDIRECT_DESC, s->value);
		break;
	case 6:
		virtio_dev_config_changed(t->dev, change_config, &change);
		break;
	case 7:
		wr(t, VIRTIO_MMIO_QUEUE_NOTIFY, s->value & 1);
		break;
	}
}

/* What must hold whatever the guest did. */
static void check(const struct virtio_mmio *t, const struct probe *p)
{
	const struct virtio_dev *d = t->dev;
	uint32_t s = virtio_dev_status(d);
	bool live = s & VIRTIO_CONFIG_S_DRIVER_OK;

	require((s & ~0xcfU) == 0);
	require(!(s & 2) || (s & 1));
	require(!(s & 8) || (s & 2));
	require(!(s & 4) || (s & 8));
	require((d->acked & ~d->features) == 0);
	require(!(s & 8) == !d->acked);
	require(!(s & 8) || (d->acked >> VIRTIO_F_VERSION_1 & 1));
	require((*virtio_dev_reg(d, VIRTIO_MMIO_INTERRUPT_STATUS) & ~3U) == 0);
	require(d->active == p->active && (live || !d->active));
	for (unsigned i = 0; i < VIRTIO_MMIO_QUEUES_MAX; i++)
		require(t->queue[i].setup.size <= QUEUE_MAX && (i < QUEUES || !t->queue[i].ready));
	for (unsigned i = 0; i < QUEUES; i++) {
		const struct virtq *q = &d->queue[i].ring;

		require(!q->desc || (live && t->queue[i].ready && q->size <= QUEUE_MAX));
		require(!q->broken || (s & VIRTIO_CONFIG_S_NEEDS_RESET));
	}
	for (unsigned i = CONFIG_BYTES; i < sizeof(p->config); i++)
		require(p->config[i] == CANARY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gmem m; /* these are made once, for speed */
	static struct probe p;
	static struct virtio_mmio t;
	struct step s;

	if (m.n_regions == 0) {
		require(log_open(NULL, LOG_ERROR, NULL) == 0);
		require(gmem_add(&m, GPA(0), RAM_BYTES, NULL) == 0);
		require(virtio_dev_init(&p.base, &probe_ops, "probe0", 1 << 7 | 1, p.config, NULL,
		                        NULL) == 0);
		virtio_mmio_init(&t, &p.base, &m, NULL);
	}
	memset(m.region[0].host, 0, RAM_BYTES);
	memset(p.config, CANARY, sizeof(p.config));
	for (unsigned i = 0; i < STEPS && size >= sizeof(s); i++) {
		memcpy(&s, data, sizeof(s));
		data += sizeof(s);
		size -= sizeof(s);
		do_step(&t, &s);
		check(&t, &p);
	}
	virtio_mmio_reset(&t);
	require(virtio_dev_status(&p.base) == 0 && !p.base.active);
	check(&t, &p);
	return 0;
}
