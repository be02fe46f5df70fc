/* SPDX-License-Identifier: Apache-2.0 */
/* What the engines are told to do for a request, and that "safe" is what the host says it is. */
#include "devices/blk_work.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/virtio_blk.h>
#include <poll.h>
#include <string.h>

#define LEN 4096 /* of each request */

static struct blk_work work;
static struct disk disk;
static struct loop loop;
static uint8_t data[LEN], status; /* of the request that was answered last */
static unsigned answered;
static int ends[2];

static void answer(struct blk_work *w, struct blk_req *rq)
{
	(void)w;
	status = rq->status;
	answered++;
}

static void refused(struct blk_work *w, const struct blk_req *rq, int r, bool held)
{
	(void)w;
	(void)rq;
	(void)r;
	(void)held;
}

static void set_up(void)
{
	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	ck_assert_int_eq(pipe(ends), 0);
	answered = 0;
}

static void tear_down(void)
{
	blk_work_fini(&work);
	disk_close(&disk);
	loop_fini(&loop);
	close(ends[0]);
	close(ends[1]);
}

/* Work on @fd, which it takes over, by a ring if @ring. */
static void begin(int fd, bool ring)
{
	ck_assert_int_ge(fd, 0);
	disk = (struct disk){ .path = "test", .fd = fd, .sectors = 64, .logical = DISK_SECTOR };
	work = (struct blk_work){
		.disk = &disk,
		.label = "blk0",
		.cow.fd = -1,
		.answer = answer,
		.refused = refused,
	};
	ck_assert_int_eq(blk_work_init(&work, ring ? &loop : NULL, NULL), 0);
	ck_assert(!ring == !work.ring.uring);
}

static void start(enum blk_op op, unsigned count)
{
	struct iovec v = { .iov_base = data, .iov_len = LEN };
	const struct iov_cur lent = { .v = &v, .n = 1, .left = LEN }, nothing = { 0 };
	struct blk_list l = { 0 };

	for (; count > 0; count--) {
		struct blk_req *rq =
		        blk_req_pool_get(&work.pool, op == BLK_FLUSH ? &nothing : &lent);

		rq->op = op;
		rq->status = VIRTIO_BLK_S_OK;
		blk_req_list_add(&l, rq);
	}
	blk_work_start(&work, &l);
}

static void serve(unsigned count)
{
	while (answered < count)
		if (!blk_work_turn(&work) && work.ring.in_flight > 0)
			blk_ring_wait(&work.ring);
}

/* Row: what is asked for, whether what is written has to be safe, and what the kernel is told. */
static const struct {
	enum blk_op op;
	bool durable;
	uint8_t opcode;
	uint32_t flags; /* fsync_flags and rw_flags are one field */
	uint32_t len; /* of fallocate: the mode */
} told[] = {
	{ BLK_READ, true, IORING_OP_READV, 0, 1 },
	{ BLK_WRITE, false, IORING_OP_WRITEV, 0, 1 },
	{ BLK_WRITE, true, IORING_OP_WRITEV, RWF_DSYNC, 1 },
	{ BLK_FLUSH, false, IORING_OP_FSYNC, IORING_FSYNC_DATASYNC, 0 },
	{ BLK_DISCARD, false, IORING_OP_FALLOCATE, 0, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE },
	{ BLK_ZERO, false, IORING_OP_FALLOCATE, 0, FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE },
};

START_TEST(ring_is_told_what_was_asked_for)
{
	const struct io_uring_sqe *sqe;

	begin(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), true);
	work.durable = told[_i].durable;
	start(told[_i].op, 2); /* a write that is alone is not for the ring */
	ck_assert_uint_eq(work.ring.queued, 2);
	sqe = work.ring.uring->sq.sqes;
	ck_assert_uint_eq(sqe->opcode, told[_i].opcode);
	ck_assert_uint_eq(sqe->rw_flags, told[_i].flags);
	ck_assert_uint_eq(sqe->len, told[_i].len);
	ck_assert_uint_eq(sqe->flags, IOSQE_FIXED_FILE);
	serve(2);
}
END_TEST

/* A pipe cannot be synchronized: EINVAL. Row 0 is by system calls, row 1 by io_uring. */
START_TEST(flush_refused_by_the_host_is_an_error)
{
	begin(dup(ends[0]), _i == 1);
	start(BLK_FLUSH, 1);
	serve(1);
	ck_assert_uint_eq(status, VIRTIO_BLK_S_IOERR);
}
END_TEST

/* What is written to an overlay, or with cache=unsafe, may be lost. */
START_TEST(flush_of_what_may_be_lost_asks_nothing_of_the_host)
{
	begin(dup(ends[0]), _i == 1);
	work.unsafe = true;
	start(BLK_FLUSH, 1);
	ck_assert_uint_eq(answered, 1);
	ck_assert_uint_eq(status, VIRTIO_BLK_S_OK);
}
END_TEST

/* And not when the kernel finds the time to take the ring apart. */
START_TEST(finish_closes_what_the_ring_has_open)
{
	struct pollfd reader = { .fd = ends[0], .events = POLLIN };

	begin(ends[1], true);
	ends[1] = -1;
	blk_work_finish(&work);
	disk_close(&disk);

	ck_assert_int_eq(poll(&reader, 1, 0), 1);
	ck_assert_int_eq(reader.revents, POLLHUP);
}
END_TEST

/* A ring that some hosts refuse. */
static bool have_ring(void)
{
	struct io_uring u;

	if (io_uring_queue_init(2, &u, 0) < 0)
		return false;
	io_uring_queue_exit(&u);
	return true;
}

int main(void)
{
	Suite *s = suite_create("blk_work");
	TCase *t = tcase_create("safety");
	const int n = have_ring() ? 2 : 1;

	tcase_add_checked_fixture(t, set_up, tear_down);
	suite_add_tcase(s, t);
	tcase_add_loop_test(t, flush_refused_by_the_host_is_an_error, 0, n);
	tcase_add_loop_test(t, flush_of_what_may_be_lost_asks_nothing_of_the_host, 0, n);
	if (n > 1)
		tcase_add_test(t, finish_closes_what_the_ring_has_open);
	if (n > 1)
		tcase_add_loop_test(t, ring_is_told_what_was_asked_for, 0, ARRAY_SIZE(told));
	return run_suite(s);
}
