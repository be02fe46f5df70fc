/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/outq.h"

#include <errno.h>
#include <string.h>

int outq_init(struct outq *q, bool keeps, struct err *e)
{
	*q = (struct outq){ .keeps = keeps };
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->room, NULL);
	q->ring = malloc(OUTQ_SIZE);
	return q->ring ? 0 : err_set(e, ENOMEM, "no memory for a console's output queue");
}

void outq_fini(struct outq *q)
{
	free(q->ring);
	q->ring = NULL;
	pthread_cond_destroy(&q->room);
	pthread_mutex_destroy(&q->lock);
}

/* Copy what fits behind the newest byte, around the end of the ring if need be. */
static size_t append(struct outq *q, const uint8_t *buf, size_t len)
{
	size_t tail = (q->head + q->fill) % OUTQ_SIZE;
	size_t first;

	if (len > OUTQ_SIZE - q->fill)
		len = OUTQ_SIZE - q->fill;
	first = len < OUTQ_SIZE - tail ? len : OUTQ_SIZE - tail;
	memcpy(q->ring + tail, buf, first);
	memcpy(q->ring, buf + first, len - first);
	q->fill += len;
	if (q->past > OUTQ_SIZE - q->fill)
		q->past = OUTQ_SIZE - q->fill;
	return len;
}

size_t outq_put(struct outq *q, const uint8_t *buf, size_t len, bool *ret_was_empty)
{
	size_t taken = 0;

	*ret_was_empty = false;
	pthread_mutex_lock(&q->lock);
	q->waiting++;
	while (q->fill == OUTQ_SIZE && !q->shut)
		pthread_cond_wait(&q->room, &q->lock);
	q->waiting--;
	if (!q->shut) {
		*ret_was_empty = q->fill == 0;
		taken = append(q, buf, len);
	}
	pthread_mutex_unlock(&q->lock);
	return taken;
}

size_t outq_offer(struct outq *q, const uint8_t *buf, size_t len)
{
	size_t taken = len;

	pthread_mutex_lock(&q->lock);
	if (!q->shut) {
		taken = append(q, buf, len);
		q->refused = q->refused || taken < len;
	}
	pthread_mutex_unlock(&q->lock);
	return taken;
}

bool outq_has_room(struct outq *q)
{
	bool room;

	pthread_mutex_lock(&q->lock);
	room = q->fill < OUTQ_SIZE || q->shut;
	if (!room)
		q->refused = true;
	pthread_mutex_unlock(&q->lock);
	return room;
}

size_t outq_peek(struct outq *q, const uint8_t **ret)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	*ret = q->ring + q->head;
	n = q->fill < OUTQ_SIZE - q->head ? q->fill : OUTQ_SIZE - q->head;
	pthread_mutex_unlock(&q->lock);
	return n;
}

bool outq_consume(struct outq *q, size_t n)
{
	bool tell = false;

	pthread_mutex_lock(&q->lock);
	q->fill -= n;
	q->head = (q->head + n) % OUTQ_SIZE;
	if (q->keeps)
		q->past += n;
	else if (q->fill == 0)
		q->head = 0; /* a quiet console keeps to one page of memory */
	if (q->fill <= OUTQ_SIZE / 2) {
		tell = q->refused;
		q->refused = false;
		if (q->waiting > 0)
			pthread_cond_broadcast(&q->room);
	}
	pthread_mutex_unlock(&q->lock);
	return tell;
}

size_t outq_rewind(struct outq *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->past;
	q->head = (q->head + OUTQ_SIZE - n) % OUTQ_SIZE;
	q->fill += n;
	q->past = 0;
	pthread_mutex_unlock(&q->lock);
	return n;
}

void outq_shut(struct outq *q)
{
	pthread_mutex_lock(&q->lock);
	q->shut = true;
	q->head = 0;
	q->fill = 0;
	q->past = 0;
	q->refused = false;
	pthread_cond_broadcast(&q->room);
	pthread_mutex_unlock(&q->lock);
}
