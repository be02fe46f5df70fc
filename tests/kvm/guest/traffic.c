/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/virtio.h"

#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <linux/virtio_vsock.h>

/*
 * A driver that makes each device work a little, for tests that look at the host's side. do=rng:
 * some entropy. do=net: asks by ARP who has 192.0.2.1, until frame=N frames have come. do=vsock: a
 * stream to port 5000 of the host, which sends back what comes, and one from the host to any port,
 * where we do.
 */

#define QUEUES   3
#define RECEIVE  0
#define TRANSMIT 1
/* The third, of vsock, is for events, which never come. */

#define ROOM 2048 /* bytes of a buffer */

static struct device dev;
static struct queue queues[QUEUES] __attribute__((aligned(16)));
static uint16_t seen[QUEUES]; /* used entries */
static uint8_t in[QUEUE_SIZE][ROOM], out[ROOM];

static void offer(unsigned n, uint16_t head)
{
	struct queue *q = &queues[n];

	q->avail.ring[q->avail.idx % QUEUE_SIZE] = head;
	__atomic_store_n(&q->avail.idx, (uint16_t)(q->avail.idx + 1), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	device_write(&dev, VIRTIO_MMIO_QUEUE_NOTIFY, n);
}

/* Wait for the next used entry. Returns its descriptor. */
static uint32_t wait(unsigned n)
{
	const struct queue *q = &queues[n];

	while (__atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE) == seen[n])
		__asm__ volatile("pause");
	return q->used.ring[seen[n]++ % QUEUE_SIZE].id;
}

static void start(unsigned id, uint64_t wanted, unsigned n_queues)
{
	CHECK(device_find(&dev, id, 0));
	device_begin(&dev, wanted);
	for (unsigned n = 0; n < n_queues; n++)
		device_queue(&dev, n, &queues[n]);
	device_go(&dev);
	for (uint16_t i = 0; i < QUEUE_SIZE; i++) {
		queues[RECEIVE].desc[i] = (struct desc){ (uintptr_t)in[i], ROOM, DESC_WRITE, 0 };
		offer(RECEIVE, i);
	}
}

/* Send @len bytes of @out. */
static void send(uint32_t len)
{
	queues[TRANSMIT].desc[0] = (struct desc){ (uintptr_t)out, len, 0, 0 };
	offer(TRANSMIT, 0);
	wait(TRANSMIT);
}

static int rng(void)
{
	start(VIRTIO_ID_RNG, 0, 1);
	wait(RECEIVE);
	put("entropy came\n");
	return 0;
}

static int net(void)
{
	static const uint8_t who_has[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,   0, 0, 0, 0, 9, 0x08, 0x06, /* ARP, to all
		                                                                     */
		0,    1,    8,    0,    6,    4,    0,   1, 2, 0, 0, 0, 0,    9,    192,
		0,    2,    9, /* we are 192.0.2.9 */
		0,    0,    0,    0,    0,    0,    192, 0, 2, 1, /* who is .1? */
	};
	const uint32_t head = sizeof(struct virtio_net_hdr_v1);

	start(VIRTIO_ID_NET, 1ULL << VIRTIO_NET_F_CSUM | 1ULL << VIRTIO_NET_F_GUEST_CSUM, 2);
	memcpy(out + head, who_has, sizeof(who_has));
	for (uint64_t n = arg_num("frames", 1); n > 0; n--) {
		send(head + ETH_ZLEN);
		offer(RECEIVE, (uint16_t)wait(RECEIVE));
	}
	put("frames came\n");
	return 0;
}

static void answer(const struct virtio_vsock_hdr *to, uint16_t op, const void *data, uint32_t len)
{
	struct virtio_vsock_hdr h = {
		.src_cid = to->dst_cid,
		.dst_cid = to->src_cid,
		.src_port = to->dst_port,
		.dst_port = to->src_port,
		.len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? VIRTIO_VSOCK_SHUTDOWN_SEND : 0,
		.buf_alloc = ROOM,
		.fwd_cnt = op == VIRTIO_VSOCK_OP_RW ? len : 0,
	};

	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), data, len);
	send((uint32_t)sizeof(h) + len);
}

#define HOST_CID  2
#define OUR_PORT  1000
#define HOST_PORT 5000

/* Returns whether a stream has ended with this packet. */
static bool take(const struct virtio_vsock_hdr *h)
{
	switch (h->op) {
	case VIRTIO_VSOCK_OP_REQUEST:
		answer(h, VIRTIO_VSOCK_OP_RESPONSE, "", 0);
		return false;
	case VIRTIO_VSOCK_OP_RESPONSE:
		answer(h, VIRTIO_VSOCK_OP_RW, "ping", 4);
		return false;
	case VIRTIO_VSOCK_OP_RW:
		if (h->dst_port == OUR_PORT)
			answer(h, VIRTIO_VSOCK_OP_SHUTDOWN, "", 0);
		else
			answer(h, VIRTIO_VSOCK_OP_RW, h + 1, h->len);
		return false;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		answer(h, VIRTIO_VSOCK_OP_CREDIT_UPDATE, "", 0);
		return false;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		answer(h, VIRTIO_VSOCK_OP_RST, "", 0);
		return true;
	default:
		return h->op == VIRTIO_VSOCK_OP_RST;
	}
}

static int vsock(void)
{
	/* As if the host had asked: the answer goes to it. */
	const struct virtio_vsock_hdr us = {
		.src_cid = HOST_CID,
		.dst_cid = arg_num("cid", 3),
		.src_port = HOST_PORT,
		.dst_port = OUR_PORT,
	};
	unsigned ended = 0;

	start(VIRTIO_ID_VSOCK, 0, QUEUES);
	answer(&us, VIRTIO_VSOCK_OP_REQUEST, "", 0);
	while (ended < 2) {
		const uint16_t i = (uint16_t)wait(RECEIVE);

		ended += take((const struct virtio_vsock_hdr *)in[i]);
		offer(RECEIVE, i);
	}
	put("streams ended\n");
	return 0;
}

int main(void)
{
	if (arg_is("do", "rng"))
		return rng();
	return arg_is("do", "net") ? net() : vsock();
}
