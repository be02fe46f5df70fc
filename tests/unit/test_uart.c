/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/uart.h"

#include "tests/unit/run.h"

#include <linux/serial_reg.h>
#include <string.h>
#include <sys/timerfd.h>

#define IER_ALL 0x0f /* the four enables; the rest is other chips' */
#define POLLS   16 /* reads of LSR after which a guest counts as polling for input */

static struct loop loop;
static struct chardev host;
static struct uart u;

static void ignore(void *arg)
{
	(void)arg;
}

static void ignore_failure(void *arg, int r)
{
	(void)arg;
	(void)r;
}

/* A host's end with a queue and no reader: what the guest sends stays in it. */
static void set_up(void)
{
	const struct config_where where = { .kind = WHERE_FILE, .path = "/dev/null" };
	const struct chardev_setup setup = { .where = &where,
		                             .escape = -1,
		                             .label = "serial",
		                             .loop = &loop,
		                             .events = { ignore_failure, ignore, ignore, NULL } };

	ck_assert_int_eq(loop_init(&loop, NULL), 0);
	ck_assert_int_eq(chardev_open(&host, &setup, NULL), 0);
	ck_assert_int_eq(uart_init(&u, &host, NULL), 0);
}

static void tear_down(void)
{
	uart_fini(&u);
	chardev_fini(&host);
	loop_fini(&loop);
}

static uint8_t in(unsigned reg)
{
	return (uint8_t)uart_bus_ops.read(&u, reg, 1);
}

static void out(unsigned reg, uint8_t value)
{
	uart_bus_ops.write(&u, reg, 1, value);
}

/* The host sends; returns what the device had room for. */
static size_t receive(const char *text)
{
	size_t n = host.ops->room(host.self);

	n = n < strlen(text) ? n : strlen(text);
	host.ops->input(host.self, (const uint8_t *)text, n);
	return n;
}

/* Edges since the last look. */
static uint64_t edges(void)
{
	uint64_t n = 0;

	return read(u.irq.fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* Whether the host was told since the last look that it may send. */
static bool host_woken(void)
{
	struct itimerspec left;
	uint64_t n;
	bool armed;

	ck_assert_int_eq(timerfd_gettime(host.wake.fd, &left), 0);
	armed = left.it_value.tv_nsec != 0;
	return read(host.wake.fd, &n, sizeof(n)) == sizeof(n) || armed;
}

static void enable_fifo(void)
{
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
}

static void fill_queue(void)
{
	static const uint8_t zeros[OUTQ_SIZE];

	chardev_put(&host, zeros, sizeof(zeros));
}

static void empty_queue(void)
{
	ck_assert(chardev_drain(&host)); /* into /dev/null */
}

START_TEST(write_thr_sends_byte)
{
	const uint8_t *bytes;

	out(UART_TX, 'A');
	out(UART_TX, 'B');

	ck_assert_uint_eq(outq_peek(&host.queue, &bytes), 2);
	ck_assert_mem_eq(bytes, "AB", 2);
}
END_TEST

START_TEST(write_dlab_reaches_divisor_and_not_the_line)
{
	const uint8_t *bytes;

	out(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	out(UART_DLL, 0x0c);
	out(UART_DLM, 0x01);

	ck_assert_uint_eq(in(UART_DLL), 0x0c);
	ck_assert_uint_eq(in(UART_DLM), 0x01);
	out(UART_LCR, UART_LCR_WLEN8);
	ck_assert_uint_eq(in(UART_IER), 0);
	ck_assert_uint_eq(outq_peek(&host.queue, &bytes), 0);
}
END_TEST

static const unsigned widths[] = { 2, 4, 8 };

START_TEST(access_of_other_width_is_not_decoded)
{
	const uint8_t *bytes;

	uart_bus_ops.write(&u, UART_TX, widths[_i], 'A');

	ck_assert(uart_bus_ops.read(&u, UART_LSR, widths[_i]) == UINT64_MAX);
	ck_assert_uint_eq(outq_peek(&host.queue, &bytes), 0);
}
END_TEST

START_TEST(read_scratch_gives_what_was_written)
{
	out(UART_SCR, 0x5a);

	ck_assert_uint_eq(in(UART_SCR), 0x5a);
}
END_TEST

/* What Linux's autoconfig() and autoconfig_16550a() do to tell the kind of chip. */
START_TEST(probe_as_linux_finds_16550a)
{
	out(UART_IER, 0);
	ck_assert_uint_eq(in(UART_IER)&0x0f, 0);
	out(UART_IER, IER_ALL);
	ck_assert_uint_eq(in(UART_IER)&0x0f, IER_ALL);
	out(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	ck_assert_uint_eq(in(UART_MSR)&0xf0, UART_MSR_DCD | UART_MSR_CTS);
	out(UART_MCR, 0);
	out(UART_LCR, 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	ck_assert_uint_eq(in(UART_IIR) >> 6, 3);
	out(UART_LCR, UART_LCR_CONF_MODE_B);
	ck_assert_uint_ne(in(UART_EFR), 0);
	out(UART_LCR, 0);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	ck_assert_uint_eq(in(UART_IIR) >> 5, 6); /* 7 would be a 16750 */
	out(UART_IER, 0x40);
	ck_assert_uint_eq(in(UART_IER)&0x40, 0); /* set would be an XScale */
}
END_TEST

START_TEST(write_ier_enables_thre_raises_it)
{
	out(UART_IER, UART_IER_THRI);
	ck_assert_uint_eq(edges(), 1);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_THRI);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_NO_INT);

	/* Linux tests that it comes again: UART_BUG_THRE. */
	out(UART_IER, 0);
	out(UART_IER, UART_IER_THRI);
	ck_assert_uint_eq(edges(), 1);
	ck_assert_uint_eq(in(UART_IIR), UART_IIR_THRI);
}
END_TEST

START_TEST(write_fifo_raises_one_edge_for_each_acknowledge)
{
	enable_fifo();
	out(UART_IER, UART_IER_THRI);
	(void)in(UART_IIR);
	(void)edges();

	for (int i = 0; i < UART_FIFO_SIZE; i++)
		out(UART_TX, 'x');

	ck_assert_uint_eq(edges(), 1);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_THRI);
}
END_TEST

START_TEST(write_without_fifo_raises_an_edge_for_each_byte)
{
	out(UART_IER, UART_IER_THRI);
	(void)edges();

	out(UART_TX, 'x');
	ck_assert_uint_eq(edges(), 1);
	out(UART_TX, 'y');
	ck_assert_uint_eq(edges(), 1);
}
END_TEST

START_TEST(full_queue_hides_thre_until_there_is_room)
{
	enable_fifo();
	out(UART_IER, UART_IER_THRI);
	(void)in(UART_IIR);
	(void)edges();
	fill_queue();

	ck_assert_uint_eq(in(UART_LSR) & (UART_LSR_THRE | UART_LSR_TEMT), 0);
	empty_queue();

	ck_assert_uint_eq(edges(), 1);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_THRI);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_THRE, UART_LSR_THRE);
}
END_TEST

START_TEST(input_before_driver_waits_outside)
{
	enable_fifo();

	ck_assert_uint_eq(receive("hello"), 0);
	out(UART_IER, UART_IER_RDI);
	ck_assert(host_woken());
	ck_assert_uint_eq(receive("hello"), 5);
}
END_TEST

START_TEST(input_of_polling_guest_is_let_in)
{
	enable_fifo();
	ck_assert_uint_eq(receive("hello"), 0);

	for (int i = 0; i < POLLS; i++)
		ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0);

	ck_assert(host_woken());
	ck_assert_uint_eq(receive("hello"), 5);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, UART_LSR_DR);
}
END_TEST

/* Looking whether the transmitter is empty before each byte is not polling for input. */
START_TEST(input_of_printing_guest_waits_outside)
{
	enable_fifo();

	for (int i = 0; i < 2 * POLLS; i++) {
		(void)in(UART_LSR);
		out(UART_TX, 'x');
	}

	ck_assert_uint_eq(receive("hello"), 0);
}
END_TEST

START_TEST(input_raises_edge_and_is_read_in_order)
{
	enable_fifo();
	out(UART_IER, UART_IER_RDI);

	ck_assert_uint_eq(receive("ab"), 2);

	ck_assert_uint_eq(edges(), 1);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_RDI);
	ck_assert_uint_eq(in(UART_RX), 'a');
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, UART_LSR_DR);
	ck_assert_uint_eq(in(UART_RX), 'b');
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_NO_INT);
	ck_assert_uint_eq(in(UART_RX), 0);
}
END_TEST

START_TEST(input_below_trigger_is_a_timeout)
{
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_8);
	out(UART_IER, UART_IER_RDI);

	ck_assert_uint_eq(receive("1234567"), 7);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_RX_TIMEOUT);
	ck_assert_uint_eq(receive("8"), 1);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_RDI);
}
END_TEST

START_TEST(input_fills_fifo_and_asks_again_when_it_is_empty)
{
	enable_fifo();
	out(UART_IER, UART_IER_RDI);
	ck_assert_uint_eq(receive("0123456789abcdefgh"), UART_FIFO_SIZE);
	ck_assert_uint_eq(receive("gh"), 0);
	(void)host_woken();

	for (int i = 0; i < UART_FIFO_SIZE - 1; i++)
		(void)in(UART_RX);
	ck_assert(!host_woken());
	ck_assert_uint_eq(in(UART_RX), 'f');
	ck_assert(host_woken());
}
END_TEST

START_TEST(input_without_fifo_is_one_byte)
{
	out(UART_IER, UART_IER_RDI);

	ck_assert_uint_eq(receive("ab"), 1);
}
END_TEST

START_TEST(input_more_than_shrunken_fifo_keeps_bounds)
{
	out(UART_IER, UART_IER_RDI);

	host.ops->input(host.self, (const uint8_t *)"0123456789abcdefghij", 20);

	ck_assert_uint_eq(in(UART_RX), '0');
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0);
}
END_TEST

START_TEST(write_fcr_clear_empties_fifo)
{
	enable_fifo();
	out(UART_IER, UART_IER_RDI);
	(void)receive("abc");

	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);

	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_DR, 0);
}
END_TEST

START_TEST(loopback_returns_bytes_and_sends_none)
{
	const uint8_t *bytes;

	enable_fifo();
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_TX, 0xae);

	ck_assert_uint_eq(in(UART_RX), 0xae);
	ck_assert_uint_eq(outq_peek(&host.queue, &bytes), 0);
	ck_assert_uint_eq(receive("x"), 0);
}
END_TEST

START_TEST(loopback_over_capacity_is_an_overrun)
{
	enable_fifo();
	out(UART_IER, UART_IER_RLSI);
	out(UART_MCR, UART_MCR_LOOP);
	for (int i = 0; i <= UART_FIFO_SIZE; i++)
		out(UART_TX, (uint8_t)i);

	ck_assert_uint_eq(edges(), 1);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_RLSI);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_OE, UART_LSR_OE);
	ck_assert_uint_eq(in(UART_LSR)&UART_LSR_OE, 0);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_NO_INT);
}
END_TEST

static const struct {
	uint8_t mcr, msr;
} modem[] = {
	{ UART_MCR_LOOP | UART_MCR_DTR, UART_MSR_DSR },
	{ UART_MCR_LOOP | UART_MCR_RTS, UART_MSR_CTS },
	{ UART_MCR_LOOP | UART_MCR_OUT1, UART_MSR_RI },
	{ UART_MCR_LOOP | UART_MCR_OUT2, UART_MSR_DCD },
	{ UART_MCR_DTR, UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS },
};

START_TEST(read_msr_follows_mcr_in_loopback)
{
	out(UART_MCR, modem[_i].mcr);

	ck_assert_uint_eq(in(UART_MSR), modem[_i].msr);
}
END_TEST

/* Received bytes hold the line up; the transmitter's cause gets an edge of its own. */
START_TEST(second_cause_raises_its_own_edge)
{
	enable_fifo();
	out(UART_IER, UART_IER_RDI);
	(void)receive("a");
	ck_assert_uint_eq(edges(), 1);

	out(UART_IER, UART_IER_RDI | UART_IER_THRI);

	ck_assert_uint_eq(edges(), 1);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_RDI);
	(void)in(UART_RX);
	ck_assert_uint_eq(in(UART_IIR)&0x0f, UART_IIR_THRI);
}
END_TEST

START_TEST(reset_puts_every_register_back)
{
	uint8_t fresh[UART_REGISTERS];

	for (unsigned reg = 0; reg < UART_REGISTERS; reg++)
		fresh[reg] = in(reg);
	out(UART_IER, IER_ALL);
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	out(UART_MCR, UART_MCR_LOOP);
	out(UART_TX, 'x');
	out(UART_SCR, 0x5a);
	out(UART_LCR, UART_LCR_DLAB);
	out(UART_DLL, 7);

	uart_reset(&u);

	for (unsigned reg = 0; reg < UART_REGISTERS; reg++)
		ck_assert_uint_eq(in(reg), fresh[reg]);
	out(UART_LCR, UART_LCR_DLAB);
	ck_assert_uint_eq(in(UART_DLL), 1);
}
END_TEST

static void add_all(TCase *tc)
{
	tcase_add_test(tc, write_thr_sends_byte);
	tcase_add_test(tc, write_dlab_reaches_divisor_and_not_the_line);
	tcase_add_loop_test(tc, access_of_other_width_is_not_decoded, 0, ARRAY_SIZE(widths));
	tcase_add_test(tc, read_scratch_gives_what_was_written);
	tcase_add_test(tc, probe_as_linux_finds_16550a);
	tcase_add_test(tc, write_ier_enables_thre_raises_it);
	tcase_add_test(tc, write_fifo_raises_one_edge_for_each_acknowledge);
	tcase_add_test(tc, write_without_fifo_raises_an_edge_for_each_byte);
	tcase_add_test(tc, full_queue_hides_thre_until_there_is_room);
	tcase_add_test(tc, input_before_driver_waits_outside);
	tcase_add_test(tc, input_of_polling_guest_is_let_in);
	tcase_add_test(tc, input_of_printing_guest_waits_outside);
	tcase_add_test(tc, input_raises_edge_and_is_read_in_order);
	tcase_add_test(tc, input_below_trigger_is_a_timeout);
	tcase_add_test(tc, input_fills_fifo_and_asks_again_when_it_is_empty);
	tcase_add_test(tc, input_without_fifo_is_one_byte);
	tcase_add_test(tc, input_more_than_shrunken_fifo_keeps_bounds);
	tcase_add_test(tc, write_fcr_clear_empties_fifo);
	tcase_add_test(tc, loopback_returns_bytes_and_sends_none);
	tcase_add_test(tc, loopback_over_capacity_is_an_overrun);
	tcase_add_loop_test(tc, read_msr_follows_mcr_in_loopback, 0, ARRAY_SIZE(modem));
	tcase_add_test(tc, second_cause_raises_its_own_edge);
	tcase_add_test(tc, reset_puts_every_register_back);
}

int main(void)
{
	Suite *s = suite_create("uart");
	TCase *tc = tcase_create("uart");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	add_all(tc);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
