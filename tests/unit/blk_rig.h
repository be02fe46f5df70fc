/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_BLK_RIG_H
#define TESTS_UNIT_BLK_RIG_H

#include "devices/virtio_blk.h"
#include "tests/unit/ring.h"

/* A block device over an image in /tmp, with a driver's ring. Every function ends the test when it
 * cannot do its work. */

#define SECTOR    512
#define SECTORS   256 /* of the image; each is filled with its number */
#define RING_SIZE 256 /* entries */
#define FLUSH_BIT (1ULL << VIRTIO_BLK_F_FLUSH) /* what the rig's driver accepts */
#define UNTOUCHED 0xaa /* in a buffer before the device comes */

struct blk_rig {
	struct virtio_blk *blk; /* the test kicks it */
	struct loop *loop; /* NULL: without one, and so without a ring */
	struct virtio_dev *dev; /* its common part, active */
	struct ring *ring; /* started on its queue */
	char image[32]; /* path */
	int fd; /* of the image, beside the device's own */
};

/* A request of the usual three buffers, and where its parts are. */
struct blk_ask {
	uint8_t *data, *status;
	uint16_t head;
};

/**
 * blk_rig_init() - Make an image, a device that serves it and a ring
 * @x:        Any contents
 * @readonly: Of the disk
 * @serial:   Of the disk; NULL: none
 */
void blk_rig_init(struct blk_rig *x, bool readonly, const char *serial);

/**
 * blk_rig_fini() - Undo blk_rig_init()
 * @x: Started or stopped
 */
void blk_rig_fini(struct blk_rig *x);

/**
 * blk_rig_start() - Make a new device and ring on the image as it is
 * @x:        Stopped
 * @readonly: Of the disk
 * @serial:   Of the disk; NULL: none
 */
void blk_rig_start(struct blk_rig *x, bool readonly, const char *serial);

/**
 * blk_rig_open() - Make a new device and ring on the image as it is
 * @x:    Stopped
 * @cfg:  Of the disk, but for its path
 * @loop: Of the device, which blk_rig_serve() runs; NULL: none, and so no io_uring
 */
void blk_rig_open(struct blk_rig *x, const struct config_disk *cfg, struct loop *loop);

/**
 * blk_rig_stop() - Free the device and the ring; the image stays
 * @x: Started or stopped
 */
void blk_rig_stop(struct blk_rig *x);

/**
 * blk_rig_header() - Put a request header into guest memory
 * @x:      Rig
 * @type:   VIRTIO_BLK_T_*
 * @sector: First sector
 *
 * Return: Guest address.
 */
uint64_t blk_rig_header(struct blk_rig *x, uint32_t type, uint64_t sector);

/**
 * blk_rig_room() - Take guest memory, filled with UNTOUCHED
 * @x:   Rig
 * @len: Bytes
 *
 * Return: Guest address.
 */
uint64_t blk_rig_room(struct blk_rig *x, uint32_t len);

/**
 * blk_rig_ask() - Make a request available: header, data and status in a buffer each
 * @x:      Rig
 * @type:   VIRTIO_BLK_T_*
 * @sector: First sector
 * @len:    Bytes of data, filled with UNTOUCHED
 * @write:  The device may write the data
 */
struct blk_ask blk_rig_ask(struct blk_rig *x, uint32_t type, uint64_t sector, uint32_t len,
                           bool write);

/**
 * blk_rig_serve() - Give the device turns until it asks for no more
 * @x: Rig; on a loop until every request is answered, or the device has failed
 */
void blk_rig_serve(struct blk_rig *x);

/**
 * blk_rig_failed() - Whether the device asks for a reset
 * @x: Rig
 */
bool blk_rig_failed(const struct blk_rig *x);

/**
 * blk_rig_expect_used() - A request must have been given back
 * @x:    Rig
 * @i:    Which, in the order of the used ring
 * @head: Of its chain
 * @len:  Bytes that the device says it wrote
 */
void blk_rig_expect_used(const struct blk_rig *x, unsigned i, uint16_t head, uint32_t len);

/**
 * blk_rig_expect_image() - A sector of the image file must hold one value throughout
 * @x:      Rig
 * @sector: Which
 * @value:  Of each byte
 */
void blk_rig_expect_image(const struct blk_rig *x, uint64_t sector, uint8_t value);

/**
 * blk_rig_all_are() - Whether bytes all have one value
 * @p:     First
 * @len:   How many
 * @value: Of each
 */
bool blk_rig_all_are(const uint8_t *p, size_t len, uint8_t value);

#endif /* TESTS_UNIT_BLK_RIG_H */
