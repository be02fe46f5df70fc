/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/iov.h"

#include <errno.h>
#include <string.h>

/*
 * A cursor never stands at the end of a segment while bytes are left, except at the start of an
 * empty one, and @left never exceeds what the segments hold: each loop below ends by it.
 */

/* The bytes of the current segment that the cursor may still use. */
static size_t here(const struct iov_cur *c)
{
	size_t room = c->v->iov_len - c->off;

	return room < c->left ? room : c->left;
}

/* Use up @len bytes of the current segment, at most here(). */
static void move(struct iov_cur *c, size_t len)
{
	c->off += len;
	c->left -= len;
	if (c->off == c->v->iov_len) {
		c->v++;
		c->n--;
		c->off = 0;
	}
}

static void *at(const struct iov_cur *c)
{
	return (char *)c->v->iov_base + c->off;
}

int iov_read(struct iov_cur *c, void *dst, size_t len)
{
	char *to = dst;

	if (len > c->left)
		return -ENODATA;
	while (len > 0) {
		size_t part = here(c) < len ? here(c) : len;

		memcpy(to, at(c), part);
		move(c, part);
		to += part;
		len -= part;
	}
	return 0;
}

int iov_write(struct iov_cur *c, const void *src, size_t len)
{
	const char *from = src;

	if (len > c->left)
		return -ENODATA;
	while (len > 0) {
		size_t part = here(c) < len ? here(c) : len;

		memcpy(at(c), from, part);
		move(c, part);
		from += part;
		len -= part;
	}
	return 0;
}

int iov_split_tail(struct iov_cur *c, size_t len, struct iov_cur *tail)
{
	size_t keep;

	if (len > c->left)
		return -ENODATA;
	keep = c->left - len;
	*tail = *c;
	while (tail->left > len) {
		size_t skip = tail->left - len;

		move(tail, here(tail) < skip ? here(tail) : skip);
	}
	c->left = keep;
	c->n = (unsigned)(tail->v - c->v) + (tail->off > 0);
	return 0;
}

size_t iov_take(struct iov_cur *c, size_t len, struct iovec *dst, unsigned max, unsigned *ret)
{
	size_t taken = 0;
	unsigned n = 0;

	if (len > c->left)
		len = c->left;
	while (taken < len && n < max) {
		size_t part = here(c) < len - taken ? here(c) : len - taken;

		if (part > 0)
			dst[n++] = (struct iovec){ .iov_base = at(c), .iov_len = part };
		move(c, part);
		taken += part;
	}
	*ret = n;
	return taken;
}
