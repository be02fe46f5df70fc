/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A driver that writes anything anywhere in its RAM while the device serves the ring.
 *
 * Input: one byte of options, 512 bytes that the RAM begins with, then for each step how many pokes
 * of memory (2 bytes), and for each of them where (2 bytes) and what (2 bytes).
 */
#include "devices/virtq.h"

#include <linux/virtio_ring.h>
#include <string.h>

#define LOW_BYTES  0x10000ULL
#define HIGH_BASE  0x100000000ULL
#define HIGH_BYTES 0x1000ULL
#define START      512 /* bytes of RAM that the input gives */
#define STEPS      256

/* Bits of the first byte. */
#define OPT_SIZE      0x07 /* log2 of the ring's entries */
#define OPT_EVENT_IDX 0x08
#define OPT_INDIRECT  0x10
#define OPT_WILD      0x20 /* the ring's addresses come from the RAM, too */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of the input. */
struct input {
	const uint8_t *p;
	size_t left;
};

static size_t take(struct input *in, void *dst, size_t len)
{
	size_t n = len < in->left ? len : in->left;

	memcpy(dst, in->p, n);
	in->p += n;
	in->left -= n;
	return n;
}

static void require(bool what)
{
	if (!what)
		abort();
}

/* A segment must lie in one region of RAM. */
static void check_segment(const struct gmem *m, const struct iovec *v)
{
	bool inside = false;

	for (unsigned i = 0; i < m->n_regions; i++) {
		const struct gmem_region *r = &m->region[i];
		const uint8_t *at = v->iov_base;

		inside = inside || (at >= r->host && at < r->host + r->size &&
		                    v->iov_len <= (size_t)(r->host + r->size - at));
	}
	require(inside && v->iov_len > 0);
}

static void check_half(const struct gmem *m, const struct iov_cur *c)
{
	size_t sum = 0;

	for (unsigned i = 0; i < c->n; i++) {
		check_segment(m, &c->v[i]);
		sum += c->v[i].iov_len;
	}
	require(sum == c->left && c->off == 0);
}

static void check_chain(const struct gmem *m, const struct virtq *q, const struct virtq_chain *c)
{
	require(c->head < q->size);
	require(c->out.n + c->in.n <= VIRTQ_IOV_MAX);
	require(c->out.v == q->iov && c->in.v == q->iov + c->out.n);
	require(c->out.left + c->in.left <= UINT32_MAX);
	check_half(m, &c->out);
	check_half(m, &c->in);
}

/* Use the chain as a device would. Returns the bytes written. */
static uint32_t use_chain(struct virtq_chain *c)
{
	struct iovec v[4];
	struct iov_cur tail;
	uint8_t header[16];
	size_t room = c->in.left, before;
	unsigned n;

	if (iov_read(&c->out, header, sizeof(header)) < 0)
		require(c->out.left < sizeof(header));
	if (iov_split_tail(&c->in, 1, &tail) < 0) {
		require(room == 0);
		return 0;
	}
	before = c->in.left;
	require(iov_take(&c->in, before / 2, v, 4, &n) <= before / 2 && n <= 4);
	require(iov_write(&c->in, header, c->in.left < 16 ? c->in.left : 16) == 0);
	require(iov_write(&tail, header, 1) == 0 && tail.left == 0);
	return (uint32_t)room;
}

static void poke(const struct gmem *m, struct input *in)
{
	uint16_t n, where_what[2];

	if (take(in, &n, sizeof(n)) != sizeof(n))
		return;
	for (n %= 8; n > 0 && take(in, where_what, 4) == 4; n--)
		memcpy(m->region[0].host + (where_what[0] & ~1U), &where_what[1], 2);
}

static struct virtq_setup make_setup(const struct gmem *m, uint8_t options)
{
	struct virtq_setup s = {
		.size = (uint16_t)(1 << (options & OPT_SIZE)),
		.avail = GPA(0x100),
		.used = GPA(0x4000),
		.event_idx = options & OPT_EVENT_IDX,
		.indirect = options & OPT_INDIRECT,
	};

	if (s.size > 16) /* a bigger table would cover the available ring */
		s.avail = GPA(0x800);
	if (options & OPT_WILD) {
		memcpy(&s.size, m->region[0].host, sizeof(s.size));
		memcpy(&s.desc, m->region[0].host + 8, sizeof(s.desc));
		memcpy(&s.avail, m->region[0].host + 16, sizeof(s.avail));
		memcpy(&s.used, m->region[0].host + 24, sizeof(s.used));
	}
	return s;
}

static void serve(struct virtq *q, const struct gmem *m, struct input *in)
{
	struct virtq_chain c;
	int r;

	for (unsigned i = 0; i < STEPS; i++) {
		r = virtq_next(q, &c);
		require(r <= 1 && (r < 0) == q->broken);
		if (r == 1) {
			check_chain(m, q, &c);
			virtq_push(q, c.head, use_chain(&c));
		}
		(void)!virtq_wants_signal(q);
		if (r <= 0 && in->left == 0)
			return;
		poke(m, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gmem m; /* made once, for speed */
	static struct virtq q;
	struct input in = { data, size };
	struct virtq_setup s;
	uint8_t options = 0;

	if (m.n_regions == 0)
		require(gmem_add(&m, GPA(0), LOW_BYTES, NULL) == 0 &&
		        gmem_add(&m, GPA(HIGH_BASE), HIGH_BYTES, NULL) == 0);
	memset(m.region[0].host, 0, LOW_BYTES);
	take(&in, &options, 1);
	take(&in, m.region[0].host, START);
	s = make_setup(&m, options);
	if (virtq_activate(&q, &m, &s) == 0)
		serve(&q, &m, &in);
	virtq_deactivate(&q);
	return 0;
}
