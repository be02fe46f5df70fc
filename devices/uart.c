/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/uart.h"

#include <linux/serial_reg.h>

/* What is kept of a write; the other bits act at once, or belong to later chips. */
#define FCR_KEPT (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK)
#define IER_BITS (UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI)
#define MCR_BITS (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 | UART_MCR_LOOP)

#define IIR_FIFO_ENABLED 0xc0 /* both bits: a 16550A, whose FIFO works */

/* Reads of LSR in a row that make a guest one that polls for input; see listening(). */
#define POLLS_TO_LISTEN 16

/*
 * Whether received bytes have somewhere to go. A driver that starts throws away what is in the
 * FIFO, and much of the input of `echo command | vmm` would be lost if it were put there while the
 * kernel still boots. So the line is silent until the driver enables the receive interrupt, or
 * does nothing but look at LSR, which only a guest does that polls for input: one that waits for
 * the transmitter sees it empty at the first look.
 */
static bool listening(const struct uart *u)
{
	return !(u->mcr & UART_MCR_LOOP) &&
	       ((u->ier & UART_IER_RDI) || u->polls >= POLLS_TO_LISTEN);
}

static unsigned depth(const struct uart *u)
{
	return u->fcr & UART_FCR_ENABLE_FIFO ? UART_FIFO_SIZE : 1;
}

static void push(struct uart *u, uint8_t byte)
{
	u->fifo[(u->head + u->fill++) % UART_FIFO_SIZE] = byte;
}

static void forget_received(struct uart *u)
{
	u->head = 0;
	u->fill = 0;
}

/*
 * Bring the interrupt line up to date. Returns whether an edge is due: when a cause has appeared,
 * even if another one holds the line up, so that a driver that serves one cause at a time misses
 * none. Causes that are pending already send no second edge, which bounds the interrupts to those
 * that the driver acknowledges.
 */
static bool update(struct uart *u)
{
	uint8_t now = 0, fresh;

	if (u->overrun)
		now |= UART_IER_RLSI;
	if (u->fill > 0)
		now |= UART_IER_RDI;
	if (u->thr_empty)
		now |= UART_IER_THRI;
	now &= u->ier;
	fresh = now & (uint8_t)~u->signalled;
	u->signalled = now;
	return fresh != 0;
}

/* Whether the host is to be told that it may send again: once for each FIFO, not for each byte. */
static bool wants_input(struct uart *u)
{
	if (!u->refused || u->fill > 0 || !listening(u))
		return false;
	u->refused = false;
	return true;
}

/* End of an access, with the lock held: what it changed may concern the guest and the host. */
static void settle(struct uart *u)
{
	bool edge = update(u), wanted = wants_input(u);

	pthread_mutex_unlock(&u->lock);
	if (edge)
		irq_raise(&u->irq);
	if (wanted)
		chardev_input_ready(u->host);
}

static uint8_t read_rbr(struct uart *u)
{
	uint8_t byte;

	if (u->fill == 0)
		return 0;
	byte = u->fifo[u->head];
	u->head = (u->head + 1) % UART_FIFO_SIZE;
	u->fill--;
	return byte;
}

/* Received bytes that raise the "data available" cause; fewer raise the "timeout" one. */
static unsigned trigger(const struct uart *u)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return u->fcr & UART_FCR_ENABLE_FIFO ? levels[u->fcr >> 6] : 1;
}

/* The pending cause of highest priority. Reading "transmitter empty" acknowledges it. */
static uint8_t read_iir(struct uart *u)
{
	uint8_t iir = u->fcr & UART_FCR_ENABLE_FIFO ? IIR_FIFO_ENABLED : 0;

	if (u->overrun && (u->ier & UART_IER_RLSI))
		return iir | UART_IIR_RLSI;
	if (u->fill > 0 && (u->ier & UART_IER_RDI))
		return iir | (u->fill >= trigger(u) ? UART_IIR_RDI : UART_IIR_RX_TIMEOUT);
	if (u->thr_empty && (u->ier & UART_IER_THRI)) {
		u->thr_empty = false;
		return iir | UART_IIR_THRI;
	}
	return iir | UART_IIR_NO_INT;
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t lsr = 0;

	if (u->fill > 0)
		lsr |= UART_LSR_DR;
	if (u->overrun)
		lsr |= UART_LSR_OE;
	if (chardev_has_room(u->host))
		lsr |= UART_LSR_THRE | UART_LSR_TEMT;
	u->overrun = false;
	if ((lsr & UART_LSR_THRE) && u->polls < POLLS_TO_LISTEN)
		u->polls++;
	return lsr;
}

/* In loopback the modem's inputs are our own outputs; drivers tell a UART by that. */
static uint8_t read_msr(const struct uart *u)
{
	uint8_t msr = 0;

	if (!(u->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (u->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (u->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (u->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (u->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static uint8_t read_register(struct uart *u, uint64_t offset)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_RX:
		return dlab ? u->dll : read_rbr(u);
	case UART_IER:
		return dlab ? u->dlm : u->ier;
	case UART_IIR:
		return read_iir(u);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		return read_lsr(u);
	case UART_MSR:
		return read_msr(u);
	default:
		return u->scr;
	}
}

static uint64_t uart_read(void *self, uint64_t offset, unsigned len)
{
	struct uart *u = self;
	uint8_t value;

	if (len != 1)
		return UINT64_MAX;
	pthread_mutex_lock(&u->lock);
	value = read_register(u, offset);
	settle(u);
	return value;
}

static void loop_back(struct uart *u, uint8_t byte)
{
	if (u->fill < depth(u))
		push(u, byte);
	else
		u->overrun = true;
	u->thr_empty = true;
}

/*
 * Send a byte. The lock is not held while the queue is full: the loop, which empties it, takes the
 * lock to hand input over.
 *
 * With the FIFO on, a pending "transmitter empty" stays pending, so that a driver that fills the
 * FIFO gets one interrupt for it. With the FIFO off, each byte acknowledges and raises it again, as
 * the data sheet says; a driver may live by that.
 */
static void transmit(struct uart *u, uint8_t byte)
{
	u->polls = 0;
	if (u->mcr & UART_MCR_LOOP) {
		loop_back(u, byte);
		return;
	}
	if (!(u->fcr & UART_FCR_ENABLE_FIFO)) {
		u->thr_empty = false;
		(void)update(u);
	}
	pthread_mutex_unlock(&u->lock);
	chardev_put(u->host, &byte, 1);
	pthread_mutex_lock(&u->lock);
	u->thr_empty = chardev_has_room(u->host);
}

/* Enabling the transmit interrupt while the transmitter is empty raises it: drivers start by it. */
static void write_ier(struct uart *u, uint8_t value)
{
	uint8_t ier = value & IER_BITS;

	if ((ier & ~u->ier & UART_IER_THRI) && chardev_has_room(u->host))
		u->thr_empty = true;
	u->ier = ier;
	u->polls = 0;
}

static void write_fcr(struct uart *u, uint8_t value)
{
	uint8_t fcr = value & UART_FCR_ENABLE_FIFO ? value & FCR_KEPT : 0;

	if (((fcr ^ u->fcr) & UART_FCR_ENABLE_FIFO) || (value & UART_FCR_CLEAR_RCVR))
		forget_received(u);
	u->fcr = fcr;
	u->polls = 0;
}

static void write_register(struct uart *u, uint64_t offset, uint8_t value)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_TX:
		if (dlab)
			u->dll = value;
		else
			transmit(u, value);
		break;
	case UART_IER:
		if (dlab)
			u->dlm = value;
		else
			write_ier(u, value);
		break;
	case UART_FCR:
		write_fcr(u, value);
		break;
	case UART_LCR:
		u->lcr = value;
		break;
	case UART_MCR:
		u->mcr = value & MCR_BITS;
		break;
	case UART_SCR:
		u->scr = value;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

static void uart_write(void *self, uint64_t offset, unsigned len, uint64_t value)
{
	struct uart *u = self;

	if (len != 1)
		return;
	pthread_mutex_lock(&u->lock);
	write_register(u, offset, (uint8_t)value);
	settle(u);
}

const struct bus_ops uart_bus_ops = { .read = uart_read, .write = uart_write };

static size_t host_room(void *self)
{
	struct uart *u = self;
	size_t room = 0;

	pthread_mutex_lock(&u->lock);
	if (listening(u) && u->fill < depth(u))
		room = depth(u) - u->fill;
	u->refused = room == 0;
	pthread_mutex_unlock(&u->lock);
	return room;
}

static void host_input(void *self, const uint8_t *buf, size_t len)
{
	struct uart *u = self;

	pthread_mutex_lock(&u->lock);
	/* The guest may have turned the FIFO off since host_room(): then the rest is lost, as on a
	 * line. */
	for (size_t i = 0; i < len && u->fill < depth(u); i++)
		push(u, buf[i]);
	/* An edge for each batch, pending or not: it costs little and wakes a careless driver. */
	u->signalled &= (uint8_t)~UART_IER_RDI;
	settle(u);
}

static void host_writable(void *self)
{
	struct uart *u = self;

	pthread_mutex_lock(&u->lock);
	u->thr_empty = true;
	settle(u);
}

static const struct chardev_ops host_ops = {
	.room = host_room,
	.input = host_input,
	.writable = host_writable,
};

void uart_reset(struct uart *u)
{
	pthread_mutex_lock(&u->lock);
	forget_received(u);
	u->ier = u->fcr = u->mcr = u->scr = u->dlm = 0;
	/* 115200 baud, 8N1: what a driver finds that looks for what the firmware has set up. */
	u->lcr = UART_LCR_WLEN8;
	u->dll = 1;
	u->thr_empty = u->overrun = false;
	u->signalled = 0;
	u->polls = 0;
	pthread_mutex_unlock(&u->lock);
}

int uart_init(struct uart *u, struct chardev *host, struct err *e)
{
	*u = (struct uart){ .host = host, .irq.fd = -1 };
	pthread_mutex_init(&u->lock, NULL);
	uart_reset(u);
	chardev_attach(host, &host_ops, u);
	return irq_init(&u->irq, e);
}

void uart_fini(struct uart *u)
{
	irq_fini(&u->irq);
	pthread_mutex_destroy(&u->lock);
}
