/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtq.h"

#include "vmm/num.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define DESC_FLAGS (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)

/* A descriptor in guest memory. An indirect table may stand at any address. */
struct PACKED wire_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
ABI_SIZE(struct wire_desc, sizeof(struct vring_desc));

/* A table being walked: the ring's own, then perhaps an indirect one. */
struct table {
	const void *desc; /* host address */
	unsigned entries;
	unsigned steps; /* descriptors that may still be visited */
	bool indirect;
};

/* What a walk has found so far; segments are in q->iov, the readable ones first. */
struct found {
	unsigned n, n_out; /* segments */
	size_t out, in; /* bytes */
	bool writable; /* a device-writable descriptor was met */
};

int virtq_activate(struct virtq *q, const struct gmem *m, const struct virtq_setup *s)
{
	const size_t event = sizeof(uint16_t); /* behind each ring, negotiated or not */
	const struct vring_desc *desc;
	const struct vring_avail *avail;
	struct vring_used *used;

	if (!num_is_pow2(s->size) || s->size > VIRTQ_SIZE_MAX ||
	    s->desc.a % VRING_DESC_ALIGN_SIZE != 0 || s->avail.a % VRING_AVAIL_ALIGN_SIZE != 0 ||
	    s->used.a % VRING_USED_ALIGN_SIZE != 0)
		return -EINVAL;
	desc = gmem_span(m, s->desc, s->size * sizeof(*desc));
	avail = gmem_span(m, s->avail, sizeof(*avail) + s->size * sizeof(avail->ring[0]) + event);
	used = gmem_span(m, s->used, sizeof(*used) + s->size * sizeof(used->ring[0]) + event);
	if (!desc || !avail || !used)
		return -EFAULT;
	virtq_deactivate(q);
	q->mem = m;
	q->desc = desc;
	q->avail = avail;
	q->used = used;
	q->size = s->size;
	q->event_idx = s->event_idx;
	q->indirect = s->indirect;
	return 0;
}

void virtq_deactivate(struct virtq *q)
{
	/* The segments mean nothing without a chain: they are not worth touching their page. */
	/* What was in flight is forgotten. */
	counter_add(&q->count.given, (uint16_t)(q->next_avail - q->next_used));
	memset((char *)q + offsetof(struct virtq, mem), 0,
	       offsetof(struct virtq, iov) - offsetof(struct virtq, mem));
}

void virtq_seek(struct virtq *q, uint16_t next)
{
	q->next_avail = next;
	q->seen_avail = next;
	q->next_used = next;
	q->signalled = next;
	q->lapped = false;
	q->quiet = true; /* nobody knows: the next who sleeps says so */
}

static int break_ring(struct virtq *q, int r)
{
	q->broken = true;
	return r;
}

int virtq_settle(struct virtq *q)
{
	const uint16_t mask = (uint16_t)(q->size - 1);
	uint16_t idx = __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t left = (uint16_t)(idx - q->next_used);

	if (left > q->size)
		return break_ring(q, -EPROTO);
	if (left == 0)
		return 0;
	for (uint16_t i = (uint16_t)(idx - q->size); i != q->next_used; i++) {
		uint16_t head = __atomic_load_n(&q->avail->ring[i & mask], __ATOMIC_ACQUIRE);
		uint32_t id = __atomic_load_n(&q->used->ring[i & mask].id, __ATOMIC_RELAXED);

		/* The driver goes on, and may have written the next round's there. */
		idx = __atomic_load_n(&q->avail->idx, __ATOMIC_RELAXED);
		if (head != id && (uint16_t)(idx - i) < q->size)
			return break_ring(q, -EPROTO);
	}
	return 0;
}

/* Copy a descriptor that the guest may be rewriting: each field is loaded once, and not again. */
static struct wire_desc desc_load(const struct table *t, unsigned i)
{
	const volatile struct wire_desc *d = (const struct wire_desc *)t->desc + i;

	return (struct wire_desc){
		.addr = d->addr,
		.len = d->len,
		.flags = d->flags,
		.next = d->next,
	};
}

/* Go on in the indirect table that @d describes; its WRITE flag has no meaning. */
static int enter_indirect(const struct virtq *q, struct table *t, const struct wire_desc *d)
{
	const void *desc;
	unsigned entries = d->len / sizeof(*d);

	if (!q->indirect || t->indirect || (d->flags & VRING_DESC_F_NEXT))
		return -EPROTO;
	if (d->len % sizeof(*d) != 0 || entries == 0 || entries > VIRTQ_SIZE_MAX)
		return -EPROTO;
	desc = gmem_span(q->mem, GPA(d->addr), d->len);
	if (!desc)
		return -EFAULT;
	*t = (struct table){ .desc = desc, .entries = entries, .steps = entries, .indirect = true };
	return 0;
}

/* Judge the buffer of one descriptor and note it. */
static int add_segment(struct virtq *q, struct found *f, const struct wire_desc *d)
{
	bool writable = d->flags & VRING_DESC_F_WRITE;
	void *host;

	if (f->writable && !writable)
		return -EPROTO;
	f->writable = writable;
	if (d->len == 0)
		return 0;
	if (f->n == VIRTQ_IOV_MAX || f->out + f->in + d->len > UINT32_MAX)
		return -E2BIG;
	host = gmem_span(q->mem, GPA(d->addr), d->len);
	if (!host)
		return -EFAULT;
	q->iov[f->n++] = (struct iovec){ .iov_base = host, .iov_len = d->len };
	if (writable) {
		f->in += d->len;
	} else {
		f->out += d->len;
		f->n_out++;
	}
	return 0;
}

static int walk(struct virtq *q, unsigned head, struct found *f)
{
	struct table t = { .desc = q->desc, .entries = q->size, .steps = q->size };
	unsigned i = head;
	int r;

	while (t.steps-- > 0) {
		struct wire_desc d;

		if (i >= t.entries)
			return -EPROTO;
		d = desc_load(&t, i);
		if (d.flags & ~DESC_FLAGS)
			return -EPROTO;
		if (d.flags & VRING_DESC_F_INDIRECT) {
			r = enter_indirect(q, &t, &d);
			i = 0;
		} else {
			r = add_segment(q, f, &d);
			i = d.next;
			if (r == 0 && !(d.flags & VRING_DESC_F_NEXT))
				return 0;
		}
		if (r < 0)
			return r;
	}
	return -EPROTO; /* more steps than descriptors: a loop */
}

/* Look at the driver's index. Return 1 = there is more, 0 = nothing, -EPROTO = it is absurd. */
static int refresh(struct virtq *q)
{
	/* Acquire: pairs with the barrier between the driver's ring entry and its idx, so that the
	 * entries up to idx, and the descriptors behind them, are read as they were published. */
	uint16_t idx = __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE);
	unsigned in_flight = (uint16_t)(q->next_avail - q->next_used);
	unsigned fresh = (uint16_t)(idx - q->next_avail);

	if (in_flight + fresh > q->size)
		return -EPROTO;
	q->seen_avail = idx;
	return fresh > 0;
}

/* Without EVENT_IDX: tell the driver whether its notifications are of use. With it the driver
 * keeps still by itself until it passes avail_event. */
static void set_quiet(struct virtq *q, bool quiet)
{
	if (q->event_idx || q->quiet == quiet)
		return;
	__atomic_store_n(&q->used->flags, quiet ? VRING_USED_F_NO_NOTIFY : 0, __ATOMIC_RELAXED);
	q->quiet = quiet;
}

/* Ask to be notified of the next chain, then make sure that it has not come meanwhile. */
static int refresh_before_sleep(struct virtq *q)
{
	set_quiet(q, false);
	if (q->event_idx)
		__atomic_store_n((uint16_t *)&q->used->ring[q->size], q->next_avail,
		                 __ATOMIC_RELAXED);
	/* Full: pairs with the driver's full barrier between its idx and its reading of flags or
	 * avail_event. Either it sees that we want to be notified, or we see its idx. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return refresh(q);
}

static int look_for_more(struct virtq *q)
{
	int r = refresh(q);

	if (r == 0)
		r = refresh_before_sleep(q);
	if (r > 0)
		set_quiet(q, true);
	return r;
}

int virtq_next(struct virtq *q, struct virtq_chain *ret)
{
	struct found f = { 0 };
	uint16_t head;
	int r;

	if (unlikely(!q->desc))
		return 0;
	if (unlikely(q->broken))
		return -EPROTO;
	if (q->next_avail == q->seen_avail) {
		r = look_for_more(q);
		if (r < 0)
			return break_ring(q, r);
		if (r == 0)
			return 0;
	}
	head = __atomic_load_n(&q->avail->ring[q->next_avail & (q->size - 1)], __ATOMIC_RELAXED);
	r = walk(q, head, &f);
	if (r < 0)
		return break_ring(q, r);
	q->next_avail++;
	counter_add(&q->count.taken, 1);
	counter_add(&q->count.out, f.out);
	ret->out = (struct iov_cur){ .v = q->iov, .n = f.n_out, .left = f.out };
	ret->in = (struct iov_cur){ .v = q->iov + f.n_out, .n = f.n - f.n_out, .left = f.in };
	ret->head = head;
	return 1;
}

bool virtq_ready(const struct virtq *q)
{
	return q->desc && (q->broken || q->next_avail != q->seen_avail ||
	                   __atomic_load_n(&q->avail->idx, __ATOMIC_RELAXED) != q->seen_avail);
}

void virtq_fill(struct virtq *q, uint16_t head, uint32_t written)
{
	struct vring_used_elem *u;

	if (unlikely(!q->desc || q->broken))
		return;
	u = &q->used->ring[q->next_used & (q->size - 1)];
	__atomic_store_n(&u->id, head, __ATOMIC_RELAXED);
	__atomic_store_n(&u->len, written, __ATOMIC_RELAXED);
	q->next_used++;
	counter_add(&q->count.given, 1);
	counter_add(&q->count.in, written);
	q->lapped = q->lapped || q->next_used == q->signalled;
}

void virtq_publish(struct virtq *q)
{
	if (unlikely(!q->desc || q->broken))
		return;
	/* Release: pairs with the barrier between the driver's reading of idx and of the entry; the
	 * data in the buffers and the entry are there before idx says so. */
	__atomic_store_n(&q->used->idx, q->next_used, __ATOMIC_RELEASE);
}

void virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
	virtq_fill(q, head, written);
	virtq_publish(q);
}

bool virtq_wants_signal(struct virtq *q)
{
	uint16_t was = q->signalled;
	bool lapped = q->lapped;

	if (!q->desc || q->broken || (q->next_used == was && !lapped))
		return false;
	q->signalled = q->next_used;
	q->lapped = false;
	/* Full: pairs with the driver's full barrier between asking for interrupts and its last
	 * look at our idx. Either it sees the entries, or we see that it wants to be interrupted.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(__atomic_load_n(&q->avail->flags, __ATOMIC_RELAXED) &
		         VRING_AVAIL_F_NO_INTERRUPT);
	return lapped ||
	       vring_need_event(__atomic_load_n(&q->avail->ring[q->size], __ATOMIC_RELAXED),
	                        q->next_used, was);
}
