/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net_rig.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <sys/socket.h>

#define BIT(n) (1ULL << (n))
#define MRG    BIT(VIRTIO_NET_F_MRG_RXBUF)
#define BUFFER 1526 /* bytes: what Linux offers for a frame without offloads */
#define ENOUGH (NET_HEADER + 18 + 1500) /* bytes that the card wants before it reads a frame */
#define ALL_ACK                                                                                    \
	(MRG | BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |                       \
	 BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) |      \
	 BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))

static struct net_rig rig;

static void set_up(void)
{
	net_rig_init(&rig, 0);
}

static void set_up_merging(void)
{
	net_rig_init(&rig, MRG);
}

static void set_up_all(void)
{
	net_rig_init(&rig, ALL_ACK);
}

static void tear_down(void)
{
	net_rig_fini(&rig);
}

static void expect_used(uint16_t qi, unsigned i, uint32_t head, uint32_t len)
{
	ck_assert_uint_gt(rig.ring[qi]->used->idx, i);
	ck_assert_uint_eq(rig.ring[qi]->used->ring[i].id, head);
	ck_assert_uint_eq(rig.ring[qi]->used->ring[i].len, len);
}

static unsigned num_buffers(const uint8_t *buffer)
{
	return buffer[10] | (unsigned)buffer[11] << 8;
}

START_TEST(new_describes_the_card)
{
	const struct virtio_net_config *c = (const void *)rig.dev->config;

	ck_assert_str_eq(rig.dev->label, "net2");
	ck_assert_mem_eq(c->mac, RIG_MAC, 6);
	ck_assert_uint_eq(c->status, VIRTIO_NET_S_LINK_UP);
	ck_assert_uint_eq(c->max_virtqueue_pairs, RIG_PAIRS);
	ck_assert_uint_eq(c->mtu, 1500);
	ck_assert_uint_eq(rig.dev->ops->n_queues, 2 * RIG_PAIRS + 1);
	ck_assert(rig.dev->features & BIT(VIRTIO_NET_F_MQ));
	ck_assert(rig.dev->features & BIT(VIRTIO_NET_F_MTU));
	ck_assert(!(rig.dev->features & BIT(VIRTIO_NET_F_GUEST_UFO)));
}
END_TEST

START_TEST(receive_fills_the_buffer)
{
	uint8_t *buffer = net_rig_lend(&rig, BUFFER);

	net_rig_arrive(&rig, NET_HEADER + 60, 7);
	net_rig_kick(&rig, 0);
	expect_used(0, 0, 0, NET_HEADER + 60);
	ck_assert_uint_eq(num_buffers(buffer), 1);
	ck_assert_uint_eq(buffer[NET_HEADER + 59], 7);
	ck_assert_uint_eq(buffer[NET_HEADER + 60], 0xaa);
}
END_TEST

START_TEST(receive_without_buffers_waits_and_does_not_spin)
{
	net_rig_arrive(&rig, NET_HEADER + 60, 7);
	net_rig_kick(&rig, 0);
	ck_assert_uint_eq(net_rig_serve(&rig), 0);
	net_rig_lend(&rig, BUFFER);
	net_rig_kick(&rig, 0);
	expect_used(0, 0, 0, NET_HEADER + 60);
}
END_TEST

/* The cable is watched again as soon as a buffer is there. */
START_TEST(receive_after_waiting_needs_no_notification)
{
	net_rig_arrive(&rig, NET_HEADER + 60, 7);
	net_rig_kick(&rig, 0);
	net_rig_lend(&rig, BUFFER);
	net_rig_lend(&rig, BUFFER);
	net_rig_kick(&rig, 0);
	net_rig_arrive(&rig, NET_HEADER + 61, 8);
	net_rig_serve(&rig);
	expect_used(0, 1, 1, NET_HEADER + 61);
}
END_TEST

START_TEST(receive_longer_than_the_buffer_is_lost_and_the_buffer_kept)
{
	uint8_t *buffer = net_rig_lend(&rig, 200);

	net_rig_arrive(&rig, 201, 7);
	net_rig_arrive(&rig, 200, 8);
	net_rig_kick(&rig, 0);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 1);
	expect_used(0, 0, 0, 200);
	ck_assert_uint_eq(buffer[199], 8);
	ck_assert_uint_eq(virtio_net_counters(rig.net)->lost, 1);
}
END_TEST

START_TEST(receive_merges_buffers_and_keeps_the_rest)
{
	uint8_t *buffer[4];

	for (unsigned i = 0; i < ARRAY_SIZE(buffer); i++)
		buffer[i] = net_rig_lend(&rig, 512);
	net_rig_arrive(&rig, 512 + 512 + 100, 7);
	net_rig_kick(&rig, 0);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 3);
	expect_used(0, 0, 0, 512);
	expect_used(0, 1, 1, 512);
	expect_used(0, 2, 2, 100);
	ck_assert_uint_eq(num_buffers(buffer[0]), 3);
	ck_assert_uint_eq(buffer[3][0], 0xaa);
	for (unsigned i = 0; i < 3; i++)
		net_rig_lend(&rig, 512);
	net_rig_arrive(&rig, 512, 9);
	net_rig_kick(&rig, 0);
	expect_used(0, 3, 3, 512);
	ck_assert_uint_eq(num_buffers(buffer[3]), 1);
	ck_assert_uint_eq(buffer[3][511], 9);
}
END_TEST

START_TEST(receive_merging_waits_for_room_for_the_greatest_frame)
{
	net_rig_lend(&rig, ENOUGH - 1);
	net_rig_arrive(&rig, NET_HEADER + 60, 7);
	net_rig_kick(&rig, 0);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 0);
	net_rig_lend(&rig, NET_HEADER);
	net_rig_kick(&rig, 0);
	expect_used(0, 0, 0, NET_HEADER + 60);
}
END_TEST

/* With all of its ring in our hands the driver cannot offer more. */
START_TEST(receive_merging_with_a_ring_that_is_too_small_gets_what_fits)
{
	for (unsigned i = 0; i < RIG_RING_SIZE; i++)
		net_rig_lend(&rig, NET_HEADER);
	net_rig_arrive(&rig, NET_HEADER * RIG_RING_SIZE + 1, 6);
	net_rig_arrive(&rig, NET_HEADER + 60, 7);
	net_rig_kick(&rig, 0);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 6);
}
END_TEST

START_TEST(receive_of_many_is_one_interrupt)
{
	uint64_t edges = 0;

	for (unsigned i = 0; i < 10; i++) {
		net_rig_lend(&rig, BUFFER);
		net_rig_arrive(&rig, NET_HEADER + 60, 7);
	}
	net_rig_kick(&rig, 0);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 10);
	ck_assert_int_eq(read(rig.dev->irq.fd, &edges, sizeof(edges)), sizeof(edges));
	ck_assert_uint_eq(edges, 1);
}
END_TEST

static const struct ring_buf bad_rx[] = {
	{ 0x20000, 2000, false }, /* not for writing */
	{ 0x20000, NET_HEADER - 1, true }, /* too short for a header */
	{ 0x20000, 0, true }, /* empty */
	{ 0x40000000, 2000, true }, /* outside RAM */
};

START_TEST(receive_buffer_that_no_driver_offers_stops_the_card)
{
	ring_chain(rig.ring[0], &bad_rx[_i], 1);
	net_rig_arrive(&rig, NET_HEADER + 60, 7);
	net_rig_kick(&rig, 0);
	ck_assert(net_rig_failed(&rig));
	ck_assert_uint_eq(rig.ring[0]->used->idx, 0);
	ck_assert_uint_eq(net_rig_serve(&rig), 0);
}
END_TEST

START_TEST(send_reaches_the_wire)
{
	net_rig_send(&rig, NET_HEADER + 60, 5);
	net_rig_kick(&rig, 1);
	ck_assert_uint_eq(net_rig_taken(&rig, 5), NET_HEADER + 60);
	expect_used(1, 0, 0, 0);
}
END_TEST

START_TEST(send_of_segments_is_one_frame)
{
	struct ring_buf buf[5];

	for (unsigned i = 0; i < ARRAY_SIZE(buf); i++) {
		buf[i] = (struct ring_buf){ ring_alloc(rig.ring[1], 7), 7, false };
		memset(ring_host(rig.ring[1], buf[i].addr), 3, 7);
	}
	ring_chain(rig.ring[1], buf, ARRAY_SIZE(buf));
	net_rig_kick(&rig, 1);
	ck_assert_uint_eq(net_rig_taken(&rig, 3), 35);
}
END_TEST

static const struct ring_buf bad_tx[] = {
	{ 0x20000, 0, false }, /* empty */
	{ 0x20000, 1, false }, /* not a header */
	{ 0x20000, NET_HEADER, false }, /* no frame */
	{ 0x20000, NET_HEADER + NET_FRAME_MAX + 1, false },
	{ 0x20000, 100, true }, /* not for reading */
};

START_TEST(send_of_what_is_no_frame_is_dropped)
{
	ring_chain(rig.ring[1], &bad_tx[_i], 1);
	net_rig_send(&rig, NET_HEADER + 60, 5);
	net_rig_kick(&rig, 1);
	ck_assert_uint_eq(rig.ring[1]->used->idx, 2);
	expect_used(1, 0, 0, 0);
	ck_assert_uint_eq(net_rig_taken(&rig, 5), NET_HEADER + 60);
	ck_assert_uint_eq(net_rig_taken(&rig, 5), 0);
	ck_assert(!net_rig_failed(&rig));
	ck_assert_uint_eq(virtio_net_counters(rig.net)->refused, 1);
}
END_TEST

START_TEST(send_greatest_frame_is_accepted)
{
	net_rig_send(&rig, NET_HEADER + NET_FRAME_MAX, 5);
	net_rig_kick(&rig, 1);
	ck_assert_uint_eq(net_rig_taken(&rig, 5), NET_HEADER + NET_FRAME_MAX);
}
END_TEST

/* Fill the wire with frames of 30,000 bytes, and take them out again. */
START_TEST(send_to_a_full_wire_waits_and_loses_nothing)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < 40; i++)
		net_rig_send(&rig, 30000, 5);
	net_rig_kick(&rig, 1);
	ck_assert_uint_lt(rig.ring[1]->used->idx, 40);
	ck_assert_uint_eq(net_rig_serve(&rig), 0);
	for (unsigned i = 0; i < 40; i++) {
		taken += net_rig_taken(&rig, 5) == 30000;
		net_rig_serve(&rig);
	}
	ck_assert_uint_eq(taken, 40);
	ck_assert_uint_eq(rig.ring[1]->used->idx, 40);
}
END_TEST

START_TEST(wire_that_is_gone_is_a_link_that_is_down)
{
	const struct virtio_net_config *c = (const void *)rig.dev->config;

	net_rig_lend(&rig, BUFFER);
	net_rig_kick(&rig, 0);
	ck_assert_int_eq(shutdown(rig.wire, SHUT_RDWR), 0);
	net_rig_serve(&rig);
	ck_assert_uint_eq(c->status, 0);
	net_rig_send(&rig, NET_HEADER + 60, 5);
	net_rig_kick(&rig, 1);
	expect_used(1, 0, 0, 0);
	ck_assert(!net_rig_failed(&rig));
}
END_TEST

START_TEST(wire_that_goes_while_frames_wait_gives_them_back)
{
	for (unsigned i = 0; i < 40; i++)
		net_rig_send(&rig, 30000, 5);
	net_rig_kick(&rig, 1);
	ck_assert_int_eq(shutdown(rig.wire, SHUT_RDWR), 0);
	net_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring[1]->used->idx, 40);
}
END_TEST

START_TEST(reset_lets_go_of_buffers_and_frames)
{
	net_rig_lend(&rig, BUFFER);
	net_rig_kick(&rig, 0);
	for (unsigned i = 0; i < 40; i++)
		net_rig_send(&rig, 30000, 5);
	net_rig_kick(&rig, 1);
	virtio_dev_reset(rig.dev);
	net_rig_arrive(&rig, NET_HEADER + 60, 7);
	ck_assert_uint_eq(net_rig_serve(&rig), 0);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 0);
}
END_TEST

START_TEST(wire_that_goes_while_there_is_no_driver_does_not_spin)
{
	virtio_dev_reset(rig.dev);
	ck_assert_int_eq(shutdown(rig.wire, SHUT_RDWR), 0);
	net_rig_serve(&rig);
	ck_assert_uint_eq(net_rig_serve(&rig), 0);
}
END_TEST

START_TEST(set_link_down_is_seen_and_loses_frames_both_ways)
{
	const struct virtio_net_config *c = (const void *)rig.dev->config;
	uint32_t generation = *virtio_dev_reg(rig.dev, VIRTIO_MMIO_CONFIG_GENERATION);

	net_rig_lend(&rig, BUFFER);
	net_rig_serve(&rig);
	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	ck_assert_uint_eq(c->status & VIRTIO_NET_S_LINK_UP, 0);
	ck_assert_uint_ne(*virtio_dev_reg(rig.dev, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	ck_assert_uint_ne(
	        *virtio_dev_reg(rig.dev, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG, 0);
	net_rig_arrive(&rig, 72, 0x11);
	net_rig_send(&rig, 72, 0x22);
	net_rig_kick(&rig, 1);
	ck_assert_uint_eq(net_rig_serve(&rig), 0); /* what has come does not keep us awake */
	expect_used(1, 0, 0, 0);
	ck_assert_uint_eq(net_rig_taken(&rig, 0x22), 0);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 0);
	ck_assert_uint_eq(virtio_net_counters(rig.net)->lost, 1);
	ck_assert_int_eq(virtio_net_set_link(rig.net, true), 0);
	ck_assert_uint_eq(virtio_net_counters(rig.net)->lost, 2);
}
END_TEST

START_TEST(set_link_up_again_works_and_gives_nothing_old)
{
	const struct virtio_net_config *c = (const void *)rig.dev->config;
	uint8_t *buffer = net_rig_lend(&rig, BUFFER);

	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	net_rig_arrive(&rig, 72, 0x11);
	net_rig_serve(&rig);
	ck_assert_int_eq(virtio_net_set_link(rig.net, true), 0);
	ck_assert_uint_eq(c->status, VIRTIO_NET_S_LINK_UP);
	net_rig_arrive(&rig, 80, 0x33);
	net_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 1);
	expect_used(0, 0, 0, 80);
	ck_assert_uint_eq(buffer[NET_HEADER], 0x33);
	net_rig_send(&rig, 72, 0x44);
	net_rig_kick(&rig, 1);
	ck_assert_uint_eq(net_rig_taken(&rig, 0x44), 72);
}
END_TEST

START_TEST(set_link_down_gives_back_the_frame_that_waits)
{
	for (unsigned i = 0; i < 40; i++)
		net_rig_send(&rig, 30000, 5);
	net_rig_kick(&rig, 1);
	ck_assert_uint_lt(rig.ring[1]->used->idx, 40);
	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	net_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring[1]->used->idx, 40);
}
END_TEST

START_TEST(set_link_survives_a_reset)
{
	const struct virtio_net_config *c = (const void *)rig.dev->config;

	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	virtio_dev_reset(rig.dev);
	ck_assert_uint_eq(c->status & VIRTIO_NET_S_LINK_UP, 0);
}
END_TEST

START_TEST(set_link_up_of_a_cable_that_is_gone_is_refused)
{
	ck_assert_int_eq(shutdown(rig.wire, SHUT_RDWR), 0);
	net_rig_serve(&rig);
	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	ck_assert_int_eq(virtio_net_set_link(rig.net, true), -EPIPE);
}
END_TEST

START_TEST(command_sets_the_address_until_reset)
{
	static const uint8_t set[] = { 1, 1, 2, 0, 0, 0, 0, 9 };

	ck_assert_uint_eq(net_rig_command(&rig, set, sizeof(set)), VIRTIO_NET_OK);
	ck_assert_mem_eq(rig.dev->config, set + 2, 6);
	virtio_dev_reset(rig.dev);
	ck_assert_mem_eq(rig.dev->config, RIG_MAC, 6);
}
END_TEST

START_TEST(command_sets_the_pairs)
{
	ck_assert_uint_eq(rig.pairs_used, 1);
	ck_assert_uint_eq(net_rig_command(&rig, "\x04\x00\x02\x00", 4), VIRTIO_NET_OK);
	ck_assert_uint_eq(rig.pairs_used, 2);
	ck_assert_uint_eq(net_rig_command(&rig, "\x04\x00\x03\x00", 4), VIRTIO_NET_ERR);
	ck_assert_uint_eq(rig.pairs_used, 2);
}
END_TEST

START_TEST(command_sets_offloads_that_were_acknowledged)
{
	const uint8_t off[10] = { 5, 0 }, more[10] = { 5, 0, 0, 2 };

	ck_assert_uint_eq(rig.offloads,
	                  1 << VIRTIO_NET_F_GUEST_CSUM | 1 << VIRTIO_NET_F_GUEST_TSO4);
	ck_assert_uint_eq(net_rig_command(&rig, off, sizeof(off)), VIRTIO_NET_OK);
	ck_assert_uint_eq(rig.offloads, 0);
	ck_assert_uint_eq(net_rig_command(&rig, more, sizeof(more)), VIRTIO_NET_ERR);
}
END_TEST

static const char *const unacked[] = { "\1\1\2\0\0\0\0\3", "\4\0\1\0\0\0\0\0", "\5\0\0\0\0\0\0\0" };
static const uint32_t unacked_len[] = { 8, 4, 10 };

START_TEST(command_of_a_feature_that_was_not_acknowledged_is_refused)
{
	uint8_t data[10] = { 0 };

	memcpy(data, unacked[_i], 8);
	ck_assert_uint_eq(net_rig_command(&rig, data, unacked_len[_i]), VIRTIO_NET_ERR);
}
END_TEST

START_TEST(command_without_room_for_an_answer_stops_the_card)
{
	ring_chain(rig.ring[2], &(struct ring_buf){ 0x20000, 3, false }, 1);
	net_rig_kick(&rig, 2);
	ck_assert(net_rig_failed(&rig));
}
END_TEST

static TCase *make_case(const char *name, void (*setup)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, setup, tear_down);
	return t;
}

static void add_receive(Suite *s)
{
	TCase *t = make_case("receive", set_up), *m = make_case("merge", set_up_merging);

	tcase_add_test(t, receive_fills_the_buffer);
	tcase_add_test(t, receive_without_buffers_waits_and_does_not_spin);
	tcase_add_test(t, receive_after_waiting_needs_no_notification);
	tcase_add_test(t, receive_longer_than_the_buffer_is_lost_and_the_buffer_kept);
	tcase_add_test(t, receive_of_many_is_one_interrupt);
	tcase_add_loop_test(t, receive_buffer_that_no_driver_offers_stops_the_card, 0,
	                    ARRAY_SIZE(bad_rx));
	tcase_add_test(m, receive_merges_buffers_and_keeps_the_rest);
	tcase_add_test(m, receive_merging_waits_for_room_for_the_greatest_frame);
	tcase_add_test(m, receive_merging_with_a_ring_that_is_too_small_gets_what_fits);
	tcase_add_loop_test(m, receive_buffer_that_no_driver_offers_stops_the_card, 0,
	                    ARRAY_SIZE(bad_rx));
	suite_add_tcase(s, t);
	suite_add_tcase(s, m);
}

static void add_send(Suite *s)
{
	TCase *t = make_case("send", set_up);

	tcase_add_test(t, send_reaches_the_wire);
	tcase_add_test(t, send_of_segments_is_one_frame);
	tcase_add_loop_test(t, send_of_what_is_no_frame_is_dropped, 0, ARRAY_SIZE(bad_tx));
	tcase_add_test(t, send_greatest_frame_is_accepted);
	tcase_add_test(t, send_to_a_full_wire_waits_and_loses_nothing);
	suite_add_tcase(s, t);
}

static void add_life(Suite *s)
{
	TCase *t = make_case("life", set_up), *c = make_case("control", set_up_all);

	tcase_add_test(t, new_describes_the_card);
	tcase_add_test(t, wire_that_is_gone_is_a_link_that_is_down);
	tcase_add_test(t, wire_that_goes_while_frames_wait_gives_them_back);
	tcase_add_test(t, wire_that_goes_while_there_is_no_driver_does_not_spin);
	tcase_add_test(t, reset_lets_go_of_buffers_and_frames);
	tcase_add_test(t, set_link_down_is_seen_and_loses_frames_both_ways);
	tcase_add_test(t, set_link_up_again_works_and_gives_nothing_old);
	tcase_add_test(t, set_link_down_gives_back_the_frame_that_waits);
	tcase_add_test(t, set_link_survives_a_reset);
	tcase_add_test(t, set_link_up_of_a_cable_that_is_gone_is_refused);
	tcase_add_loop_test(t, command_of_a_feature_that_was_not_acknowledged_is_refused, 0,
	                    ARRAY_SIZE(unacked));
	tcase_add_test(t, command_without_room_for_an_answer_stops_the_card);
	tcase_add_test(c, command_sets_the_address_until_reset);
	tcase_add_test(c, command_sets_the_pairs);
	tcase_add_test(c, command_sets_offloads_that_were_acknowledged);
	suite_add_tcase(s, t);
	suite_add_tcase(s, c);
}

int main(void)
{
	Suite *s = suite_create("virtio_net");

	add_receive(s);
	add_send(s);
	add_life(s);
	return run_suite(s);
}
