/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_NET_BACKEND_H
#define DEVICES_NET_BACKEND_H

#include "devices/vhost.h"

#include <stdbool.h>
#include <sys/uio.h>

/*
 * Where a network card's frames go: the host's end of the cable. Every frame has a
 * struct virtio_net_hdr_v1 before it, in both directions; a backend that has no use for the header
 * skips it and gives zeroes.
 */

#define NET_HEADER     12 /* bytes of struct virtio_net_hdr_v1 */
#define NET_PAIRS_MAX  7 /* with the control queue, as many queues as a window has */
#define NET_FRAME_MAX  (65535 + 18) /* bytes: what IP can fill, Ethernet header and VLAN tag */
#define NET_MTU_MIN    68
#define NET_MTU_MAX    65535
#define NET_MTU_COMMON 1500

struct net_backend;

struct net_backend_ops {
	/*
	 * One frame into @v, header included. @v has room for one more segment behind its @n.
	 * Returns its bytes; -EAGAIN: none is complete, the same segments are to be offered again;
	 * -EMSGSIZE: it had more than @room bytes and is lost; other: the cable is cut.
	 */
	ssize_t (*receive)(struct net_backend *b, unsigned pair, struct iovec *v, unsigned n,
	                   size_t room);
	/*
	 * One frame out of @v, header included, at least NET_HEADER bytes. Returns 0; -EAGAIN: the
	 * same segments are to be offered again when the descriptor can be written; other: it is
	 * lost, with -EPIPE because the cable is cut.
	 */
	int (*send)(struct net_backend *b, unsigned pair, const struct iovec *v, unsigned n,
	            size_t len);
	/* What the guest takes, 1 << VIRTIO_NET_F_GUEST_*. NULL: nothing to do. Returns 0 or
	 * -errno.
	 */
	int (*offload)(struct net_backend *b, uint64_t features);
	/* Frames come on the first @n pairs from now on. NULL: there is but one. Returns 0 or
	 * -errno. */
	int (*use_pairs)(struct net_backend *b, unsigned n);
	/* The segments of frames that are under way belong to the guest again. NULL: there are
	 * none. */
	void (*forget)(struct net_backend *b);
	void (*close)(struct net_backend *b); /* and free it */
};

struct net_backend {
	const struct net_backend_ops *ops;
	uint64_t features; /* 1 << VIRTIO_NET_F_*: checksum and segmentation that it can do */
	unsigned mtu; /* of the host's end; 0: not known */
	unsigned n_pairs; /* 1 to NET_PAIRS_MAX */
	int fd[NET_PAIRS_MAX]; /* to wait for; of the pairs */
	/* Of each pair: who moves its frames instead of receive and send. NULL: nobody. */
	struct vhost *vhost[NET_PAIRS_MAX];
	char name[32]; /* for messages: "tap 'vnet0'" */
};

#endif /* DEVICES_NET_BACKEND_H */
