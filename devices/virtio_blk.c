/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_blk.h"

#include "devices/blk_work.h"
#include "vmm/num.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SEG_MAX (VIRTQ_IOV_MAX - 2) /* header and status take a segment each */

_Static_assert(BLK_REQ_BIG >= VIRTQ_IOV_MAX, "a request has room for every chain");

/* Sectors of a DISCARD or WRITE_ZEROES, which has one range. */
#define RANGE_SECTORS_MAX ((uint32_t)(4 * GiB / DISK_SECTOR))

/*
 * Requests of one turn of the loop: a guest that keeps its ring full must not keep the thread from
 * other disks, resets and stops. What is left goes on in the next turn.
 */
#define TURN_REQUESTS 64

#define FAILED_WRITE (1U << 16)
#define FAILED_HELD  (1U << 17)

struct virtio_blk {
	struct virtio_dev base;
	struct disk disk;
	struct virtio_dev_ops ops; /* blk_ops, and the number of queues */
	struct blk_work work; /* [role: on_dev] */
	struct virtio_blk_config config; /* what the guest sees, and may scribble on */
	struct virtio_blk_config constant; /* what it is, but for the cache mode */
	char id[VIRTIO_BLK_ID_BYTES]; /* NUL-padded, not always terminated */
	uint16_t last_queue; /* [role: on_dev] the one that was served last */
	uint32_t answered; /* [role: on_dev] bits of queues with requests pushed, not signalled */
	uint32_t waiting; /* [role: on_dev] bits of queues that may hold more than there was room
	                     for */
	int watcher; /* eventfd of virtio_blk_watch() */
	uint32_t failure; /* atomic: the latest, FAILED_* beside its errno; 0: none */
	bool retry; /* atomic: the disk's thread is to try again what is held */
};

/* The guest sent what no driver sends. It gets an error, and the operator a line now and then. */
static void blk_refused(struct virtio_blk *b, const char *why)
{
	counter_add(&b->work.count.refused, 1);
	if (log_limit_pass(&b->base.complaints, NULL))
		log_warn("%s: request refused: %s", b->base.label, why);
}

/* Judge a read or a write of @bytes; @others have the direction that they must not have. */
static const char *blk_parse_io(const struct virtio_blk *b, const struct virtio_blk_outhdr *hdr,
                                uint64_t bytes, uint64_t others, struct blk_req *rq)
{
	bool write = hdr->type == VIRTIO_BLK_T_OUT;

	if (write && (b->base.features >> VIRTIO_BLK_F_RO & 1))
		return "write to a read-only disk";
	if (others != 0)
		return "data in the wrong direction";
	if (bytes % DISK_SECTOR != 0)
		return "data is not whole sectors";
	if (!num_inside(hdr->sector, bytes / DISK_SECTOR, b->disk.sectors))
		return "beyond the end of the disk";
	/* Such a write would mean to read, change and write a block of which others write the rest;
	 * the block size tells drivers not to. */
	if (b->disk.direct && (hdr->sector * DISK_SECTOR | bytes) % b->disk.logical != 0)
		return "not whole blocks, as a disk that is 'direct' needs";
	rq->offset = hdr->sector * DISK_SECTOR;
	rq->op = write ? BLK_WRITE : BLK_READ;
	rq->status = VIRTIO_BLK_S_OK;
	return NULL;
}

/* Judge a DISCARD or WRITE_ZEROES, whose one range stands in @out. */
static const char *blk_parse_range(const struct virtio_blk *b, uint32_t type, struct iov_cur *out,
                                   struct blk_req *rq)
{
	struct virtio_blk_discard_write_zeroes range;

	if (!(b->base.features >> (type == VIRTIO_BLK_T_DISCARD ? VIRTIO_BLK_F_DISCARD
	                                                        : VIRTIO_BLK_F_WRITE_ZEROES) &
	      1)) {
		rq->status = VIRTIO_BLK_S_UNSUPP;
		return NULL;
	}
	if (out->left != sizeof(range) || iov_read(out, &range, sizeof(range)) < 0)
		return "not one range to discard or zero";
	if (range.num_sectors > RANGE_SECTORS_MAX ||
	    !num_inside(range.sector, range.num_sectors, b->disk.sectors))
		return "range beyond the end of the disk, or too long";
	if (range.flags &
	    ~(type == VIRTIO_BLK_T_WRITE_ZEROES ? (uint32_t)VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP
	                                        : 0)) {
		rq->status = VIRTIO_BLK_S_UNSUPP;
		return NULL;
	}
	if (rq->left != 0)
		return "data in the wrong direction";
	rq->offset = range.sector * DISK_SECTOR;
	rq->left = (uint64_t)range.num_sectors * DISK_SECTOR;
	rq->op = type == VIRTIO_BLK_T_DISCARD ? BLK_DISCARD : BLK_ZERO;
	rq->unmap = range.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	rq->status = VIRTIO_BLK_S_OK;
	return NULL;
}

/* The name goes to memory at once; a short buffer gets its beginning. */
static void blk_give_id(const struct virtio_blk *b, struct blk_req *rq)
{
	size_t len = rq->left < sizeof(b->id) ? (size_t)rq->left : sizeof(b->id);

	blk_req_copy_in(rq, b->id, len);
	rq->status = VIRTIO_BLK_S_OK;
}

/* What the header asks for; @c is the chain without it and the status. Returns what is wrong. */
static const char *blk_parse_op(const struct virtio_blk *b, const struct virtio_blk_outhdr *hdr,
                                struct virtq_chain *c, struct blk_req *rq)
{
	switch (hdr->type) {
	case VIRTIO_BLK_T_IN:
		return blk_parse_io(b, hdr, c->in.left, c->out.left, rq);
	case VIRTIO_BLK_T_OUT:
		return blk_parse_io(b, hdr, c->out.left, c->in.left, rq);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return blk_parse_range(b, hdr->type, &c->out, rq);
	case VIRTIO_BLK_T_FLUSH:
		rq->op = BLK_FLUSH;
		rq->status = VIRTIO_BLK_S_OK;
		return NULL;
	case VIRTIO_BLK_T_GET_ID:
		blk_give_id(b, rq);
		return NULL;
	default:
		rq->status = VIRTIO_BLK_S_UNSUPP;
		return NULL;
	}
}

/*
 * Make a request of a chain. Returns NULL if it has no room for a status byte: there is then no
 * way to answer it. Anything else wrong with it becomes its status.
 */
static struct blk_req *blk_parse(struct virtio_blk *b, struct virtq_chain *c, uint16_t qi)
{
	const uint32_t room = (uint32_t)c->in.left;
	struct virtio_blk_outhdr hdr;
	struct iov_cur tail;
	struct iovec status;
	struct blk_req *rq;
	const char *fault;
	bool whole, write;
	unsigned n;

	if (iov_split_tail(&c->in, 1, &tail) < 0) {
		virtio_dev_fail(&b->base, -EPROTO, "a request has no room for its status");
		return NULL;
	}
	iov_take(&tail, 1, &status, 1, &n);
	whole = iov_read(&c->out, &hdr, sizeof(hdr)) == 0;
	write = whole && hdr.type == VIRTIO_BLK_T_OUT && c->in.left == 0;
	rq = blk_req_pool_get(&b->work.pool, write ? &c->out : &c->in);
	rq->op = BLK_FILL;
	rq->status = VIRTIO_BLK_S_IOERR;
	rq->status_at = status.iov_base;
	rq->queue = qi;
	rq->head = c->head;
	rq->room = room;
	fault = whole ? blk_parse_op(b, &hdr, c, rq) : "header is short";
	if (fault)
		blk_refused(b, fault);
	if (fault && write)
		rq->left = 0; /* those bytes are the guest's to write */
	return rq;
}

/* A driver that did not accept flushes, or has turned the cache off, takes every completed write
 * for safe. */
static bool blk_durable(const struct virtio_blk *b)
{
	if (b->work.unsafe)
		return false;
	return !virtio_dev_has(&b->base, VIRTIO_BLK_F_FLUSH) ||
	       (virtio_dev_has(&b->base, VIRTIO_BLK_F_CONFIG_WCE) && !b->config.wce);
}

/*
 * Give a request back. A driver must ignore what lies beyond the used length, and the status byte
 * comes last: so the whole device-writable part has been written by now, and is reported.
 */
static void blk_answer(struct blk_work *w, struct blk_req *rq)
{
	struct virtio_blk *b = container_of(w, struct virtio_blk, work);

	*rq->status_at = rq->status;
	virtq_push(&b->base.queue[rq->queue].ring, rq->head, rq->room);
	b->answered |= 1U << rq->queue;
}

/*
 * Begin with what the driver has made available, and with @arm ask to be notified of the next.
 * @turn: requests that may still be begun. Returns 1 if there may be more, 0 if not, or -errno.
 */
static int blk_take(struct virtio_blk *b, uint16_t qi, bool arm, unsigned *turn)
{
	struct virtq *q = &b->base.queue[qi].ring;
	struct blk_list batch = { 0 };
	struct virtq_chain c;
	int r = 1;

	while (r > 0 && *turn > 0 && blk_work_room(&b->work)) {
		struct blk_req *rq;

		r = arm || virtq_ready(q) ? virtq_next(q, &c) : 0;
		if (r <= 0)
			break;
		--*turn;
		rq = blk_parse(b, &c, qi);
		if (rq)
			blk_req_list_add(&batch, rq);
		else
			r = -EPROTO;
	}
	blk_work_start(&b->work, &batch);
	return r;
}

/* Interrupt for what was answered. */
static void blk_signal(struct virtio_blk *b)
{
	uint32_t answered = b->answered;

	b->answered = 0;
	for (uint16_t qi = 0; answered; qi++, answered >>= 1)
		if (answered & 1)
			virtio_dev_signal(&b->base, qi);
}

/* Notify ourselves: the loop serves everybody else, then comes back here. */
static void blk_kick_again(const struct virtio_queue *q)
{
	const uint64_t one = 1;

	/* EAGAIN means that the counter is full, so a notification is waiting anyway. */
	if (write(q->kick.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("%s: cannot go on: %s", q->dev->label, strerror(errno));
}

/* Tell the main thread of a failure. One that stops the VM is not hidden by one that does not. */
static void blk_refused_by_host(struct blk_work *w, const struct blk_req *rq, int r, bool held)
{
	struct virtio_blk *b = container_of(w, struct virtio_blk, work);
	uint32_t now = (uint32_t)-r | (rq->op == BLK_READ ? 0 : FAILED_WRITE), was = 0;
	const uint64_t one = 1;

	if (!w->can_hold)
		return;
	if (held)
		now |= FAILED_HELD;
	while (!__atomic_compare_exchange_n(&b->failure, &was, now | (was & FAILED_HELD), false,
	                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	if (write(b->watcher, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_debug("%s: cannot tell of a failure", b->base.label);
}

static int blk_kick(struct virtio_dev *d, uint16_t qi)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, base);
	unsigned turn = TURN_REQUESTS, before;
	bool more;
	int r;

	b->last_queue = qi;
	b->waiting &= ~(1U << qi);
	b->work.durable = blk_durable(b);
	if (__atomic_exchange_n(&b->retry, false, __ATOMIC_RELAXED))
		blk_work_retry(&b->work);
	r = blk_take(b, qi, false, &turn);
	more = blk_work_turn(&b->work);
	blk_signal(b);
	before = turn;
	if (r == 0) /* only now: what came meanwhile has cost the driver no exit */
		r = blk_take(b, qi, true, &turn);
	if (turn < before) {
		more = blk_work_turn(&b->work);
		blk_signal(b);
	}
	if (r > 0 && !blk_work_room(&b->work))
		b->waiting |= 1U << qi;
	else if (r > 0)
		more = true;
	if (more)
		blk_kick_again(&d->queue[qi]);
	if (d->loop)
		pace_turn(&d->loop->pace, TURN_REQUESTS - turn);
	return r < 0 ? r : 0;
}

/* Results of the ring came in. */
static void blk_progress(struct blk_work *w)
{
	struct virtio_blk *b = container_of(w, struct virtio_blk, work);
	bool more = blk_work_turn(w);
	uint32_t waiting = b->waiting;

	blk_signal(b);
	for (uint16_t qi = 0; waiting; qi++, waiting >>= 1)
		if (waiting & 1)
			virtio_dev_kick(&b->base, qi);
	if (more)
		blk_kick_again(&b->base.queue[b->last_queue]);
}

/* The driver wrote into the config space, where the cache mode alone is its own. */
static void blk_config_written(struct virtio_dev *d, size_t off, size_t len)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, base);
	const struct blk_io flush = { .op = BLK_IO_SYNC, .fd = b->disk.fd };
	uint8_t wce;

	(void)off;
	(void)len;
	pthread_mutex_lock(&d->config_lock);
	wce = b->config.wce != 0;
	b->config = b->constant;
	b->config.wce = wce;
	pthread_mutex_unlock(&d->config_lock);
	/* With the cache off, what was written before counts as safe too. */
	if (!wce && blk_io_run(&flush) < 0)
		log_error("%s: flush of '%s' failed", d->label, b->disk.path);
}

static void blk_reset(struct virtio_dev *d)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, base);

	blk_work_drain(&b->work);
	b->answered = 0;
	b->waiting = 0;
	pthread_mutex_lock(&d->config_lock);
	b->config = b->constant;
	pthread_mutex_unlock(&d->config_lock);
}

static const struct virtio_dev_ops blk_ops = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.queue_max = 256,
	.config_size = sizeof(struct virtio_blk_config),
	.kick = blk_kick,
	.reset = blk_reset,
	.config_written = blk_config_written,
};

/* Sizes in logical blocks; one too big for its field says as much as the field can. */
static void blk_describe(struct virtio_blk_config *c, const struct disk *d)
{
	uint32_t io_min = d->io_min / d->logical;

	*c = (struct virtio_blk_config){
		.capacity = d->sectors,
		.seg_max = SEG_MAX,
		.blk_size = d->logical,
		.physical_block_exp = (uint8_t)(ffs((int)(d->physical / d->logical)) - 1),
		.min_io_size = io_min > UINT16_MAX ? UINT16_MAX : (uint16_t)io_min,
		.opt_io_size = d->io_opt / d->logical,
		.wce = 1,
		.max_discard_sectors = RANGE_SECTORS_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = d->physical / DISK_SECTOR,
		.max_write_zeroes_sectors = RANGE_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
}

static uint64_t blk_features(const struct config_disk *cfg, const struct virtio_blk *b)
{
	const bool punches = b->work.cow.fd >= 0 ? b->work.cow.punches : b->disk.punches;
	uint64_t features = 1ULL << VIRTIO_BLK_F_SEG_MAX | 1ULL << VIRTIO_BLK_F_BLK_SIZE |
	                    1ULL << VIRTIO_BLK_F_TOPOLOGY | 1ULL << VIRTIO_BLK_F_FLUSH;

	if (b->constant.num_queues > 1)
		features |= 1ULL << VIRTIO_BLK_F_MQ;
	if (cfg->readonly)
		return features | 1ULL << VIRTIO_BLK_F_RO;
	if (!cfg->unsafe && !cfg->cow)
		features |= 1ULL << VIRTIO_BLK_F_CONFIG_WCE;
	if (punches)
		features |= 1ULL << VIRTIO_BLK_F_DISCARD;
	if (punches || !cfg->cow)
		features |= 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
	return features;
}

/* Open the image and what stands before it. */
static int blk_open(struct virtio_blk *b, const struct config_disk *cfg, struct err *e)
{
	int r = disk_open(&b->disk, cfg, e);

	if (r == 0 && cfg->cow && !cfg->readonly)
		r = blk_cow_open(&b->work.cow, b->disk.sectors * DISK_SECTOR, e);
	if (r < 0)
		return r;
	blk_describe(&b->constant, &b->disk);
	b->constant.num_queues = (uint16_t)(cfg->queues > 0 ? cfg->queues : 1);
	b->config = b->constant;
	return 0;
}

int virtio_blk_new(struct virtio_blk **ret, const struct config_disk *cfg, unsigned index,
                   struct loop *loop, struct err *e)
{
	struct virtio_blk *b = calloc(1, sizeof(*b));
	char label[sizeof(b->base.label)];
	const char *id;
	int r;

	if (!b)
		return err_errno(e, ENOMEM, "cannot make disk %u", index);
	snprintf(label, sizeof(label), "blk%u", index);
	id = cfg->serial ? cfg->serial : label;
	memcpy(b->id, id, strnlen(id, sizeof(b->id)));
	b->disk.fd = -1;
	b->work = (struct blk_work){
		.disk = &b->disk,
		.label = b->base.label,
		.cow.fd = -1,
		.unsafe = cfg->unsafe,
		.werror = cfg->werror,
		.answer = blk_answer,
		.progress = blk_progress,
		.refused = blk_refused_by_host,
	};
	r = blk_open(b, cfg, e);
	b->ops = blk_ops;
	b->ops.n_queues = b->constant.num_queues;
	if (r == 0)
		r = virtio_dev_init(&b->base, &b->ops, label, blk_features(cfg, b), &b->config,
		                    loop, e);
	if (r == 0)
		r = blk_work_init(&b->work, loop, e);
	if (r < 0) {
		virtio_blk_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

void virtio_blk_finish(struct virtio_blk *b)
{
	blk_work_finish(&b->work);
}

void virtio_blk_free(struct virtio_blk *b)
{
	if (!b)
		return;
	blk_work_fini(&b->work);
	virtio_dev_fini(&b->base);
	disk_close(&b->disk);
	free(b);
}

struct virtio_dev *virtio_blk_dev(struct virtio_blk *b)
{
	return &b->base;
}

/* Both the size that requests are judged by and the one that the driver sees. */
static void set_capacity(struct virtio_dev *d, void *arg)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, base);
	const uint64_t *sectors = arg;

	__atomic_store_n(&b->disk.sectors, *sectors, __ATOMIC_RELAXED);
	b->constant.capacity = *sectors;
	b->config.capacity = *sectors;
}

/* On its way to the disk's thread. */
struct resize {
	struct virtio_blk *blk;
	uint64_t sectors;
};

static void resize(void *arg)
{
	struct resize *r = arg;

	virtio_dev_config_changed(&r->blk->base, set_capacity, &r->sectors);
}

int virtio_blk_resized(struct virtio_blk *b, uint64_t bytes, struct err *e)
{
	struct resize r = { b, bytes / DISK_SECTOR };
	const bool shrinks = bytes < virtio_blk_bytes(b);
	int err = disk_may_resize(&b->disk, bytes, e);

	/* No request may pass that goes beyond the end of the image. */
	if (err == 0 && !shrinks)
		err = disk_resize(&b->disk, bytes, e);
	if (err < 0)
		return err;
	loop_call(b->base.loop, resize, &r);
	return shrinks ? disk_resize(&b->disk, bytes, e) : 0;
}

void virtio_blk_watch(struct virtio_blk *b, int fd)
{
	b->watcher = fd;
	b->work.can_hold = true;
}

bool virtio_blk_failed(struct virtio_blk *b, struct virtio_blk_failure *ret)
{
	uint32_t failure = __atomic_exchange_n(&b->failure, 0, __ATOMIC_RELAXED);

	if (failure == 0)
		return false;
	*ret = (struct virtio_blk_failure){
		.code = (int)(failure & (FAILED_WRITE - 1)),
		.write = failure & FAILED_WRITE,
		.held = failure & FAILED_HELD,
	};
	return true;
}

void virtio_blk_retry(struct virtio_blk *b)
{
	__atomic_store_n(&b->retry, true, __ATOMIC_RELAXED);
	virtio_dev_notify(&b->base, 0);
}

const char *virtio_blk_engine(const struct virtio_blk *b)
{
	return b->work.ring.uring ? "io_uring" : "plain";
}

const struct blk_counters *virtio_blk_counters(const struct virtio_blk *b)
{
	return &b->work.count;
}

bool virtio_blk_clashes(const struct virtio_blk *a, const struct virtio_blk *b)
{
	return disk_clashes(&a->disk, &b->disk);
}

uint64_t virtio_blk_bytes(const struct virtio_blk *b)
{
	return __atomic_load_n(&b->disk.sectors, __ATOMIC_RELAXED) * DISK_SECTOR;
}

uint64_t virtio_blk_allocated(const struct virtio_blk *b)
{
	return b->disk.allocated;
}
