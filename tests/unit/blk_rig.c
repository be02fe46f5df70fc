/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/blk_rig.h"

#include <check.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void blk_rig_init(struct blk_rig *x, bool readonly, const char *serial)
{
	uint8_t bytes[SECTOR];

	*x = (struct blk_rig){ .image = "/tmp/vmm-blk-XXXXXX" };
	x->fd = mkstemp(x->image);
	ck_assert_int_ge(x->fd, 0);
	for (unsigned i = 0; i < SECTORS; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		ck_assert_int_eq(write(x->fd, bytes, sizeof(bytes)), SECTOR);
	}
	blk_rig_start(x, readonly, serial);
}

void blk_rig_fini(struct blk_rig *x)
{
	blk_rig_stop(x);
	close(x->fd);
	unlink(x->image);
}

void blk_rig_start(struct blk_rig *x, bool readonly, const char *serial)
{
	blk_rig_open(x, &(struct config_disk){ .serial = serial, .readonly = readonly }, NULL);
}

void blk_rig_open(struct blk_rig *x, const struct config_disk *cfg, struct loop *loop)
{
	struct config_disk with_path = *cfg;
	struct err e = { 0 };

	with_path.path = x->image;
	x->loop = loop;
	ck_assert_msg(virtio_blk_new(&x->blk, &with_path, 3, loop, &e) == 0, "%s", e.msg);
	x->dev = virtio_blk_dev(x->blk);
	x->dev->acked = FLUSH_BIT;
	x->dev->active = true;
	x->ring = ring_new(RING_SIZE);
	ring_start(x->ring, &x->dev->queue[0].ring);
}

void blk_rig_stop(struct blk_rig *x)
{
	virtio_blk_free(x->blk);
	ring_free(x->ring);
	x->blk = NULL;
	x->ring = NULL;
}

uint64_t blk_rig_header(struct blk_rig *x, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr hdr = { .type = type, .sector = sector };
	uint64_t at = ring_alloc(x->ring, sizeof(hdr));

	memcpy(ring_host(x->ring, at), &hdr, sizeof(hdr));
	return at;
}

uint64_t blk_rig_room(struct blk_rig *x, uint32_t len)
{
	uint64_t at = ring_alloc(x->ring, len);

	memset(ring_host(x->ring, at), UNTOUCHED, len);
	return at;
}

struct blk_ask blk_rig_ask(struct blk_rig *x, uint32_t type, uint64_t sector, uint32_t len,
                           bool write)
{
	uint64_t data = blk_rig_room(x, len > 0 ? len : 1), status = blk_rig_room(x, 1);
	const struct ring_buf buf[] = {
		{ blk_rig_header(x, type, sector), sizeof(struct virtio_blk_outhdr), false },
		{ data, len, write },
		{ status, 1, true },
	};

	return (struct blk_ask){
		.data = ring_host(x->ring, data),
		.status = ring_host(x->ring, status),
		.head = ring_chain(x->ring, buf, ARRAY_SIZE(buf)),
	};
}

/* One turn of the loop, on the caller's thread. */
static void turn(struct loop *l)
{
	struct epoll_event ev;
	struct loop_source *s;
	int n;

	do
		n = epoll_wait(l->epoll_fd, &ev, 1, -1);
	while (n < 0 && errno == EINTR); /* so an io_uring makes a sleeper come to it */
	ck_assert_int_eq(n, 1);
	s = ev.data.ptr;
	s->ready(s, ev.events);
}

static void serve_on_loop(struct blk_rig *x)
{
	virtio_dev_kick(x->dev, 0);
	while (x->ring->used->idx != x->ring->avail->idx && !blk_rig_failed(x))
		turn(x->loop);
}

void blk_rig_serve(struct blk_rig *x)
{
	uint64_t count;

	if (x->loop) {
		serve_on_loop(x);
		return;
	}
	do
		virtio_dev_kick(x->dev, 0);
	while (read(x->dev->queue[0].kick.fd, &count, sizeof(count)) == sizeof(count));
}

bool blk_rig_failed(const struct blk_rig *x)
{
	return virtio_dev_status(x->dev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

void blk_rig_expect_used(const struct blk_rig *x, unsigned i, uint16_t head, uint32_t len)
{
	ck_assert_uint_gt(x->ring->used->idx, i);
	ck_assert_uint_eq(x->ring->used->ring[i].id, head);
	ck_assert_uint_eq(x->ring->used->ring[i].len, len);
}

void blk_rig_expect_image(const struct blk_rig *x, uint64_t sector, uint8_t value)
{
	uint8_t seen[SECTOR];

	ck_assert_int_eq(pread(x->fd, seen, sizeof(seen), (off_t)sector * SECTOR), SECTOR);
	ck_assert(blk_rig_all_are(seen, sizeof(seen), value));
}

bool blk_rig_all_are(const uint8_t *p, size_t len, uint8_t value)
{
	size_t same = 0;

	while (same < len && p[same] == value)
		same++;
	return same == len;
}
