/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/blk_rig.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <string.h>
#include <sys/stat.h>

static struct blk_rig rig;

static void set_up(void)
{
	blk_rig_init(&rig, false, NULL);
}

static void set_up_readonly(void)
{
	blk_rig_init(&rig, true, NULL);
}

static void set_up_serial(void)
{
	blk_rig_init(&rig, false, "0123456789abcdefghij");
}

static void tear_down(void)
{
	blk_rig_fini(&rig);
}

START_TEST(new_offers_features_and_config)
{
	struct virtio_blk_config c;

	memcpy(&c, rig.dev->config, sizeof(c));
	ck_assert_str_eq(rig.dev->label, "blk3");
	ck_assert_uint_eq(rig.dev->ops->id, VIRTIO_ID_BLOCK);
	ck_assert_uint_eq(c.capacity, SECTORS);
	ck_assert_uint_eq(c.seg_max, VIRTQ_IOV_MAX - 2);
	ck_assert_uint_eq(c.blk_size, SECTOR);
	ck_assert_uint_eq(c.min_io_size, 1U << c.physical_block_exp);
	ck_assert_uint_eq(c.wce, 1);
	ck_assert_uint_eq(c.max_discard_seg, 1);
	ck_assert_uint_eq(rig.dev->features & 0xffffff,
	                  FLUSH_BIT | 1 << VIRTIO_BLK_F_SEG_MAX | 1 << VIRTIO_BLK_F_BLK_SIZE |
	                          1 << VIRTIO_BLK_F_TOPOLOGY | 1 << VIRTIO_BLK_F_CONFIG_WCE |
	                          1 << VIRTIO_BLK_F_DISCARD | 1 << VIRTIO_BLK_F_WRITE_ZEROES);
}
END_TEST

START_TEST(new_missing_image_is_refused)
{
	struct config_disk cfg = { .path = "/tmp/vmm-no-such-image" };
	struct virtio_blk *b = NULL;
	struct err e = { 0 };

	ck_assert_int_eq(virtio_blk_new(&b, &cfg, 0, NULL, &e), -ENOENT);
	ck_assert_ptr_null(b);
}
END_TEST

START_TEST(read_gives_the_sectors)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 7, 2 * SECTOR, true);

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
	ck_assert(blk_rig_all_are(rq.data, SECTOR, 7));
	ck_assert(blk_rig_all_are(rq.data + SECTOR, SECTOR, 8));
	blk_rig_expect_used(&rig, 0, rq.head, 2 * SECTOR + 1);
}
END_TEST

/* The longest chain that seg_max allows. */
START_TEST(read_into_252_segments_fills_them)
{
	const unsigned n = VIRTQ_IOV_MAX - 2;
	struct ring_buf buf[VIRTQ_IOV_MAX];
	uint64_t data = blk_rig_room(&rig, n * SECTOR);

	buf[0] = (struct ring_buf){ blk_rig_header(&rig, VIRTIO_BLK_T_IN, 1), 16, false };
	for (unsigned i = 0; i < n; i++)
		buf[1 + i] = (struct ring_buf){ data + i * SECTOR, SECTOR, true };
	buf[n + 1] = (struct ring_buf){ blk_rig_room(&rig, 1), 1, true };
	ring_chain(rig.ring, buf, n + 2);
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, 0, n * SECTOR + 1);
	ck_assert(blk_rig_all_are(ring_host(rig.ring, data), SECTOR, 1));
	ck_assert(
	        blk_rig_all_are(ring_host(rig.ring, data + (n - 1) * SECTOR), SECTOR, (uint8_t)n));
}
END_TEST

START_TEST(write_reaches_the_image)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 5, SECTOR, false);

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
	blk_rig_expect_used(&rig, 0, rq.head, 1);
	blk_rig_expect_image(&rig, 4, 4);
	blk_rig_expect_image(&rig, 5, UNTOUCHED);
	blk_rig_expect_image(&rig, 6, 6);
}
END_TEST

START_TEST(flush_after_write_succeeds)
{
	struct blk_ask out = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 9, SECTOR, false);
	struct blk_ask flush = blk_rig_ask(&rig, VIRTIO_BLK_T_FLUSH, 0, 0, true);

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*out.status, VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(*flush.status, VIRTIO_BLK_S_OK);
	blk_rig_expect_used(&rig, 0, out.head, 1);
	blk_rig_expect_used(&rig, 1, flush.head, 1);
	blk_rig_expect_image(&rig, 9, UNTOUCHED);
}
END_TEST

/* Legal: the parts of a request say nothing about its buffers. */
START_TEST(header_split_over_buffers_is_read)
{
	uint64_t hdr = blk_rig_header(&rig, VIRTIO_BLK_T_IN, 11), data = blk_rig_room(&rig, SECTOR),
	         st = blk_rig_room(&rig, 1);
	const struct ring_buf buf[] = {
		{ hdr, 1, false },         { hdr + 1, 7, false }, { hdr + 8, 0, false },
		{ hdr + 8, 8, false },     { data, 300, true },   { data, 0, true },
		{ data + 300, 212, true }, { st, 1, true },
	};

	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, 0, SECTOR + 1);
	ck_assert(blk_rig_all_are(ring_host(rig.ring, data), SECTOR, 11));
	ck_assert_uint_eq(*(uint8_t *)ring_host(rig.ring, st), VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(header_sharing_a_buffer_with_data_is_read)
{
	const struct virtio_blk_outhdr hdr = { .type = VIRTIO_BLK_T_OUT, .sector = 12 };
	uint64_t at = blk_rig_room(&rig, sizeof(hdr) + SECTOR), st = blk_rig_room(&rig, 1);
	const struct ring_buf buf[] = { { at, sizeof(hdr) + SECTOR, false }, { st, 1, true } };

	memcpy(ring_host(rig.ring, at), &hdr, sizeof(hdr));
	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	ck_assert_uint_eq(*(uint8_t *)ring_host(rig.ring, st), VIRTIO_BLK_S_OK);
	blk_rig_expect_image(&rig, 12, UNTOUCHED);
}
END_TEST

START_TEST(status_sharing_a_buffer_with_data_is_last)
{
	uint64_t at = blk_rig_room(&rig, SECTOR + 2);
	const struct ring_buf buf[] = {
		{ blk_rig_header(&rig, VIRTIO_BLK_T_IN, 13), 16, false },
		{ at, SECTOR + 1, true },
	};
	const uint8_t *p = ring_host(rig.ring, at);

	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, 0, SECTOR + 1);
	ck_assert(blk_rig_all_are(p, SECTOR, 13));
	ck_assert_uint_eq(p[SECTOR], VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(p[SECTOR + 1], UNTOUCHED);
}
END_TEST

START_TEST(indirect_request_is_served)
{
	uint64_t data = blk_rig_room(&rig, SECTOR);
	const struct ring_buf buf[] = {
		{ blk_rig_header(&rig, VIRTIO_BLK_T_IN, 14), 16, false },
		{ data, SECTOR, true },
		{ blk_rig_room(&rig, 1), 1, true },
	};

	virtq_deactivate(&rig.dev->queue[0].ring);
	rig.ring->setup.indirect = true;
	ring_start(rig.ring, &rig.dev->queue[0].ring);
	ring_indirect(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, 0, SECTOR + 1);
	ck_assert(blk_rig_all_are(ring_host(rig.ring, data), SECTOR, 14));
}
END_TEST

/* Requests at and over the edges of what may be asked, and what their status byte says. */
static const struct {
	uint64_t sector;
	uint32_t type;
	uint32_t len; /* bytes of data */
	bool write; /* the device may write them */
	uint8_t status;
} edges[] = {
	{ SECTORS - 1, VIRTIO_BLK_T_IN, SECTOR, true, VIRTIO_BLK_S_OK },
	{ SECTORS - 1, VIRTIO_BLK_T_OUT, SECTOR, false, VIRTIO_BLK_S_OK },
	{ SECTORS, VIRTIO_BLK_T_IN, 0, true, VIRTIO_BLK_S_OK },
	{ 0, VIRTIO_BLK_T_OUT, 0, false, VIRTIO_BLK_S_OK },
	{ SECTORS - 1, VIRTIO_BLK_T_IN, 2 * SECTOR, true, VIRTIO_BLK_S_IOERR },
	{ SECTORS - 1, VIRTIO_BLK_T_OUT, 2 * SECTOR, false, VIRTIO_BLK_S_IOERR },
	{ SECTORS, VIRTIO_BLK_T_IN, SECTOR, true, VIRTIO_BLK_S_IOERR },
	{ SECTORS, VIRTIO_BLK_T_OUT, SECTOR, false, VIRTIO_BLK_S_IOERR },
	{ SECTORS + 1, VIRTIO_BLK_T_IN, 0, true, VIRTIO_BLK_S_IOERR },
	{ UINT64_MAX, VIRTIO_BLK_T_IN, SECTOR, true, VIRTIO_BLK_S_IOERR },
	{ UINT64_MAX, VIRTIO_BLK_T_OUT, SECTOR, false, VIRTIO_BLK_S_IOERR },
	{ UINT64_MAX / SECTOR + 1, VIRTIO_BLK_T_OUT, SECTOR, false, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_IN, SECTOR - 1, true, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_IN, SECTOR + 1, true, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_OUT, SECTOR + 1, false, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_IN, SECTOR, false, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_OUT, SECTOR, true, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_DISCARD, 0, false, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_DISCARD, 15, false, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_WRITE_ZEROES, 32, false, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_WRITE_ZEROES, 16, true, VIRTIO_BLK_S_IOERR },
	{ 0, VIRTIO_BLK_T_SECURE_ERASE, 16, false, VIRTIO_BLK_S_UNSUPP },
	{ 0, VIRTIO_BLK_T_SCSI_CMD, 16, false, VIRTIO_BLK_S_UNSUPP },
	{ 0, VIRTIO_BLK_T_BARRIER, 0, false, VIRTIO_BLK_S_UNSUPP },
	{ 0, UINT32_MAX, SECTOR, true, VIRTIO_BLK_S_UNSUPP },
};

START_TEST(request_at_an_edge_gets_its_status)
{
	uint32_t lent = edges[_i].write ? edges[_i].len : 0;
	struct blk_ask rq =
	        blk_rig_ask(&rig, edges[_i].type, edges[_i].sector, edges[_i].len, edges[_i].write);
	struct stat st;

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, edges[_i].status);
	blk_rig_expect_used(&rig, 0, rq.head, lent + 1);
	ck_assert(!blk_rig_all_are(rq.data, lent + 1, UNTOUCHED) || lent == 0);
	ck_assert(!blk_rig_failed(&rig));
	ck_assert_int_eq(fstat(rig.fd, &st), 0);
	ck_assert_int_eq(st.st_size, SECTORS * SECTOR);
}
END_TEST

/* The driver is told that the whole buffer was written, so it was: with zeroes. */
START_TEST(read_refused_zeroes_the_buffer)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, SECTORS, 2 * SECTOR, true);

	blk_rig_serve(&rig);
	ck_assert(blk_rig_all_are(rq.data, 2 * SECTOR, 0));
	blk_rig_expect_used(&rig, 0, rq.head, 2 * SECTOR + 1);
}
END_TEST

START_TEST(header_short_is_an_error)
{
	uint64_t st = blk_rig_room(&rig, 1);
	const struct ring_buf buf[] = {
		{ blk_rig_header(&rig, VIRTIO_BLK_T_IN, 0), 15, false },
		{ st, 1, true },
	};

	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, 0, 1);
	ck_assert_uint_eq(*(uint8_t *)ring_host(rig.ring, st), VIRTIO_BLK_S_IOERR);
}
END_TEST

START_TEST(header_writable_is_an_error)
{
	uint64_t st = blk_rig_room(&rig, 1);
	const struct ring_buf buf[] = {
		{ blk_rig_header(&rig, VIRTIO_BLK_T_IN, 0), 16, true },
		{ blk_rig_room(&rig, SECTOR), SECTOR, true },
		{ st, 1, true },
	};

	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, 0, 16 + SECTOR + 1);
	ck_assert_uint_eq(*(uint8_t *)ring_host(rig.ring, st), VIRTIO_BLK_S_IOERR);
}
END_TEST

/* Row: whether the device may write the status buffer, and how long that is. */
static const struct {
	bool write;
	uint32_t len;
} no_status[] = { { false, 1 }, { true, 0 } };

START_TEST(status_without_room_needs_reset)
{
	const struct ring_buf buf[] = {
		{ blk_rig_header(&rig, VIRTIO_BLK_T_OUT, 0), 16, false },
		{ blk_rig_room(&rig, 1), no_status[_i].len, no_status[_i].write },
	};

	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	ck_assert(blk_rig_failed(&rig));
	ck_assert_uint_eq(rig.ring->used->idx, 0);
}
END_TEST

START_TEST(chain_of_header_alone_needs_reset)
{
	const struct ring_buf buf = { blk_rig_header(&rig, VIRTIO_BLK_T_FLUSH, 0), 16, false };

	ring_chain(rig.ring, &buf, 1);
	blk_rig_serve(&rig);
	ck_assert(blk_rig_failed(&rig));
	ck_assert_uint_eq(rig.ring->used->idx, 0);
}
END_TEST

/* Data at the very end of RAM, then one byte further. */
START_TEST(data_at_the_end_of_ram_is_served)
{
	uint64_t end = RING_HIGH_BASE + RING_HIGH_BYTES;
	const struct ring_buf buf[] = {
		{ blk_rig_header(&rig, VIRTIO_BLK_T_IN, 21), 16, false },
		{ end - SECTOR, SECTOR, true },
		{ blk_rig_room(&rig, 1), 1, true },
	};

	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	blk_rig_expect_used(&rig, 0, 0, SECTOR + 1);
	ck_assert(blk_rig_all_are(ring_host(rig.ring, end - SECTOR), SECTOR, 21));
}
END_TEST

START_TEST(data_over_the_end_of_ram_needs_reset)
{
	const struct ring_buf buf[] = {
		{ blk_rig_header(&rig, VIRTIO_BLK_T_IN, 21), 16, false },
		{ RING_HIGH_BASE + RING_HIGH_BYTES - SECTOR + 1, SECTOR, true },
		{ blk_rig_room(&rig, 1), 1, true },
	};

	ring_chain(rig.ring, buf, ARRAY_SIZE(buf));
	blk_rig_serve(&rig);
	ck_assert(blk_rig_failed(&rig));
	ck_assert_uint_eq(rig.ring->used->idx, 0);
}
END_TEST

START_TEST(request_after_failure_is_not_served)
{
	const struct ring_buf buf = { blk_rig_header(&rig, VIRTIO_BLK_T_FLUSH, 0), 16, false };

	ring_chain(rig.ring, &buf, 1);
	blk_rig_serve(&rig);
	blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 0, SECTOR, true);
	blk_rig_serve(&rig);
	ck_assert_uint_eq(rig.ring->used->idx, 0);
}
END_TEST

START_TEST(id_without_serial_is_the_label)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_GET_ID, 0, 20, true);

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
	ck_assert_str_eq((char *)rq.data, "blk3");
	ck_assert(blk_rig_all_are(rq.data + 4, 16, 0));
	blk_rig_expect_used(&rig, 0, rq.head, 21);
}
END_TEST

START_TEST(id_of_20_bytes_is_not_terminated)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_GET_ID, 0, 20, true);

	blk_rig_serve(&rig);
	ck_assert_mem_eq(rq.data, "0123456789abcdefghij", 20);
	ck_assert_uint_eq(*rq.status, VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(id_into_short_buffer_is_cut)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_GET_ID, 0, 5, true);

	blk_rig_serve(&rig);
	ck_assert_mem_eq(rq.data, "01234", 5);
	ck_assert_uint_eq(rq.data[5], 0); /* not lent: as it was */
	blk_rig_expect_used(&rig, 0, rq.head, 6);
}
END_TEST

START_TEST(id_into_long_buffer_is_padded)
{
	struct blk_ask rq = blk_rig_ask(&rig, VIRTIO_BLK_T_GET_ID, 0, 64, true);

	blk_rig_serve(&rig);
	ck_assert_mem_eq(rq.data, "0123456789abcdefghij", 20);
	ck_assert(blk_rig_all_are(rq.data + 20, 44, 0));
	blk_rig_expect_used(&rig, 0, rq.head, 65);
}
END_TEST

START_TEST(readonly_disk_says_so)
{
	ck_assert_uint_ne(rig.dev->features & 1 << VIRTIO_BLK_F_RO, 0);
	ck_assert_uint_eq(rig.dev->features & 1 << VIRTIO_BLK_F_DISCARD, 0);
	ck_assert_uint_eq(rig.dev->features & 1 << VIRTIO_BLK_F_WRITE_ZEROES, 0);
}
END_TEST

START_TEST(readonly_disk_refuses_writes)
{
	struct blk_ask out = blk_rig_ask(&rig, VIRTIO_BLK_T_OUT, 5, SECTOR, false);
	struct blk_ask in = blk_rig_ask(&rig, VIRTIO_BLK_T_IN, 5, SECTOR, true);
	struct blk_ask flush = blk_rig_ask(&rig, VIRTIO_BLK_T_FLUSH, 0, 0, true);

	blk_rig_serve(&rig);
	ck_assert_uint_eq(*out.status, VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(*in.status, VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(*flush.status, VIRTIO_BLK_S_OK);
	blk_rig_expect_image(&rig, 5, 5);
}
END_TEST

static TCase *new_case(Suite *s, const char *name, void (*before)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, before, tear_down);
	suite_add_tcase(s, t);
	return t;
}

static void add_layouts(Suite *s)
{
	TCase *t = new_case(s, "layout", set_up);

	tcase_add_test(t, header_split_over_buffers_is_read);
	tcase_add_test(t, header_sharing_a_buffer_with_data_is_read);
	tcase_add_test(t, status_sharing_a_buffer_with_data_is_last);
	tcase_add_test(t, indirect_request_is_served);
	tcase_add_loop_test(t, request_at_an_edge_gets_its_status, 0, ARRAY_SIZE(edges));
	tcase_add_test(t, read_refused_zeroes_the_buffer);
	tcase_add_test(t, header_short_is_an_error);
	tcase_add_test(t, header_writable_is_an_error);
	tcase_add_loop_test(t, status_without_room_needs_reset, 0, ARRAY_SIZE(no_status));
	tcase_add_test(t, chain_of_header_alone_needs_reset);
	tcase_add_test(t, data_at_the_end_of_ram_is_served);
	tcase_add_test(t, data_over_the_end_of_ram_needs_reset);
	tcase_add_test(t, request_after_failure_is_not_served);
}

static void add_readonly_and_ids(Suite *s)
{
	TCase *t = new_case(s, "readonly", set_up_readonly);

	tcase_add_test(t, readonly_disk_says_so);
	tcase_add_test(t, readonly_disk_refuses_writes);
	t = new_case(s, "serial", set_up_serial);
	tcase_add_test(t, id_of_20_bytes_is_not_terminated);
	tcase_add_test(t, id_into_short_buffer_is_cut);
	tcase_add_test(t, id_into_long_buffer_is_padded);
}

int main(void)
{
	Suite *s = suite_create("virtio_blk");
	TCase *t = new_case(s, "requests", set_up);

	tcase_add_test(t, new_offers_features_and_config);
	tcase_add_test(t, new_missing_image_is_refused);
	tcase_add_test(t, read_gives_the_sectors);
	tcase_add_test(t, read_into_252_segments_fills_them);
	tcase_add_test(t, write_reaches_the_image);
	tcase_add_test(t, flush_after_write_succeeds);
	tcase_add_test(t, id_without_serial_is_the_label);
	add_layouts(s);
	add_readonly_and_ids(s);
	return run_suite(s);
}
