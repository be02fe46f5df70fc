/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/blk_ring.h"

#include <errno.h>
#include <liburing.h>

/* The results of all that may be in flight fit into the completion queue, which is twice this. */
#define ENTRIES (BLK_RING_DEPTH / 2)

/* What the ring may ever do: no open, no socket, no other file, and to let go of those it has. */
static const unsigned char allowed[] = {
	IORING_OP_READV,
	IORING_OP_WRITEV,
	IORING_OP_FSYNC,
	IORING_OP_FALLOCATE,
};

static int restrict_ring(struct io_uring *u)
{
	struct io_uring_restriction rule[ARRAY_SIZE(allowed) + 3] = { 0 };
	unsigned n = 0;

	for (; n < ARRAY_SIZE(allowed); n++)
		rule[n] = (struct io_uring_restriction){
			.opcode = IORING_RESTRICTION_SQE_OP,
			.sqe_op = allowed[n],
		};
	rule[n++] = (struct io_uring_restriction){
		.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
		.sqe_flags = IOSQE_FIXED_FILE,
	};
	rule[n++] = (struct io_uring_restriction){
		.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED,
		.sqe_flags = IOSQE_FIXED_FILE,
	};
	rule[n++] = (struct io_uring_restriction){
		.opcode = IORING_RESTRICTION_REGISTER_OP,
		.register_op = IORING_UNREGISTER_FILES,
	};
	return io_uring_register_restrictions(u, rule, n);
}

/*
 * SUBMIT_ALL: one bad operation does not hold up those behind it. COOP_TASKRUN: a completion does
 * not interrupt the thread, which comes into the kernel often enough. Kernels before 5.19 have
 * neither or only the first, and can do without.
 */
static int make_ring(struct io_uring *u)
{
	static const unsigned flags[] = {
		IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_R_DISABLED,
	};
	int r = -EINVAL;

	for (unsigned i = 0; i < ARRAY_SIZE(flags) && r == -EINVAL; i++) {
		struct io_uring_params p = { .flags = flags[i] };

		r = io_uring_queue_init_params(ENTRIES, u, &p);
	}
	return r;
}

int blk_ring_open(struct blk_ring *r, const int *fd, unsigned n)
{
	CLEANUP_FREE struct io_uring *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	err = make_ring(u);
	if (err < 0)
		return err;
	err = io_uring_register_files(u, fd, n);
	if (err == 0)
		err = restrict_ring(u);
	if (err == 0)
		err = io_uring_enable_rings(u);
	if (err < 0) {
		io_uring_queue_exit(u);
		return err;
	}
	*r = (struct blk_ring){ .uring = ptr_take(&u) };
	return 0;
}

void blk_ring_let_go(struct blk_ring *r)
{
	if (r->uring && !r->let_go)
		io_uring_unregister_files(r->uring); /* if refused: when the kernel gets to it */
	r->let_go = true;
}

void blk_ring_close(struct blk_ring *r)
{
	if (r->uring)
		io_uring_queue_exit(r->uring);
	free(r->uring);
	*r = (struct blk_ring){ 0 };
}

int blk_ring_fd(const struct blk_ring *r)
{
	return r->uring->ring_fd;
}

static void prepare(struct io_uring_sqe *sqe, const struct blk_io *io)
{
	int file = (int)io->file;

	switch (io->op) {
	case BLK_IO_READ:
		io_uring_prep_readv(sqe, file, io->v, io->n, io->offset);
		break;
	case BLK_IO_WRITE:
		io_uring_prep_writev(sqe, file, io->v, io->n, io->offset);
		sqe->rw_flags = io->durable ? RWF_DSYNC : 0;
		break;
	case BLK_IO_SYNC:
		io_uring_prep_fsync(sqe, file, IORING_FSYNC_DATASYNC);
		break;
	case BLK_IO_PUNCH:
	case BLK_IO_ZERO:
		io_uring_prep_fallocate(sqe, file, blk_io_fallocate_mode(io->op), (off_t)io->offset,
		                        (off_t)io->len);
		break;
	}
	sqe->flags |= IOSQE_FIXED_FILE;
}

int blk_ring_queue(struct blk_ring *r, const struct blk_io *io, void *tag)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(r->uring);

	if (!sqe) {
		blk_ring_submit(r);
		sqe = io_uring_get_sqe(r->uring);
	}
	if (!sqe)
		return -EAGAIN;
	prepare(sqe, io);
	io_uring_sqe_set_data(sqe, tag);
	r->queued++;
	return 0;
}

static void count_submitted(struct blk_ring *r, int n)
{
	if (n > 0) {
		r->queued -= (unsigned)n;
		r->in_flight += (unsigned)n;
	}
}

void blk_ring_submit(struct blk_ring *r)
{
	if (r->queued > 0)
		count_submitted(r, io_uring_submit(r->uring));
}

bool blk_ring_next(struct blk_ring *r, void **ret_tag, ssize_t *ret_raw)
{
	struct io_uring_cqe *cqe;

	if (io_uring_peek_cqe(r->uring, &cqe) != 0)
		return false;
	*ret_tag = io_uring_cqe_get_data(cqe);
	*ret_raw = cqe->res;
	io_uring_cqe_seen(r->uring, cqe);
	r->in_flight--;
	return true;
}

void blk_ring_wait(struct blk_ring *r)
{
	int n;

	/* A refusal passes: it is for want of memory, or a signal. Nothing less than a result may
	 * end this, as guest memory is in the kernel's hands until then. */
	do {
		n = io_uring_submit_and_wait(r->uring, 1);
		count_submitted(r, n);
	} while (n < 0);
}
