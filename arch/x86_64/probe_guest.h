/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_64_PROBE_GUEST_H
#define ARCH_X86_64_PROBE_GUEST_H

/*
 * The guest of arch_probe_run(): a piece of code for each instruction that an ordinary kernel
 * needs, to be run in ring 0 one by one. Runs anywhere; finds its data at the addresses below.
 */

#include "vmm/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Guest physical map, all of it inside the first PROBE_RAM bytes, mapped one to one. */
#define PROBE_PML4       0x1000
#define PROBE_PDPT       0x2000
#define PROBE_PD         0x3000
#define PROBE_GDT        0x4000
#define PROBE_IDT        0x5000
#define PROBE_TSS        0x6000
#define PROBE_SCRATCH    0x7000 /* one page */
#define PROBE_CODE       0x8000
#define PROBE_STACK      0x20000 /* grows down */
#define PROBE_USER_STACK 0x30000
#define PROBE_FAULT      0x40000000 /* nothing is mapped here */
#define PROBE_RAM        0x200000

/* Selectors, in the order that SYSCALL and SYSRET expect. */
#define PROBE_SEL_CODE      0x08
#define PROBE_SEL_DATA      0x10
#define PROBE_SEL_USER_DATA 0x20
#define PROBE_SEL_USER_CODE 0x28
#define PROBE_SEL_TSS       0x30
#define PROBE_GDT_ENTRIES   8

/* Ports: what a piece of code says at its end. */
#define PROBE_PORT_DONE      0x1
#define PROBE_PORT_EXCEPTION 0x2 /* the byte is the vector */

#define PROBE_VECTORS      32
#define PROBE_VECTOR_BYTES 8 /* from one exception entry to the next */

struct probe_test {
	const char *name;
	const uint8_t *entry; /* inside probe_guest_code */
	bool xsave; /* only where the processor has XSAVE */
	int vector; /* exception that must follow; -1: none */
};

#define HIDDEN __attribute__((visibility("hidden"))) /* defined in assembly */

/* The whole code, to be copied to PROBE_CODE. Its exception entries come first. */
extern const uint8_t probe_guest_code[] HIDDEN, probe_guest_end[] HIDDEN;

/* Counts RCX down to 0: two instructions each. */
extern const uint8_t probe_guest_loop[] HIDDEN;

extern const struct probe_test probe_guest_tests[];
extern const unsigned probe_guest_n_tests;

#endif /* ARCH_X86_64_PROBE_GUEST_H */
