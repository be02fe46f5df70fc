/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/guest.h"

/* COM1: polled output (do=out bytes=N), interrupts both ways (do=echo). */

#define THR PORT_COM1
#define RBR PORT_COM1
#define IER (PORT_COM1 + 1)
#define IIR (PORT_COM1 + 2)
#define FCR (PORT_COM1 + 2)
#define MCR (PORT_COM1 + 4)
#define LSR (PORT_COM1 + 5)
#define GSI 4

#define IER_RX 1
#define IER_TX 2

#define QUEUE 1024 /* bytes, a power of two */

static char queue[QUEUE]; /* received, still to be sent */
static volatile unsigned head, tail, done;
static unsigned interrupts;

/* Let the transmitter interrupt only while there is something for it. */
static void update_ier(void)
{
	outb(IER, head != tail ? IER_RX | IER_TX : IER_RX);
}

static void receive(void)
{
	while (inb(LSR) & 1) {
		char c = (char)inb(RBR);

		if (c == 'Q')
			done = 1;
		CHECK(tail - head < QUEUE);
		queue[tail++ % QUEUE] = c;
	}
}

static void transmit(void)
{
	for (unsigned n = 0; n < 16 && head != tail; n++) /* what the FIFO takes */
		outb(THR, (uint8_t)queue[head++ % QUEUE]);
}

static void on_irq(void)
{
	uint8_t iir;

	interrupts++;
	while (!((iir = inb(IIR)) & 1)) {
		if ((iir & 0x0e) == 0x04 || (iir & 0x0e) == 0x0c)
			receive();
		else if ((iir & 0x0e) == 0x02)
			transmit();
		else
			(void)inb(LSR);
		update_ier();
	}
}

static int echo(void)
{
	irq_init();
	irq_route(GSI, on_irq);
	outb(FCR, 1);
	outb(MCR, 0x0b); /* DTR, RTS, OUT2: interrupt on */
	put("ready\n");
	outb(IER, IER_RX);
	irq_wait(&done);
	__asm__ volatile("cli" : : : "memory");
	while (head != tail)
		__asm__ volatile("sti\n	hlt\n	cli" : : : "memory");
	while (!(inb(LSR) & 0x40)) /* TEMT: all is out */
		;
	return interrupts > 0 ? 0 : 1;
}

static int output(uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		put_char(i % 64 == 63 ? '\n' : (char)('0' + i % 64));
	return 0;
}

int main(void)
{
	return arg_is("do", "echo") ? echo() : output(arg_num("bytes", 1000));
}
