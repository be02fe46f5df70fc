/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_BOOT_FILE_H
#define TESTS_FUZZ_BOOT_FILE_H

/* What the fuzz targets of boot/ share: the input as a file, and guest RAM to load it into. */

#include "boot/kernel.h"
#include "vmm/num.h"

#include <string.h>

#define BOOT_FILE_RAM (32 * MiB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void boot_file_check(bool holds)
{
	if (!holds)
		abort();
}

/* Make the input a file and its beginning; the same descriptor serves every input. */
static inline struct file boot_file(const uint8_t *data, size_t size, struct kernel_head *h)
{
	static int fd = -1;
	struct file f = { .size = size, .name = "input" };

	if (fd < 0)
		fd = memfd_create("input", MFD_CLOEXEC);
	boot_file_check(fd >= 0 && ftruncate(fd, 0) == 0 &&
	                pwrite(fd, data, size, 0) == (ssize_t)size);
	f.fd = fd;
	h->len = size < sizeof(h->bytes) ? size : sizeof(h->bytes);
	memcpy(h->bytes, data, h->len);
	return f;
}

static inline const struct gmem *boot_file_ram(void)
{
	static struct gmem mem;
	struct err e;

	if (mem.n_regions == 0)
		boot_file_check(gmem_add(&mem, GPA(0), BOOT_FILE_RAM, &e) == 0);
	return &mem;
}

/* What every loader promises, whatever the file. */
static inline void boot_file_judge(int r, const struct kernel *k, const struct err *e)
{
	if (r < 0) {
		boot_file_check(e->msg[0] != '\0');
		return;
	}
	boot_file_check(r == 0);
	boot_file_check(k->begin >= 1 * MiB && k->begin < k->end && k->end <= BOOT_FILE_RAM);
	boot_file_check(k->entry >= k->begin && k->entry < k->end);
}

#endif /* TESTS_FUZZ_BOOT_FILE_H */
