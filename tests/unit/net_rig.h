/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_NET_RIG_H
#define TESTS_UNIT_NET_RIG_H

#include "devices/virtio_net.h"
#include "tests/unit/ring.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

/*
 * A network card whose cable is a pair of sockets that keep frames apart, with the driver's rings
 * in plain memory and a loop that runs as long as there is something to do. Every function ends the
 * test when it cannot do its work.
 */

#define RIG_RING_SIZE 64 /* entries */
#define RIG_PAIRS     2
#define RIG_MAC       "\x52\x54\x00\x12\x34\x56"

struct net_rig {
	struct loop loop;
	struct virtio_net *net;
	struct virtio_dev *dev;
	struct ring *ring[2 * RIG_PAIRS + 1]; /* by the number of the queue */
	int wire; /* our end of the first pair's cable */
	uint64_t offloads; /* what the card last told its backend */
	unsigned pairs_used;
};

/**
 * net_rig_init() - Make a card that is active, with empty rings
 * @x:     Any contents
 * @acked: 1 << VIRTIO_NET_F_*
 */
void net_rig_init(struct net_rig *x, uint64_t acked);

/**
 * net_rig_init_vhost() - As net_rig_init(), with back-ends that may serve the queues instead
 * @x:     Any contents
 * @acked: 1 << VIRTIO_NET_F_*
 * @vhost: RIG_PAIRS of them; the card's from here on
 */
void net_rig_init_vhost(struct net_rig *x, uint64_t acked, struct vhost *const *vhost);

/**
 * net_rig_fini() - Undo net_rig_init()
 * @x: Rig
 */
void net_rig_fini(struct net_rig *x);

/**
 * net_rig_serve() - Let the card's loop run until nothing is left to do
 * @x: Rig
 *
 * Return: Events that were served; it ends the test if there is no end of them.
 */
unsigned net_rig_serve(struct net_rig *x);

/**
 * net_rig_kick() - Notify a queue, and serve
 * @x:  Rig
 * @qi: Queue
 */
void net_rig_kick(struct net_rig *x, uint16_t qi);

/**
 * net_rig_lend() - Offer a receive buffer, filled with 0xaa
 * @x:   Rig
 * @len: Bytes
 *
 * Return: The buffer.
 */
uint8_t *net_rig_lend(struct net_rig *x, uint32_t len);

/**
 * net_rig_arrive() - Have a frame come from the host
 * @x:    Rig
 * @len:  Bytes, header included; each byte of the frame itself is @fill
 * @fill: Any value
 */
void net_rig_arrive(struct net_rig *x, size_t len, uint8_t fill);

/**
 * net_rig_send() - Make a frame available for sending
 * @x:    Rig
 * @len:  Bytes, header included
 * @fill: Any value, of each byte
 */
void net_rig_send(struct net_rig *x, uint32_t len, uint8_t fill);

/**
 * net_rig_taken() - Take a frame that the card has sent
 * @x:    Rig
 * @fill: Value that each byte must have
 *
 * Return: Its bytes, header included; 0 if there is none.
 */
size_t net_rig_taken(struct net_rig *x, uint8_t fill);

/**
 * net_rig_command() - Put a command to the control queue, and serve it
 * @x:    Rig
 * @data: Class, command and what belongs to them
 * @len:  Bytes
 *
 * Return: The card's answer, VIRTIO_NET_OK or VIRTIO_NET_ERR.
 */
uint8_t net_rig_command(struct net_rig *x, const void *data, uint32_t len);

/**
 * net_rig_failed() - Whether the card asks for a reset
 * @x: Rig
 */
bool net_rig_failed(const struct net_rig *x);

#endif /* TESTS_UNIT_NET_RIG_H */
