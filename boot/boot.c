/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/boot.h"

#include "arch/arch.h"
#include "arch/x86_64/layout.h"
#include "boot/acpi.h"
#include "boot/file.h"
#include "boot/initrd.h"
#include "boot/kernel.h"
#include "boot/x86_64/params.h"

#include <errno.h>

/* Open, load and close the kernel. */
static int load_kernel(const char *path, const struct gmem *mem, struct kernel *ret, struct err *e)
{
	struct file f;
	int r = file_open(&f, path, "kernel", e);

	if (r < 0)
		return r;
	r = kernel_load(&f, mem, ret, e);
	file_close(&f);
	return r;
}

static int write_acpi(const struct boot_hardware *hw, const struct gmem *mem, struct err *e)
{
	const size_t size = LAYOUT_ACPI_END - LAYOUT_ACPI;

	return acpi_write(&arch_platform, hw, gmem_span(mem, GPA(LAYOUT_ACPI), size), LAYOUT_ACPI,
	                  size, e);
}

int boot_load(const struct boot_config *cfg, const struct gmem *mem, struct boot_entry *ret,
              struct err *e)
{
	struct boot_entry entry;
	struct kernel kernel;
	struct initrd initrd;
	int r;

	/* All that follows counts on conventional RAM, and on some above the first MiB. */
	if (mem->n_regions == 0 || mem->region[0].base.a != 0 ||
	    mem->region[0].size <= LAYOUT_HIGH_RAM)
		return err_set(e, EINVAL,
		               "guest RAM must begin at 0 and have more than 1 MiB: give "
		               "--memory more");
	r = load_kernel(cfg->kernel, mem, &kernel, e);
	if (r >= 0)
		r = initrd_load(cfg->initrd, cfg->n_initrd, &kernel, mem, &initrd, e);
	if (r >= 0)
		r = write_acpi(&cfg->hw, mem, e);
	if (r >= 0)
		r = params_write(&kernel, &initrd, cfg->cmdline, mem, &entry, e);
	if (r < 0)
		return r;
	*ret = entry;
	return 0;
}
