/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/blk_work.h"

#include "vmm/num.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_blk.h>
#include <string.h>

#define BYTES_MAX   (16 * BLK_WORK_TURN) /* in flight: what a reset may have to wait for */
#define RANGE_BYTES ((uint64_t)GiB) /* of one fallocate(2) */

enum { FILE_IMAGE, FILE_OVERLAY };

static void next_piece(struct blk_work *w, struct blk_req *rq);

static bool is_range(const struct blk_req *rq)
{
	return rq->op == BLK_DISCARD || rq->op == BLK_ZERO;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- failures --- */

static void log_failure(struct blk_work *w, const struct blk_req *rq, int r)
{
	static const char *const verbs[] = {
		[BLK_READ] = "read",       [BLK_WRITE] = "write",  [BLK_FLUSH] = "flush",
		[BLK_DISCARD] = "discard", [BLK_ZERO] = "zeroing",
	};
	const char *why =
	        r == -ENODATA ? "the image is shorter than it was at start" : strerror(-r);
	uint32_t dropped;

	if (!log_limit_pass(&w->io_errors, &dropped))
		return;
	if (rq->op == BLK_FLUSH)
		log_error("%s: flush of '%s' failed: %s", w->label, w->disk->path, why);
	else
		log_error("%s: %s of %" PRIu64 " bytes at offset %" PRIu64 " of '%s' failed: %s",
		          w->label, verbs[rq->op], rq->left, rq->offset, w->disk->path, why);
	if (dropped > 0)
		log_error("%s: %" PRIu32 " failures before were not shown", w->label, dropped);
}

/* Whether to keep a request that the host has refused until it is tried again. */
static bool to_hold(const struct blk_work *w, const struct blk_req *rq, int r)
{
	if (!w->can_hold || rq->op == BLK_READ || w->werror == WERROR_REPORT)
		return false;
	return w->werror == WERROR_STOP || r == -ENOSPC || r == -EDQUOT;
}

/*
 * The host could not do what the guest may ask for: what is left becomes an error, or is held.
 * Goes on with the request.
 */
static void fail(struct blk_work *w, struct blk_req *rq, int r)
{
	bool held = to_hold(w, rq, r);

	if (rq->op == BLK_DISCARD && r == -EOPNOTSUPP) {
		rq->status = VIRTIO_BLK_S_UNSUPP; /* a hint that could not be taken */
	} else {
		log_failure(w, rq, r);
		w->refused(w, rq, r, held);
		if (held) {
			blk_req_list_add(&w->held, rq);
			return;
		}
		rq->status = VIRTIO_BLK_S_IOERR;
	}
	if (rq->op == BLK_WRITE || is_range(rq))
		rq->left = 0; /* the guest lent us nothing to fill */
	rq->op = BLK_FILL;
	next_piece(w, rq);
}

/* --- writes to an overlay --- */

static bool overlaps_claim(const struct blk_work *w, uint64_t offset, uint64_t len)
{
	const uint64_t first = offset / BLK_COW_CLUSTER,
	               last = (offset + len - 1) / BLK_COW_CLUSTER;

	for (unsigned i = 0; i < w->n_claims; i++) {
		const struct blk_io *io = &w->claim[i]->io;

		if (io->offset / BLK_COW_CLUSTER <= last &&
		    (io->offset + io->len - 1) / BLK_COW_CLUSTER >= first)
			return true;
	}
	return false;
}

/*
 * Get the overlay ready for a piece that writes. Until that has ended, nothing else may write to
 * the clusters that it gives to the overlay: copying one from the base would undo it. Returns 1 if
 * another write has to end first.
 */
static int claim_clusters(struct blk_work *w, struct blk_req *rq)
{
	const struct blk_io *io = &rq->io;
	int r;

	if (overlaps_claim(w, io->offset, io->len))
		return 1;
	r = blk_cow_prepare(&w->cow, w->disk->fd, io->offset, io->len);
	if (r < 0 || blk_cow_has(&w->cow, io->offset, io->len))
		return r;
	rq->claims = true;
	w->claim[w->n_claims++] = rq;
	return 0;
}

/* A piece of @n bytes or an error has ended. Returns what of it counts. */
static ssize_t settle_claim(struct blk_work *w, struct blk_req *rq, ssize_t n)
{
	if (n > 0 && (rq->op == BLK_WRITE || is_range(rq)))
		n = (ssize_t)blk_cow_mark(&w->cow, rq->io.offset, (uint64_t)n);
	if (!rq->claims)
		return n == 0 ? -EIO : n;
	rq->claims = false;
	for (unsigned i = 0; i < w->n_claims; i++)
		if (w->claim[i] == rq)
			w->claim[i] = w->claim[--w->n_claims];
	return n == 0 ? -EIO : n;
}

/* --- pieces --- */

static int plan_read(struct blk_work *w, struct blk_req *rq)
{
	uint64_t len = min_u64(rq->left, BLK_WORK_TURN);
	bool overlay = w->cow.fd >= 0 && blk_cow_run(&w->cow, rq->offset, len, &len);

	blk_req_cut(rq, len);
	rq->io.op = BLK_IO_READ;
	rq->io.file = overlay ? FILE_OVERLAY : FILE_IMAGE;
	rq->io.fd = overlay ? w->cow.fd : w->disk->fd;
	return 0;
}

static int plan_write(struct blk_work *w, struct blk_req *rq)
{
	blk_req_cut(rq, min_u64(rq->left, BLK_WORK_TURN));
	rq->io.op = BLK_IO_WRITE;
	rq->io.fd = w->disk->fd;
	rq->io.durable = w->durable;
	if (w->cow.fd < 0)
		return 0;
	rq->io.file = FILE_OVERLAY;
	rq->io.fd = w->cow.fd;
	rq->io.durable = false; /* nothing in there outlives us */
	return claim_clusters(w, rq);
}

/* Zeroes from memory that was never written to, where the host cannot zero a range. */
static void plan_zeroes(struct blk_work *w, struct blk_req *rq)
{
	blk_req_cut_range(rq, min_u64(rq->left, BLK_WORK_TURN));
	rq->small[0] = (struct iovec){
		.iov_base = blk_req_pool_zeroes(&w->pool),
		.iov_len = rq->io.len,
	};
	rq->io.op = BLK_IO_WRITE;
	rq->io.v = rq->small;
	rq->io.n = 1;
	rq->io.durable = w->durable;
}

static int plan_range(struct blk_work *w, struct blk_req *rq)
{
	bool zero = rq->op == BLK_ZERO && !rq->unmap;

	if (w->cow.fd >= 0) {
		blk_req_cut_range(rq, min_u64(rq->left, RANGE_BYTES));
		rq->io.op = BLK_IO_PUNCH;
		rq->io.file = FILE_OVERLAY;
		rq->io.fd = w->cow.fd;
		return claim_clusters(w, rq);
	}
	if (zero && w->zero_by_hand) {
		plan_zeroes(w, rq);
	} else {
		blk_req_cut_range(rq, min_u64(rq->left, RANGE_BYTES));
		rq->io.op = zero ? BLK_IO_ZERO : BLK_IO_PUNCH;
	}
	rq->io.fd = w->disk->fd;
	return 0;
}

static int plan(struct blk_work *w, struct blk_req *rq)
{
	switch (rq->op) {
	case BLK_READ:
		return plan_read(w, rq);
	case BLK_WRITE:
		return plan_write(w, rq);
	case BLK_DISCARD:
	case BLK_ZERO:
		return plan_range(w, rq);
	case BLK_FLUSH:
	case BLK_FILL:
		break;
	}
	rq->io = (struct blk_io){ .op = BLK_IO_SYNC, .fd = w->disk->fd };
	return 0;
}

/* Writes. The kernel tries for long before it says that it has no thread, and the ring waits. */
#define PAUSE_MIN  64
#define PAUSE_MORE 8
#define PAUSE_MAX  (1U << 18)

/*
 * Whether a piece is rather for this thread than for the ring: when a write is alone, and for a
 * while when the kernel had no thread for one of the ring's. It wants one, unless the file system
 * can take the write without waiting: past the page cache most can, into it few.
 */
static bool better_here(struct blk_work *w, const struct blk_io *io)
{
	if (io->op == BLK_IO_READ)
		return false;
	if (w->here > 0) {
		w->here--;
		return true;
	}
	return w->alone && io->op == BLK_IO_WRITE && !io->durable;
}

/* The kernel has no threads, as under RLIMIT_NPROC. Many may say so of one turn. */
static void pause_ring(struct blk_work *w)
{
	if (w->here > 0)
		return;
	if (w->pause == 0)
		w->pause = PAUSE_MIN;
	else if (w->pause < PAUSE_MAX)
		w->pause *= PAUSE_MORE;
	w->here = w->pause;
}

/*
 * Whether O_DIRECT takes a piece as it lies in memory. Drivers may use buffers of any alignment,
 * whatever the size of blocks; Linux's have 512 bytes, which is enough on most hosts.
 */
static bool lies_well(const struct blk_work *w, const struct blk_io *io)
{
	uintptr_t bits = 0;

	for (unsigned i = 0; w->disk->direct && i < io->n; i++)
		bits |= (uintptr_t)io->v[i].iov_base | io->v[i].iov_len;
	return bits == 0 || bits % w->disk->mem_align == 0;
}

/* Do the beginning of a piece by way of aligned memory of ours. Returns as blk_io_run(). */
static ssize_t run_bounced(struct blk_work *w, const struct blk_req *rq)
{
	struct iovec v = {
		.iov_base = blk_req_pool_bounce(&w->pool),
		.iov_len = min_u64(rq->io.len, BLK_REQ_BOUNCE),
	};
	struct blk_io io = rq->io;
	struct iov_cur guest = { .v = rq->v, .n = rq->n, .left = rq->io.len };
	ssize_t n;

	if (!w->bounced)
		log_info("%s: its driver's buffers are not aligned to %u bytes, which 'direct' "
		         "needs: they are copied",
		         w->label, w->disk->mem_align);
	w->bounced = true;
	io.v = &v;
	io.n = 1;
	io.len = v.iov_len;
	if (io.op == BLK_IO_WRITE && iov_read(&guest, v.iov_base, v.iov_len) < 0)
		return -EIO;
	n = blk_io_run(&io);
	if (n > 0 && io.op == BLK_IO_READ && iov_write(&guest, v.iov_base, (size_t)n) < 0)
		return -EIO;
	return n;
}

static void launch(struct blk_work *w, struct blk_req *rq)
{
	w->bytes += rq->io.len;
	if (!w->ring.uring || better_here(w, &rq->io) || !lies_well(w, &rq->io) ||
	    blk_ring_queue(&w->ring, &rq->io, rq) < 0)
		blk_req_list_add(&w->todo, rq);
}

/* Whether what was written ends with us, or may be lost: then a flush has no work. */
static bool flush_is_void(const struct blk_work *w)
{
	return w->cow.fd >= 0 || w->unsafe;
}

/* What needed nothing from the host is not counted here: the queue's counters have it. */
static void count_end(struct blk_work *w, const struct blk_req *rq)
{
	struct blk_counters *count = &w->count;

	if (rq->asked == BLK_FILL)
		return;
	counter_time(&count->times[rq->asked], counter_now_ns() - rq->begun_ns);
	if (rq->status == VIRTIO_BLK_S_OK)
		counter_add(&count->bytes[rq->asked], rq->bytes);
	else
		counter_add(&count->failed[rq->asked], 1);
}

/* The operation is done, with all its pieces. */
static void finish(struct blk_work *w, struct blk_req *rq)
{
	if (is_range(rq) && w->durable && !flush_is_void(w)) {
		rq->op = BLK_FLUSH;
		next_piece(w, rq);
		return;
	}
	count_end(w, rq);
	w->answer(w, rq);
	blk_req_pool_put(&w->pool, rq);
}

/* Go on with a request: its next piece, or its end. */
static void next_piece(struct blk_work *w, struct blk_req *rq)
{
	int r;

	if (rq->op == BLK_FLUSH && flush_is_void(w))
		rq->op = BLK_FILL;
	if (rq->left == 0 && rq->op != BLK_FLUSH) {
		finish(w, rq);
		return;
	}
	if (rq->op == BLK_FILL) {
		blk_req_list_add(&w->todo, rq);
		return;
	}
	r = plan(w, rq);
	if (r > 0) {
		blk_req_consume(rq, 0);
		blk_req_list_add(&w->parked, rq);
	} else if (r < 0) {
		blk_req_consume(rq, 0);
		fail(w, rq, r);
	} else {
		launch(w, rq);
	}
}

/* A host that cannot do a range one way may be able to do it another. Returns whether to try. */
static bool try_otherwise(struct blk_work *w, struct blk_req *rq, ssize_t n)
{
	if (n != -EOPNOTSUPP || rq->op != BLK_ZERO || rq->io.op == BLK_IO_WRITE || w->cow.fd >= 0)
		return false;
	if (rq->io.op == BLK_IO_PUNCH)
		rq->unmap = false;
	else
		w->zero_by_hand = true;
	return true;
}

static void next_pieces(struct blk_work *w, struct blk_list *of)
{
	struct blk_list l = *of;
	struct blk_req *rq;

	*of = (struct blk_list){ 0 };
	while ((rq = blk_req_list_take(&l)))
		next_piece(w, rq);
}

/* A piece has ended, with @n bytes done or -errno. */
static void end_piece(struct blk_work *w, struct blk_req *rq, ssize_t n)
{
	const bool claimed = rq->claims;

	w->bytes -= rq->io.len;
	if (w->cow.fd >= 0)
		n = settle_claim(w, rq, n);
	blk_req_consume(rq, n > 0 ? (size_t)n : 0);
	if (rq->op == BLK_FLUSH && n >= 0)
		rq->op = BLK_FILL;
	if (n < 0 && !try_otherwise(w, rq, n))
		fail(w, rq, (int)n);
	else
		next_piece(w, rq);
	if (claimed)
		next_pieces(w, &w->parked);
}

/* --- the engines --- */

/* What a ring answers when it has not tried: it lacks memory or threads, or was interrupted. */
static bool untried(struct blk_work *w, const struct blk_io *io, ssize_t raw)
{
	if (raw == -ECANCELED && io->op != BLK_IO_READ)
		pause_ring(w);
	else if (raw > 0 && io->op == BLK_IO_WRITE)
		w->pause = 0;
	return raw == -EAGAIN || raw == -EINTR || raw == -ECANCELED || raw == -ENOMEM;
}

static void take_results(struct blk_work *w)
{
	ssize_t raw;
	void *tag;

	while (w->ring.in_flight > 0 && blk_ring_next(&w->ring, &tag, &raw)) {
		struct blk_req *rq = tag;

		if (untried(w, &rq->io, raw))
			blk_req_list_add(&w->todo, rq);
		else
			end_piece(w, rq, blk_io_result(&rq->io, raw));
	}
}

/* Waiting for the storage itself, or for it to fail, can take long: that ends the turn. */
static size_t cost(const struct blk_io *io, ssize_t n)
{
	return n < 0 || io->op == BLK_IO_SYNC || io->durable ? BLK_WORK_TURN : (size_t)n;
}

static void do_here(struct blk_work *w)
{
	size_t budget = BLK_WORK_TURN;
	struct blk_req *rq;

	while (budget > 0 && (rq = blk_req_list_take(&w->todo))) {
		size_t used;

		if (rq->op == BLK_FILL) {
			used = min_u64(rq->left, budget);
			blk_req_copy_in(rq, NULL, used);
			next_piece(w, rq);
		} else {
			ssize_t n =
			        lies_well(w, &rq->io) ? blk_io_run(&rq->io) : run_bounced(w, rq);

			used = cost(&rq->io, n);
			end_piece(w, rq, n);
		}
		budget -= used < budget ? used : budget;
	}
}

bool blk_work_turn(struct blk_work *w)
{
	if (w->ring.uring) {
		blk_ring_submit(&w->ring);
		take_results(w);
	}
	do_here(w);
	if (w->ring.uring)
		blk_ring_submit(&w->ring); /* what followed from the above */
	return w->todo.first || (w->ring.queued > 0 && w->ring.in_flight == 0);
}

void blk_work_start(struct blk_work *w, struct blk_list *l)
{
	const uint64_t now = l->first ? counter_now_ns() : 0;

	for (struct blk_req *rq = l->first; rq; rq = rq->next) {
		rq->asked = rq->op;
		rq->bytes = rq->left;
		rq->begun_ns = now;
	}
	w->alone = l->first && !l->first->next && w->pool.n_busy == 1;
	next_pieces(w, l);
	w->alone = false;
}

void blk_work_retry(struct blk_work *w)
{
	next_pieces(w, &w->held);
}

bool blk_work_room(const struct blk_work *w)
{
	return w->pool.n_busy < BLK_REQ_MAX && w->bytes < BYTES_MAX;
}

void blk_work_drain(struct blk_work *w)
{
	ssize_t raw;
	void *tag;

	while (w->ring.queued > 0 || w->ring.in_flight > 0) {
		if (!blk_ring_next(&w->ring, &tag, &raw)) {
			blk_ring_wait(&w->ring);
		} else if (w->cow.fd >= 0) {
			struct blk_req *rq = tag;

			(void)settle_claim(w, rq, blk_io_result(&rq->io, raw));
		}
	}
	blk_req_pool_clear(&w->pool);
	w->todo = (struct blk_list){ 0 };
	w->parked = (struct blk_list){ 0 };
	w->held = (struct blk_list){ 0 };
	w->n_claims = 0;
	w->bytes = 0;
}

/* --- set-up --- */

static void results_ready(struct loop_source *s, uint32_t events)
{
	struct blk_work *w = container_of(s, struct blk_work, results);

	(void)events;
	w->progress(w);
}

static int watch_ring(struct blk_work *w, struct loop *loop, struct err *e)
{
	int r;

	w->results = (struct loop_source){ .fd = blk_ring_fd(&w->ring), .ready = results_ready };
	r = loop_add(loop, &w->results, EPOLLIN);
	if (r < 0)
		return err_errno(e, -r, "%s: cannot watch its io_uring", w->label);
	w->loop = loop;
	return 0;
}

int blk_work_init(struct blk_work *w, struct loop *loop, struct err *e)
{
	const int fd[] = { [FILE_IMAGE] = w->disk->fd, [FILE_OVERLAY] = w->cow.fd };
	int r = blk_req_pool_init(&w->pool);

	if (r < 0)
		return err_errno(e, -r, "%s: no memory for its requests", w->label);
	if (!loop)
		return 0;
	r = blk_ring_open(&w->ring, fd, w->cow.fd >= 0 ? 2 : 1);
	if (r == 0)
		return watch_ring(w, loop, e);
	log_info("%s: no io_uring (%s): one request at a time", w->label, strerror(-r));
	return 0;
}

void blk_work_finish(struct blk_work *w)
{
	blk_work_drain(w);
	blk_ring_let_go(&w->ring);
}

void blk_work_fini(struct blk_work *w)
{
	if (w->loop)
		loop_del(w->loop, &w->results);
	/* The main thread may not enter a ring: the disk's has left nothing to do. */
	blk_work_finish(w);
	blk_ring_close(&w->ring);
	blk_req_pool_fini(&w->pool);
	blk_cow_close(&w->cow);
}
