/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/kernel.h"

#include "arch/x86_64/layout.h"
#include "boot/bzimage.h"
#include "boot/elf.h"
#include "vmm/num.h"

#include <errno.h>
#include <string.h>

#define MULTIBOOT1_MAGIC 0x1badb002u
#define MULTIBOOT2_MAGIC 0xe85250d6u

/* No kernel of a useful kind is shorter: a bzImage has two sectors before its code. */
#define SHORTEST 1024

/* A format that is not loaded, by its magic bytes, and what to tell who gave it. */
struct stranger {
	const char *is;
	uint16_t off;
	uint8_t len; /* of @magic */
	char magic[7];
	bool compressed; /* by @is */
};

#define STRANGER(off_, magic_, is_)                                                                \
	{                                                                                          \
		is_, off_, sizeof(magic_) - 1, magic_, false                                       \
	}
#define COMPRESSED(magic_, by_)                                                                    \
	{                                                                                          \
		by_, 0, sizeof(magic_) - 1, magic_, true                                           \
	}

/* The first match answers, so the more telling rows come first. */
static const struct stranger strangers[] = {
	COMPRESSED("\x1f\x8b", "gzip"),
	COMPRESSED("\3757zXZ\0", "xz"),
	COMPRESSED("\x28\xb5\x2f\xfd", "zstd"),
	COMPRESSED("BZh", "bzip2"),
	COMPRESSED("\x02\x21\x4c\x18", "lz4"),
	COMPRESSED("\x04\x22\x4d\x18", "lz4"),
	COMPRESSED("\x89LZO", "lzop"),
	COMPRESSED("\x5d\0\0", "lzma"),
	STRANGER(0x38, "ARMd", "is an arm64 Image: give a kernel built for x86_64"),
	STRANGER(0x38, "RSC\x05", "is a RISC-V Image: give a kernel built for x86_64"),
	STRANGER(4, "zimg", "is an EFI zboot image of another machine: give an x86_64 bzImage"),
	STRANGER(0, "MZ",
	         "is an EFI program, not a bzImage: of a unified kernel image, give the "
	         "contents of its .linux section"),
	STRANGER(0, "070701",
	         "is a cpio archive: give it with --initrd, and a kernel with --kernel"),
	STRANGER(0, "!<arch>", "is a package or library archive: give the kernel inside it"),
	STRANGER(0, "QFI\xfb", "is a qcow2 disk image, not a kernel"),
	STRANGER(0x438, "\x53\xef",
	         "is an ext4 file system: give it with --rootfs, and a kernel "
	         "with --kernel"),
};

static bool holds(const struct kernel_head *h, size_t off, const void *magic, size_t len)
{
	return num_inside(off, len, h->len) && memcmp(h->bytes + off, magic, len) == 0;
}

static bool is_multiboot(const struct kernel_head *h)
{
	for (size_t off = 0; num_inside(off, 4, h->len); off += 4) {
		uint32_t word;

		memcpy(&word, h->bytes + off, sizeof(word));
		if (word == MULTIBOOT1_MAGIC || word == MULTIBOOT2_MAGIC)
			return true;
	}
	return false;
}

/* Say what the file is, as far as that can be told. */
static int refuse(const struct file *f, const struct kernel_head *h, struct err *e)
{
	if (h->len < SHORTEST)
		return err_set(
		        e, ENOEXEC,
		        "kernel '%s' has only %zu bytes, too few for a kernel: it may be truncated",
		        f->name, h->len);
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		const struct stranger *s = &strangers[i];

		if (holds(h, s->off, s->magic, s->len))
			return err_set(e, ENOEXEC,
			               s->compressed ? "kernel '%s' is compressed with %s: give "
			                               "the bzImage, or unpack it first"
			                             : "kernel '%s' %s",
			               f->name, s->is);
	}
	if (is_multiboot(h))
		return err_set(
		        e, ENOEXEC,
		        "kernel '%s' is a multiboot image: give a Linux bzImage, or an ELF image "
		        "with a PVH note",
		        f->name);
	return err_set(e, ENOEXEC,
	               "kernel '%s' is neither a bzImage nor an ELF vmlinux: give one of these",
	               f->name);
}

int kernel_load(const struct file *f, const struct gmem *mem, struct kernel *ret, struct err *e)
{
	struct kernel_head h;
	int r;

	h.len = f->size < sizeof(h.bytes) ? (size_t)f->size : sizeof(h.bytes);
	r = file_read(f, 0, h.bytes, h.len, e);
	if (r < 0)
		return r;
	if (holds(&h, BZIMAGE_MAGIC_OFFSET, BZIMAGE_MAGIC, sizeof(BZIMAGE_MAGIC) - 1))
		return bzimage_load(f, &h, mem, ret, e);
	if (!holds(&h, 0, ELF_MAGIC, sizeof(ELF_MAGIC) - 1))
		return refuse(f, &h, e);
	if (elf_is_32bit(&h) && is_multiboot(&h))
		return err_set(
		        e, ENOEXEC,
		        "kernel '%s' is a 32-bit multiboot image: give a 64-bit ELF image with a "
		        "PVH note, or a bzImage",
		        f->name);
	return elf_load(f, &h, mem, ret, e);
}

int kernel_room(const struct file *f, const struct gmem *mem, uint64_t begin, uint64_t len,
                struct err *e)
{
	uint64_t ram = mem->region[0].size, end = begin + len;

	if (begin < LAYOUT_HIGH_RAM)
		return err_set(
		        e, EINVAL,
		        "kernel '%s' wants address 0x%jx, but the first MiB holds boot tables: "
		        "link it at 1 MiB or above",
		        f->name, (uintmax_t)begin);
	if (end < begin || end > LAYOUT_GAP)
		return err_set(
		        e, EINVAL,
		        "kernel '%s' wants %ju bytes at 0x%jx, where no RAM can be: link it below "
		        "3 GiB, or the image is damaged",
		        f->name, (uintmax_t)len, (uintmax_t)begin);
	if (end > ram)
		return err_set(
		        e, ENOMEM,
		        "%ju MiB of RAM are too small for the kernel '%s': it needs %ju MiB; give "
		        "--memory more",
		        (uintmax_t)(ram / MiB), f->name, (uintmax_t)(num_align_up(end, MiB) / MiB));
	return 0;
}
