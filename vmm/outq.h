/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OUTQ_H
#define VMM_OUTQ_H

#include "vmm/err.h"

#include <pthread.h>
#include <stdbool.h>

/*
 * A console's bytes on their way out: a bounded ring between the threads that write (vCPUs) and the
 * one that carries the bytes on (the event loop). Nothing is lost when the reader is slow: the
 * writers wait.
 *
 * A queue may also keep what was carried on, for as long as its ring has room for it, so that a
 * reader who comes late can be shown it.
 */

#define OUTQ_SIZE 65536 /* bytes; all memory that a console's output ever takes */

struct outq {
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t room;
	uint8_t *ring; /* OUTQ_SIZE; bytes handed out by outq_peek() are the consumer's */
	size_t head, fill; /* oldest byte; bytes held */
	size_t past; /* bytes before @head that were carried on and are still there */
	unsigned waiting; /* threads in outq_put() */
	bool refused; /* outq_has_room() said no */
	bool keeps; /* constant: @past is counted */
	bool shut; /* takes everything and keeps nothing */
};

/**
 * outq_init() - Make an empty queue
 * @q:     Any contents
 * @keeps: Whether outq_rewind() will be used
 * @e:     Says why not
 *
 * Context: set-up; allocates the ring, of which only what is used is ever touched.
 * Return:  0, or -ENOMEM; outq_fini() is fine in both cases.
 */
int outq_init(struct outq *q, bool keeps, struct err *e) MUST_CHECK;

/**
 * outq_fini() - Give the ring back
 * @q: Initialised; no thread is in outq_put()
 */
void outq_fini(struct outq *q);

/**
 * outq_put() - Append bytes
 * @q:             Queue
 * @buf:           @len bytes
 * @len:           Not 0
 * @ret_was_empty: Whether the consumer may be asleep and has to be woken
 *
 * Context: any thread but the consumer's. Blocks while the queue is full, until the consumer has
 *          made room or outq_shut() was called.
 * Return:  Bytes taken, at least 1; 0 if the queue is shut.
 */
size_t outq_put(struct outq *q, const uint8_t *buf, size_t len, bool *ret_was_empty) MUST_CHECK;

/**
 * outq_offer() - Append what fits
 * @q:   Queue
 * @buf: @len bytes
 * @len: 0 is allowed
 *
 * After a short count, the outq_consume() that makes room says so.
 * Context: any thread; does not wait.
 * Return:  Bytes taken; all of them if the queue is shut.
 */
size_t outq_offer(struct outq *q, const uint8_t *buf, size_t len) MUST_CHECK;

/**
 * outq_has_room() - Whether outq_put() would take a byte at once
 * @q: Queue
 *
 * After a "no", the outq_consume() that makes room says so: no wake-up is lost in between.
 * Context: any thread.
 */
bool outq_has_room(struct outq *q) MUST_CHECK;

/**
 * outq_peek() - The oldest bytes
 * @q:   Queue
 * @ret: Where they are; valid until outq_consume()
 *
 * Context: consumer.
 * Return:  Bytes that lie in one piece; 0 = empty.
 */
size_t outq_peek(struct outq *q, const uint8_t **ret) MUST_CHECK;

/**
 * outq_consume() - Let go of bytes that were carried on
 * @q: Queue
 * @n: At most what outq_peek() returned
 *
 * Writers are woken when half of the ring is free, not for each byte that a slow reader takes.
 * Context: consumer.
 * Return:  true if somebody was refused by outq_has_room() and may now be told.
 */
bool outq_consume(struct outq *q, size_t n) MUST_CHECK;

/**
 * outq_rewind() - Have the bytes that were carried on and are still there carried on once more
 * @q: Queue that keeps them
 *
 * Context: consumer, not between outq_peek() and outq_consume().
 * Return:  How many: the first so many bytes that outq_peek() will give are not new.
 */
size_t outq_rewind(struct outq *q) MUST_CHECK;

/**
 * outq_shut() - Throw away what is held and whatever comes, and wake every writer
 * @q: Queue
 *
 * Context: consumer, not between outq_peek() and outq_consume().
 */
void outq_shut(struct outq *q);

#endif /* VMM_OUTQ_H */
