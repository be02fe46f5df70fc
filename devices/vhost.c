/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vhost.h"

#include <errno.h>
#include <sys/eventfd.h>

void vhost_init(struct vhost *v, const struct vhost_ops *ops, const char *name, unsigned n_vrings)
{
	*v = (struct vhost){ .ops = ops, .name = name, .n_vrings = n_vrings, .err.fd = -1 };
}

/* The back-end met what no driver makes, and serves that ring no longer. */
static void ring_broken(struct loop_source *s, uint32_t events)
{
	struct vhost *v = container_of(s, struct vhost, err);
	struct virtio_dev *d = v->dev;
	uint64_t count;

	(void)events;
	/* Nobody but a ring that is being served can break: else it is an old word. */
	if (read(s->fd, &count, sizeof(count)) < 0 || !d->active)
		return;
	for (struct vhost *each = d->vhost; each; each = each->next)
		vhost_stop(each);
	virtio_dev_fail(d, -EPROTO, "its back-end cannot serve a queue");
}

int vhost_attach(struct vhost *v, struct virtio_dev *d, uint16_t first, struct err *e)
{
	int r;

	v->dev = d;
	v->first = first;
	v->err = (struct loop_source){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		                       .ready = ring_broken };
	if (v->err.fd < 0)
		return err_errno(e, errno, "%s: cannot make an eventfd for %s", d->label, v->name);
	r = loop_add(d->loop, &v->err, EPOLLIN);
	if (r < 0) {
		fd_close(&v->err.fd);
		return err_errno(e, -r, "%s: cannot wait for %s", d->label, v->name);
	}
	d->features &= ~v->judged | v->features;
	v->next = d->vhost;
	d->vhost = v;
	return 0;
}

static int begin(struct vhost *v, const struct gmem *mem)
{
	struct virtio_dev *d = v->dev;
	int r = v->ops->set_owner(v);

	if (r == 0)
		r = v->ops->set_mem_table(v, mem);
	for (unsigned i = 0; i < v->n_vrings && r == 0; i++)
		r = v->ops->set_vring_fds(v, i,
		                          &(struct vhost_fds){
		                                  .kick = d->queue[v->first + i].kick.fd,
		                                  .call = d->irq.fd,
		                                  .err = v->err.fd,
		                          });
	return r;
}

int vhost_begin(struct virtio_dev *d, const struct gmem *mem, struct err *e)
{
	for (struct vhost *v = d->vhost; v; v = v->next) {
		int r = begin(v, mem);

		if (r < 0)
			return err_errno(e, -r, "%s: cannot set %s up", d->label, v->name);
	}
	return 0;
}

static struct virtio_queue *queue_of(const struct vhost *v, unsigned i)
{
	return &v->dev->queue[v->first + i];
}

/* From now on somebody else serves a queue: its notifications no longer reach the device's verbs.
 */
static void lend(struct virtio_dev *d, struct virtio_queue *q)
{
	q->lent = true;
	if (d->loop)
		loop_mod(d->loop, &q->kick, 0);
}

/* The queue is ours again, from the chain on that the driver made available as number @next. */
static void take_back(struct virtio_dev *d, struct virtio_queue *q, uint16_t next)
{
	q->lent = false;
	virtq_seek(&q->ring, next);
	if (d->loop)
		loop_mod(d->loop, &q->kick, VIRTIO_KICK_EVENTS);
}

static int hand_over(struct vhost *v, unsigned i)
{
	struct virtq *q = &queue_of(v, i)->ring;
	const struct vhost_vring r = {
		.size = q->size,
		.next = q->next_used,
		.desc = q->desc,
		.avail = q->avail,
		.used = q->used,
	};
	int e = v->ops->set_vring(v, i, &r);

	if (e < 0)
		return e;
	lend(v->dev, queue_of(v, i));
	return v->ops->enable(v, i, true);
}

int vhost_start(struct vhost *v)
{
	struct virtio_dev *d = v->dev;
	uint64_t old;
	int r;

	for (unsigned i = 0; i < v->n_vrings; i++)
		if (queue_of(v, i)->lent)
			return 0;
	/* What a driver broke before its last reset is forgotten. */
	(void)!read(v->err.fd, &old, sizeof(old));
	r = v->ops->set_features(v, d->acked & v->judged);
	for (unsigned i = 0; i < v->n_vrings && r == 0; i++) {
		if (!queue_of(v, i)->ring.desc)
			continue;
		r = hand_over(v, i);
		/* The driver may have notified before there was anybody to hear it. */
		virtio_dev_again(d, (uint16_t)(v->first + i));
	}
	if (r < 0)
		vhost_stop(v);
	return r;
}

void vhost_stop(struct vhost *v)
{
	struct virtio_dev *d = v->dev;

	for (unsigned i = 0; i < v->n_vrings; i++) {
		struct virtio_queue *q = queue_of(v, i);
		uint16_t next = 0;
		int r;

		if (!q->lent)
			continue;
		r = v->ops->enable(v, i, false);
		if (r == 0)
			r = v->ops->get_vring_base(v, i, &next);
		take_back(d, q, next);
		if (r < 0) {
			/* Nobody knows where it is: it serves again after a reset. */
			q->ring.broken = true;
			virtio_dev_fail(d, r, "its back-end does not give a queue back");
		}
	}
}

void vhost_free(struct vhost *v)
{
	if (!v)
		return;
	if (v->err.fd >= 0)
		loop_del(v->dev->loop, &v->err);
	fd_close(&v->err.fd);
	v->ops->close(v);
}
