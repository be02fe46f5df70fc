/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/guest.h"

/* Starts all processors by INIT and SIPI, as a kernel does, and checks who comes: cpus=N. */

#define CPUS_MAX 64

static volatile unsigned arrived; /* processors that have told their ids */
static volatile unsigned char seen[CPUS_MAX]; /* by APIC id */
static volatile unsigned bad; /* processors whose ids do not agree */

static uint32_t lapic_id(void)
{
	return mmio_read(LAPIC + 0x20) >> 24;
}

/* The ids in the LAPIC and in CPUID leaves 1 and 0xb are the same, and nobody else's. */
static void tell(void)
{
	uint32_t id = lapic_id(), r[4];
	bool fine = id < CPUS_MAX && !seen[id];

	cpuid(1, 0, r);
	fine = fine && r[1] >> 24 == id;
	cpuid(0xb, 0, r);
	fine = fine && r[3] == id;
	if (fine)
		seen[id] = 1;
	else
		__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&arrived, 1, __ATOMIC_RELEASE);
}

void ap_main(unsigned n)
{
	(void)n;
	tell();
}

int main(void)
{
	const unsigned cpus = (unsigned)arg_num("cpus", 1);
	uint32_t r[4];

	irq_init();
	tell();
	CHECK(lapic_id() == 0);
	cpuid(0xb, 1, r);
	CHECK(r[1] == cpus);
	start_others();
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < cpus)
		__asm__ volatile("pause");
	CHECK(bad == 0);
	for (unsigned i = 0; i < cpus; i++)
		CHECK(seen[i]);
	put_dec(arrived);
	put(" processors\n");
	return 0;
}
