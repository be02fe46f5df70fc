/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/guest.h"

/* Every way in which a guest can end: by=WAY. */

#define WARM_BOOT_FLAG 0x472 /* where Linux writes the kind of reboot */

static void triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0\n	ud2" : : "m"(none));
}

/* A kernel that panics with panic=-1 and reboot=panic_warm. */
static void panic_reset(void)
{
	uint64_t flag = WARM_BOOT_FLAG;

	__asm__ volatile("movw $0x1234, (%0)" : : "r"(flag) : "memory");
	outb(PORT_RESET, 1);
}

/* A kernel that panics and has the pvpanic driver: the report, then the reset. */
static void pvpanic(void)
{
	outb(PORT_PVPANIC, 1);
	outb(PORT_RESET, 1);
}

#define NO_RAM 0xd0000000 /* mapped, and nothing is there */

/* There is no instruction to fetch: on any KVM an end. */
static void jump(void)
{
	uint64_t to = NO_RAM;

	__asm__ volatile("jmp *%0" : : "r"(to));
}

/* Only a device could take it, for which KVM has to know the instruction: no KVM knows this one. */
static void store(void)
{
	uint64_t to = NO_RAM;

	__asm__ volatile("fbstp (%0)" : : "b"(to) : "memory");
}

int main(void)
{
	const uint64_t status = arg_num("status", 0);

	put("ends\n");
	if (arg_is("by", "outw"))
		outw(PORT_EXIT, (uint16_t)status);
	else if (arg_is("by", "outl"))
		outl(PORT_EXIT, (uint32_t)status);
	else if (arg_is("by", "i8042"))
		outb(PORT_I8042, 0xfe);
	else if (arg_is("by", "reset"))
		outb(PORT_RESET, 1);
	else if (arg_is("by", "poweroff"))
		outb(PORT_SLEEP, 5 << 2 | 0x20); /* type of \_S5, enable */
	else if (arg_is("by", "pvpanic"))
		pvpanic();
	else if (arg_is("by", "panic"))
		panic_reset();
	else if (arg_is("by", "triple"))
		triple_fault();
	else if (arg_is("by", "jump"))
		jump();
	else if (arg_is("by", "store"))
		store();
	else if (arg_is("by", "halt"))
		halt(); /* not an end: --timeout must end it */
	else
		failed(__FILE__, __LINE__, "by=WAY");
	halt();
}
