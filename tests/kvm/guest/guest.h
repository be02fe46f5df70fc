/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_KVM_GUEST_GUEST_H
#define TESTS_KVM_GUEST_GUEST_H

/*
 * What a micro-guest has instead of an operating system. It runs in ring 0 with 8 GiB mapped one to
 * one, without SSE, and should get by with a few thousand instructions: some hosts emulate each.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_COM1    0x3f8
#define PORT_EXIT    0xf4
#define PORT_I8042   0x64
#define PORT_PVPANIC 0x505
#define PORT_SLEEP   0x600
#define PORT_RESET   0x602

#define LAPIC  0xfee00000
#define IOAPIC 0xfec00000

#define VECTOR_GSI_0 0x20 /* and the next ones: where irq_route() sends lines */

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t mmio_read(uint64_t addr)
{
	uint32_t v;

	__asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(addr) : "memory");
	return v;
}

static inline void mmio_write(uint64_t addr, uint32_t v)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(v), "r"(addr) : "memory");
}

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid"
	                 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
	                 : "a"(leaf), "c"(sub));
}

/* A piece of the memory map that vmm gave. */
struct range {
	uint64_t base, size; /* bytes */
	bool ram;
};

/* The guest proper: its result is the exit status. */
int main(void);

/* Called on each further processor; @n counts them from 0 in the order they come. */
void ap_main(unsigned n);

/* Start all other processors by INIT and SIPI, as a kernel does. */
void start_others(void);

/* End the VM with a status, by the exit port. */
__attribute__((noreturn)) void vm_exit(int status);

/* Wait for ever, with interrupts off. */
__attribute__((noreturn)) void halt(void);

void put_char(char c);
void put(const char *s);
void put_hex(uint64_t v);
void put_dec(uint64_t v);

/* The text behind "NAME=" on the kernel command line, up to a blank; NULL if not there. */
const char *arg(const char *name);
bool arg_is(const char *name, const char *value);
uint64_t arg_num(const char *name, uint64_t otherwise);

/* The n-th piece of the memory map. Returns false past the last. */
bool memory_map(unsigned n, struct range *ret);

/* Interrupt descriptor table and LAPIC; interrupts stay off. */
void irq_init(void);

/* Call @handler for each edge of a global system interrupt. */
void irq_route(unsigned gsi, void (*handler)(void));

/* Sleep with interrupts on until *@flag is not 0. */
void irq_wait(const volatile unsigned *flag);

void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Say what is wrong and end with status 1. */
__attribute__((noreturn)) void failed(const char *file, unsigned line, const char *what);

#define CHECK(what) ((what) ? (void)0 : failed(__FILE__, __LINE__, #what))

#endif /* TESTS_KVM_GUEST_GUEST_H */
