/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_BLK_WORK_H
#define DEVICES_BLK_WORK_H

#include "devices/blk_cow.h"
#include "devices/blk_req.h"
#include "devices/blk_ring.h"
#include "devices/disk.h"
#include "vmm/counter.h"
#include "vmm/log.h"
#include "vmm/loop.h"

/* What a disk has done, by enum blk_op; the times are those of all requests, failed ones included.
 */
struct blk_counters {
	struct counter_times times[BLK_FILL];
	uint64_t bytes[BLK_FILL]; /* of what went well */
	uint64_t failed[BLK_FILL];
	uint64_t refused; /* requests that no driver sends */
};

/*
 * Does the requests of one disk: cuts them into pieces, has an engine do these, and hands each
 * request back when it is finished. Requests overlap and finish in any order, as a disk's may.
 *
 * Engines: an io_uring, or one system call after another on the disk's thread where the host
 * refuses that. The thread itself also does what would only be slower in the ring: a write that is
 * alone (the kernel does buffered writes of a ring on threads of its own), and all that is left
 * undone by a ring that lacks memory or threads.
 */
struct blk_work {
	struct blk_counters count; /* since the start [role: on_dev] */
	const struct disk *disk;
	const char *label; /* for messages */
	struct blk_cow cow; /* fd -1: none */
	struct blk_ring ring;
	struct loop *loop; /* that @results is on; NULL: not on one */
	struct loop_source results; /* the ring has some */
	struct blk_pool pool;
	struct blk_list todo; /* pieces for the thread itself */
	struct blk_list parked; /* they wait for a write of @claim */
	struct blk_list held; /* the host refused them; blk_work_retry() */
	struct blk_req *claim[BLK_REQ_MAX]; /* writes under way that give clusters to the overlay */
	unsigned n_claims;
	uint64_t bytes; /* of the pieces under way */
	bool alone; /* the request being started is the only one */
	bool durable; /* a write is finished when it has reached the storage itself */
	bool unsafe; /* the host may keep back what was flushed: cache=unsafe */
	bool can_hold; /* somebody hears of a held request, and may have it tried again */
	enum config_werror werror;
	/* Writes that are for us, as the kernel had no thread for one of the ring's; and how many
	 * the next one that it has none for will be worth */
	unsigned here, pause;
	bool bounced; /* the guest's buffers do not suit O_DIRECT: said once */
	bool zero_by_hand; /* the host's file system cannot zero a range */
	struct log_limit io_errors;
	void (*answer)(struct blk_work *w,
	               struct blk_req *rq); /* status is set; rq goes after it */
	void (*progress)(struct blk_work *w); /* results came in: requests were answered */
	/* The host has refused @rq with -errno @r; it is @held, or an error for the guest. */
	void (*refused)(struct blk_work *w, const struct blk_req *rq, int r, bool held);
};

/* Bytes of one turn of the thread, and of one piece: what lets other disks wait. */
#define BLK_WORK_TURN ((size_t)1 << 20)

/**
 * blk_work_init() - Choose an engine
 * @w:    Zeroed, but for @label, @disk (open), @cow, @unsafe, @werror, @answer, @progress and
 *        @refused
 * @loop: Loop of the disk's thread; NULL: the caller's thread is it, and there is no ring
 * @e:    Says why not
 *
 * A host that refuses io_uring is no failure: it is reported at log level info.
 * Context: set-up.
 * Return:  0, or -errno; blk_work_fini() is fine in both cases.
 */
int blk_work_init(struct blk_work *w, struct loop *loop, struct err *e) MUST_CHECK;

/**
 * blk_work_finish() - Forget all requests, unanswered, and have the kernel let go of the files
 * @w: Zeroed, half-built or complete
 *
 * Context: the disk's thread, as its last act, or set-up; blocks until the kernel has let go of
 * what is in flight. A second call does nothing.
 */
void blk_work_finish(struct blk_work *w);

/**
 * blk_work_fini() - Give back what blk_work_init() made, and the overlay
 * @w: Zeroed with @cow closed, half-built or complete; its thread, if it ever ran, has called
 *     blk_work_finish() and ended
 */
void blk_work_fini(struct blk_work *w);

/**
 * blk_work_room() - Whether another request should be taken
 * @w: Work
 *
 * Bounded both in number and in bytes: a reset has to wait for what is in flight. When there is no
 * room, progress() will be called.
 * Context: the disk's thread.
 */
bool blk_work_room(const struct blk_work *w);

/**
 * blk_work_start() - Begin with requests
 * @w: Work
 * @l: Requests, from the pool of @w; empty afterwards
 *
 * A request that needs nothing from the host is answered at once.
 * Context: the disk's thread; may block on the host's storage for a cluster of an overlay.
 */
void blk_work_start(struct blk_work *w, struct blk_list *l);

/**
 * blk_work_turn() - Hand what was begun to the kernel, take results, do what is for this thread
 * @w: Work
 *
 * Context: the disk's thread; without a ring it blocks on the host's storage.
 * Return:  Whether there is more to do at once; if not, progress() is called when there is.
 */
bool blk_work_turn(struct blk_work *w) MUST_CHECK;

/**
 * blk_work_retry() - Begin again with the requests that are held
 * @w: Work
 *
 * Context: the disk's thread, before blk_work_turn().
 */
void blk_work_retry(struct blk_work *w);

/**
 * blk_work_drain() - Forget all requests, unanswered; no guest memory is touched after it
 * @w: Work
 *
 * Context: the disk's thread; blocks until the kernel has let go of what is in flight.
 */
void blk_work_drain(struct blk_work *w);

#endif /* DEVICES_BLK_WORK_H */
