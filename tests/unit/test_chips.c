/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/exit_port.h"
#include "devices/i8042.h"
#include "devices/power.h"
#include "devices/pvpanic.h"

#include "tests/unit/run.h"

#include <poll.h>

/* What the guest asked for. */
static unsigned calls;
static unsigned resets, poweroffs;
static uint8_t last;

static void on_byte(void *arg, uint8_t byte)
{
	ck_assert_ptr_eq(arg, &calls);
	calls++;
	last = byte;
}

static void on_reset(void *arg)
{
	ck_assert_ptr_eq(arg, &calls);
	resets++;
}

static void on_poweroff(void *arg)
{
	ck_assert_ptr_eq(arg, &calls);
	poweroffs++;
}

static struct power power;

static void set_up(void)
{
	const struct power_calls power_calls = { on_poweroff, on_reset, &calls };

	calls = resets = poweroffs = 0;
	last = 0;
	ck_assert_int_eq(power_init(&power, &power_calls, NULL), 0);
}

static void tear_down(void)
{
	power_fini(&power);
}

START_TEST(i8042_write_reset_command_resets)
{
	struct i8042 k;

	i8042_init(&k, on_reset, &calls);
	i8042_bus_ops.write(&k, 0, 1, 0xfe);

	ck_assert_uint_eq(resets, 1);
}
END_TEST

START_TEST(i8042_write_other_command_does_nothing)
{
	struct i8042 k;

	i8042_init(&k, on_reset, &calls);
	i8042_bus_ops.write(&k, 0, 1, 0xd1);

	ck_assert_uint_eq(resets, 0);
}
END_TEST

START_TEST(i8042_read_status_is_ready)
{
	struct i8042 k;

	i8042_init(&k, on_reset, &calls);

	ck_assert_uint_eq(i8042_bus_ops.read(&k, 0, 1), 0);
}
END_TEST

static const struct {
	unsigned len;
	uint64_t value;
} exit_writes[] = { { 1, 0x2a }, { 2, 0x012a }, { 4, 0xffffff2a } };

START_TEST(exit_port_write_hands_low_byte_out)
{
	struct exit_port p;

	exit_port_init(&p, on_byte, &calls);
	exit_port_bus_ops.write(&p, 0, exit_writes[_i].len, exit_writes[_i].value);

	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(last, 0x2a);
}
END_TEST

START_TEST(exit_port_write_beside_register_does_nothing)
{
	struct exit_port p;

	exit_port_init(&p, on_byte, &calls);
	exit_port_bus_ops.write(&p, 1, 1, 1);
	exit_port_bus_ops.write(&p, 0, 8, 1);

	ck_assert_uint_eq(calls, 0);
	ck_assert_uint_eq(exit_port_bus_ops.read(&p, 0, 1), 0);
}
END_TEST

START_TEST(pvpanic_read_lists_supported_events)
{
	struct pvpanic p;

	pvpanic_init(&p, on_byte, &calls);

	ck_assert_uint_eq(pvpanic_bus_ops.read(&p, 0, 1), 3);
}
END_TEST

START_TEST(pvpanic_write_reports_supported_events_only)
{
	struct pvpanic p;

	pvpanic_init(&p, on_byte, &calls);
	pvpanic_bus_ops.write(&p, 0, 1, 0xfd);

	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(last, PVPANIC_PANICKED);
}
END_TEST

START_TEST(pvpanic_write_unknown_event_does_nothing)
{
	struct pvpanic p;

	pvpanic_init(&p, on_byte, &calls);
	pvpanic_bus_ops.write(&p, 0, 1, 0x04);

	ck_assert_uint_eq(calls, 0);
}
END_TEST

START_TEST(power_write_s5_with_enable_turns_off)
{
	power_bus_ops.write(&power, POWER_REG_SLEEP_CONTROL, 1, 5 << 2 | 0x20);

	ck_assert_uint_eq(poweroffs, 1);
}
END_TEST

/* S5 without enable, enable with another type, the wrong width. */
static const struct {
	unsigned len;
	uint64_t value;
} not_off[] = { { 1, 5 << 2 }, { 1, 3 << 2 | 0x20 }, { 4, 5 << 2 | 0x20 } };

START_TEST(power_write_other_sleep_stays_on)
{
	power_bus_ops.write(&power, POWER_REG_SLEEP_CONTROL, not_off[_i].len, not_off[_i].value);

	ck_assert_uint_eq(poweroffs, 0);
}
END_TEST

START_TEST(power_write_reset_value_resets)
{
	power_bus_ops.write(&power, POWER_REG_RESET, 1, POWER_RESET_VALUE);
	power_bus_ops.write(&power, POWER_REG_RESET, 1, 0);

	ck_assert_uint_eq(resets, 1);
	ck_assert_uint_eq(poweroffs, 0);
}
END_TEST

START_TEST(power_write_wake_status_leaves_it_clear)
{
	power_bus_ops.write(&power, POWER_REG_SLEEP_STATUS, 1, 0x80);

	ck_assert_uint_eq(power_bus_ops.read(&power, POWER_REG_SLEEP_STATUS, 1), 0);
}
END_TEST

START_TEST(power_button_press_raises_event_once)
{
	struct pollfd p = { .fd = power.irq.fd, .events = POLLIN };

	power_button_press(&power);
	power_button_press(&power);

	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_uint_eq(power_bus_ops.read(&power, POWER_REG_EVENTS, 4), POWER_EVENT_BUTTON);
	ck_assert_uint_eq(power_bus_ops.read(&power, POWER_REG_EVENTS, 4), 0);
}
END_TEST

START_TEST(power_read_part_of_events_takes_none)
{
	power_button_press(&power);

	ck_assert_uint_eq(power_bus_ops.read(&power, POWER_REG_EVENTS, 1), 0);
	ck_assert_uint_eq(power_bus_ops.read(&power, POWER_REG_EVENTS, 4), POWER_EVENT_BUTTON);
}
END_TEST

START_TEST(power_reset_forgets_the_button)
{
	power_button_press(&power);

	power_reset(&power);

	ck_assert_uint_eq(power_bus_ops.read(&power, POWER_REG_EVENTS, 4), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("chips");
	TCase *tc = tcase_create("chips");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, i8042_write_reset_command_resets);
	tcase_add_test(tc, i8042_write_other_command_does_nothing);
	tcase_add_test(tc, i8042_read_status_is_ready);
	tcase_add_loop_test(tc, exit_port_write_hands_low_byte_out, 0, ARRAY_SIZE(exit_writes));
	tcase_add_test(tc, exit_port_write_beside_register_does_nothing);
	tcase_add_test(tc, pvpanic_read_lists_supported_events);
	tcase_add_test(tc, pvpanic_write_reports_supported_events_only);
	tcase_add_test(tc, pvpanic_write_unknown_event_does_nothing);
	tcase_add_test(tc, power_write_s5_with_enable_turns_off);
	tcase_add_loop_test(tc, power_write_other_sleep_stays_on, 0, ARRAY_SIZE(not_off));
	tcase_add_test(tc, power_write_reset_value_resets);
	tcase_add_test(tc, power_write_wake_status_leaves_it_clear);
	tcase_add_test(tc, power_button_press_raises_event_once);
	tcase_add_test(tc, power_read_part_of_events_takes_none);
	tcase_add_test(tc, power_reset_forgets_the_button);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
