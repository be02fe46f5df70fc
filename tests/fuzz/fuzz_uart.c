/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that does anything at all with the registers of a UART, while the host sends and reads.
 * Input: steps of two bytes, what and a value.
 */
#include "devices/uart.h"

#include <assert.h>
#include <linux/serial_reg.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct loop loop;
	struct chardev host;
	struct uart uart;
};

static void ignore(void *arg)
{
	(void)arg;
}

static void ignore_failure(void *arg, int r)
{
	(void)arg;
	(void)r;
}

static void make(struct world *w)
{
	const struct config_where where = { .kind = WHERE_FILE, .path = "/dev/null" };
	const struct chardev_setup setup = { .where = &where,
		                             .escape = -1,
		                             .label = "fuzz",
		                             .loop = &w->loop,
		                             .events = { ignore_failure, ignore, ignore, NULL } };

	if (loop_init(&w->loop, NULL) < 0 || chardev_open(&w->host, &setup, NULL) < 0 ||
	    uart_init(&w->uart, &w->host, NULL) < 0)
		abort();
}

static void drain(struct world *w)
{
	if (!chardev_drain(&w->host))
		abort(); /* /dev/null takes everything */
}

static void host_sends(struct world *w, uint8_t len)
{
	static const uint8_t text[256] = "input";
	size_t room = w->host.ops->room(&w->uart);

	assert(room <= UART_FIFO_SIZE);
	/* More than there is room for is what a guest causes that turns its FIFO off meanwhile. */
	w->host.ops->input(&w->uart, text, len < 32 ? len : room);
	assert(w->uart.fill <= UART_FIFO_SIZE);
}

static void fill(struct world *w)
{
	static const uint8_t zeros[OUTQ_SIZE];

	drain(w);
	chardev_put(&w->host, zeros, sizeof(zeros));
}

static void step(struct world *w, uint8_t what, uint8_t value)
{
	static const unsigned widths[] = { 1, 1, 1, 2, 4, 8, 1, 1 };
	unsigned width = widths[what >> 5];
	uint64_t offset = what % UART_REGISTERS;

	switch ((what >> 3) & 3) {
	case 0:
		(void)uart_bus_ops.read(&w->uart, offset, width);
		break;
	case 1:
	case 2:
		if (w->host.queue.fill == OUTQ_SIZE && offset == UART_TX)
			drain(w); /* or the write would wait for another thread */
		uart_bus_ops.write(&w->uart, offset, width, value);
		break;
	default:
		if (offset == 0)
			fill(w);
		else if (offset == 1)
			drain(w);
		else
			host_sends(w, value);
	}
	assert(w->uart.fill <= UART_FIFO_SIZE && w->uart.head < UART_FIFO_SIZE);
}

/* Whatever happened: a driver that starts over can print and is interrupted for it. */
static void still_works(struct world *w)
{
	uint64_t count;

	drain(w);
	uart_bus_ops.write(&w->uart, UART_LCR, 1, UART_LCR_WLEN8);
	uart_bus_ops.write(&w->uart, UART_MCR, 1, 0);
	uart_bus_ops.write(&w->uart, UART_IER, 1, 0);
	uart_bus_ops.write(&w->uart, UART_FCR, 1,
	                   UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	(void)uart_bus_ops.read(&w->uart, UART_LSR, 1);
	if (read(w->uart.irq.fd, &count, sizeof(count)) < 0)
		count = 0;
	uart_bus_ops.write(&w->uart, UART_IER, 1, UART_IER_THRI | UART_IER_RDI);
	assert(read(w->uart.irq.fd, &count, sizeof(count)) == sizeof(count) && count == 1);
	assert((uart_bus_ops.read(&w->uart, UART_IIR, 1) & 0x0f) == UART_IIR_THRI);
	assert(w->host.ops->room(&w->uart) == UART_FIFO_SIZE);
	uart_bus_ops.write(&w->uart, UART_TX, 1, 'x');
	assert(w->host.queue.fill == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;

	make(&w);
	for (size_t i = 0; i + 1 < size; i += 2)
		step(&w, data[i], data[i + 1]);
	still_works(&w);
	uart_fini(&w.uart);
	chardev_fini(&w.host);
	loop_fini(&w.loop);
	return 0;
}
