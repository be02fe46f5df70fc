/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_user.h"

#include "devices/vhost_user.h"

#include <errno.h>
#include <linux/fuse.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>

#define BIT(n) (1ULL << (n))

struct virtio_user {
	struct virtio_dev base;
	struct vhost *back;
	uint8_t config[VHOST_USER_CONFIG_MAX];
};

/*
 * Answer a request of a file system whose daemon is gone, as the kernel answers one of FUSE. Those
 * that forget a file have no room for an answer, and want none.
 */
static uint32_t refuse(struct virtq_chain *c)
{
	struct fuse_in_header in;
	struct fuse_out_header out = { .len = sizeof(out), .error = -ENOTCONN };

	if (iov_read(&c->out, &in, sizeof(in)) < 0)
		return 0;
	out.unique = in.unique;
	return iov_write(&c->in, &out, sizeof(out)) < 0 ? 0 : sizeof(out);
}

static int fs_kick(struct virtio_dev *d, uint16_t qi)
{
	struct virtq *q = &d->queue[qi].ring;
	struct virtq_chain c;
	int r = 1;

	for (unsigned n = 0; n < d->ops->queue_max && r > 0; n++) {
		r = virtq_next(q, &c);
		if (r > 0)
			virtq_push(q, c.head, refuse(&c));
	}
	virtio_dev_signal(d, qi);
	if (r > 0)
		virtio_dev_again(d, qi);
	return r < 0 ? r : 0;
}

/* Only a back-end that has gone leaves the queue to us. */
static int fail_kick(struct virtio_dev *d, uint16_t qi)
{
	(void)d;
	(void)qi;
	return -EPIPE;
}

static int user_activate(struct virtio_dev *d)
{
	struct virtio_user *u = container_of(d, struct virtio_user, base);
	int r = vhost_start(u->back);

	/* What no longer serves is no reason for a file system to hang: its requests are refused.
	 */
	return d->ops->id == VIRTIO_ID_FS ? 0 : r;
}

static void user_reset(struct virtio_dev *d)
{
	vhost_stop(container_of(d, struct virtio_user, base)->back);
}

static const struct kind {
	struct virtio_dev_ops ops;
	uint64_t features; /* that back-ends may offer; the rings' own are added */
} kinds[VIRTIO_USER_N_KINDS] = {
	[VIRTIO_USER_FS] = {
		.ops = { .name = "fs",
		         .id = VIRTIO_ID_FS,
		         .n_queues = 2, /* of urgent requests and of all others */
		         .queue_max = 256,
		         .config_size = sizeof(struct virtio_fs_config),
		         .activate = user_activate,
		         .kick = fs_kick,
		         .reset = user_reset },
	},
	[VIRTIO_USER_BLK] = {
		.ops = { .name = "ublk",
		         .id = VIRTIO_ID_BLOCK,
		         .n_queues = 1,
		         .queue_max = 256,
		         .config_size = 60, /* up to write_zeroes_may_unmap and its padding */
		         .activate = user_activate,
		         .kick = fail_kick,
		         .reset = user_reset },
		.features = BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX) |
		            BIT(VIRTIO_BLK_F_RO) | BIT(VIRTIO_BLK_F_BLK_SIZE) |
		            BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_TOPOLOGY) |
		            BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES),
	},
	[VIRTIO_USER_NET] = {
		.ops = { .name = "unet",
		         .id = VIRTIO_ID_NET,
		         .n_queues = 2,
		         .queue_max = 256,
		         .activate = user_activate,
		         .kick = fail_kick,
		         .reset = user_reset },
		.features = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) |
		            BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |
		            BIT(VIRTIO_NET_F_GUEST_ECN) | BIT(VIRTIO_NET_F_GUEST_UFO) |
		            BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |
		            BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_HOST_UFO) |
		            BIT(VIRTIO_NET_F_MRG_RXBUF),
	},
};

/* The device around its back-end, which is open. */
static int set_up(struct virtio_user *u, const struct virtio_user_setup *s, struct loop *loop,
                  struct err *e)
{
	const struct kind *k = &kinds[s->kind];
	char label[16];
	int r;

	snprintf(label, sizeof(label), "%s%u", k->ops.name, s->index);
	r = virtio_dev_init(&u->base, &k->ops, label, k->features,
	                    k->ops.config_size ? u->config : NULL, loop, e);
	if (r == 0)
		r = vhost_attach(u->back, &u->base, 0, e);
	return r == 0 ? vhost_user_watch(u->back, e) : r;
}

/* Its daemon does not know what it is called. */
static void name_folder(struct virtio_user *u, const char *tag)
{
	struct virtio_fs_config fs = { .num_request_queues = 1 };

	memcpy(fs.tag, tag, strnlen(tag, VIRTIO_USER_TAG_MAX));
	memcpy(u->config, &fs, sizeof(fs));
}

int virtio_user_new(struct virtio_user **ret, const struct virtio_user_setup *s, struct loop *loop,
                    struct err *e)
{
	const struct kind *k = &kinds[s->kind];
	bool fs = s->kind == VIRTIO_USER_FS;
	const struct vhost_user_setup back = {
		.fd = s->fd,
		.n_vrings = k->ops.n_queues,
		.features = k->features,
		.config_size = fs ? 0 : k->ops.config_size,
	};
	struct virtio_user *u = calloc(1, sizeof(*u));
	int r;

	if (!u) {
		close(s->fd);
		return err_errno(e, ENOMEM, "cannot make a device with a vhost-user back-end");
	}
	r = vhost_user_open(&u->back, &back, u->config, e);
	if (r == 0 && fs)
		name_folder(u, s->tag);
	if (r == 0)
		r = set_up(u, s, loop, e);
	if (r < 0) {
		virtio_user_free(u);
		return r;
	}
	*ret = u;
	return 0;
}

void virtio_user_free(struct virtio_user *u)
{
	if (!u)
		return;
	vhost_free(u->back);
	virtio_dev_fini(&u->base);
	free(u);
}

struct virtio_dev *virtio_user_dev(struct virtio_user *u)
{
	return &u->base;
}
