/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VSOCK_PACKET_H
#define DEVICES_VSOCK_PACKET_H

#include "devices/vsock_flow.h"

/* What the guest sends: the packets of the transmit queue, judged and acted upon. */

/**
 * vsock_packet_kick() - Serve the transmit queue
 * @v: Device
 *
 * Context: device thread; does not block.
 * Return:  0, or -errno when the ring is broken.
 * Spec:    virtio 1.2 section 5.10.6
 */
int vsock_packet_kick(struct virtio_vsock *v) MUST_CHECK;

#endif /* DEVICES_VSOCK_PACKET_H */
