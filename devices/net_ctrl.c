/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/net_ctrl.h"

#include <linux/virtio_net.h>
#include <string.h>

#define MACS_MAX 1024 /* of a filter table, each kind; Linux asks for what its interface has */

ABI_SIZE(struct virtio_net_ctrl_hdr, 2);

/* Copy all that is left to @ret, which has @len bytes; anything longer or shorter is refused. */
static bool whole(struct iov_cur *data, void *ret, size_t len)
{
	return data->left == len && iov_read(data, ret, len) == 0;
}

static enum net_ctrl_kind parse_rx(uint8_t cmd, struct iov_cur *data)
{
	uint8_t on;

	/* Frames are not filtered: every mode is on, as the driver is told to expect. */
	return cmd <= VIRTIO_NET_CTRL_RX_NOBCAST && whole(data, &on, sizeof(on)) ? NET_CTRL_NOTHING
	                                                                         : NET_CTRL_REFUSED;
}

/* Step over one table of addresses. */
static bool skip_macs(struct iov_cur *data)
{
	uint32_t n;
	struct iov_cur rest;
	size_t bytes;

	if (iov_read(data, &n, sizeof(n)) < 0 || n > MACS_MAX)
		return false;
	bytes = n * sizeof(((struct virtio_net_config *)0)->mac);
	if (bytes > data->left || iov_split_tail(data, data->left - bytes, &rest) < 0)
		return false;
	*data = rest;
	return true;
}

static enum net_ctrl_kind parse_mac(uint8_t cmd, struct iov_cur *data, struct net_ctrl *ret)
{
	bool fits;

	switch (cmd) {
	case VIRTIO_NET_CTRL_MAC_TABLE_SET:
		fits = skip_macs(data); /* unicast, then multicast */
		fits = fits && skip_macs(data);
		if (fits && data->left == 0)
			return NET_CTRL_NOTHING;
		break;
	case VIRTIO_NET_CTRL_MAC_ADDR_SET:
		if (whole(data, ret->mac, sizeof(ret->mac)) && !(ret->mac[0] & 1))
			return NET_CTRL_MAC;
		break;
	}
	return NET_CTRL_REFUSED;
}

static enum net_ctrl_kind parse_mq(uint8_t cmd, struct iov_cur *data, struct net_ctrl *ret)
{
	uint16_t pairs;

	if (cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || !whole(data, &pairs, sizeof(pairs)) ||
	    pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN)
		return NET_CTRL_REFUSED;
	ret->pairs = pairs;
	return NET_CTRL_PAIRS;
}

static enum net_ctrl_kind parse_offloads(uint8_t cmd, struct iov_cur *data, struct net_ctrl *ret)
{
	return cmd == VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET &&
	                       whole(data, &ret->offloads, sizeof(ret->offloads))
	               ? NET_CTRL_OFFLOADS
	               : NET_CTRL_REFUSED;
}

void net_ctrl_parse(struct net_ctrl *ret, struct iov_cur *data)
{
	struct virtio_net_ctrl_hdr hdr;

	*ret = (struct net_ctrl){ .kind = NET_CTRL_REFUSED };
	if (iov_read(data, &hdr, sizeof(hdr)) < 0)
		return;
	switch (hdr.class) {
	case VIRTIO_NET_CTRL_RX:
		ret->kind = parse_rx(hdr.cmd, data);
		break;
	case VIRTIO_NET_CTRL_MAC:
		ret->kind = parse_mac(hdr.cmd, data, ret);
		break;
	case VIRTIO_NET_CTRL_MQ:
		ret->kind = parse_mq(hdr.cmd, data, ret);
		break;
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		ret->kind = parse_offloads(hdr.cmd, data, ret);
		break;
	}
}
