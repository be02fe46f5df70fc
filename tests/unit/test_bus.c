/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/bus.h"

#include <errno.h>

/* A device that remembers what came, and reads as its own mark plus the offset. */
struct probe {
	uint64_t mark;
	unsigned calls;
	uint64_t offset, value;
	unsigned len;
};

static uint64_t probe_read(void *self, uint64_t offset, unsigned len)
{
	struct probe *p = self;

	p->calls++;
	p->offset = offset;
	p->len = len;
	return p->mark + offset;
}

static void probe_write(void *self, uint64_t offset, unsigned len, uint64_t value)
{
	struct probe *p = self;

	p->calls++;
	p->offset = offset;
	p->len = len;
	p->value = value;
}

static const struct bus_ops probe_ops = { .read = probe_read, .write = probe_write };

static int add(struct bus *b, uint64_t base, uint64_t len, struct probe *p)
{
	struct bus_range r = { .base = base, .len = len, .ops = &probe_ops, .self = p };

	return bus_add(b, &r, NULL);
}

/* Three ranges given out of order; the first two touch. */
struct fixture {
	struct bus b;
	struct probe p[3];
};

static void fill(struct fixture *f)
{
	*f = (struct fixture){ .p = { { .mark = 1000 }, { .mark = 2000 }, { .mark = 3000 } } };
	ck_assert_int_eq(add(&f->b, 0x300, 8, &f->p[2]), 0);
	ck_assert_int_eq(add(&f->b, 0x100, 0x10, &f->p[0]), 0);
	ck_assert_int_eq(add(&f->b, 0x110, 0x10, &f->p[1]), 0);
}

static const struct {
	uint64_t addr;
	unsigned len;
	uint64_t value;
} reads[] = {
	{ 0x100, 1, 1000 },
	{ 0x10c, 4, 1012 },
	{ 0x10d, 4, UINT64_MAX }, /* hangs over into the next range */
	{ 0x110, 8, 2000 },
	{ 0x11f, 1, 2015 },
	{ 0x120, 1, UINT64_MAX },
	{ 0xff, 1, UINT64_MAX },
	{ 0xff, 2, UINT64_MAX },
	{ 0x300, 8, 3000 },
	{ 0x301, 8, UINT64_MAX },
	{ UINT64_MAX, 1, UINT64_MAX },
	{ UINT64_MAX, 8, UINT64_MAX },
};

START_TEST(read_reaches_the_range_that_holds_it_all)
{
	struct fixture f;

	fill(&f);
	ck_assert_uint_eq(bus_read(&f.b, reads[_i].addr, reads[_i].len), reads[_i].value);
}
END_TEST

START_TEST(write_inside_a_range_hands_offset_and_value_on)
{
	struct fixture f;

	fill(&f);
	bus_write(&f.b, 0x114, 2, 0xbeef);
	ck_assert_uint_eq(f.p[1].calls, 1);
	ck_assert_uint_eq(f.p[1].offset, 4);
	ck_assert_uint_eq(f.p[1].len, 2);
	ck_assert_uint_eq(f.p[1].value, 0xbeef);
	ck_assert_uint_eq(f.p[0].calls + f.p[2].calls, 0);
}
END_TEST

START_TEST(write_outside_every_range_is_dropped)
{
	struct fixture f;

	fill(&f);
	bus_write(&f.b, 0x200, 4, 1);
	bus_write(&f.b, 0x11e, 4, 1);
	ck_assert_uint_eq(f.p[0].calls + f.p[1].calls + f.p[2].calls, 0);
}
END_TEST

static const struct {
	uint64_t base, len;
	int r;
} refused[] = {
	{ 0x100, 0x10, -EEXIST },   { 0xff, 2, -EEXIST },       { 0x11f, 1, -EEXIST },
	{ 0xf0, 0x100, -EEXIST },   { 0x307, 0x1000, -EEXIST }, { 0x400, 0, -EINVAL },
	{ UINT64_MAX, 2, -EINVAL }, { 1, UINT64_MAX, -EEXIST }, { 2, UINT64_MAX, -EINVAL },
};

START_TEST(add_bad_range_is_refused)
{
	struct fixture f;

	fill(&f);
	ck_assert_int_eq(add(&f.b, refused[_i].base, refused[_i].len, &f.p[0]), refused[_i].r);
	ck_assert_uint_eq(f.b.n, 3);
}
END_TEST

START_TEST(add_last_byte_of_the_space_is_reached)
{
	struct fixture f;

	fill(&f);
	ck_assert_int_eq(add(&f.b, UINT64_MAX, 1, &f.p[0]), 0);
	ck_assert_uint_eq(bus_read(&f.b, UINT64_MAX, 1), 1000);
	ck_assert_uint_eq(bus_read(&f.b, UINT64_MAX, 2), UINT64_MAX);
}
END_TEST

START_TEST(add_too_many_ranges_is_refused)
{
	struct bus b = { 0 };
	struct probe p = { 0 };

	for (unsigned i = 0; i < BUS_RANGES_MAX; i++)
		ck_assert_int_eq(add(&b, i * 16ULL, 16, &p), 0);
	ck_assert_int_eq(add(&b, BUS_RANGES_MAX * 16ULL, 16, &p), -ENOSPC);
}
END_TEST

START_TEST(read_of_an_empty_bus_is_all_ones)
{
	struct bus b = { 0 };

	ck_assert_uint_eq(bus_read(&b, 0, 4), UINT64_MAX);
	bus_write(&b, 0, 4, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bus");
	TCase *tc = tcase_create("bus");

	tcase_add_loop_test(tc, read_reaches_the_range_that_holds_it_all, 0, ARRAY_SIZE(reads));
	tcase_add_test(tc, write_inside_a_range_hands_offset_and_value_on);
	tcase_add_test(tc, write_outside_every_range_is_dropped);
	tcase_add_loop_test(tc, add_bad_range_is_refused, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, add_last_byte_of_the_space_is_reached);
	tcase_add_test(tc, add_too_many_ranges_is_refused);
	tcase_add_test(tc, read_of_an_empty_bus_is_all_ones);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
