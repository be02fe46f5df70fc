/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_IRQ_H
#define VMM_IRQ_H

#include "vmm/err.h"

/* One edge-triggered interrupt line of the guest: an eventfd that vm_connect_irq() gave to KVM. */
struct irq {
	int fd;
};

/**
 * irq_init() - Make the eventfd of a line
 * @irq: Any contents
 * @e:   Says why not
 *
 * Return: 0, or -errno.
 */
int irq_init(struct irq *irq, struct err *e) MUST_CHECK;

/**
 * irq_fini() - Close the line
 * @irq: fd -1 if never made
 */
void irq_fini(struct irq *irq);

/**
 * irq_raise() - Send one edge
 * @irq: Line
 *
 * Context: any thread; one write(2), does not block.
 */
void irq_raise(const struct irq *irq);

#endif /* VMM_IRQ_H */
