/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VSOCK_GUEST_H
#define TESTS_UNIT_VSOCK_GUEST_H

/* The driver of the rig's device: what it sends and hears. */

#include "tests/unit/vsock_rig.h"

/* Lend @n buffers. */
static inline void lend(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = ring_alloc(ring[RECEIVE], HDR + PACKET);
		const struct ring_buf buf[] = { { at, HDR, true }, { at + HDR, PACKET, true } };

		lent[n_lent++] = at;
		ring_chain(ring[RECEIVE], buf, ARRAY_SIZE(buf));
	}
	virtio_dev_notify(dev, RECEIVE);
	run();
}

static inline struct virtio_vsock_hdr packet(uint16_t op)
{
	return (struct virtio_vsock_hdr){
		.src_cid = CID,
		.dst_cid = 2,
		.src_port = MINE,
		.dst_port = host_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = CREDIT,
	};
}

/* Send a packet with @len bytes behind it, whatever its header says. */
static inline void send_packet(const struct virtio_vsock_hdr *h, const void *bytes, uint32_t len)
{
	uint64_t at = ring_alloc(ring[TRANSMIT], (uint32_t)HDR + len);
	const struct ring_buf buf[] = { { at, HDR, false }, { at + HDR, len, false } };

	memcpy(ring_host(ring[TRANSMIT], at), h, HDR);
	if (len > 0)
		memcpy(ring_host(ring[TRANSMIT], at + HDR), bytes, len);
	ring_chain(ring[TRANSMIT], buf, ARRAY_SIZE(buf));
	virtio_dev_notify(dev, TRANSMIT);
	run();
}

static inline void say(uint16_t op, uint32_t flags)
{
	struct virtio_vsock_hdr h = packet(op);

	h.flags = flags;
	send_packet(&h, NULL, 0);
}

static inline void say_bytes(const void *bytes, uint32_t len)
{
	struct virtio_vsock_hdr h = packet(VIRTIO_VSOCK_OP_RW);

	h.len = len;
	send_packet(&h, bytes, len);
}

static inline bool heard_something(void)
{
	return n_heard < ring[RECEIVE]->used->idx;
}

/* The next packet that came; there must be one. @ret_bytes: of its body, PACKET of them. */
static inline struct virtio_vsock_hdr hear(const char **ret_bytes)
{
	struct virtio_vsock_hdr h;
	uint64_t at = lent[n_heard];

	ck_assert(heard_something());
	memcpy(&h, ring_host(ring[RECEIVE], at), sizeof(h));
	ck_assert_uint_eq(ring[RECEIVE]->used->ring[n_heard].len, HDR + h.len);
	ck_assert_uint_eq(h.src_cid, 2);
	ck_assert_uint_eq(h.dst_cid, CID);
	ck_assert_uint_eq(h.type, VIRTIO_VSOCK_TYPE_STREAM);
	*ret_bytes = ring_host(ring[RECEIVE], at + HDR);
	n_heard++;
	return h;
}

static inline struct virtio_vsock_hdr expect(uint16_t op)
{
	const char *bytes;
	struct virtio_vsock_hdr h = hear(&bytes);

	ck_assert_uint_eq(h.op, op);
	return h;
}

static inline void expect_data(const char *text)
{
	const char *bytes;
	struct virtio_vsock_hdr h = hear(&bytes);

	ck_assert_uint_eq(h.op, VIRTIO_VSOCK_OP_RW);
	ck_assert_uint_eq(h.len, strlen(text));
	ck_assert_mem_eq(bytes, text, h.len);
}

static inline bool has_failed(void)
{
	return virtio_dev_status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

#endif /* TESTS_UNIT_VSOCK_GUEST_H */
