/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/hostile.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_console.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>

/* The devices: a request of each queue that is in order, and what can be wrong with one. */

#define SECTOR    512
#define NOT_DONE  0xff /* status byte before the device wrote it */
#define STATUS_AT 1023 /* in @buffer, of a request that has one */
#define DATA_AT   4096 /* of a disk's request */
#define CID       5 /* as on the command line */
#define FRAME     60

/* --- disk --- */

static void build_blk_as(uint32_t type, uint64_t sector, uint64_t at, uint32_t len)
{
	const uint16_t write =
	        type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID ? DESC_WRITE : 0;

	*(struct virtio_blk_outhdr *)buffer =
	        (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	buffer[STATUS_AT] = NOT_DONE;
	describe(0, (uintptr_t)buffer, sizeof(struct virtio_blk_outhdr), DESC_NEXT, 1);
	describe(1, at, len, (uint16_t)(DESC_NEXT | write), 2);
	describe(2, (uintptr_t)buffer + STATUS_AT, 1, DESC_WRITE, 0);
}

/* Bytes that the disk wants requests to be multiples of. */
static uint32_t block(void)
{
	return device_read(&device,
	                   VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, blk_size));
}

static void build_blk(void)
{
	build_blk_as(VIRTIO_BLK_T_IN, 0, (uintptr_t)buffer + DATA_AT, block());
}

static uint64_t capacity(void)
{
	return device_read(&device, VIRTIO_MMIO_CONFIG) |
	       (uint64_t)device_read(&device, VIRTIO_MMIO_CONFIG + 4) << 32;
}

static bool is_fine(void)
{
	return buffer[STATUS_AT] == VIRTIO_BLK_S_OK;
}

static bool is_refused(void)
{
	return buffer[STATUS_AT] == VIRTIO_BLK_S_IOERR || buffer[STATUS_AT] == VIRTIO_BLK_S_UNSUPP;
}

static void blk_header_writable(void)
{
	queue.desc[0].flags |= DESC_WRITE;
}

static void blk_one_descriptor(void)
{
	queue.desc[0].flags = 0;
}

/* A read of nothing. */
static void blk_two_descriptors(void)
{
	queue.desc[0].next = 2;
}

static void blk_data_outside(void)
{
	queue.desc[1].addr = GAP;
}

static void blk_data_past_end(void)
{
	queue.desc[1].addr = ram_end - SECTOR;
	queue.desc[1].len = SECTOR + 1;
}

static void blk_status_outside(void)
{
	queue.desc[2].addr = ram_end;
}

static void blk_header_short(void)
{
	queue.desc[0].len = 15;
}

static void blk_status_read_only(void)
{
	build_blk_as(VIRTIO_BLK_T_OUT, 0, (uintptr_t)buffer + DATA_AT, SECTOR);
	queue.desc[2].flags = 0;
}

static void blk_status_of_no_bytes(void)
{
	queue.desc[2].len = 0;
}

static void blk_odd_length(void)
{
	queue.desc[1].len = SECTOR - 1;
}

static void blk_behind_end(void)
{
	build_blk_as(VIRTIO_BLK_T_IN, capacity(), (uintptr_t)buffer + DATA_AT, SECTOR);
}

static void blk_across_end(void)
{
	build_blk_as(VIRTIO_BLK_T_OUT, capacity() - 1, (uintptr_t)buffer, 2 * SECTOR);
}

static void blk_sector_wraps(void)
{
	build_blk_as(VIRTIO_BLK_T_IN, 1ULL << 55, (uintptr_t)buffer + DATA_AT, SECTOR);
}

static void blk_sector_max(void)
{
	build_blk_as(VIRTIO_BLK_T_IN, ~0ULL, (uintptr_t)buffer + DATA_AT, SECTOR);
}

static void blk_unknown_type(void)
{
	build_blk_as(0x80000000, 0, (uintptr_t)buffer + DATA_AT, SECTOR);
}

static void blk_last_of_disk_and_ram(void)
{
	build_blk_as(VIRTIO_BLK_T_IN, capacity() - block() / SECTOR, ram_end - block(), block());
}

static void blk_discard_of_everything(void)
{
	const struct virtio_blk_discard_write_zeroes d = { ~0ULL, ~0U, ~0U };

	memcpy(buffer + DATA_AT, &d, sizeof(d));
	build_blk_as(VIRTIO_BLK_T_DISCARD, 0, (uintptr_t)buffer + DATA_AT, sizeof(d));
}

static void blk_zeroes_past_end(void)
{
	const struct virtio_blk_discard_write_zeroes d = { capacity() - 1, 2, 0 };

	memcpy(buffer + DATA_AT, &d, sizeof(d));
	build_blk_as(VIRTIO_BLK_T_WRITE_ZEROES, 0, (uintptr_t)buffer + DATA_AT, sizeof(d));
}

static void blk_half_a_segment(void)
{
	build_blk_as(VIRTIO_BLK_T_DISCARD, 0, (uintptr_t)buffer + DATA_AT, 9);
}

static void blk_id_of_one_byte(void)
{
	build_blk_as(VIRTIO_BLK_T_GET_ID, 0, (uintptr_t)buffer + DATA_AT, 1);
}

/* --- one buffer to read or to write --- */

static void build_write(void)
{
	describe(0, (uintptr_t)buffer, sizeof(buffer), DESC_WRITE, 0);
}

static void build_frame(void)
{
	memset(buffer, 0, sizeof(struct virtio_net_hdr_v1) + FRAME);
	describe(0, (uintptr_t)buffer, sizeof(struct virtio_net_hdr_v1) + FRAME, 0, 0);
}

static void build_text(void)
{
	memcpy(buffer, "words\n", 6);
	describe(0, (uintptr_t)buffer, 6, 0, 0);
}

static void no_bytes(void)
{
	queue.desc[0].len = 0;
}

static void one_byte(void)
{
	queue.desc[0].len = 1;
}

static void writable(void)
{
	queue.desc[0].flags = DESC_WRITE;
}

static void read_only(void)
{
	queue.desc[0].flags = 0;
}

static void same_head_often(void)
{
	for (unsigned i = 0; i < QUEUE_SIZE; i++)
		queue.avail.ring[i] = 0;
	queue.avail.idx = QUEUE_SIZE;
}

/* --- network card --- */

/* A frame that the other end of the cable sends back. */
static void send_frame(void)
{
	static uint8_t frame[sizeof(struct virtio_net_hdr_v1) + FRAME];

	help(frame, sizeof(frame));
}

static void net_header_only(void)
{
	queue.desc[0].len = sizeof(struct virtio_net_hdr_v1);
}

static void net_half_a_header(void)
{
	queue.desc[0].len = sizeof(struct virtio_net_hdr_v1) - 1;
}

static void net_too_long(void)
{
	describe(0, SCRATCH, 65563 + sizeof(struct virtio_net_hdr_v1), 0, 0);
}

static void net_megabytes(void)
{
	describe(0, SCRATCH, SCRATCH_SIZE, 0, 0);
}

static void net_mad_offsets(void)
{
	const struct virtio_net_hdr_v1 mad = {
		.flags = 0xff,
		.gso_type = 0x7f,
		.hdr_len = 0xffff,
		.gso_size = 0,
		.csum_start = 0xfff0,
		.csum_offset = 0xffff,
	};

	memcpy(buffer, &mad, sizeof(mad));
}

static void build_ctrl(void)
{
	static const uint8_t command[] = { VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1 };

	memcpy(buffer, command, sizeof(command));
	describe(0, (uintptr_t)buffer, sizeof(command), DESC_NEXT, 1);
	describe(1, (uintptr_t)buffer + STATUS_AT, 1, DESC_WRITE, 0);
}

static void ctrl_unknown(void)
{
	memset(buffer, 0xff, 8);
}

static void ctrl_without_answer(void)
{
	queue.desc[0].flags = 0;
}

static void ctrl_pairs(void)
{
	static const uint8_t command[] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
		                           0xff, 0xff };

	memcpy(buffer, command, sizeof(command));
	queue.desc[0].len = sizeof(command);
}

static void ctrl_endless_table(void)
{
	static const uint8_t command[] = {
		VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 0xff, 0xff, 0xff, 0xff
	};

	memcpy(buffer, command, sizeof(command));
	describe(0, (uintptr_t)buffer, sizeof(command), DESC_NEXT, 2);
	describe(2, SCRATCH, SCRATCH_SIZE, DESC_NEXT, 1);
}

/* --- console --- */

static struct virtio_console_control control;

static void tell(uint32_t id, uint16_t event, uint16_t value)
{
	control = (struct virtio_console_control){ id, event, value };
}

static void build_control(void)
{
	tell(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	describe(0, (uintptr_t)&control, sizeof(control), 0, 0);
}

/* To which the device answers with a port. */
static void say_ready(void)
{
	tell(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	help(&control, sizeof(control));
}

/* The named port, whose queues are looked at once the driver has opened it. */
static void open_port(void)
{
	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	help(&control, sizeof(control));
}

/* More than the host keeps for a reader, so that all it ever holds is held from then on. */
static void console_flood(void)
{
	describe(0, SCRATCH, 0x40000, 0, 0);
}

static void control_no_port(void)
{
	tell(~0U, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

static void control_no_event(void)
{
	tell(0, 0xffff, 0xffff);
}

static void control_not_the_drivers(void)
{
	tell(0, VIRTIO_CONSOLE_PORT_REMOVE, 1);
}

static void control_short(void)
{
	queue.desc[0].len = sizeof(control) - 1;
}

static void control_no_room(void)
{
	queue.desc[0].len = 3;
}

/* --- entropy --- */

static void rng_everything(void)
{
	for (unsigned i = 0; i < QUEUE_SIZE; i++)
		describe(i, SCRATCH, SCRATCH_SIZE, (uint16_t)(DESC_WRITE | (i < QUEUE_SIZE - 1)),
		         (uint16_t)(i + 1));
}

static bool is_capped(void)
{
	return queue.used.ring[0].len > 0 && queue.used.ring[0].len <= 65536;
}

/* --- vsock --- */

static void packet(uint16_t op, uint32_t len)
{
	*(struct virtio_vsock_hdr *)buffer = (struct virtio_vsock_hdr){
		.src_cid = CID,
		.dst_cid = 2,
		.src_port = 77,
		.dst_port = 88,
		.len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = 4096,
	};
	describe(0, (uintptr_t)buffer, (uint32_t)sizeof(struct virtio_vsock_hdr) + len, 0, 0);
}

static struct virtio_vsock_hdr *head(void)
{
	return (struct virtio_vsock_hdr *)buffer;
}

static void build_packet(void)
{
	packet(VIRTIO_VSOCK_OP_RST, 0);
}

/* To a port at which nobody listens: the device answers. */
static void ask_for_answer(void)
{
	static struct virtio_vsock_hdr ask;

	ask = (struct virtio_vsock_hdr){
		.src_cid = CID,
		.dst_cid = 2,
		.src_port = 77,
		.dst_port = 88,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = VIRTIO_VSOCK_OP_RW,
	};
	help(&ask, sizeof(ask));
}

static void vsock_short(void)
{
	queue.desc[0].len = sizeof(struct virtio_vsock_hdr) - 1;
}

static void vsock_less_than_said(void)
{
	packet(VIRTIO_VSOCK_OP_RW, 64);
	queue.desc[0].len -= 32;
}

static void vsock_length_max(void)
{
	packet(VIRTIO_VSOCK_OP_RW, 64);
	head()->len = ~0U;
}

static void vsock_unknown_type(void)
{
	head()->type = 0xffff;
}

static void vsock_unknown_op(void)
{
	head()->op = 0xffff;
}

static void vsock_no_stream(void)
{
	packet(VIRTIO_VSOCK_OP_RW, 512);
}

static void vsock_credit_of_nobody(void)
{
	packet(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	head()->buf_alloc = ~0U;
	head()->fwd_cnt = 0x80000000;
}

static void vsock_other_sender(void)
{
	head()->src_cid = ~0ULL;
	head()->op = VIRTIO_VSOCK_OP_REQUEST;
}

static void vsock_other_receiver(void)
{
	head()->dst_cid = 1ULL << 40 | 2;
	head()->op = VIRTIO_VSOCK_OP_REQUEST;
}

/* More streams than there can be; the requests share what is said, but for the port. */
static void vsock_many_requests(void)
{
	packet(VIRTIO_VSOCK_OP_REQUEST, 0);
	for (uint32_t n = 0; n < 700; n++) {
		head()->src_port = 1000 + n;
		queue.avail.idx = (uint16_t)(n + 1);
		offer();
		while (*(volatile uint16_t *)&queue.used.idx != queue.avail.idx)
			__asm__ volatile("pause");
	}
}

#define NET_FEATURES (~0ULL & ~(1ULL << VIRTIO_F_RING_PACKED))
#define MULTIPORT    (1ULL << VIRTIO_CONSOLE_F_MULTIPORT)
#define TRANSPORT    (1ULL << VIRTIO_RING_F_INDIRECT_DESC | 1ULL << VIRTIO_RING_F_EVENT_IDX)

const struct role roles[] = {
	{ "blk", "blk", VIRTIO_ID_BLOCK, 0, -1, ~0ULL, build_blk, NULL },
	{ "net-rx", "net", VIRTIO_ID_NET, 0, 1, NET_FEATURES, build_write, send_frame },
	{ "net-tx", "net", VIRTIO_ID_NET, 1, -1, NET_FEATURES, build_frame, NULL },
	{ "net-ctrl", "net", VIRTIO_ID_NET, 2, -1, NET_FEATURES, build_ctrl, NULL },
	{ "console-in", "console", VIRTIO_ID_CONSOLE, 0, -1, TRANSPORT, build_write, NULL },
	{ "console-out", "console", VIRTIO_ID_CONSOLE, 1, -1, TRANSPORT, build_text, NULL },
	{ "console-told", "console", VIRTIO_ID_CONSOLE, 2, 3, TRANSPORT | MULTIPORT, build_write,
	  say_ready },
	{ "console-tells", "console", VIRTIO_ID_CONSOLE, 3, -1, TRANSPORT | MULTIPORT,
	  build_control, NULL },
	{ "port-in", "console", VIRTIO_ID_CONSOLE, 4, 3, TRANSPORT | MULTIPORT, build_write,
	  open_port },
	{ "port-out", "console", VIRTIO_ID_CONSOLE, 5, 3, TRANSPORT | MULTIPORT, build_text,
	  open_port },
	{ "rng", "rng", VIRTIO_ID_RNG, 0, -1, ~0ULL, build_write, NULL },
	{ "vsock-rx", "vsock", VIRTIO_ID_VSOCK, 0, 1, ~0ULL, build_write, ask_for_answer },
	{ "vsock-tx", "vsock", VIRTIO_ID_VSOCK, 1, -1, ~0ULL, build_packet, NULL },
};
const unsigned n_roles = sizeof(roles) / sizeof(roles[0]);

#define ON(role_, name_, expected_, said_, spoil_, ...)                                            \
	{                                                                                          \
		.name = (name_), .expected = (expected_), .said = (said_), .spoil = (spoil_),      \
		.role = (role_), __VA_ARGS__                                                       \
	}

const struct attack kind_attacks[] = {
	ON("blk", "header to write", EITHER, LINE, blk_header_writable),
	ON("blk", "one descriptor", EITHER, LINE, blk_one_descriptor),
	ON("blk", "two descriptors", ANSWERED, SILENCE, blk_two_descriptors, .check = is_fine),
	ON("blk", "data outside RAM", BREAKS, LINE, blk_data_outside),
	ON("blk", "data past the end of RAM", BREAKS, LINE, blk_data_past_end),
	ON("blk", "status outside RAM", BREAKS, LINE, blk_status_outside),
	ON("blk", "short header", EITHER, LINE, blk_header_short),
	ON("blk", "status to read", EITHER, LINE, blk_status_read_only),
	ON("blk", "status of no bytes", EITHER, LINE, blk_status_of_no_bytes),
	ON("blk", "odd length", ANSWERED, LINE, blk_odd_length, .check = is_refused),
	ON("blk", "sector behind the end", ANSWERED, LINE, blk_behind_end, .check = is_refused),
	ON("blk", "sectors across the end", ANSWERED, LINE, blk_across_end, .check = is_refused),
	ON("blk", "sector that wraps", ANSWERED, LINE, blk_sector_wraps, .check = is_refused),
	ON("blk", "sector 2^64 - 1", ANSWERED, LINE, blk_sector_max, .check = is_refused),
	ON("blk", "unknown type", ANSWERED, SILENCE, blk_unknown_type, .check = is_refused),
	ON("blk", "last sector to the last of RAM", ANSWERED, SILENCE, blk_last_of_disk_and_ram,
	   .check = is_fine),
	ON("blk", "discard of everything", ANSWERED, LINE, blk_discard_of_everything,
	   .check = is_refused),
	ON("blk", "zeroes past the end", ANSWERED, LINE, blk_zeroes_past_end, .check = is_refused),
	ON("blk", "half a segment", ANSWERED, LINE, blk_half_a_segment, .check = is_refused),
	ON("blk", "serial number of one byte", ANSWERED, SILENCE, blk_id_of_one_byte),
	ON("net-rx", "no bytes", ANY, ANYHOW, no_bytes),
	ON("net-rx", "one byte", ANY, ANYHOW, one_byte),
	ON("net-rx", "buffer to read", ANY, ANYHOW, read_only),
	ON("net-rx", "one buffer often", ANSWERED, SILENCE, same_head_often),
	ON("net-tx", "no bytes", EITHER, LINE, no_bytes),
	ON("net-tx", "one byte", EITHER, LINE, one_byte, .not_by_vhost = true),
	ON("net-tx", "half a header", EITHER, LINE, net_half_a_header, .not_by_vhost = true),
	ON("net-tx", "no frame", EITHER, LINE, net_header_only),
	ON("net-tx", "frame to write", EITHER, LINE, writable),
	ON("net-tx", "frame of 65563 bytes", EITHER, LINE, net_too_long),
	ON("net-tx", "frame of megabytes", EITHER, LINE, net_megabytes),
	ON("net-tx", "mad offsets", EITHER, SILENCE, net_mad_offsets, .not_by_vhost = true),
	ON("net-tx", "one frame often", ANSWERED, SILENCE, same_head_often),
	ON("net-ctrl", "unknown command", ANSWERED, SILENCE, ctrl_unknown),
	ON("net-ctrl", "one byte", EITHER, SILENCE, one_byte),
	ON("net-ctrl", "no answer wanted", EITHER, LINE, ctrl_without_answer),
	ON("net-ctrl", "65535 pairs", ANSWERED, SILENCE, ctrl_pairs),
	ON("net-ctrl", "endless table", ANSWERED, SILENCE, ctrl_endless_table),
	ON("console-in", "no bytes", ANY, ANYHOW, no_bytes),
	ON("console-in", "buffer to read", ANY, ANYHOW, read_only),
	ON("console-in", "one buffer often", ANSWERED, ANYHOW, same_head_often),
	ON("console-out", "no bytes", ANSWERED, SILENCE, no_bytes),
	ON("console-out", "buffer to write", ANSWERED, SILENCE, writable),
	ON("console-out", "one buffer often", ANSWERED, SILENCE, same_head_often),
	ON("console-out", "more than is kept", ANSWERED, SILENCE, console_flood),
	ON("console-told", "no room", BREAKS, LINE, control_no_room),
	ON("console-told", "buffer to read", BREAKS, LINE, read_only),
	ON("console-tells", "no such port", ANSWERED, LINE, control_no_port),
	ON("console-tells", "no such event", ANSWERED, LINE, control_no_event),
	ON("console-tells", "event of the device's", ANSWERED, LINE, control_not_the_drivers),
	ON("console-tells", "short message", ANSWERED, LINE, control_short),
	ON("console-tells", "one message often", ANSWERED, SILENCE, same_head_often),
	ON("port-in", "no bytes", ANY, ANYHOW, no_bytes),
	ON("port-in", "buffer to read", ANY, ANYHOW, read_only),
	ON("port-in", "one buffer often", ANSWERED, ANYHOW, same_head_often),
	ON("port-out", "no bytes", ANSWERED, SILENCE, no_bytes),
	ON("port-out", "buffer to write", ANSWERED, SILENCE, writable),
	ON("port-out", "one buffer often", ANSWERED, SILENCE, same_head_often),
	ON("port-out", "more than is kept", ANSWERED, SILENCE, console_flood),
	ON("rng", "no bytes", ANSWERED, SILENCE, no_bytes),
	ON("rng", "buffer to read", ANSWERED, SILENCE, read_only),
	ON("rng", "far too much", ANSWERED, SILENCE, rng_everything, .check = is_capped),
	ON("rng", "one buffer often", ANSWERED, SILENCE, same_head_often),
	ON("vsock-rx", "buffer to read", EITHER, LINE, read_only),
	ON("vsock-rx", "no room", EITHER, LINE, one_byte),
	ON("vsock-tx", "short header", EITHER, LINE, vsock_short),
	ON("vsock-tx", "less than is said", EITHER, LINE, vsock_less_than_said),
	ON("vsock-tx", "length of 4 GiB", EITHER, LINE, vsock_length_max),
	ON("vsock-tx", "unknown type", ANSWERED, LINE, vsock_unknown_type),
	ON("vsock-tx", "unknown operation", ANSWERED, SILENCE, vsock_unknown_op),
	ON("vsock-tx", "data for no stream", ANSWERED, SILENCE, vsock_no_stream),
	ON("vsock-tx", "credit for no stream", ANSWERED, SILENCE, vsock_credit_of_nobody),
	ON("vsock-tx", "somebody else's address", ANSWERED, LINE, vsock_other_sender),
	ON("vsock-tx", "another receiver", ANSWERED, LINE, vsock_other_receiver),
	ON("vsock-tx", "700 streams", ANSWERED, SILENCE, vsock_many_requests),
	ON("vsock-tx", "one packet often", ANSWERED, SILENCE, same_head_often),
};
const unsigned n_kind_attacks = sizeof(kind_attacks) / sizeof(kind_attacks[0]);
