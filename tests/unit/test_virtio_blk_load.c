/* SPDX-License-Identifier: Apache-2.0 */
/* The block device when the host fails it, and when a guest asks for too much at once. */
#include "tests/unit/blk_rig.h"
#include "tests/unit/run.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define TURN_LIMIT 64 /* requests that one turn serves */

static struct blk_rig rig;

static void set_up(void)
{
	blk_rig_init(&rig, false, NULL);
}

static void tear_down(void)
{
	blk_rig_fini(&rig);
}

/* Put something else where the device has its image open: faults of the host, made for real. */
static void replace_image(int by)
{
	struct stat wanted, st;

	ck_assert_int_eq(fstat(rig.fd, &wanted), 0);
	for (int fd = rig.fd + 1; fd < 64; fd++)
		if (fstat(fd, &st) == 0 && st.st_ino == wanted.st_ino && st.st_dev == wanted.st_dev)
			ck_assert_int_eq(dup2(by, fd), fd);
}

/* The image shrinks behind our back: what is there is read, the rest is an error, not garbage. */
START_TEST(read_of_a_shrunk_image_is_an_error)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 3, 2 * SECTOR, true);

	ck_assert_int_eq(ftruncate(rig.fd, 4 * SECTOR), 0);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
	ck_assert(blk_rig_all_are(rq.data, SECTOR, 3));
	ck_assert(blk_rig_all_are(rq.data + SECTOR, SECTOR, 0));
	blk_rig_expect_used(&rig, 0, rq.head, 2 * SECTOR + 1);
}
END_TEST

START_TEST(read_refused_by_the_host_is_an_error)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 3, SECTOR, true);
	int blind = open(rig.image, O_WRONLY | O_CLOEXEC); /* reads give EBADF */

	replace_image(blind);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
	ck_assert(blk_rig_all_are(rq.data, SECTOR, 0));
	ck_assert(!blk_rig_failed(&rig));
	close(blind);
}
END_TEST

START_TEST(flush_refused_by_the_host_is_an_error)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_FLUSH, 0, 0, true);
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	replace_image(ends[0]); /* fdatasync gives EINVAL */
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
	blk_rig_expect_used(&rig, 0, rq.head, 1);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(write_over_the_file_limit_is_an_error)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 9, 2 * SECTOR, false);
	struct rlimit was, limit;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = (struct rlimit){ .rlim_cur = 10 * SECTOR, .rlim_max = was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_IOERR);
	blk_rig_expect_used(&rig, 0, rq.head, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	blk_rig_expect_image(&rig, 9, UNTOUCHED);
	blk_rig_expect_image(&rig, 10, 10);
	ck_assert(blk_rig_all_are(rq.data, 2 * SECTOR, UNTOUCHED));
}
END_TEST

START_TEST(kick_serves_a_bounded_number_and_goes_on_later)
{
	for (unsigned i = 0; i < TURN_LIMIT + 1; i++)
		blk_rig_ask(&rig, VIRTIO_BLK_T_GET_ID, 0, 0, true);
	virtio_dev_kick(rig.dev, 0);
	ck_assert_uint_eq(rig.ring->used->idx, TURN_LIMIT);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring->used->idx, TURN_LIMIT + 1);
}
END_TEST

/* Waiting for the storage is long enough: what follows a flush is served in the next turn. */
START_TEST(kick_ends_its_turn_after_a_flush)
{
	blk_rig_ask(&rig, VIRTIO_BLK_T_FLUSH, 0, 0, true);
	blk_rig_ask(&rig, VIRTIO_BLK_T_FLUSH, 0, 0, true);
	virtio_dev_kick(rig.dev, 0);
	ck_assert_uint_eq(rig.ring->used->idx, 1);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring->used->idx, 2);
}
END_TEST

START_TEST(kick_interrupts_once_a_batch)
{
	uint64_t edges_sent;

	blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 0, SECTOR, true);
	blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 1, SECTOR, true);
	blk_rig_serve(&rig);
	ck_assert_int_eq(read(rig.dev->irq.fd, &edges_sent, sizeof(edges_sent)), 8);
	ck_assert_uint_eq(edges_sent, 1);
}
END_TEST

/* A read of 2 MiB (into the same memory again and again) takes more than one turn. */
static uint64_t ask_big(void)
{
	struct ring_buf buf[18];
	uint64_t data, st;

	ck_assert_int_eq(ftruncate(rig.fd, 1 << 24), 0);
	blk_rig_stop(&rig);
	blk_rig_start(&rig, false, NULL);
	data = blk_rig_room(&rig, SECTORS * SECTOR);
	st = blk_rig_room(&rig, 1);
	buf[0] = (struct ring_buf){ blk_rig_header(&rig, VIRTIO_BLK_T_IN, 0), 16, false };
	for (unsigned i = 1; i < 17; i++)
		buf[i] = (struct ring_buf){ data, SECTORS * SECTOR, true };
	buf[17] = (struct ring_buf){ st, 1, true };
	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	return st;
}

START_TEST(kick_cuts_a_big_request_into_turns)
{
	uint64_t st = ask_big();

	virtio_dev_kick(rig.dev, 0);
	ck_assert_uint_eq(rig.ring->used->idx, 0);
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, 0, 16 * SECTORS * SECTOR + 1);
	ck_assert_uint_eq(*(uint8_t *)ring_host(rig.ring, st), VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(reset_forgets_the_request_under_way)
{
	uint64_t st = ask_big();
	struct blk_ask rq;

	virtio_dev_kick(rig.dev, 0);
	virtio_dev_reset(rig.dev);
	rig.dev->acked = FLUSH_BIT;
	rig.dev->active = true;
	memset(rig.ring->avail, 0, sizeof(*rig.ring->avail));
	ring_start(rig.ring, &rig.dev->queue[0].ring);
	rq = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 2, SECTOR, true);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring->used->idx, 1);
	blk_rig_expect_used(&rig, 0, rq.head, SECTOR + 1);
	ck_assert(blk_rig_all_are(rq.data, SECTOR, 2));
	ck_assert_uint_eq(*(uint8_t *)ring_host(rig.ring, st), UNTOUCHED);
}
END_TEST

/* A second ring beside the rig's, on the second queue of its device. */
START_TEST(kick_of_each_queue_serves_its_own_ring)
{
	struct blk_rig second;
	struct blk_ask first, other;

	blk_rig_stop(&rig);
	blk_rig_open(&rig, &(struct config_disk){ .queues = 2 }, NULL);
	ck_assert_uint_eq(rig.dev->ops->n_queues, 2);
	ck_assert(rig.dev->features >> VIRTIO_BLK_F_MQ & 1);
	ck_assert_uint_eq(
	        virtio_dev_config_read(rig.dev, offsetof(struct virtio_blk_config, num_queues), 2),
	        2);
	second = rig;
	second.ring = ring_new(RING_SIZE);
	ring_start(second.ring, &rig.dev->queue[1].ring);
	first = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 1, SECTOR, true);
	other = blk_rig_ask(&second, VIRTIO_BLK_T_IN, 2, SECTOR, true);
	virtio_dev_kick(rig.dev, 1);
	ck_assert_uint_eq(rig.ring->used->idx, 0);
	blk_rig_expect_used(&second, 0, other.head, SECTOR + 1);
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, first.head, SECTOR + 1);
	ck_assert(blk_rig_all_are(first.data, SECTOR, 1));
	ck_assert(blk_rig_all_are(other.data, SECTOR, 2));
	blk_rig_stop(&rig);
	blk_rig_start(&rig, false, NULL);
	ring_free(second.ring);
}
END_TEST

START_TEST(one_queue_is_not_said_to_be_several)
{
	ck_assert_uint_eq(rig.dev->ops->n_queues, 1);
	ck_assert(!(rig.dev->features >> VIRTIO_BLK_F_MQ & 1));
}
END_TEST

static void *run_loop(void *loop)
{
	return (void *)(intptr_t)loop_run(loop);
}

static void wait_for_interrupt(const struct virtio_dev *d)
{
	struct pollfd p = { .fd = d->irq.fd, .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, -1), 1);
}

/* Put a read-only device of the rig on a loop. */
static void start_on_loop(struct blk_rig *x, struct loop *l)
{
	struct config_disk cfg = { .path = rig.image, .readonly = true };

	ck_assert_int_eq(virtio_blk_new(&x->blk, &cfg, 0, l, NULL), 0);
	x->dev = virtio_blk_dev(x->blk);
	x->dev->active = true;
	x->ring = ring_new(RING_SIZE);
	ring_start(x->ring, &x->dev->queue[0].ring);
}

/* The image twice, which readers may do: one thread serves a ring of each. */
START_TEST(kick_on_a_shared_loop_serves_both_disks)
{
	struct blk_rig other;
	struct blk_ask first, second;
	struct loop l;
	pthread_t thread;

	blk_rig_stop(&rig);
	ck_assert_int_eq(loop_init(&l, NULL), 0);
	start_on_loop(&rig, &l);
	start_on_loop(&other, &l);
	first = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 1, SECTOR, true);
	second = blk_rig_ask(&other, VIRTIO_BLK_T_IN, 2, SECTOR, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, &l), 0);
	virtio_dev_notify(rig.dev, 0);
	virtio_dev_notify(other.dev, 0);
	wait_for_interrupt(rig.dev);
	wait_for_interrupt(other.dev);
	loop_stop(&l);
	pthread_join(thread, NULL);
	ck_assert(blk_rig_all_are(first.data, SECTOR, 1));
	ck_assert(blk_rig_all_are(second.data, SECTOR, 2));
	blk_rig_stop(&other);
	blk_rig_stop(&rig);
	loop_fini(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio_blk_load");
	TCase *t = tcase_create("faults");

	tcase_add_checked_fixture(t, set_up, tear_down);
	suite_add_tcase(s, t);
	tcase_add_test(t, read_of_a_shrunk_image_is_an_error);
	tcase_add_test(t, read_refused_by_the_host_is_an_error);
	tcase_add_test(t, flush_refused_by_the_host_is_an_error);
	tcase_add_test(t, write_over_the_file_limit_is_an_error);
	t = tcase_create("turns");
	tcase_add_checked_fixture(t, set_up, tear_down);
	suite_add_tcase(s, t);
	tcase_add_test(t, kick_serves_a_bounded_number_and_goes_on_later);
	tcase_add_test(t, kick_ends_its_turn_after_a_flush);
	tcase_add_test(t, kick_interrupts_once_a_batch);
	tcase_add_test(t, kick_cuts_a_big_request_into_turns);
	tcase_add_test(t, reset_forgets_the_request_under_way);
	tcase_add_test(t, kick_on_a_shared_loop_serves_both_disks);
	tcase_add_test(t, kick_of_each_queue_serves_its_own_ring);
	tcase_add_test(t, one_queue_is_not_said_to_be_several);
	return run_suite(s);
}
