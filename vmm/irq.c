/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/irq.h"

#include "vmm/log.h"

#include <errno.h>
#include <sys/eventfd.h>

int irq_init(struct irq *irq, struct err *e)
{
	irq->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return irq->fd < 0 ? err_errno(e, errno, "cannot make an interrupt's eventfd") : 0;
}

void irq_fini(struct irq *irq)
{
	fd_close(&irq->fd);
}

void irq_raise(const struct irq *irq)
{
	const uint64_t one = 1;

	/* KVM takes the count away at once; EAGAIN would mean an edge that is already on its way.
	 */
	if (write(irq->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_debug("cannot raise an interrupt");
}
