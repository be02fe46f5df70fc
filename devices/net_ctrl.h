/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_NET_CTRL_H
#define DEVICES_NET_CTRL_H

#include "devices/iov.h"

#include <stdbool.h>

/*
 * Commands of a network card's control queue, from the driver's bytes to a value that is judged.
 * The card filters nothing, so most of them change nothing.
 */

enum net_ctrl_kind {
	NET_CTRL_REFUSED, /* no such command, or not as it should be */
	NET_CTRL_NOTHING, /* sound, and nothing to do */
	NET_CTRL_MAC, /* the card has a new address */
	NET_CTRL_PAIRS, /* the driver uses so many queue pairs */
	NET_CTRL_OFFLOADS, /* the driver takes these offloads */
};

struct net_ctrl {
	enum net_ctrl_kind kind;
	uint8_t mac[6];
	unsigned pairs; /* at least 1 */
	uint64_t offloads; /* 1 << VIRTIO_NET_F_GUEST_* */
};

/**
 * net_ctrl_parse() - Read a command
 * @ret:  Always set
 * @data: The device-readable part of a request
 *
 * Whether the features that a command needs were acknowledged is for the caller.
 * Context: device thread.
 * Spec:    virtio 1.2 section 5.1.6.5
 */
void net_ctrl_parse(struct net_ctrl *ret, struct iov_cur *data);

#endif /* DEVICES_NET_CTRL_H */
