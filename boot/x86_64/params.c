/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/x86_64/params.h"

#include "arch/x86_64/layout.h"
#include "vmm/num.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

/* Low RAM, the ACPI tables, and RAM from 1 MiB up in each region. */
#define MAP_MAX (2 + GMEM_REGIONS_MAX)

#define LOADER_UNDEFINED 0xff /* type_of_loader: none that has a number */
#define VID_MODE_NORMAL  0xffff

#define PTE_PRESENT  (1ULL << 0)
#define PTE_WRITABLE (1ULL << 1)
#define PDE_LARGE    (1ULL << 7) /* maps 2 MiB */
#define LARGE_PAGE   (2 * MiB)
#define TABLE_LEN    512 /* entries */

/* Segment descriptors, flat over 4 GiB, in the order of LAYOUT_SEL_*. "Accessed" is set, so that
 * the processor has no reason to write to the table. */
static const uint64_t gdt[] = {
	0,
	0x00cf9b000000ffff, /* 32-bit code: execute, read */
	0x00af9b000000ffff, /* 64-bit code: execute, read */
	0x00cf93000000ffff, /* data: read, write */
	0x00008b0000000067, /* busy task state segment at 0 of 104 bytes, low half */
	0, /* high half */
};

_Static_assert(sizeof(gdt) == LAYOUT_GDT_LIMIT + 1, "GDT and its limit differ");

struct map_entry {
	uint64_t base, size; /* bytes */
	uint32_t type;
};

/* All that is in the map is RAM or holds the ACPI tables; the rest is hole. */
static unsigned memory_map(const struct gmem *mem, struct map_entry map[MAP_MAX])
{
	unsigned n = 0;

	map[n++] = (struct map_entry){ 0, LAYOUT_LOW_RAM_END, PARAMS_E820_RAM };
	map[n++] = (struct map_entry){ LAYOUT_ACPI, LAYOUT_ACPI_END - LAYOUT_ACPI,
		                       PARAMS_E820_RESERVED };
	map[n++] = (struct map_entry){ LAYOUT_HIGH_RAM, mem->region[0].size - LAYOUT_HIGH_RAM,
		                       PARAMS_E820_RAM };
	for (unsigned i = 1; i < mem->n_regions; i++)
		map[n++] = (struct map_entry){ mem->region[i].base.a, mem->region[i].size,
			                       PARAMS_E820_RAM };
	return n;
}

/* Fill the zero page: the image's own setup header, and then what a boot loader sets. */
static void write_zero_page(uint8_t *low, const struct kernel *k, const struct initrd *rd,
                            const struct map_entry *map, unsigned n_map)
{
	struct boot_params *bp = (struct boot_params *)(low + LAYOUT_ZERO_PAGE);

	memset(bp, 0, sizeof(*bp));
	memcpy((uint8_t *)bp + KERNEL_SETUP_OFFSET, k->setup, sizeof(k->setup));
	bp->hdr.type_of_loader = LOADER_UNDEFINED;
	bp->hdr.vid_mode = VID_MODE_NORMAL;
	/* The heap serves the real-mode code, which does not run; KASLR_FLAG is the kernel's own.
	 */
	bp->hdr.loadflags &= (uint8_t) ~(CAN_USE_HEAP | KASLR_FLAG);
	bp->hdr.heap_end_ptr = 0;
	bp->hdr.setup_data = 0;
	bp->hdr.code32_start = (uint32_t)k->begin;
	bp->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	bp->ext_cmd_line_ptr = 0;
	bp->hdr.ramdisk_image = (uint32_t)rd->base;
	bp->ext_ramdisk_image = (uint32_t)(rd->base >> 32);
	bp->hdr.ramdisk_size = (uint32_t)rd->size;
	bp->ext_ramdisk_size = (uint32_t)(rd->size >> 32);
	bp->acpi_rsdp_addr = LAYOUT_ACPI;
	for (unsigned i = 0; i < n_map; i++)
		bp->e820_table[i] =
		        (struct boot_e820_entry){ map[i].base, map[i].size, map[i].type };
	bp->e820_entries = (uint8_t)n_map;
}

/* Fill the PVH start info and what it points to. */
static void write_pvh(uint8_t *low, const struct initrd *rd, const struct map_entry *map,
                      unsigned n_map)
{
	struct params_pvh_info *info = (struct params_pvh_info *)(low + LAYOUT_PVH_INFO);
	struct params_pvh_module *module = (struct params_pvh_module *)(low + LAYOUT_PVH_MODULES);
	struct params_pvh_memory *memory = (struct params_pvh_memory *)(low + LAYOUT_PVH_MEMMAP);

	*info = (struct params_pvh_info){
		.magic = PARAMS_PVH_MAGIC,
		.version = PARAMS_PVH_VERSION,
		.nr_modules = rd->size > 0 ? 1 : 0,
		.modlist_paddr = rd->size > 0 ? LAYOUT_PVH_MODULES : 0,
		.cmdline_paddr = LAYOUT_CMDLINE,
		.rsdp_paddr = LAYOUT_ACPI,
		.memmap_paddr = LAYOUT_PVH_MEMMAP,
		.memmap_entries = n_map,
	};
	*module = (struct params_pvh_module){ .paddr = rd->base, .size = rd->size };
	for (unsigned i = 0; i < n_map; i++)
		memory[i] = (struct params_pvh_memory){ map[i].base, map[i].size, map[i].type, 0 };
}

/* Map the first GiBs one to one, as many as the kernel's own memory needs: the 64-bit entry asks
 * for no more, and each GiB costs a page of tables. */
static void write_page_tables(uint8_t *low, uint64_t end)
{
	uint64_t *pml4 = (uint64_t *)(low + LAYOUT_PML4), *pdpt = (uint64_t *)(low + LAYOUT_PDPT);
	unsigned n = (unsigned)((end + GiB - 1) / GiB);

	pml4[0] = LAYOUT_PDPT | PTE_PRESENT | PTE_WRITABLE;
	for (unsigned i = 0; i < n && i < LAYOUT_PD_MAX; i++) {
		uint64_t table = LAYOUT_PD + (uint64_t)i * TABLE_LEN * sizeof(uint64_t);
		uint64_t *pd = (uint64_t *)(low + table);

		pdpt[i] = table | PTE_PRESENT | PTE_WRITABLE;
		for (unsigned j = 0; j < TABLE_LEN; j++)
			pd[j] = (i * GiB + j * LARGE_PAGE) | PTE_PRESENT | PTE_WRITABLE | PDE_LARGE;
	}
}

int params_write(const struct kernel *kernel, const struct initrd *initrd, const char *cmdline,
                 const struct gmem *mem, struct boot_entry *ret, struct err *e)
{
	uint8_t *low = gmem_span(mem, GPA(0), LAYOUT_HIGH_RAM);
	size_t len = strlen(cmdline);
	struct map_entry map[MAP_MAX];
	unsigned n;

	if (!low)
		return err_set(e, EFAULT, "guest RAM does not begin with the first MiB");
	if (len > kernel->cmdline_max || len >= LAYOUT_CMDLINE_SIZE)
		return err_set(
		        e, E2BIG,
		        "the kernel command line has %zu characters, and this kernel takes %ju: "
		        "shorten --append",
		        len, (uintmax_t)kernel->cmdline_max);
	memcpy(low + LAYOUT_CMDLINE, cmdline, len + 1);
	memcpy(low + LAYOUT_GDT, gdt, sizeof(gdt));
	n = memory_map(mem, map);
	if (kernel->pvh) {
		write_pvh(low, initrd, map, n);
		*ret = (struct boot_entry){ BOOT_PVH, kernel->entry, LAYOUT_PVH_INFO };
	} else {
		write_zero_page(low, kernel, initrd, map, n);
		write_page_tables(low, kernel->end);
		*ret = (struct boot_entry){ BOOT_LINUX64, kernel->entry, LAYOUT_ZERO_PAGE };
	}
	return 0;
}

_Static_assert(LAYOUT_PVH_MEMMAP + MAP_MAX * sizeof(struct params_pvh_memory) <= LAYOUT_ZERO_PAGE,
               "PVH tables run into the zero page");
ABI_SIZE(struct boot_params, 4096);
ABI_OFF(struct boot_params, acpi_rsdp_addr, 0x70);
ABI_OFF(struct boot_params, e820_table, 0x2d0);
