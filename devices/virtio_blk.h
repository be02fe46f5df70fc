/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "devices/blk_work.h"
#include "devices/virtio_dev.h"
#include "vmm/config.h"

/*
 * virtio-blk: one disk of the guest. Reads, writes, flushes and tells its name; data go between
 * guest memory and the host's storage without a copy of ours.
 */

struct virtio_blk;

/**
 * virtio_blk_new() - Open a disk and make a device of it
 * @ret:   Set only on success
 * @cfg:   What the user asked for; its strings outlive the device
 * @index: Number of the disk from 0: "blk0" in messages
 * @loop:  Loop of the thread that serves it, which several disks may share; NULL for the caller's
 * @e:     Says why not
 *
 * Context: set-up; blocks, allocates.
 * Return:  0; virtio_blk_free() undoes it.
 * Errors:  -ENOMEM; those of disk_open() and virtio_dev_init().
 */
int virtio_blk_new(struct virtio_blk **ret, const struct config_disk *cfg, unsigned index,
                   struct loop *loop, struct err *e) MUST_CHECK;

/**
 * virtio_blk_finish() - Forget all requests, and have the kernel let go of the disk's files
 * @b: Device; no vCPU runs
 *
 * Context: the disk's thread, as its last act.
 */
void virtio_blk_finish(struct virtio_blk *b);

/**
 * virtio_blk_free() - Close the disk, which unlocks it, and free the device
 * @b: May be NULL; its thread no longer runs
 */
void virtio_blk_free(struct virtio_blk *b);

/**
 * virtio_blk_dev() - What the transport drives
 * @b: Device; owns the result
 *
 * Return: The common part; never NULL.
 */
struct virtio_dev *virtio_blk_dev(struct virtio_blk *b);

/**
 * virtio_blk_resized() - The disk gets another size, and the driver is told
 * @b:     Device
 * @bytes: New size; an image file is made longer or shorter, a block device has it already
 * @e:     Says why not
 *
 * Context: main thread; waits for the disk's thread. May be jailed.
 * Return:  0.
 * Errors:  those of disk_may_resize() and disk_resize(); a disk with an overlay is read-only.
 * Spec:    virtio 1.2 sections 2.5.1, 5.2.5
 */
int virtio_blk_resized(struct virtio_blk *b, uint64_t bytes, struct err *e) MUST_CHECK;

/* What the host has refused, and what has come of it. */
struct virtio_blk_failure {
	int code; /* errno */
	bool write; /* or a flush, a discard...; else a read */
	bool held; /* the request waits for virtio_blk_retry(); else the guest got an error */
};

/**
 * virtio_blk_watch() - Hear of failures, and have requests held that the configuration says
 * @b:  Device, whose thread does not run yet
 * @fd: Nonblocking eventfd that is written at a failure; stays the caller's
 */
void virtio_blk_watch(struct virtio_blk *b, int fd);

/**
 * virtio_blk_failed() - Whether something has failed since this was last asked
 * @b:   Device
 * @ret: The latest of it; set only with true
 *
 * Context: main thread.
 */
bool virtio_blk_failed(struct virtio_blk *b, struct virtio_blk_failure *ret) MUST_CHECK;

/**
 * virtio_blk_retry() - Try what is held again
 * @b: Device
 *
 * Context: main thread; does not wait.
 */
void virtio_blk_retry(struct virtio_blk *b);

/**
 * virtio_blk_engine() - What does the disk's requests
 * @b: Device
 *
 * Context: any thread.
 * Return:  "io_uring", or "plain" for one system call after another.
 */
const char *virtio_blk_engine(const struct virtio_blk *b);

/**
 * virtio_blk_counters() - What the disk has done since the start
 * @b: Device; owns the result
 *
 * Context: any thread, by counter_get().
 * Return:  Its counters; never NULL.
 */
const struct blk_counters *virtio_blk_counters(const struct virtio_blk *b);

/**
 * virtio_blk_clashes() - Whether two disks are one image that one of them writes to
 * @a: Device
 * @b: Another
 *
 * Context: set-up.
 */
bool virtio_blk_clashes(const struct virtio_blk *a, const struct virtio_blk *b);

/**
 * virtio_blk_bytes() - Size of the disk
 * @b: Device
 *
 * Context: any thread.
 * Return:  Bytes.
 */
uint64_t virtio_blk_bytes(const struct virtio_blk *b);

/**
 * virtio_blk_allocated() - What the host had given to the image when it was opened
 * @b: Device
 *
 * Context: any thread.
 * Return:  Bytes.
 */
uint64_t virtio_blk_allocated(const struct virtio_blk *b);

#endif /* DEVICES_VIRTIO_BLK_H */
