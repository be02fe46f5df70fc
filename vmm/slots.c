/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/slots.h"

#include "arch/arch.h"
#include "devices/net.h"
#include "devices/vhost.h"
#include "devices/virtio_user.h"
#include "vmm/machine.h"
#include "vmm/unixsock.h"
#include "vmm/virtiofsd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#define PAGE 4096

static size_t shown_size(const struct config *cfg)
{
	return (size_t)config_n_virtio(cfg) * PAGE;
}

static uint32_t *shown_registers(const struct machine *m, unsigned n)
{
	uint64_t base = arch_platform.virtio.base + n * arch_platform.virtio_stride;

	return (uint32_t *)(m->shown + (size_t)n * PAGE + base % PAGE);
}

int slots_show(struct machine *m, struct err *e)
{
	const uint64_t first = arch_platform.virtio.base / PAGE * PAGE;
	int r = 0;

	/* slots_create() will say that there are too many. */
	if (config_n_virtio(m->cfg) > arch_platform.n_virtio || !vm_can_show(&m->vm))
		return 0;
	m->shown = mmap(NULL, shown_size(m->cfg), PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->shown == MAP_FAILED) {
		m->shown = NULL;
		return err_errno(e, errno, "no memory for the registers of devices");
	}
	for (unsigned i = 0; i < config_n_virtio(m->cfg) && r == 0; i++)
		r = vm_show(&m->vm, first + i * arch_platform.virtio_stride,
		            m->shown + (size_t)i * PAGE, PAGE, e);
	return r;
}

/* Put a device behind the next free window. */
static int add_virtio(struct machine *m, struct virtio_dev *dev, struct err *e)
{
	const struct arch_chip *first = &arch_platform.virtio;
	unsigned n = m->n_slots++;
	uint64_t base = first->base + n * arch_platform.virtio_stride;
	struct virtio_mmio *window = &m->slot[n].window;
	int r;

	virtio_mmio_init(window, dev, &m->mem, m->shown ? shown_registers(m, n) : NULL);
	virtio_dev_watch(dev, m->monitor.news.fd);
	r = bus_add(&m->mmio,
	            &(struct bus_range){ .base = base,
	                                 .len = VIRTIO_MMIO_WINDOW,
	                                 .ops = &virtio_mmio_bus_ops,
	                                 .self = window },
	            e);
	if (r == 0)
		r = vm_connect_irq(&m->vm, &dev->irq, first->gsi + n, e);
	if (r == 0)
		r = vm_connect_kick(&m->vm, base + VIRTIO_MMIO_ACK_OFFSET, VIRTIO_MMIO_IDLE_ACK,
		                    m->acks, e);
	for (uint16_t q = 0; q < dev->ops->n_queues && r == 0; q++)
		r = vm_connect_kick(&m->vm, base + VIRTIO_MMIO_NOTIFY_OFFSET, q,
		                    dev->queue[q].kick.fd, e);
	return r;
}

/* Two names or descriptors may be one image. */
static int check_disk(const struct machine *m, unsigned n, struct err *e)
{
	const struct config_disk *disk = m->cfg->disk;

	for (unsigned i = 0; i < n; i++)
		if (virtio_blk_clashes(m->slot[i].blk, m->slot[n].blk))
			return err_set(e, EBUSY,
			               "'%.80s' and '%.80s' are one image; a writable image has "
			               "one user",
			               disk[i].path, disk[n].path);
	return 0;
}

static int create_disk(struct machine *m, unsigned i, struct err *e)
{
	struct config_disk cfg = m->cfg->disk[i];
	struct virtio_blk **blk = &m->slot[m->n_slots].blk;
	int r;

	if (cfg.queues == 0)
		cfg.queues = m->cfg->cpus < CONFIG_QUEUES_AUTO ? m->cfg->cpus : CONFIG_QUEUES_AUTO;
	r = virtio_blk_new(blk, &cfg, i, &m->io.loop, e);
	if (r == 0)
		r = check_disk(m, i, e);
	if (r < 0)
		return r;
	if (m->monitor.news.fd >= 0)
		virtio_blk_watch(*blk, m->monitor.news.fd);
	return add_virtio(m, virtio_blk_dev(*blk), e);
}

static int create_disks(struct machine *m, struct err *e)
{
	const struct config *cfg = m->cfg;
	int r = slots_need_io(cfg) ? io_thread_init(&m->io, e) : 0;

	for (unsigned i = 0; i < cfg->n_disks && r == 0; i++)
		r = create_disk(m, i, e);
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

static int create_console(struct machine *m, struct err *e)
{
	struct machine_slot *slot = &m->slot[m->n_slots];
	int r;

	if (m->ports.n == 0)
		return 0;
	r = virtio_console_new(&slot->console, m->ports.end, m->ports.n, &m->loop, e);
	return r == 0 ? add_virtio(m, virtio_console_dev(slot->console), e) : r;
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
	caretaker_owns_path(&m->caretaker, MACHINE_PATH_VSOCK, cfg->socket);
	r = virtio_vsock_new(&slot->vsock, &setup, &m->loop, e);
	return r == 0 ? add_virtio(m, virtio_vsock_dev(slot->vsock), e) : r;
}

/* A connection to the process that serves a device; virtiofsd is started for a directory. */
static int open_backend(const struct config_backend *b, struct err *e)
{
	int fd, r;

	if (b->dir)
		return virtiofsd_start(b->dir, b->readonly, e);
	fd = unixsock_connect(b->socket);
	if (fd < 0)
		return err_errno(e, -fd, "cannot connect to '%.100s'", b->socket);
	r = fcntl(fd, F_SETFL, 0) < 0 ? -errno : fd; /* waits for it are limited */
	if (r < 0) {
		close(fd);
		return err_errno(e, -r, "cannot use the socket '%.100s'", b->socket);
	}
	return fd;
}

static int create_backends(struct machine *m, struct err *e)
{
	static const enum virtio_user_kind kinds[] = {
		[BACKEND_FS] = VIRTIO_USER_FS,
		[BACKEND_BLK] = VIRTIO_USER_BLK,
		[BACKEND_NET] = VIRTIO_USER_NET,
	};
	int r = 0;

	for (unsigned i = 0; i < config_n_backends(m->cfg) && r == 0; i++) {
		const struct config_backend b = config_backend(m->cfg, i);
		struct virtio_user **user = &m->slot[m->n_slots].user;
		struct virtio_user_setup setup = {
			.kind = kinds[b.kind], .index = i, .tag = b.tag, .fd = open_backend(&b, e)
		};

		r = setup.fd < 0 ? setup.fd : virtio_user_new(user, &setup, &m->io.loop, e);
		if (r == -EPIPE && b.dir)
			err_set(e, EPIPE,
			        "virtiofsd has ended at once: what it said is in the system's log; "
			        "that of Debian 12 needs root");
		if (r < 0)
			return err_wrap(e, r, b.dir ? "--share" : "--vhost-user");
		r = add_virtio(m, virtio_user_dev(*user), e);
	}
	return r;
}

/* The order is the guest's: the first disk is /dev/vda. */
static int create_all(struct machine *m, struct err *e)
{
	unsigned n = config_n_virtio(m->cfg);
	int r;

	if (n > arch_platform.n_virtio)
		return err_set(e, ENOSPC,
		               "%u virtio devices, %u of them disks and network cards, are more "
		               "than this machine's %u windows: leave some out",
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
	if (r == 0)
		r = create_vsock(m, e);
	return r == 0 ? create_backends(m, e) : r;
}

int slots_create(struct machine *m, struct err *e)
{
	int r;

	m->acks = eventfd(0, EFD_CLOEXEC);
	if (m->acks < 0)
		return err_errno(e, errno, "cannot make an eventfd");
	r = create_all(m, e);
	fd_close(&m->acks); /* KVM keeps it */
	return r;
}

int slots_start(struct machine *m, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < m->n_slots && r == 0; i++)
		r = vhost_begin(m->slot[i].window.dev, &m->mem, e);
	return r;
}

void slots_window_changed(struct machine *m)
{
	for (unsigned i = 0; i < m->n_slots; i++)
		if (m->slot[i].console)
			virtio_console_resized(m->slot[i].console);
}

void slots_reset(struct machine *m)
{
	for (unsigned i = 0; i < m->n_slots; i++)
		virtio_mmio_reset(&m->slot[i].window);
}

void slots_finish_io(struct machine *m)
{
	for (unsigned i = 0; i < m->n_slots; i++)
		if (m->slot[i].blk)
			virtio_blk_finish(m->slot[i].blk);
}

void slots_destroy(struct machine *m)
{
	/* The last one may be half-built, in a slot that is not counted. */
	for (unsigned i = 0; m->slot && i < config_n_virtio(m->cfg); i++) {
		virtio_blk_free(m->slot[i].blk);
		virtio_net_free(m->slot[i].net);
		virtio_console_free(m->slot[i].console);
		virtio_rng_free(m->slot[i].rng);
		virtio_vsock_free(m->slot[i].vsock);
		virtio_user_free(m->slot[i].user);
	}
	free(m->slot);
	if (m->shown)
		munmap(m->shown, shown_size(m->cfg));
}
