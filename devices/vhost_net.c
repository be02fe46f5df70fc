/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vhost_net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <sys/ioctl.h>

#define BIT(n) (1ULL << (n))

/* What whoever walks the rings has to know; checksums and the like are the tap's. */
#define MUST   (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MRG_RXBUF))
#define JUDGED (MUST | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))

struct vhost_net {
	struct vhost base;
	int fd;
	int tap;
};

static struct vhost_net *of(struct vhost *v)
{
	return container_of(v, struct vhost_net, base);
}

static int call(struct vhost *v, unsigned long request, void *arg)
{
	return ioctl(of(v)->fd, request, arg) < 0 ? -errno : 0;
}

static int set_owner(struct vhost *v)
{
	return call(v, VHOST_SET_OWNER, NULL);
}

static int set_mem_table(struct vhost *v, const struct gmem *mem)
{
	_Alignas(struct vhost_memory)
	        uint8_t room[sizeof(struct vhost_memory) +
	                     GMEM_REGIONS_MAX * sizeof(struct vhost_memory_region)] = { 0 };
	struct vhost_memory *table = (struct vhost_memory *)room;

	table->nregions = mem->n_regions;
	for (unsigned i = 0; i < mem->n_regions; i++)
		table->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = mem->region[i].base.a,
			.memory_size = mem->region[i].size,
			.userspace_addr = (uintptr_t)mem->region[i].host,
		};
	return call(v, VHOST_SET_MEM_TABLE, table);
}

static int set_vring_fds(struct vhost *v, unsigned i, const struct vhost_fds *fds)
{
	struct vhost_vring_file kick = { .index = i, .fd = fds->kick };
	struct vhost_vring_file irq = { .index = i, .fd = fds->call };
	struct vhost_vring_file err = { .index = i, .fd = fds->err };
	int r = call(v, VHOST_SET_VRING_KICK, &kick);

	if (r == 0)
		r = call(v, VHOST_SET_VRING_CALL, &irq);
	return r == 0 ? call(v, VHOST_SET_VRING_ERR, &err) : r;
}

static int set_features(struct vhost *v, uint64_t features)
{
	return call(v, VHOST_SET_FEATURES, &features);
}

static int set_vring(struct vhost *v, unsigned i, const struct vhost_vring *ring)
{
	struct vhost_vring_state num = { .index = i, .num = ring->size };
	struct vhost_vring_state base = { .index = i, .num = ring->next };
	struct vhost_vring_addr addr = {
		.index = i,
		.desc_user_addr = (uintptr_t)ring->desc,
		.avail_user_addr = (uintptr_t)ring->avail,
		.used_user_addr = (uintptr_t)ring->used,
	};
	int r = call(v, VHOST_SET_VRING_NUM, &num);

	if (r == 0)
		r = call(v, VHOST_SET_VRING_BASE, &base);
	return r == 0 ? call(v, VHOST_SET_VRING_ADDR, &addr) : r;
}

static int enable(struct vhost *v, unsigned i, bool on)
{
	struct vhost_vring_file file = { .index = i, .fd = on ? of(v)->tap : -1 };

	return call(v, VHOST_NET_SET_BACKEND, &file);
}

static int get_vring_base(struct vhost *v, unsigned i, uint16_t *ret_next)
{
	struct vhost_vring_state state = { .index = i };
	int r = call(v, VHOST_GET_VRING_BASE, &state);

	if (r == 0)
		*ret_next = (uint16_t)state.num;
	return r;
}

static void close_net(struct vhost *v)
{
	struct vhost_net *n = of(v);

	fd_close(&n->fd);
	free(n);
}

static const struct vhost_ops net_ops = {
	.set_owner = set_owner,
	.set_mem_table = set_mem_table,
	.set_vring_fds = set_vring_fds,
	.set_features = set_features,
	.set_vring = set_vring,
	.enable = enable,
	.get_vring_base = get_vring_base,
	.close = close_net,
};

static int open_device(struct err *e)
{
	int fd = open(VHOST_NET_PATH, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_set(e, ENOENT,
		               VHOST_NET_PATH
		               " is missing: 'modprobe vhost_net', pass the device into "
		               "this container, or leave 'vhost' out");
	if (errno == EACCES || errno == EPERM)
		return err_set(e, EACCES,
		               VHOST_NET_PATH
		               " is not permitted: join its group (mostly kvm), or leave "
		               "'vhost' out");
	return err_errno(e, errno, "cannot open " VHOST_NET_PATH);
}

int vhost_net_open(struct vhost **ret, int tap, struct err *e)
{
	CLEANUP_FD int fd = open_device(e);
	struct vhost_net *n;
	uint64_t features;

	if (fd < 0)
		return fd;
	if (ioctl(fd, VHOST_GET_FEATURES, &features) < 0)
		return err_errno(e, errno,
		                 VHOST_NET_PATH " is no vhost device (VHOST_GET_FEATURES)");
	if ((features & MUST) != MUST)
		return err_set(e, EOPNOTSUPP,
		               "the host's vhost-net knows no virtio 1: leave 'vhost' out");
	n = calloc(1, sizeof(*n));
	if (!n)
		return err_errno(e, ENOMEM, "cannot use " VHOST_NET_PATH);
	vhost_init(&n->base, &net_ops, "vhost-net", 2);
	n->base.judged = JUDGED;
	n->base.features = features & JUDGED;
	n->fd = fd_take(&fd);
	n->tap = tap;
	*ret = &n->base;
	return 0;
}
