/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_UART_H
#define DEVICES_UART_H

#include "vmm/bus.h"
#include "vmm/chardev.h"
#include "vmm/irq.h"

/*
 * A 16550A: the console that every kernel can use from its first instruction on. Its line is as
 * fast as the host; modem lines say that a peer is there.
 */

#define UART_REGISTERS 8
#define UART_FIFO_SIZE 16

struct uart {
	struct chardev *host;
	struct irq irq;
	pthread_mutex_t lock; /* of everything below */
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	bool thr_empty; /* THRE interrupt is pending, if enabled */
	bool overrun; /* LSR.OE */
	uint8_t signalled; /* causes (bits as in IER) that an edge was sent for */
	bool refused; /* the host was told that there is no room */
	unsigned polls; /* reads of LSR in a row that can only look for input */
	unsigned head, fill; /* of @fifo */
	uint8_t fifo[UART_FIFO_SIZE]; /* received */
};

extern const struct bus_ops uart_bus_ops; /* self: struct uart *; UART_REGISTERS bytes */

/**
 * uart_init() - Make a UART and attach it to the host's end
 * @u:    Any contents; must stay where it is
 * @host: Opened; outlives @u
 * @e:    Says why not
 *
 * Context: set-up; makes the eventfd of its interrupt, which is still to be connected.
 * Return:  0, or -errno; uart_fini() is fine in both cases.
 * Spec:    National Semiconductor PC16550D data sheet; names of <linux/serial_reg.h>
 */
int uart_init(struct uart *u, struct chardev *host, struct err *e) MUST_CHECK;

/**
 * uart_reset() - Registers as uart_init() has set them, nothing received
 * @u: Initialised; no vCPU runs
 *
 * Context: main thread.
 */
void uart_reset(struct uart *u);

/**
 * uart_fini() - Give back what uart_init() made
 * @u: Initialised or half-initialised; no vCPU runs
 */
void uart_fini(struct uart *u);

#endif /* DEVICES_UART_H */
