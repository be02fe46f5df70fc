/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <sys/random.h>

#define TURN_REQUESTS 64 /* of one turn of the loop */

struct virtio_rng {
	struct virtio_dev base;
};

/* Fill @len bytes; short counts are for large requests and signals. Returns 0 or -errno. */
static int fill(uint8_t *dst, size_t len)
{
	while (len > 0) {
		ssize_t n = getrandom(dst, len, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			dst += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Answer one request, with no more than @max bytes. Returns how many, or -errno. */
static ssize_t answer(struct iov_cur *in, size_t max)
{
	size_t want = in->left < max ? in->left : max, done = 0;

	while (done < want) {
		struct iovec v;
		unsigned n;
		size_t len = iov_take(in, want - done, &v, 1, &n);
		int r = fill(v.iov_base, len);

		if (r < 0)
			return r;
		done += len;
	}
	return (ssize_t)done;
}

/* Serve the next request. Returns 0 if there is none, 1, or -errno. */
static int serve(struct virtq *q, size_t *budget)
{
	struct virtq_chain c;
	ssize_t given;
	int r = virtq_next(q, &c);

	if (r <= 0)
		return r;
	given = answer(&c.in, *budget);
	if (given < 0)
		return (int)given;
	virtq_push(q, c.head, (uint32_t)given);
	*budget -= (size_t)given;
	return 1;
}

static int rng_kick(struct virtio_dev *d, uint16_t qi)
{
	size_t budget = VIRTIO_RNG_TURN_MAX;
	int r = 1;

	for (unsigned n = 0; r > 0 && budget > 0 && n < TURN_REQUESTS; n++)
		r = serve(&d->queue[qi].ring, &budget);
	virtio_dev_signal(d, qi);
	if (r > 0)
		virtio_dev_again(d, qi);
	return r < 0 ? r : 0;
}

static const struct virtio_dev_ops rng_ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.n_queues = 1,
	.queue_max = 64,
	.kick = rng_kick,
};

int virtio_rng_new(struct virtio_rng **ret, struct loop *loop, struct err *e)
{
	struct virtio_rng *g = calloc(1, sizeof(*g));
	uint8_t byte;
	int r;

	if (!g)
		return err_errno(e, ENOMEM, "cannot make the entropy device");
	/* Where the host has just booted, wait for its first random bytes here and not in the loop.
	 */
	if (getrandom(&byte, sizeof(byte), 0) < 0)
		r = err_errno(e, errno, "cannot get random bytes from the host");
	else
		r = virtio_dev_init(&g->base, &rng_ops, "rng", 0, NULL, loop, e);
	if (r < 0) {
		virtio_rng_free(g);
		return r;
	}
	*ret = g;
	return 0;
}

void virtio_rng_free(struct virtio_rng *g)
{
	if (!g)
		return;
	virtio_dev_fini(&g->base);
	free(g);
}

struct virtio_dev *virtio_rng_dev(struct virtio_rng *g)
{
	return &g->base;
}
