/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/blk_req.h"

#include <errno.h>
#include <string.h>

/* What blk_pool maps: the long segment arrays lie apart, so that short requests share pages. */
struct pool_map {
	struct blk_req req[BLK_REQ_MAX];
	struct iovec big[BLK_REQ_MAX][BLK_REQ_BIG];
	/* Aligned to what O_DIRECT may want. */
	_Alignas(4096) uint8_t bounce[BLK_REQ_BOUNCE];
	uint8_t zeroes[1 << 20]; /* only ever read: the kernel keeps one page for all of it */
};

int blk_req_pool_init(struct blk_pool *p)
{
	void *map = mmap(NULL, sizeof(struct pool_map), PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	*p = (struct blk_pool){ .map = map };
	return 0;
}

void blk_req_pool_fini(struct blk_pool *p)
{
	if (p->map)
		munmap(p->map, sizeof(struct pool_map));
	*p = (struct blk_pool){ 0 };
}

static struct blk_req *take_free(struct blk_pool *p)
{
	struct pool_map *map = p->map;
	struct blk_req *rq = p->free;

	if (rq)
		p->free = rq->next;
	else if (p->n_used < BLK_REQ_MAX)
		rq = &map->req[p->n_used++];
	return rq;
}

struct blk_req *blk_req_pool_get(struct blk_pool *p, const struct iov_cur *data)
{
	struct pool_map *map = p->map;
	struct blk_req *rq = take_free(p);
	struct iov_cur rest = *data;

	if (!rq)
		return NULL;
	p->n_busy++;
	memset(rq, 0, offsetof(struct blk_req, small));
	rq->v = data->n <= BLK_REQ_SMALL ? rq->small : map->big[rq - map->req];
	rq->left = data->left;
	iov_take(&rest, data->left, rq->v, BLK_REQ_BIG, &rq->n);
	return rq;
}

void blk_req_pool_put(struct blk_pool *p, struct blk_req *rq)
{
	rq->next = p->free;
	p->free = rq;
	p->n_busy--;
}

void blk_req_pool_clear(struct blk_pool *p)
{
	p->free = NULL;
	p->n_used = 0;
	p->n_busy = 0;
}

void *blk_req_pool_zeroes(const struct blk_pool *p)
{
	return ((struct pool_map *)p->map)->zeroes;
}

void *blk_req_pool_bounce(const struct blk_pool *p)
{
	return ((struct pool_map *)p->map)->bounce;
}

void blk_req_list_add(struct blk_list *l, struct blk_req *rq)
{
	rq->next = NULL;
	if (l->first)
		l->last->next = rq;
	else
		l->first = rq;
	l->last = rq;
}

struct blk_req *blk_req_list_take(struct blk_list *l)
{
	struct blk_req *rq = l->first;

	if (rq)
		l->first = rq->next;
	return rq;
}

void blk_req_cut(struct blk_req *rq, size_t len)
{
	size_t sum = 0;
	unsigned n = 0;

	while (sum < len)
		sum += rq->v[n++].iov_len;
	rq->cut = sum - len;
	rq->v[n - 1].iov_len -= rq->cut;
	rq->io = (struct blk_io){ .offset = rq->offset, .len = len, .v = rq->v, .n = n };
}

void blk_req_cut_range(struct blk_req *rq, size_t len)
{
	rq->io = (struct blk_io){ .offset = rq->offset, .len = len };
}

/* Move on by @len bytes of data. */
static void skip(struct blk_req *rq, size_t len)
{
	rq->left -= len;
	while (len > 0) {
		size_t here = rq->v->iov_len < len ? rq->v->iov_len : len;

		rq->v->iov_base = (char *)rq->v->iov_base + here;
		rq->v->iov_len -= here;
		len -= here;
		if (rq->v->iov_len == 0) {
			rq->v++;
			rq->n--;
		}
	}
}

void blk_req_consume(struct blk_req *rq, size_t done)
{
	rq->offset += done;
	if (rq->op == BLK_DISCARD || rq->op == BLK_ZERO) {
		rq->left -= done;
		return;
	}
	if (rq->io.n > 0)
		rq->v[rq->io.n - 1].iov_len += rq->cut;
	skip(rq, done);
}

void blk_req_copy_in(struct blk_req *rq, const void *src, size_t len)
{
	const char *from = src;

	while (len > 0) {
		size_t here = rq->v->iov_len < len ? rq->v->iov_len : len;

		if (from) {
			memcpy(rq->v->iov_base, from, here);
			from += here;
		} else {
			memset(rq->v->iov_base, 0, here);
		}
		skip(rq, here);
		len -= here;
	}
}
