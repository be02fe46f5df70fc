/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_rng.h"

#include "tests/unit/ring.h"
#include "tests/unit/run.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <string.h>

#define ENTRIES 64

static struct virtio_rng *rng;
static struct virtio_dev *dev;
static struct ring *ring;

static void set_up(void)
{
	struct err e = { 0 };

	ck_assert_msg(virtio_rng_new(&rng, NULL, &e) == 0, "%s", e.msg);
	dev = virtio_rng_dev(rng);
	dev->active = true;
	ring = ring_new(ENTRIES);
	ring_start(ring, &dev->queue[0].ring);
}

static void tear_down(void)
{
	virtio_rng_free(rng);
	ring_free(ring);
}

/* Give the device turns until it asks for no more. Returns how many. */
static unsigned serve(void)
{
	uint64_t count;
	unsigned turns = 0;

	do {
		virtio_dev_kick(dev, 0);
		turns++;
	} while (read(dev->queue[0].kick.fd, &count, sizeof(count)) == sizeof(count));
	return turns;
}

static uint64_t ask(uint32_t len)
{
	uint64_t at = ring_alloc(ring, len);

	ring_chain(ring, &(struct ring_buf){ at, len, true }, 1);
	return at;
}

static unsigned zeroes(uint64_t at, uint32_t len)
{
	const uint8_t *p = ring_host(ring, at);
	unsigned n = 0;

	for (uint32_t i = 0; i < len; i++)
		n += p[i] == 0;
	return n;
}

START_TEST(new_is_an_entropy_source)
{
	ck_assert_uint_eq(dev->ops->id, VIRTIO_ID_RNG);
	ck_assert_uint_eq(dev->ops->n_queues, 1);
	ck_assert_uint_eq(dev->ops->config_size, 0);
}
END_TEST

/* Of 4096 random bytes 16 are zero on average, and 200 are not in the life of this universe. */
START_TEST(request_is_filled)
{
	uint64_t at = ask(4096);

	serve();
	ck_assert_uint_eq(ring->used->idx, 1);
	ck_assert_uint_eq(ring->used->ring[0].len, 4096);
	ck_assert_uint_lt(zeroes(at, 4096), 200);
}
END_TEST

START_TEST(two_requests_differ)
{
	uint64_t a = ask(64), b = ask(64);

	serve();
	ck_assert_int_ne(memcmp(ring_host(ring, a), ring_host(ring, b), 64), 0);
}
END_TEST

START_TEST(request_in_pieces_is_filled)
{
	uint64_t at = ring_alloc(ring, 3000);
	const struct ring_buf buf[] = { { at, 1, true },
		                        { at + 1, 0, true },
		                        { at + 1, 999, true },
		                        { at + 1000, 2000, true } };

	ring_chain(ring, buf, ARRAY_SIZE(buf));
	serve();
	ck_assert_uint_eq(ring->used->ring[0].len, 3000);
	ck_assert_uint_lt(zeroes(at, 3000), 200);
}
END_TEST

/* Overlapping buffers must not make a request of gigabytes out of a page. */
START_TEST(long_request_is_cut)
{
	const uint32_t len = 0x80000;
	uint64_t at = ring_alloc(ring, len);
	const struct ring_buf buf[] = { { at, len, true }, { at, len, true }, { at, len, true } };

	ring_indirect(ring, buf, ARRAY_SIZE(buf));
	dev->queue[0].ring.indirect = true;
	serve();
	ck_assert_uint_eq(ring->used->ring[0].len, VIRTIO_RNG_TURN_MAX);
	ck_assert_uint_eq(zeroes(at + VIRTIO_RNG_TURN_MAX, len - VIRTIO_RNG_TURN_MAX),
	                  len - VIRTIO_RNG_TURN_MAX);
}
END_TEST

START_TEST(many_bytes_take_several_turns)
{
	for (unsigned i = 0; i < 8; i++)
		ask(VIRTIO_RNG_TURN_MAX / 2);

	ck_assert_uint_ge(serve(), 4);
	ck_assert_uint_eq(ring->used->idx, 8);
	ck_assert_uint_eq(ring->used->ring[7].len, VIRTIO_RNG_TURN_MAX / 2);
}
END_TEST

START_TEST(request_without_room_is_given_back)
{
	ring_chain(ring, &(struct ring_buf){ ring_alloc(ring, 16), 16, false }, 1);
	ask(16);
	serve();
	ck_assert_uint_eq(ring->used->idx, 2);
	ck_assert_uint_eq(ring->used->ring[0].len, 0);
	ck_assert_uint_eq(ring->used->ring[1].len, 16);
}
END_TEST

START_TEST(buffer_outside_ram_asks_for_a_reset)
{
	ring_chain(ring, &(struct ring_buf){ RING_LOW_BYTES - 1, 16, true }, 1);
	serve();
	ck_assert_uint_eq(ring->used->idx, 0);
	ck_assert(virtio_dev_status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
}
END_TEST

START_TEST(free_null_does_nothing)
{
	virtio_rng_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio_rng");
	TCase *t = tcase_create("device");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, new_is_an_entropy_source);
	tcase_add_test(t, request_is_filled);
	tcase_add_test(t, two_requests_differ);
	tcase_add_test(t, request_in_pieces_is_filled);
	tcase_add_test(t, long_request_is_cut);
	tcase_add_test(t, many_bytes_take_several_turns);
	tcase_add_test(t, request_without_room_is_given_back);
	tcase_add_test(t, buffer_outside_ram_asks_for_a_reset);
	tcase_add_test(t, free_null_does_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
