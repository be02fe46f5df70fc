/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What we say about virtio beside what the kernel's headers say. Compiling it is the test.
 */
#include "devices/virtio_mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours " is not " #theirs)

/* Registers that our header gives to the machine. */
SAME(VIRTIO_MMIO_NOTIFY_OFFSET, VIRTIO_MMIO_QUEUE_NOTIFY);
_Static_assert(VIRTIO_MMIO_WINDOW > VIRTIO_MMIO_CONFIG, "no room for a config space");

/* The ring as virtq.c walks it: virtio 1.2 sections 2.7, 2.7.5, 2.7.6 and 2.7.8. */
ABI_SIZE(struct vring_desc, 16);
ABI_OFF(struct vring_desc, addr, 0);
ABI_OFF(struct vring_desc, len, 8);
ABI_OFF(struct vring_desc, flags, 12);
ABI_OFF(struct vring_desc, next, 14);
ABI_SIZE(struct vring_avail, 4);
ABI_OFF(struct vring_avail, idx, 2);
ABI_OFF(struct vring_avail, ring, 4);
ABI_SIZE(struct vring_used, 4);
ABI_OFF(struct vring_used, idx, 2);
ABI_OFF(struct vring_used, ring, 4);
ABI_SIZE(struct vring_used_elem, 8);
ABI_OFF(struct vring_used_elem, id, 0);
ABI_OFF(struct vring_used_elem, len, 4);
SAME(VRING_DESC_ALIGN_SIZE, 16);
SAME(VRING_AVAIL_ALIGN_SIZE, 2);
SAME(VRING_USED_ALIGN_SIZE, 4);
SAME(VRING_DESC_F_NEXT, 1);
SAME(VRING_DESC_F_WRITE, 2);
SAME(VRING_DESC_F_INDIRECT, 4);

/* The bits that the status machine is built on: section 2.1. */
SAME(VIRTIO_CONFIG_S_ACKNOWLEDGE, 0x01);
SAME(VIRTIO_CONFIG_S_DRIVER, 0x02);
SAME(VIRTIO_CONFIG_S_DRIVER_OK, 0x04);
SAME(VIRTIO_CONFIG_S_FEATURES_OK, 0x08);
SAME(VIRTIO_CONFIG_S_NEEDS_RESET, 0x40);
SAME(VIRTIO_CONFIG_S_FAILED, 0x80);

/* Feature bits: section 6. */
SAME(VIRTIO_RING_F_INDIRECT_DESC, 28);
SAME(VIRTIO_RING_F_EVENT_IDX, 29);
SAME(VIRTIO_F_VERSION_1, 32);

/* The register map: section 4.2.2. The kernel says AVAIL and USED for Driver and Device. */
SAME(VIRTIO_MMIO_QUEUE_NOTIFY, 0x050);
SAME(VIRTIO_MMIO_INTERRUPT_STATUS, 0x060);
SAME(VIRTIO_MMIO_INTERRUPT_ACK, 0x064);
SAME(VIRTIO_MMIO_STATUS, 0x070);
SAME(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x080);
SAME(VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x090);
SAME(VIRTIO_MMIO_QUEUE_USED_LOW, 0x0a0);
SAME(VIRTIO_MMIO_SHM_LEN_LOW, 0x0b0);
SAME(VIRTIO_MMIO_CONFIG_GENERATION, 0x0fc);
SAME(VIRTIO_MMIO_CONFIG, 0x100);
SAME(VIRTIO_MMIO_INT_VRING, 1);
SAME(VIRTIO_MMIO_INT_CONFIG, 2);
