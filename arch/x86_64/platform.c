/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"
#include "arch/x86_64/layout.h"

#include <string.h>

/*
 * How a reboot, a panic and a crash are told apart.
 *
 * Linux ends in native_machine_emergency_restart() (arch/x86/kernel/reboot.c) for a reboot and for
 * a panic alike. With reboot=t both would be a triple fault, like a crash; with reboot=a both write
 * the ACPI reset register, so a triple fault is always a crash. Without ACPI the same loop goes on
 * to the keyboard controller's reset, which is there too. Neither waits for anything.
 *
 * Before it resets, that function writes the reboot mode where a PC's firmware looks for it: 0x1234
 * at 0x472 is a warm reboot, 0 any other. panic_warm makes it warm for a panic only (Linux 5.3 and
 * later), so that arch_reset_is_panic() need only look there. An older kernel reads the word as
 * type 'p', which the 'a' behind it corrects: hence this order.
 */
#define REBOOT_WORDS "reboot=panic_warm,a panic=-1"

/*
 * There is no PCI. Not told so, Linux looks for it by port I/O, each an exit: 65536 functions where
 * it takes the processor for an AMD with a GART, one bus on any other.
 */
#define PROBE_WORDS "pci=off"

#define WARM_BOOT_FLAG  0x472
#define WARM_BOOT_MAGIC 0x1234

const struct arch_platform arch_platform = {
	.virtio = { ARCH_MMIO, LAYOUT_VIRTIO, 0x1000, 5 },
	.virtio_stride = LAYOUT_VIRTIO_STRIDE,
	.n_virtio = LAYOUT_IOAPIC_PINS - 5, /* one IOAPIC pin each */
	.ioapic = { ARCH_MMIO, LAYOUT_IOAPIC, 0x100, 0 },
	.uart = { ARCH_PIO, 0x3f8, 8, 4 },
	.i8042 = { ARCH_PIO, 0x64, 1, 0 },
	.exit_port = { ARCH_PIO, 0xf4, 4, 0 },
	.pvpanic = { ARCH_PIO, 0x505, 1, 0 },
	.power = { ARCH_PIO, 0x600, 8, 3 },
	.console_word = "ttyS0",
	.probe_words = PROBE_WORDS,
	.reboot_words = REBOOT_WORDS,
};

unsigned arch_ram_layout(uint64_t bytes, struct arch_ram ret[GMEM_REGIONS_MAX])
{
	if (bytes <= LAYOUT_GAP) {
		ret[0] = (struct arch_ram){ GPA(0), bytes };
		return 1;
	}
	ret[0] = (struct arch_ram){ GPA(0), LAYOUT_GAP };
	ret[1] = (struct arch_ram){ GPA(LAYOUT_GAP_END), bytes - LAYOUT_GAP };
	return 2;
}

bool arch_reset_is_panic(const struct gmem *mem)
{
	const void *flag = gmem_span(mem, GPA(WARM_BOOT_FLAG), 2);
	uint16_t mode = 0;

	if (flag)
		memcpy(&mode, flag, sizeof(mode));
	return mode == WARM_BOOT_MAGIC;
}
