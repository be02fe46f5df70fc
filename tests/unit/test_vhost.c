/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vhost.h"
#include "tests/unit/net_rig.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#define BIT(n) (1ULL << (n))
#define MRG    BIT(VIRTIO_NET_F_MRG_RXBUF)
#define VRINGS 2
#define MQ_ACK (MRG | BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ))

/* A back-end that keeps what it is told and touches no ring. */
struct fake {
	struct vhost base;
	unsigned owners, tables;
	struct vhost_fds fds[VRINGS];
	uint64_t features;
	struct vhost_vring ring[VRINGS];
	bool on[VRINGS];
	uint16_t next[VRINGS]; /* where it says that it was */
	int enable_r, base_r; /* what those return */
};

/* The card owns its back-ends, so these do not free. */
static struct fake fake[RIG_PAIRS];
static struct net_rig rig;
static unsigned closed;

static struct fake *of(struct vhost *v)
{
	return container_of(v, struct fake, base);
}

static int set_owner(struct vhost *v)
{
	of(v)->owners++;
	return 0;
}

static int set_mem_table(struct vhost *v, const struct gmem *mem)
{
	of(v)->tables += mem->n_regions;
	return 0;
}

static int set_vring_fds(struct vhost *v, unsigned i, const struct vhost_fds *fds)
{
	of(v)->fds[i] = *fds;
	return 0;
}

static int set_features(struct vhost *v, uint64_t features)
{
	of(v)->features = features;
	return 0;
}

static int set_vring(struct vhost *v, unsigned i, const struct vhost_vring *r)
{
	ck_assert(!of(v)->on[i]);
	of(v)->ring[i] = *r;
	return 0;
}

static int enable(struct vhost *v, unsigned i, bool on)
{
	of(v)->on[i] = on;
	return on ? of(v)->enable_r : 0;
}

static int get_vring_base(struct vhost *v, unsigned i, uint16_t *ret_next)
{
	ck_assert(!of(v)->on[i]);
	*ret_next = of(v)->next[i];
	return of(v)->base_r;
}

static void close_fake(struct vhost *v)
{
	(void)v;
	closed++;
}

static const struct vhost_ops fake_ops = {
	.set_owner = set_owner,
	.set_mem_table = set_mem_table,
	.set_vring_fds = set_vring_fds,
	.set_features = set_features,
	.set_vring = set_vring,
	.enable = enable,
	.get_vring_base = get_vring_base,
	.close = close_fake,
};

static void start(uint64_t acked)
{
	struct vhost *vhost[RIG_PAIRS];

	for (unsigned i = 0; i < RIG_PAIRS; i++) {
		vhost_init(&fake[i].base, &fake_ops, "fake", VRINGS);
		fake[i].base.judged = MRG | BIT(VIRTIO_RING_F_EVENT_IDX);
		fake[i].base.features = MRG;
		vhost[i] = &fake[i].base;
	}
	net_rig_init_vhost(&rig, acked, vhost);
}

static void set_up(void)
{
	ck_assert_int_eq(log_open(NULL, LOG_ERROR, NULL), 0);
	memset(fake, 0, sizeof(fake));
	closed = 0;
	start(MQ_ACK);
}

static void tear_down(void)
{
	net_rig_fini(&rig);
	ck_assert_uint_eq(closed, RIG_PAIRS);
}

START_TEST(attach_offers_what_the_back_end_can)
{
	ck_assert_uint_eq(rig.dev->features & BIT(VIRTIO_RING_F_EVENT_IDX), 0);
	ck_assert_uint_ne(rig.dev->features & MRG, 0);
	ck_assert_uint_ne(rig.dev->features & BIT(VIRTIO_RING_F_INDIRECT_DESC), 0);
}
END_TEST

START_TEST(begin_tells_memory_and_eventfds)
{
	struct err e = { 0 };

	ck_assert_int_eq(vhost_begin(rig.dev, &rig.ring[0]->mem, &e), 0);
	ck_assert_uint_eq(fake[1].owners, 1);
	ck_assert_uint_eq(fake[1].tables, rig.ring[0]->mem.n_regions);
	ck_assert_int_eq(fake[1].fds[1].kick, rig.dev->queue[3].kick.fd);
	ck_assert_int_eq(fake[1].fds[1].call, rig.dev->irq.fd);
	ck_assert_int_eq(fake[1].fds[1].err, fake[1].base.err.fd);
}
END_TEST

START_TEST(activate_hands_over_the_first_pair)
{
	ck_assert(fake[0].on[0] && fake[0].on[1]);
	ck_assert(!fake[1].on[0] && !fake[1].on[1]);
	ck_assert_uint_eq(fake[0].features, MRG);
	ck_assert_uint_eq(fake[0].ring[1].size, RIG_RING_SIZE);
	ck_assert_uint_eq(fake[0].ring[1].next, 0);
	ck_assert_ptr_eq(fake[0].ring[1].desc, rig.ring[1]->desc);
	ck_assert_ptr_eq(fake[0].ring[1].avail, rig.ring[1]->avail);
	ck_assert_ptr_eq(fake[0].ring[1].used, rig.ring[1]->used);
}
END_TEST

START_TEST(notification_of_a_lent_queue_is_not_ours)
{
	net_rig_send(&rig, 72, 5);
	net_rig_kick(&rig, 1);
	ck_assert_uint_eq(net_rig_taken(&rig, 5), 0);
	ck_assert_uint_eq(rig.ring[1]->used->idx, 0);
	net_rig_arrive(&rig, 72, 5);
	ck_assert_uint_eq(net_rig_serve(&rig), 0);
}
END_TEST

START_TEST(command_moves_pairs_to_the_back_end_and_back)
{
	ck_assert_uint_eq(net_rig_command(&rig, "\x04\x00\x02\x00", 4), VIRTIO_NET_OK);
	ck_assert(fake[0].on[1] && fake[1].on[0] && fake[1].on[1]);
	ck_assert_uint_eq(net_rig_command(&rig, "\x04\x00\x01\x00", 4), VIRTIO_NET_OK);
	ck_assert(fake[0].on[1] && !fake[1].on[0] && !fake[1].on[1]);
}
END_TEST

START_TEST(interrupt_of_the_back_end_is_a_true_one)
{
	ck_assert_uint_eq(*virtio_dev_reg(rig.dev, VIRTIO_MMIO_INTERRUPT_STATUS),
	                  VIRTIO_MMIO_INT_VRING);
}
END_TEST

START_TEST(reset_takes_the_rings_back)
{
	virtio_dev_reset(rig.dev);
	ck_assert(!fake[0].on[0] && !fake[0].on[1]);
	ck_assert(!rig.dev->queue[0].lent && !rig.dev->queue[1].lent);
	ck_assert_uint_eq(*virtio_dev_reg(rig.dev, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}
END_TEST

START_TEST(reset_and_start_hands_over_again)
{
	virtio_dev_reset(rig.dev);
	rig.dev->acked = MRG;
	ring_start(rig.ring[1], &rig.dev->queue[1].ring);
	virtio_dev_start(rig.dev);
	ck_assert(!fake[0].on[0]); /* the driver left it alone */
	ck_assert(fake[0].on[1]);
}
END_TEST

/* The back-end has sent one frame; the next one is lost, as there is no link, and the one after
 * that is the back-end's again. */
START_TEST(link_comes_and_goes_where_the_back_end_was)
{
	net_rig_send(&rig, 72, 5);
	net_rig_send(&rig, 72, 5);
	rig.ring[1]->used->idx = 1;
	fake[0].next[1] = 1;
	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	net_rig_serve(&rig);
	ck_assert(!fake[0].on[0] && !fake[0].on[1]);
	ck_assert_uint_eq(rig.ring[1]->used->idx, 2);
	ck_assert_uint_eq(net_rig_taken(&rig, 5), 0);
	ck_assert_int_eq(virtio_net_set_link(rig.net, true), 0);
	ck_assert(fake[0].on[0] && fake[0].on[1]);
	ck_assert_uint_eq(fake[0].ring[1].next, 2);
	ck_assert_uint_eq(fake[0].ring[0].next, 0);
}
END_TEST

/* What was borrowed for a frame that did not come is the back-end's. */
START_TEST(link_that_comes_hands_over_borrowed_buffers)
{
	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	net_rig_lend(&rig, 1526);
	net_rig_kick(&rig, 0);
	ck_assert_int_eq(virtio_net_set_link(rig.net, true), 0);
	ck_assert_uint_eq(fake[0].ring[0].next, 0);
	ck_assert_uint_eq(rig.ring[0]->used->idx, 0);
}
END_TEST

START_TEST(broken_ring_stops_the_card_until_reset)
{
	const uint64_t one = 1;

	ck_assert_int_eq(write(fake[0].base.err.fd, &one, sizeof(one)), sizeof(one));
	net_rig_serve(&rig);
	ck_assert(net_rig_failed(&rig));
	ck_assert(!fake[0].on[0] && !fake[0].on[1]);
	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	ck_assert_int_eq(virtio_net_set_link(rig.net, true), 0);
	ck_assert(!fake[0].on[0]);
}
END_TEST

START_TEST(broken_word_of_an_old_driver_is_forgotten)
{
	const uint64_t one = 1;

	virtio_dev_reset(rig.dev);
	ck_assert_int_eq(write(fake[0].base.err.fd, &one, sizeof(one)), sizeof(one));
	ring_start(rig.ring[1], &rig.dev->queue[1].ring);
	virtio_dev_start(rig.dev);
	net_rig_serve(&rig);
	ck_assert(!net_rig_failed(&rig));
}
END_TEST

START_TEST(back_end_that_does_not_start_stops_the_card)
{
	virtio_dev_reset(rig.dev);
	fake[0].enable_r = -EINVAL;
	ring_start(rig.ring[1], &rig.dev->queue[1].ring);
	virtio_dev_start(rig.dev);
	ck_assert(net_rig_failed(&rig));
	ck_assert(!fake[0].on[1]);
	ck_assert(!rig.dev->queue[0].lent);
}
END_TEST

START_TEST(back_end_that_does_not_give_back_stops_the_card)
{
	fake[0].base_r = -EIO;
	ck_assert_int_eq(virtio_net_set_link(rig.net, false), 0);
	ck_assert(net_rig_failed(&rig));
	ck_assert(rig.dev->queue[1].ring.broken);
	virtio_dev_reset(rig.dev);
	ck_assert(!rig.dev->queue[1].ring.broken);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vhost");
	TCase *t = tcase_create("vhost");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, attach_offers_what_the_back_end_can);
	tcase_add_test(t, begin_tells_memory_and_eventfds);
	tcase_add_test(t, activate_hands_over_the_first_pair);
	tcase_add_test(t, notification_of_a_lent_queue_is_not_ours);
	tcase_add_test(t, command_moves_pairs_to_the_back_end_and_back);
	tcase_add_test(t, interrupt_of_the_back_end_is_a_true_one);
	tcase_add_test(t, reset_takes_the_rings_back);
	tcase_add_test(t, reset_and_start_hands_over_again);
	tcase_add_test(t, link_comes_and_goes_where_the_back_end_was);
	tcase_add_test(t, link_that_comes_hands_over_borrowed_buffers);
	tcase_add_test(t, broken_ring_stops_the_card_until_reset);
	tcase_add_test(t, broken_word_of_an_old_driver_is_forgotten);
	tcase_add_test(t, back_end_that_does_not_start_stops_the_card);
	tcase_add_test(t, back_end_that_does_not_give_back_stops_the_card);
	suite_add_tcase(s, t);
	return run_suite(s);
}
