/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/virtio_dev.h"

/*
 * virtio-rng: random bytes of the host's generator, written by the kernel straight into the
 * guest's memory. A fresh guest has no other source that it should trust.
 */

/*
 * Bytes of one turn of the loop, and so the most that one request gets: making them takes the host
 * about 200 us. A driver asks again for the rest.
 */
#define VIRTIO_RNG_TURN_MAX 65536

struct virtio_rng;

/**
 * virtio_rng_new() - Make the device
 * @ret:  Set only on success
 * @loop: Loop of the thread that serves it; NULL for the caller's
 * @e:    Says why not
 *
 * Context: set-up; on a host that has just booted, waits until its generator is seeded.
 * Return:  0; virtio_rng_free() undoes it.
 * Errors:  -ENOMEM; -errno of open(2) and getrandom(2); those of virtio_dev_init().
 */
int virtio_rng_new(struct virtio_rng **ret, struct loop *loop, struct err *e) MUST_CHECK;

/**
 * virtio_rng_free() - Free the device
 * @g: May be NULL; its thread no longer runs
 */
void virtio_rng_free(struct virtio_rng *g);

/**
 * virtio_rng_dev() - What the transport drives
 * @g: Device
 *
 * Return: Its common part; lives as long as @g.
 */
struct virtio_dev *virtio_rng_dev(struct virtio_rng *g);

#endif /* DEVICES_VIRTIO_RNG_H */
