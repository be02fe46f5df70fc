/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"
#include "tests/unit/run.h"
#include "vmm/config.h"
#include "vmm/num.h"

#include <linux/virtio_mmio.h>
#include <string.h>

START_TEST(ram_layout_small_is_one_piece)
{
	struct arch_ram ram[GMEM_REGIONS_MAX];

	ck_assert_uint_eq(arch_ram_layout(32 * MiB, ram), 1);
	ck_assert_uint_eq(ram[0].base.a, 0);
	ck_assert_uint_eq(ram[0].size, 32 * MiB);
}
END_TEST

START_TEST(ram_layout_up_to_the_gap_is_one_piece)
{
	struct arch_ram ram[GMEM_REGIONS_MAX];

	ck_assert_uint_eq(arch_ram_layout(3 * GiB, ram), 1);
	ck_assert_uint_eq(ram[0].size, 3 * GiB);
}
END_TEST

START_TEST(ram_layout_beyond_the_gap_goes_on_at_4_gib)
{
	struct arch_ram ram[GMEM_REGIONS_MAX];

	ck_assert_uint_eq(arch_ram_layout(3 * GiB + 4096, ram), 2);
	ck_assert_uint_eq(ram[0].size, 3 * GiB);
	ck_assert_uint_eq(ram[1].base.a, 4 * GiB);
	ck_assert_uint_eq(ram[1].size, 4096);
}
END_TEST

START_TEST(platform_virtio_windows_stay_inside_gap_and_ioapic)
{
	const struct arch_chip *v = &arch_platform.virtio;

	ck_assert_uint_ge(v->base, 3 * GiB);
	ck_assert_uint_le(v->base + arch_platform.n_virtio * arch_platform.virtio_stride,
	                  0xfec00000);
	/* The registers of a window have a page to themselves. */
	ck_assert_uint_eq((v->base + VIRTIO_MMIO_CONFIG) % 4096, 0);
	ck_assert_uint_eq(arch_platform.virtio_stride % 4096, 0);
	ck_assert_uint_ge(arch_platform.virtio_stride, VIRTIO_MMIO_CONFIG + v->len);
	ck_assert_uint_le(v->gsi + arch_platform.n_virtio, 24);
	ck_assert_uint_eq(CONFIG_DISKS_MAX + 1, arch_platform.n_virtio);
}
END_TEST

START_TEST(platform_no_chip_has_the_interrupt_of_a_window)
{
	const struct arch_platform *p = &arch_platform;

	ck_assert_uint_lt(p->uart.gsi, p->virtio.gsi);
	ck_assert_uint_lt(p->power.gsi, p->virtio.gsi);
	ck_assert_uint_ne(p->uart.gsi, p->power.gsi);
}
END_TEST

/* One page of RAM with a reboot mode where Linux leaves it. */
static bool reset_with_mode(uint16_t mode)
{
	static uint8_t page[4096];
	const struct gmem mem = { .region = { { GPA(0), sizeof(page), page, -1 } },
		                  .n_regions = 1 };

	memcpy(page + 0x472, &mode, sizeof(mode));
	return arch_reset_is_panic(&mem);
}

START_TEST(reset_is_panic_warm_flag_is_a_panic)
{
	ck_assert(reset_with_mode(0x1234));
}
END_TEST

START_TEST(reset_is_panic_other_modes_are_reboots)
{
	ck_assert(!reset_with_mode(0));
	ck_assert(!reset_with_mode(0x1235));
}
END_TEST

START_TEST(reset_is_panic_without_memory_is_a_reboot)
{
	const struct gmem none = { .n_regions = 0 };

	ck_assert(!arch_reset_is_panic(&none));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("platform");
	TCase *t = tcase_create("platform");

	tcase_add_test(t, ram_layout_small_is_one_piece);
	tcase_add_test(t, ram_layout_up_to_the_gap_is_one_piece);
	tcase_add_test(t, ram_layout_beyond_the_gap_goes_on_at_4_gib);
	tcase_add_test(t, platform_virtio_windows_stay_inside_gap_and_ioapic);
	tcase_add_test(t, platform_no_chip_has_the_interrupt_of_a_window);
	tcase_add_test(t, reset_is_panic_warm_flag_is_a_panic);
	tcase_add_test(t, reset_is_panic_other_modes_are_reboots);
	tcase_add_test(t, reset_is_panic_without_memory_is_a_reboot);
	suite_add_tcase(s, t);
	return run_suite(s);
}
