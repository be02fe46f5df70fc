/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vhost_user.h"
#include "devices/virtio_user.h"
#include "tests/unit/ring.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BIT(n) (1ULL << (n))

/* Spec: vhost-user.rst. */
#define PROTOCOL   BIT(30)
#define VERSION_1  BIT(VIRTIO_F_VERSION_1)
#define REPLY_ACK  BIT(3)
#define CONFIG     BIT(9)
#define MQ         BIT(0)
#define REPLY      5U /* flags: version 1, reply */
#define NEED_REPLY 9U

enum {
	GET_FEATURES = 1,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	GET_VRING_BASE = 11,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	GET_CONFIG = 24,
};

/* The back-end's end of the socket. What it answers is sent before it is asked. */
static int theirs, ours;
static struct vhost *v;
static struct err e;

static void setup(void)
{
	int pair[2];

	ck_assert_int_eq(log_open(NULL, LOG_ERROR, NULL), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ours = pair[0];
	theirs = pair[1];
	v = NULL;
}

static void teardown(void)
{
	if (v)
		v->ops->close(v);
	close(theirs);
}

static void answer(uint32_t request, uint32_t flags, const void *payload, uint32_t size)
{
	const uint32_t head[3] = { request, flags, size };

	ck_assert_int_eq(send(theirs, head, sizeof(head), 0), (ssize_t)sizeof(head));
	if (size > 0)
		ck_assert_int_eq(send(theirs, payload, size, 0), (ssize_t)size);
}

static void answer_u64(uint32_t request, uint64_t value)
{
	answer(request, REPLY, &value, sizeof(value));
}

/* A message of ours; its payload, and a descriptor that came with it, or -1. */
static uint32_t heard(uint8_t payload[400], uint32_t *flags, int *fd)
{
	uint32_t head[3];
	char control[CMSG_SPACE(4 * sizeof(int))] = { 0 };
	struct iovec iov = { head, sizeof(head) };
	struct msghdr m = { .msg_iov = &iov,
		            .msg_iovlen = 1,
		            .msg_control = control,
		            .msg_controllen = sizeof(control) };

	ck_assert_int_eq(recvmsg(theirs, &m, MSG_DONTWAIT), (ssize_t)sizeof(head));
	ck_assert_uint_le(head[2], 400);
	if (head[2] > 0)
		ck_assert_int_eq(recv(theirs, payload, head[2], MSG_DONTWAIT), (ssize_t)head[2]);
	*flags = head[1];
	*fd = -1;
	if (CMSG_FIRSTHDR(&m))
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(*fd));
	return head[0];
}

static int open_back_end(size_t config_size, void *config)
{
	const struct vhost_user_setup s = {
		.fd = ours, .n_vrings = 2, .features = BIT(5), .config_size = config_size
	};

	return vhost_user_open(&v, &s, config, &e);
}

/* One that agrees to everything. */
static void answer_well(uint64_t protocol)
{
	answer_u64(GET_FEATURES, PROTOCOL | VERSION_1 | BIT(5) | BIT(6));
	answer_u64(GET_PROTOCOL_FEATURES, protocol | BIT(1) | BIT(40));
	if (protocol & REPLY_ACK && protocol & MQ)
		answer_u64(GET_QUEUE_NUM, 2);
}

START_TEST(open_takes_what_both_sides_know)
{
	uint8_t payload[400];
	uint32_t flags;
	int fd;

	answer_well(REPLY_ACK | CONFIG | MQ);
	ck_assert_int_eq(open_back_end(0, NULL), 0);
	ck_assert_uint_eq(v->features, VERSION_1 | BIT(5));
	ck_assert_uint_eq(v->judged, ~0ULL);
	ck_assert_uint_eq(heard(payload, &flags, &fd), GET_FEATURES);
	ck_assert_uint_eq(flags, 1);
	ck_assert_uint_eq(heard(payload, &flags, &fd), GET_PROTOCOL_FEATURES);
	ck_assert_uint_eq(heard(payload, &flags, &fd), SET_PROTOCOL_FEATURES);
	ck_assert_mem_eq(payload, (&(uint64_t){ REPLY_ACK | CONFIG | MQ }), 8);
}
END_TEST

START_TEST(open_reads_the_config_space)
{
	uint8_t space[12 + 60] = { [4] = 60, [12] = 0xaa, [12 + 59] = 0xbb };
	uint8_t config[60] = { 0 };

	answer_well(CONFIG);
	answer(GET_CONFIG, REPLY, space, sizeof(space));
	ck_assert_int_eq(open_back_end(sizeof(config), config), 0);
	ck_assert_uint_eq(config[0], 0xaa);
	ck_assert_uint_eq(config[59], 0xbb);
}
END_TEST

START_TEST(open_without_config_space_is_refused)
{
	uint8_t config[60];

	answer_well(REPLY_ACK);
	ck_assert_int_eq(open_back_end(sizeof(config), config), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(e.msg, "does not tell its config space"));
}
END_TEST

static const uint64_t old[] = { PROTOCOL, VERSION_1, 0 };

START_TEST(open_of_an_old_back_end_is_refused)
{
	answer_u64(GET_FEATURES, old[_i]);
	answer_u64(GET_PROTOCOL_FEATURES, 0);
	ck_assert_int_eq(open_back_end(0, NULL), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(e.msg, "too old"));
}
END_TEST

START_TEST(open_with_too_few_queues_is_refused)
{
	answer_u64(GET_FEATURES, PROTOCOL | VERSION_1);
	answer_u64(GET_PROTOCOL_FEATURES, MQ);
	answer_u64(GET_QUEUE_NUM, 1);
	ck_assert_int_eq(open_back_end(0, NULL), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(e.msg, "has 1 queues, not 2"));
}
END_TEST

START_TEST(open_after_its_death_is_refused)
{
	shutdown(theirs, SHUT_RDWR);
	ck_assert_int_eq(open_back_end(0, NULL), -EPIPE);
	ck_assert_ptr_nonnull(strstr(e.msg, "cannot negotiate"));
}
END_TEST

/* First answers that make no sense. */
static const struct {
	uint32_t request, flags, size;
} wrong[] = {
	{ GET_PROTOCOL_FEATURES, REPLY, 8 },
	{ GET_FEATURES, 1, 8 },
	{ GET_FEATURES, 4, 8 },
	{ GET_FEATURES, REPLY, 4 },
	{ GET_FEATURES, REPLY, UINT32_MAX },
	{ UINT32_MAX, REPLY, 8 },
};

START_TEST(open_with_an_answer_that_makes_no_sense_is_refused)
{
	const uint32_t head[3] = { wrong[_i].request, wrong[_i].flags, wrong[_i].size };

	ck_assert_int_eq(send(theirs, head, sizeof(head), 0), (ssize_t)sizeof(head));
	ck_assert_int_eq(open_back_end(0, NULL), -EPROTO);
}
END_TEST

START_TEST(answer_that_ends_in_the_middle_is_refused)
{
	const uint32_t head[3] = { GET_FEATURES, REPLY, 8 };

	ck_assert_int_eq(send(theirs, head, sizeof(head), 0), (ssize_t)sizeof(head));
	ck_assert_int_eq(send(theirs, "1234", 4, 0), 4);
	shutdown(theirs, SHUT_WR);
	ck_assert_int_eq(open_back_end(0, NULL), -EPIPE);
}
END_TEST

/* Skip what the opening said. */
static void open_and_skip(uint64_t protocol)
{
	uint8_t payload[400];
	uint32_t flags, request;
	int fd;

	answer_well(protocol);
	ck_assert_int_eq(open_back_end(0, NULL), 0);
	do {
		request = heard(payload, &flags, &fd);
	} while (request != SET_PROTOCOL_FEATURES);
}

START_TEST(mem_table_hands_over_shared_memory)
{
	struct gmem mem = { 0 };
	uint8_t payload[400];
	uint64_t region[4];
	struct stat a, b;
	uint32_t flags;
	int fd;

	ck_assert_int_eq(gmem_add(&mem, GPA(0), 0x200000, &e), 0);
	ck_assert_int_eq(gmem_share(&mem, &e), 0);
	open_and_skip(REPLY_ACK);
	answer_u64(SET_MEM_TABLE, 0);
	ck_assert_int_eq(v->ops->set_mem_table(v, &mem), 0);
	ck_assert_uint_eq(heard(payload, &flags, &fd), SET_MEM_TABLE);
	ck_assert_uint_eq(flags, NEED_REPLY);
	ck_assert_uint_eq(payload[0], 1);
	memcpy(region, payload + 8, sizeof(region));
	ck_assert_uint_eq(region[0], 0);
	ck_assert_uint_eq(region[1], 0x200000);
	ck_assert_uint_eq(region[2], (uintptr_t)mem.region[0].host);
	ck_assert_uint_eq(region[3], 0);
	ck_assert_int_eq(fstat(fd, &a), 0);
	ck_assert_int_eq(fstat(mem.region[0].fd, &b), 0);
	ck_assert_uint_eq(a.st_ino, b.st_ino);
	ck_assert_int_lt(ftruncate(fd, 0), 0); /* its size is sealed */
	close(fd);
	gmem_fini(&mem);
}
END_TEST

START_TEST(mem_table_of_private_memory_is_refused)
{
	struct gmem mem = { 0 };

	ck_assert_int_eq(gmem_add(&mem, GPA(0), 0x200000, &e), 0);
	open_and_skip(0);
	ck_assert_int_eq(v->ops->set_mem_table(v, &mem), -EINVAL);
	gmem_fini(&mem);
}
END_TEST

START_TEST(refusal_is_the_end_of_it)
{
	open_and_skip(REPLY_ACK);
	answer_u64(SET_OWNER, 1);
	ck_assert_int_eq(v->ops->set_owner(v), -EIO);
	ck_assert_int_eq(v->ops->set_owner(v), -EIO);
}
END_TEST

/* --- a shared folder whose daemon dies --- */

struct folder {
	struct loop loop;
	struct virtio_user *user;
	struct virtio_dev *dev;
	struct ring *ring[2];
};

static void folder_open(struct folder *f)
{
	const struct virtio_user_setup s = { .kind = VIRTIO_USER_FS, .fd = ours, .tag = "home" };

	answer_well(0); /* without REPLY_ACK only questions are answered */
	ck_assert_int_eq(loop_init(&f->loop, &e), 0);
	ck_assert_msg(virtio_user_new(&f->user, &s, &f->loop, &e) == 0, "%s", e.msg);
	f->dev = virtio_user_dev(f->user);
	f->dev->acked = VERSION_1;
	for (unsigned i = 0; i < 2; i++) {
		f->ring[i] = ring_new(8);
		ring_start(f->ring[i], &f->dev->queue[i].ring);
	}
	virtio_dev_start(f->dev);
}

static void folder_serve(struct folder *f)
{
	struct epoll_event ev[8];
	int n;

	while ((n = epoll_wait(f->loop.epoll_fd, ev, 1, 0)) > 0) {
		struct loop_source *s = ev[0].data.ptr;

		s->ready(s, ev[0].events);
	}
}

static void folder_close(struct folder *f)
{
	virtio_user_free(f->user);
	loop_fini(&f->loop);
	ring_free(f->ring[0]);
	ring_free(f->ring[1]);
}

/* A request, with @room bytes for the answer. Returns where that goes. */
static void *ask(struct folder *f, uint64_t unique, uint32_t room)
{
	const struct fuse_in_header in = { .len = sizeof(in),
		                           .opcode = FUSE_GETATTR,
		                           .unique = unique };
	struct ring *r = f->ring[1];
	const struct ring_buf buf[] = {
		{ .addr = ring_alloc(r, sizeof(in)), .len = sizeof(in) },
		{ .addr = ring_alloc(r, 64), .len = room, .write = true },
	};

	memcpy(ring_host(r, buf[0].addr), &in, sizeof(in));
	ring_chain(r, buf, room > 0 ? 2 : 1);
	return ring_host(r, buf[1].addr);
}

/* --- disks and network cards --- */

/* One queue of a device is started, without REPLY_ACK: only questions are answered. */
static struct virtio_dev *device_open(struct folder *f, enum virtio_user_kind kind)
{
	const struct virtio_user_setup s = { .kind = kind, .fd = ours };

	ck_assert_int_eq(loop_init(&f->loop, &e), 0);
	ck_assert_msg(virtio_user_new(&f->user, &s, &f->loop, &e) == 0, "%s", e.msg);
	f->dev = virtio_user_dev(f->user);
	f->dev->acked = VERSION_1;
	f->ring[0] = ring_new(8);
	ring_start(f->ring[0], &f->dev->queue[0].ring);
	virtio_dev_start(f->dev);
	return f->dev;
}

static void answer_disk(void)
{
	const uint64_t capacity = 2048;
	uint8_t space[12 + 60] = { [4] = 60 };

	memcpy(space + 12, &capacity, sizeof(capacity));
	answer_u64(GET_FEATURES, PROTOCOL | VERSION_1 | BIT(VIRTIO_BLK_F_FLUSH) | BIT(40));
	answer_u64(GET_PROTOCOL_FEATURES, CONFIG);
	answer(GET_CONFIG, REPLY, space, sizeof(space));
}

START_TEST(disk_is_what_its_back_end_says)
{
	struct folder f = { 0 };
	struct virtio_dev *d;

	answer_disk();
	d = device_open(&f, VIRTIO_USER_BLK);
	ck_assert_uint_eq(virtio_dev_config_read(d, 0, 8), 2048);
	ck_assert_uint_eq(d->features, VERSION_1 | BIT(VIRTIO_BLK_F_FLUSH));
	ck_assert(!(virtio_dev_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET));
	folder_close(&f);
}
END_TEST

START_TEST(disk_whose_back_end_dies_asks_for_a_reset)
{
	struct folder f = { 0 };
	struct virtio_dev *d;

	answer_disk();
	d = device_open(&f, VIRTIO_USER_BLK);
	ring_offer(f.ring[0], 0);
	shutdown(theirs, SHUT_RDWR);
	folder_serve(&f);
	ck_assert(virtio_dev_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	ck_assert_uint_eq(f.ring[0]->used->idx, 0);
	folder_close(&f);
}
END_TEST

START_TEST(disk_without_its_back_end_cannot_be_activated)
{
	struct folder f = { 0 };
	struct virtio_dev *d;

	answer_disk();
	d = device_open(&f, VIRTIO_USER_BLK);
	shutdown(theirs, SHUT_RDWR);
	folder_serve(&f);
	virtio_dev_reset(d);
	ring_start(f.ring[0], &d->queue[0].ring);
	virtio_dev_start(d);
	ck_assert(virtio_dev_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	folder_close(&f);
}
END_TEST

START_TEST(net_offers_what_both_sides_know)
{
	struct folder f = { 0 };
	const uint64_t known = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_MRG_RXBUF);

	answer_u64(GET_FEATURES, PROTOCOL | VERSION_1 | known | BIT(VIRTIO_NET_F_CTRL_VQ));
	answer_u64(GET_PROTOCOL_FEATURES, 0);
	ck_assert_uint_eq(device_open(&f, VIRTIO_USER_NET)->features, VERSION_1 | known);
	folder_close(&f);
}
END_TEST

START_TEST(folder_tells_its_tag)
{
	struct folder f = { 0 };

	folder_open(&f);
	ck_assert_uint_eq(virtio_dev_config_read(f.dev, 0, 4), 0x656d6f68); /* "home" */
	ck_assert_uint_eq(virtio_dev_config_read(f.dev, 36, 4), 1);
	folder_close(&f);
}
END_TEST

START_TEST(folder_leaves_its_queues_to_the_daemon)
{
	struct folder f = { 0 };
	struct fuse_out_header *out;

	folder_open(&f);
	out = ask(&f, 7, 64);
	virtio_dev_notify(f.dev, 1);
	folder_serve(&f);
	ck_assert_uint_eq(f.ring[1]->used->idx, 0);
	ck_assert_uint_eq(out->len, 0);
	folder_close(&f);
}
END_TEST

START_TEST(folder_answers_itself_when_its_daemon_has_died)
{
	struct folder f = { 0 };
	struct fuse_out_header *before, *after;

	folder_open(&f);
	before = ask(&f, 7, 64);
	shutdown(theirs, SHUT_RDWR);
	folder_serve(&f);
	ck_assert_uint_eq(f.ring[1]->used->idx, 1);
	ck_assert_uint_eq(f.ring[1]->used->ring[0].len, sizeof(*before));
	ck_assert_int_eq(before->error, -ENOTCONN);
	ck_assert_uint_eq(before->unique, 7);
	after = ask(&f, 8, 64);
	virtio_dev_notify(f.dev, 1);
	folder_serve(&f);
	ck_assert_int_eq(after->error, -ENOTCONN);
	ck_assert_uint_eq(after->unique, 8);
	ck_assert(!(virtio_dev_status(f.dev) & VIRTIO_CONFIG_S_NEEDS_RESET));
	folder_close(&f);
}
END_TEST

START_TEST(folder_goes_on_where_its_daemon_left_off)
{
	struct folder f = { 0 };
	struct fuse_out_header *done, *left;

	folder_open(&f);
	done = ask(&f, 7, 64);
	left = ask(&f, 8, 64);
	f.ring[1]->used->ring[0].id = f.ring[1]->avail->ring[0];
	f.ring[1]->used->idx = 1; /* the daemon answered the first one */
	shutdown(theirs, SHUT_RDWR);
	folder_serve(&f);
	ck_assert_int_eq(done->error, 0);
	ck_assert_int_eq(left->error, -ENOTCONN);
	ck_assert_uint_eq(f.ring[1]->used->idx, 2);
	folder_close(&f);
}
END_TEST

START_TEST(folder_whose_daemon_passed_requests_over_asks_for_a_reset)
{
	struct folder f = { 0 };

	folder_open(&f);
	ask(&f, 7, 64);
	ask(&f, 8, 64);
	f.ring[1]->used->ring[0].id = f.ring[1]->avail->ring[1];
	f.ring[1]->used->idx = 1; /* the daemon answered the second one */
	shutdown(theirs, SHUT_RDWR);
	folder_serve(&f);
	ck_assert(virtio_dev_status(f.dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	ck_assert_uint_eq(f.ring[1]->used->idx, 1);
	folder_close(&f);
}
END_TEST

START_TEST(folder_gives_back_what_has_no_room_for_an_answer)
{
	struct folder f = { 0 };

	folder_open(&f);
	ask(&f, 7, 0); /* as FUSE_FORGET */
	ask(&f, 8, 15); /* one byte less than an answer's head */
	shutdown(theirs, SHUT_RDWR);
	folder_serve(&f);
	ck_assert_uint_eq(f.ring[1]->used->idx, 2);
	ck_assert_uint_eq(f.ring[1]->used->ring[0].len, 0);
	ck_assert_uint_eq(f.ring[1]->used->ring[1].len, 0);
	folder_close(&f);
}
END_TEST

START_TEST(folder_with_a_used_index_from_nowhere_asks_for_a_reset)
{
	struct folder f = { 0 };

	folder_open(&f);
	ask(&f, 7, 64);
	f.ring[1]->used->idx = 0x8000;
	shutdown(theirs, SHUT_RDWR);
	folder_serve(&f);
	ck_assert(virtio_dev_status(f.dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	folder_close(&f);
}
END_TEST

START_TEST(folder_starts_again_without_its_daemon)
{
	struct folder f = { 0 };
	struct fuse_out_header *out;

	folder_open(&f);
	shutdown(theirs, SHUT_RDWR);
	folder_serve(&f);
	virtio_dev_reset(f.dev);
	ring_free(f.ring[1]);
	f.ring[1] = ring_new(8);
	ring_start(f.ring[1], &f.dev->queue[1].ring);
	virtio_dev_start(f.dev);
	out = ask(&f, 9, 64);
	virtio_dev_notify(f.dev, 1);
	folder_serve(&f);
	ck_assert_int_eq(out->error, -ENOTCONN);
	folder_close(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vhost_user");
	TCase *t = tcase_create("vhost_user");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, open_takes_what_both_sides_know);
	tcase_add_test(t, open_reads_the_config_space);
	tcase_add_test(t, open_without_config_space_is_refused);
	tcase_add_loop_test(t, open_of_an_old_back_end_is_refused, 0, 3);
	tcase_add_test(t, open_with_too_few_queues_is_refused);
	tcase_add_test(t, open_after_its_death_is_refused);
	tcase_add_loop_test(t, open_with_an_answer_that_makes_no_sense_is_refused, 0,
	                    ARRAY_SIZE(wrong));
	tcase_add_test(t, answer_that_ends_in_the_middle_is_refused);
	tcase_add_test(t, mem_table_hands_over_shared_memory);
	tcase_add_test(t, mem_table_of_private_memory_is_refused);
	tcase_add_test(t, refusal_is_the_end_of_it);
	tcase_add_test(t, disk_is_what_its_back_end_says);
	tcase_add_test(t, disk_whose_back_end_dies_asks_for_a_reset);
	tcase_add_test(t, disk_without_its_back_end_cannot_be_activated);
	tcase_add_test(t, net_offers_what_both_sides_know);
	tcase_add_test(t, folder_tells_its_tag);
	tcase_add_test(t, folder_leaves_its_queues_to_the_daemon);
	tcase_add_test(t, folder_answers_itself_when_its_daemon_has_died);
	tcase_add_test(t, folder_goes_on_where_its_daemon_left_off);
	tcase_add_test(t, folder_whose_daemon_passed_requests_over_asks_for_a_reset);
	tcase_add_test(t, folder_gives_back_what_has_no_room_for_an_answer);
	tcase_add_test(t, folder_with_a_used_index_from_nowhere_asks_for_a_reset);
	tcase_add_test(t, folder_starts_again_without_its_daemon);
	suite_add_tcase(s, t);
	return run_suite(s);
}
