/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_USER_H
#define DEVICES_VIRTIO_USER_H

#include "devices/virtio_dev.h"

/*
 * Devices whose queues another process serves by vhost-user (vhost_user.h): shared folders, disks
 * and network cards. What is left here is what a driver sees of the device before it is ready, and
 * what becomes of its requests when the process has died: those of a file system get an error, a
 * disk or a network card asks its driver for a reset.
 */

enum virtio_user_kind { VIRTIO_USER_FS, VIRTIO_USER_BLK, VIRTIO_USER_NET, VIRTIO_USER_N_KINDS };

#define VIRTIO_USER_TAG_MAX 36 /* bytes of a file system's tag */

struct virtio_user;

struct virtio_user_setup {
	enum virtio_user_kind kind;
	unsigned index; /* for messages */
	int fd; /* socket of the back-end; taken over in any case */
	const char *tag; /* of VIRTIO_USER_FS: 1 to VIRTIO_USER_TAG_MAX bytes */
};

/**
 * virtio_user_new() - Make a device
 * @ret:  Set only on success
 * @s:    Copied
 * @loop: Loop of the thread that serves it
 * @e:    Says why not
 *
 * Context: set-up; negotiates with the back-end.
 * Return:  0; virtio_user_free() undoes it.
 * Errors:  those of vhost_user_open() and virtio_dev_init().
 */
int virtio_user_new(struct virtio_user **ret, const struct virtio_user_setup *s, struct loop *loop,
                    struct err *e) MUST_CHECK;

/**
 * virtio_user_free() - Free the device
 * @u: May be NULL; its thread no longer runs
 */
void virtio_user_free(struct virtio_user *u);

/**
 * virtio_user_dev() - What the transport drives
 * @u: Device
 *
 * Return: Its common part; lives as long as @u.
 */
struct virtio_dev *virtio_user_dev(struct virtio_user *u);

#endif /* DEVICES_VIRTIO_USER_H */
