/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block device with many requests at once, against a model of what a disk is: by io_uring
 * (where the host has it) and without, on the image itself and on an overlay.
 */
#include "tests/unit/blk_rig.h"
#include "tests/unit/refuse.h"
#include "tests/unit/run.h"

#include <linux/virtio_blk.h>
#include <string.h>
#include <sys/syscall.h>

#define BATCHES   60
#define FEW       12 /* batches, where each waits for the storage itself */
#define BATCH_MAX 24 /* requests at once */
#define LEN_MAX   40 /* sectors of one: more than four clusters */

/* What a test is done with. */
static const struct kind {
	const char *name;
	bool ring, cow, direct;
	unsigned batches;
} kinds[] = {
	{ "one by one", false, false, false, BATCHES },
	{ "io_uring", true, false, false, BATCHES },
	{ "one by one, overlay", false, true, false, BATCHES },
	{ "io_uring, overlay", true, true, false, BATCHES },
	/* Whatever the alignment of the buffers. */
	{ "one by one, direct", false, false, true, FEW },
	{ "io_uring, direct", true, false, true, FEW },
};

static struct blk_rig rig;
static struct loop loop;
static uint8_t model[SECTORS * SECTOR], before[SECTORS * SECTOR];
static uint32_t seed;

static void set_up(void)
{
	blk_rig_init(&rig, false, NULL);
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	ck_assert_int_eq(pread(rig.fd, before, sizeof(before), 0), (ssize_t)sizeof(before));
	memcpy(model, before, sizeof(model));
	seed = 1;
}

static void tear_down(void)
{
	blk_rig_fini(&rig);
	loop_fini(&loop);
}

static void use(const struct kind *k)
{
	blk_rig_stop(&rig);
	blk_rig_open(&rig, &(struct config_disk){ .cow = k->cow, .direct = k->direct },
	             k->ring ? &loop : NULL);
}

/* A number below @n, the same in every run. */
static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* One request of a batch and what must come of it. */
struct planned {
	uint32_t type;
	uint64_t sector;
	uint32_t sectors;
	struct blk_ask ask;
};

static void ask_range(struct planned *p)
{
	const struct virtio_blk_discard_write_zeroes range = {
		.sector = p->sector,
		.num_sectors = p->sectors,
		.flags = p->type == VIRTIO_BLK_T_WRITE_ZEROES ? below(2) : 0,
	};

	p->ask = blk_rig_ask(&rig, p->type, 0, sizeof(range), false);
	memcpy(p->ask.data, &range, sizeof(range));
	memset(model + p->sector * SECTOR, 0, p->sectors * SECTOR);
}

static void ask_write(struct planned *p)
{
	p->ask = blk_rig_ask(&rig, p->type, p->sector, p->sectors * SECTOR, false);
	for (uint32_t i = 0; i < p->sectors; i++)
		memset(p->ask.data + i * SECTOR, (int)below(256), SECTOR);
	memcpy(model + p->sector * SECTOR, p->ask.data, p->sectors * SECTOR);
}

static void ask(struct planned *p)
{
	static const uint32_t types[] = {
		VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,          VIRTIO_BLK_T_OUT,
		VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_FLUSH,
	};

	p->type = types[below(ARRAY_SIZE(types))];
	if (p->type == VIRTIO_BLK_T_OUT)
		ask_write(p);
	else if (p->type == VIRTIO_BLK_T_IN)
		p->ask = blk_rig_ask(&rig, p->type, p->sector, p->sectors * SECTOR, true);
	else if (p->type == VIRTIO_BLK_T_FLUSH)
		p->ask = blk_rig_ask(&rig, p->type, 0, 0, true);
	else
		ask_range(p);
}

/* Requests side by side on the disk, in any order: they share clusters, and no sector. */
static unsigned plan(struct planned *batch)
{
	uint32_t at = below(8);
	unsigned n = 0;

	while (n < BATCH_MAX && at < SECTORS) {
		uint32_t len = 1 + below(below(3) ? 6 : LEN_MAX), with = below(n + 1);

		len = len < SECTORS - at ? len : SECTORS - at;
		batch[n] = batch[with];
		batch[with] = (struct planned){ .sector = at, .sectors = len };
		at += len + below(3) * below(8);
		n++;
	}
	return n;
}

static void check(const struct planned *p)
{
	ck_assert_uint_eq(*p->ask.status, VIRTIO_BLK_S_OK);
	if (p->type == VIRTIO_BLK_T_IN)
		ck_assert_mem_eq(p->ask.data, model + p->sector * SECTOR, p->sectors * SECTOR);
}

static void run_batch(void)
{
	const uint64_t memory = rig.ring->next_data;
	struct planned batch[BATCH_MAX];
	unsigned n = plan(batch);

	for (unsigned i = 0; i < n; i++)
		ask(&batch[i]);
	blk_rig_serve(&rig);
	for (unsigned i = 0; i < n; i++)
		check(&batch[i]);
	rig.ring->next_data = memory;
}

/* The whole disk through the device. */
static void check_disk(void)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 0, sizeof(model), true);

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
	ck_assert_mem_eq(rq.data, model, sizeof(model));
}

START_TEST(requests_of_any_mix_leave_what_was_written)
{
	static uint8_t image[sizeof(model)];

	use(&kinds[_i]);
	for (unsigned i = 0; i < kinds[_i].batches; i++)
		run_batch();
	check_disk();
	ck_assert_int_eq(pread(rig.fd, image, sizeof(image), 0), (ssize_t)sizeof(image));
	ck_assert_mem_eq(image, kinds[_i].cow ? before : model, sizeof(image));
}
END_TEST

START_TEST(requests_filling_the_ring_are_all_served)
{
	struct blk_ask rq[64];

	use(&kinds[_i]);
	for (unsigned i = 0; i < ARRAY_SIZE(rq); i++)
		rq[i] = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, i, SECTOR, true);
	blk_rig_serve(&rig);
	for (unsigned i = 0; i < ARRAY_SIZE(rq); i++)
		ck_assert(blk_rig_all_are(rq[i].data, SECTOR, (uint8_t)i));
}
END_TEST

/* What the guest wrote before is still there, and nothing of what was under way comes later. */
START_TEST(reset_in_flight_lets_go_of_guest_memory)
{
	struct blk_ask first, rq[32];

	use(&kinds[_i]);
	first = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 0, 8 * SECTOR, false);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*first.status, VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(rq); i++)
		rq[i] = blk_rig_ask(&rig, i % 2 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT,
		                    8 + 8 * (i / 2), 3 * SECTOR, i % 2);
	virtio_dev_kick(rig.dev, 0);
	virtio_dev_reset(rig.dev);
	for (unsigned i = 0; i < ARRAY_SIZE(rq); i++)
		memset(rq[i].data, 0x55, 3 * SECTOR);
	rig.dev->acked = FLUSH_BIT;
	rig.dev->active = true;
	memset(rig.ring->avail, 0, sizeof(*rig.ring->avail));
	memset(rig.ring->used, 0, sizeof(*rig.ring->used));
	ring_start(rig.ring, &rig.dev->queue[0].ring);
	first = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 0, 8 * SECTOR, true);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*first.status, VIRTIO_BLK_S_OK);
	ck_assert(blk_rig_all_are(first.data, 8 * SECTOR, UNTOUCHED));
	for (unsigned i = 0; i < ARRAY_SIZE(rq); i++)
		ck_assert(blk_rig_all_are(rq[i].data, 3 * SECTOR, 0x55));
}
END_TEST

START_TEST(read_of_a_shrunk_image_is_an_error)
{
	struct blk_ask rq;

	use(&kinds[_i]);
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 3, 2 * SECTOR, true);
	ck_assert_int_eq(ftruncate(rig.fd, 4 * SECTOR), 0);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
	ck_assert(blk_rig_all_are(rq.data, SECTOR, 3));
	ck_assert(blk_rig_all_are(rq.data + SECTOR, SECTOR, 0));
}
END_TEST

START_TEST(free_with_requests_in_flight_waits_for_them)
{
	struct blk_ask rq[32];

	use(&kinds[_i]);
	for (unsigned i = 0; i < ARRAY_SIZE(rq); i++)
		rq[i] = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 4 * i, 4 * SECTOR, false);
	virtio_dev_kick(rig.dev, 0);
	blk_rig_stop(&rig);
}
END_TEST

START_TEST(new_without_io_uring_serves_all_the_same)
{
	refuse(__NR_io_uring_setup);
	use(&kinds[1]);
	ck_assert_str_eq(virtio_blk_engine(rig.blk), "plain");
	for (unsigned i = 0; i < 20; i++)
		run_batch();
	check_disk();
}
END_TEST

static TCase *new_case(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);
	tcase_set_timeout(t, 30); /* O_DIRECT waits for a storage that others use too */

	tcase_add_checked_fixture(t, set_up, tear_down);
	suite_add_tcase(s, t);
	return t;
}

int main(void)
{
	const int n = ARRAY_SIZE(kinds);
	Suite *s = suite_create("virtio_blk_engines");
	TCase *t = new_case(s, "mix");

	tcase_add_loop_test(t, requests_of_any_mix_leave_what_was_written, 0, n);
	tcase_add_loop_test(t, requests_filling_the_ring_are_all_served, 0, n);
	tcase_add_test(t, new_without_io_uring_serves_all_the_same);
	t = new_case(s, "trouble");
	tcase_add_loop_test(t, reset_in_flight_lets_go_of_guest_memory, 0, n);
	tcase_add_loop_test(t, read_of_a_shrunk_image_is_an_error, 0, n);
	tcase_add_loop_test(t, free_with_requests_in_flight_waits_for_them, 0, n);
	return run_suite(s);
}
