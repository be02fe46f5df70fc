/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/x86_64/madt.h"

#include "arch/x86_64/layout.h"

#include <string.h>

#define XAPIC_IDS 255 /* APIC ids below this fit the 8-bit entry; 255 means "all" */
#define ALL_UIDS  0xff
#define NMI_LINT  1 /* pin of the local APIC that the NMI is wired to */

/* A table that is being written, or was too long. */
struct table {
	uint8_t *buf;
	size_t size, len; /* bytes */
	bool full;
};

static void add(struct table *t, const void *entry, size_t n)
{
	if (n > t->size - t->len) {
		t->full = true;
		return;
	}
	memcpy(t->buf + t->len, entry, n);
	t->len += n;
}

static void add_cpu(struct table *t, unsigned i)
{
	const struct madt_lapic lapic = { .type = MADT_LAPIC,
		                          .length = sizeof(lapic),
		                          .uid = (uint8_t)i,
		                          .apic_id = (uint8_t)i,
		                          .flags = MADT_ENABLED };
	const struct madt_x2apic x2apic = { .type = MADT_X2APIC,
		                            .length = sizeof(x2apic),
		                            .apic_id = i,
		                            .flags = MADT_ENABLED,
		                            .uid = i };

	if (i < XAPIC_IDS)
		add(t, &lapic, sizeof(lapic));
	else
		add(t, &x2apic, sizeof(x2apic));
}

size_t madt_write(uint8_t *buf, size_t room, unsigned n_cpus)
{
	const struct madt_head head = { .local_apic = LAYOUT_LAPIC };
	const struct madt_ioapic ioapic = { .type = MADT_IOAPIC,
		                            .length = sizeof(ioapic),
		                            .address = LAYOUT_IOAPIC };
	const struct madt_lapic_nmi nmi = {
		.type = MADT_LAPIC_NMI, .length = sizeof(nmi), .uid = ALL_UIDS, .lint = NMI_LINT
	};
	struct table t = { .buf = buf, .size = room };

	add(&t, &head, sizeof(head));
	for (unsigned i = 0; i < n_cpus; i++)
		add_cpu(&t, i);
	add(&t, &ioapic, sizeof(ioapic));
	add(&t, &nmi, sizeof(nmi));
	return t.full ? 0 : t.len;
}
