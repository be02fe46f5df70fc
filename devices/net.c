/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/net.h"

#include "devices/net_stream.h"
#include "devices/net_tap.h"
#include "vmm/passt.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* FNV-1a: addresses have to differ, not to be secret. */
#define HASH_BASE  0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ byte[i]) * HASH_PRIME;
	return h;
}

/* Locally administered, and not a group. */
static void make_local(uint8_t mac[6])
{
	mac[0] = (uint8_t)((mac[0] & ~1U) | 2U);
}

void net_mac(const char *vm_name, unsigned index, uint8_t ret[6])
{
	uint64_t h = hash(HASH_BASE, vm_name, strlen(vm_name) + 1);

	h = hash(h, &index, sizeof(index));
	memcpy(ret, &h, 6);
	make_local(ret);
}

static int choose_mac(const struct config_net *cfg, const char *vm_name, unsigned index,
                      uint8_t ret[6], struct err *e)
{
	if (cfg->has_mac) {
		memcpy(ret, cfg->mac, 6);
		return 0;
	}
	if (vm_name) {
		net_mac(vm_name, index, ret);
		return 0;
	}
	if (getrandom(ret, 6, 0) != 6)
		return err_errno(e, errno, "no random bytes for an address of network card %u",
		                 index);
	make_local(ret);
	return 0;
}

/* Start passt, and know what it tells the guest of its MTU. */
static int start_passt(struct net_backend **ret, const struct config_net *cfg, struct err *e)
{
	CLEANUP_FD int fd = passt_start(cfg->port, cfg->n_ports, e);
	int r;

	if (fd < 0)
		return fd;
	r = net_stream_new(ret, fd, "passt", e);
	if (r < 0)
		return r;
	(void)fd_take(&fd);
	(*ret)->mtu = PASST_MTU;
	return 0;
}

static int open_backend(struct net_backend **ret, const struct config_net *cfg, struct err *e)
{
	switch (cfg->kind) {
	case NET_TAP:
		return net_tap_open(ret, cfg->tap, cfg->queues, e);
	case NET_FD:
		return net_tap_adopt(ret, cfg->fd, e);
	case NET_PASST:
		break;
	}
	return cfg->socket ? net_stream_connect(ret, cfg->socket, e) : start_passt(ret, cfg, e);
}

int net_new(struct virtio_net **ret, const struct config_net *cfg, const char *vm_name,
            unsigned index, struct loop *loop, struct err *e)
{
	struct virtio_net_setup s = { .index = index, .loop = loop };
	int r = choose_mac(cfg, vm_name, index, s.mac, e);

	if (r == 0)
		r = open_backend(&s.backend, cfg, e);
	if (r < 0)
		return r;
	if (cfg->vhost)
		r = net_tap_use_vhost(s.backend, e);
	if (r < 0) {
		s.backend->ops->close(s.backend);
		return r;
	}
	s.mtu = cfg->mtu ? cfg->mtu : s.backend->mtu;
	return virtio_net_new(ret, &s, e);
}
