/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/elf.h"

#include "tests/fuzz/boot_file.h"

/* An ELF image of arbitrary bytes, notes included. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_head h;
	struct kernel k;
	struct err e = { 0 };
	struct file f;

	if (size == 0)
		return 0;
	f = boot_file(data, size, &h);
	boot_file_judge(elf_load(&f, &h, boot_file_ram(), &k, &e), &k, &e);
	return 0;
}
