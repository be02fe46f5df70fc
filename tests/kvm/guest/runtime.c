/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/guest.h"

#include <asm/bootparam.h>

#define E820_RAM 1

/* Xen's hvm_start_info, as far as it is needed; and an entry of its memory map. */
struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modules, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

#define START_INFO_MAGIC 0x336ec578

static const struct boot_params *zero_page; /* NULL: entered by PVH */
static const struct start_info *start_info;

/* One entry of the interrupt descriptor table. */
struct gate {
	uint64_t low, high;
};

#define N_VECTORS 64

static struct gate idt[N_VECTORS];
static void (*handlers[N_VECTORS - VECTOR_GSI_0])(void);

extern const char vectors[]; /* 16 bytes for each */

void guest_start(const void *params, unsigned pvh);
void guest_interrupt(uint64_t vector, uint64_t rip);

void *memset(void *to, int byte, size_t n)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(byte) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

void halt(void)
{
	for (;;)
		__asm__ volatile("cli\n	hlt");
}

void vm_exit(int status)
{
	outb(PORT_EXIT, (uint8_t)status);
	halt();
}

void put_char(char c)
{
	while (!(inb(PORT_COM1 + 5) & 0x20)) /* LSR.THRE */
		;
	outb(PORT_COM1, (uint8_t)c);
}

void put(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_number(uint64_t v, unsigned base)
{
	char digits[24];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		put_char(digits[--n]);
}

void put_hex(uint64_t v)
{
	put_number(v, 16);
}

void put_dec(uint64_t v)
{
	put_number(v, 10);
}

void failed(const char *file, unsigned line, const char *what)
{
	put("FAILED ");
	put(file);
	put(":");
	put_dec(line);
	put(": ");
	put(what);
	put("\n");
	vm_exit(1);
}

const char *arg(const char *name)
{
	const char *word = (const char *)(zero_page ? (uintptr_t)zero_page->hdr.cmd_line_ptr
	                                            : (uintptr_t)start_info->cmdline);

	while (*word) {
		size_t i = 0;

		while (name[i] && word[i] == name[i])
			i++;
		if (!name[i] && word[i] == '=')
			return word + i + 1;
		while (*word && *word != ' ')
			word++;
		while (*word == ' ')
			word++;
	}
	return NULL;
}

bool arg_is(const char *name, const char *value)
{
	const char *is = arg(name);

	while (is && *value && *is == *value) {
		is++;
		value++;
	}
	return is && !*value && (*is == ' ' || !*is);
}

uint64_t arg_num(const char *name, uint64_t otherwise)
{
	const char *s = arg(name);
	uint64_t v = 0;

	if (!s)
		return otherwise;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return v;
}

bool memory_map(unsigned n, struct range *ret)
{
	const struct memmap_entry *m;

	if (zero_page) {
		const struct boot_e820_entry *e = &zero_page->e820_table[n];

		if (n >= zero_page->e820_entries)
			return false;
		*ret = (struct range){ e->addr, e->size, e->type == E820_RAM };
		return true;
	}
	if (n >= start_info->memmap_entries)
		return false;
	m = (const struct memmap_entry *)(uintptr_t)start_info->memmap + n;
	*ret = (struct range){ m->addr, m->size, m->type == E820_RAM };
	return true;
}

void irq_init(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uintptr_t)idt };

	for (unsigned i = 0; i < N_VECTORS; i++) {
		const uint64_t entry = (uintptr_t)vectors + 16 * i;

		idt[i].low =
		        (entry & 0xffff) | 0x08 << 16 | 0x8eULL << 40 | (entry & 0xffff0000) << 32;
	}
	__asm__ volatile("lidt %0" : : "m"(idtr));
	mmio_write(LAPIC + 0xf0, 0x1ff); /* enabled, spurious vector 255 */
}

void irq_route(unsigned gsi, void (*handler)(void))
{
	handlers[gsi] = handler;
	mmio_write(IOAPIC, 0x10 + 2 * gsi + 1); /* to the LAPIC with id 0 */
	mmio_write(IOAPIC + 0x10, 0);
	mmio_write(IOAPIC, 0x10 + 2 * gsi); /* fixed, edge, active high, not masked */
	mmio_write(IOAPIC + 0x10, VECTOR_GSI_0 + gsi);
}

void irq_wait(const volatile unsigned *flag)
{
	for (;;) {
		__asm__ volatile("cli" : : : "memory");
		if (*flag)
			break;
		__asm__ volatile("sti\n	hlt" : : : "memory"); /* no interrupt fits between them */
	}
	__asm__ volatile("sti" : : : "memory");
}

void guest_interrupt(uint64_t vector, uint64_t rip)
{
	if (vector < VECTOR_GSI_0 || !handlers[vector - VECTOR_GSI_0]) {
		put("exception ");
		put_dec(vector);
		put(" near 0x");
		put_hex(rip);
		put("\n");
		vm_exit(2);
	}
	handlers[vector - VECTOR_GSI_0]();
	mmio_write(LAPIC + 0xb0, 0); /* end of interrupt */
}

void guest_start(const void *params, unsigned pvh)
{
	if (pvh)
		start_info = params;
	else
		zero_page = params;
	CHECK(!pvh || start_info->magic == START_INFO_MAGIC);
	vm_exit(main());
}

#define TRAMPOLINE 0x8000 /* where real mode begins: SIPI vector 8 */

#define ICR_ALL_BUT_SELF 0xc0000
#define ICR_INIT         0x4500
#define ICR_STARTUP      0x4600

extern const char ap_begin[], ap_end[];

void start_others(void)
{
	memcpy((void *)TRAMPOLINE, ap_begin, (size_t)(ap_end - ap_begin));
	mmio_write(LAPIC + 0x300, ICR_ALL_BUT_SELF | ICR_INIT);
	mmio_write(LAPIC + 0x300, ICR_ALL_BUT_SELF | ICR_STARTUP | TRAMPOLINE >> 12);
}

/* Guests that do not start further processors need no code for them. */
__attribute__((weak)) void ap_main(unsigned n)
{
	(void)n;
}
