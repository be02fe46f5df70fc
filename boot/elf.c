/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/elf.h"

#include "arch/x86_64/layout.h"
#include "vmm/num.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SEGMENTS_MAX 64 /* program headers; a vmlinux has five */
#define NOTES_MAX    (64 * KiB) /* bytes of one note segment; a vmlinux has half a KiB */

#define XEN_ELFNOTE_PHYS32_ENTRY 18 /* xen/include/public/elfnote.h */

/* What vmlinux would have in its bzImage, where it matters after the decompressor. */
#define HEADER_MAGIC     0x53726448 /* "HdrS" */
#define BOOT_FLAG        0xaa55
#define PROTOCOL         0x020f
#define CMDLINE_CHARS    2047 /* COMMAND_LINE_SIZE of x86 Linux, without NUL */
#define KERNEL_ALIGNMENT 0x1000000

/* An image while it is being loaded. */
struct image {
	const struct file *file;
	Elf64_Phdr ph[SEGMENTS_MAX];
	unsigned n;
};

/* Processors whose kernels are given by mistake, e_machine of the ELF header. */
static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{ EM_386, "i386" },      { EM_ARM, "arm" },     { EM_AARCH64, "aarch64" },
	{ EM_RISCV, "riscv" },   { EM_PPC, "powerpc" }, { EM_PPC64, "powerpc64" },
	{ EM_S390, "s390x" },    { EM_MIPS, "mips" },   { EM_SPARCV9, "sparc64" },
	{ EM_IA_64, "ia64" },    { EM_BPF, "bpf" },     { 258 /* EM_LOONGARCH */, "loongarch" },
	{ EM_PARISC, "parisc" }, { EM_ALPHA, "alpha" }, { EM_68K, "m68k" },
};

bool elf_is_32bit(const struct kernel_head *h)
{
	return h->len > EI_CLASS && h->bytes[EI_CLASS] == ELFCLASS32;
}

/* Name a machine in words, or by its number. */
static const char *machine_name(uint16_t machine, char *buf, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == machine)
			return machines[i].name;
	snprintf(buf, size, "machine %u", machine);
	return buf;
}

/* Whether this is an image of the right kind, as far as the identification says. */
static int check_ident(const struct file *f, const struct kernel_head *h, struct err *e)
{
	if (h->len < EI_NIDENT)
		return err_set(e, EINVAL,
		               "kernel '%s' is truncated in its ELF header: copy it again",
		               f->name);
	if (elf_is_32bit(h))
		return err_set(e, ENOEXEC,
		               "kernel '%s' is a 32-bit ELF image: give a kernel built for x86_64",
		               f->name);
	if (h->bytes[EI_CLASS] != ELFCLASS64)
		return err_set(e, EINVAL,
		               "kernel '%s' is damaged: its ELF class is %u; copy it again",
		               f->name, h->bytes[EI_CLASS]);
	if (h->bytes[EI_DATA] != ELFDATA2LSB)
		return err_set(
		        e, ENOEXEC,
		        "kernel '%s' is a big-endian ELF image: give a kernel built for x86_64",
		        f->name);
	if (h->len < sizeof(Elf64_Ehdr))
		return err_set(e, EINVAL,
		               "kernel '%s' is truncated in its ELF header: copy it again",
		               f->name);
	return 0;
}

static int check_header(const struct file *f, const Elf64_Ehdr *eh, struct err *e)
{
	char other[24];

	if (eh->e_machine != EM_X86_64)
		return err_set(e, ENOEXEC,
		               "kernel '%s' is an ELF image for %s: give a kernel built for x86_64",
		               f->name, machine_name(eh->e_machine, other, sizeof(other)));
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return err_set(e, ENOEXEC,
		               "kernel '%s' is an ELF object (a module or a core dump?), not an "
		               "executable image: give vmlinux",
		               f->name);
	if (eh->e_phnum == 0 || eh->e_phnum > SEGMENTS_MAX || eh->e_phentsize != sizeof(Elf64_Phdr))
		return err_set(e, EINVAL,
		               "kernel '%s': %u program headers of %u bytes; 1 to %u of %zu can be "
		               "loaded; give vmlinux",
		               f->name, eh->e_phnum, eh->e_phentsize, SEGMENTS_MAX,
		               sizeof(Elf64_Phdr));
	return 0;
}

static int truncated(const struct file *f, struct err *e)
{
	return err_set(
	        e, EINVAL,
	        "kernel '%s' is truncated: its segments go beyond its %ju bytes; copy it again",
	        f->name, (uintmax_t)f->size);
}

/* Read the program headers. Those that load something must name bytes that exist. */
static int read_segments(struct image *im, const Elf64_Ehdr *eh, struct err *e)
{
	const struct file *f = im->file;
	uint64_t len = (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr);
	int r;

	if (!num_inside(eh->e_phoff, len, f->size))
		return truncated(f, e);
	im->n = eh->e_phnum;
	r = file_read(f, eh->e_phoff, im->ph, len, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < im->n; i++) {
		const Elf64_Phdr *p = &im->ph[i];

		if (p->p_type == PT_INTERP)
			return err_set(
			        e, ENOEXEC,
			        "kernel '%s' is a program for an operating system, not a kernel: "
			        "give vmlinux",
			        f->name);
		if (p->p_type != PT_LOAD && p->p_type != PT_NOTE)
			continue;
		if (!num_inside(p->p_offset, p->p_filesz, f->size))
			return truncated(f, e);
		if (p->p_type == PT_LOAD && p->p_memsz < p->p_filesz)
			return err_set(
			        e, EINVAL,
			        "kernel '%s' is damaged: segment %u has more bytes in the file "
			        "than in memory; copy it again",
			        f->name, i);
	}
	return 0;
}

/* Whether a segment takes up memory. */
static bool is_loaded(const Elf64_Phdr *p)
{
	return p->p_type == PT_LOAD && p->p_memsz > 0;
}

static bool overlap(const Elf64_Phdr *p, const Elf64_Phdr *q)
{
	return p->p_paddr < q->p_paddr + q->p_memsz && q->p_paddr < p->p_paddr + p->p_memsz;
}

/* Check that every segment has RAM of its own; give the range that they span. */
static int check_memory(const struct image *im, const struct gmem *mem, struct kernel *k,
                        struct err *e)
{
	const char *name = im->file->name;

	k->begin = UINT64_MAX;
	for (unsigned i = 0; i < im->n; i++) {
		const Elf64_Phdr *p = &im->ph[i];

		if (!is_loaded(p))
			continue;
		if (!num_inside(p->p_paddr, p->p_memsz, UINT64_MAX))
			return err_set(e, EINVAL,
			               "kernel '%s' is damaged: segment %u wraps around the end of "
			               "memory; copy it again",
			               name, i);
		for (unsigned j = 0; j < i; j++)
			if (is_loaded(&im->ph[j]) && overlap(p, &im->ph[j]))
				return err_set(
				        e, EINVAL,
				        "kernel '%s' is damaged: segments %u and %u overlap in "
				        "memory; copy it again",
				        name, j, i);
		k->begin = p->p_paddr < k->begin ? p->p_paddr : k->begin;
		k->end = p->p_paddr + p->p_memsz > k->end ? p->p_paddr + p->p_memsz : k->end;
	}
	if (k->end == 0)
		return err_set(e, EINVAL, "kernel '%s' has no segment to load: give vmlinux", name);
	return kernel_room(im->file, mem, k->begin, k->end - k->begin, e);
}

static int read_contents(const struct image *im, const struct gmem *mem, struct err *e)
{
	for (unsigned i = 0; i < im->n; i++) {
		const Elf64_Phdr *p = &im->ph[i];
		int r;

		if (!is_loaded(p))
			continue;
		r = file_read(im->file, p->p_offset, gmem_span(mem, GPA(p->p_paddr), p->p_filesz),
		              p->p_filesz, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The Xen note that holds the PVH entry, among @len bytes of notes. Returns true if found. */
static bool find_pvh_note(const uint8_t *notes, size_t len, uint64_t align, uint64_t *ret)
{
	size_t at = 0;

	while (num_inside(at, sizeof(Elf64_Nhdr), len)) {
		Elf64_Nhdr n;
		uint64_t name, desc, next;

		memcpy(&n, notes + at, sizeof(n));
		name = at + sizeof(n);
		desc = num_align_up(name + n.n_namesz, align);
		next = num_align_up(desc + n.n_descsz, align);
		if (!num_inside(desc, n.n_descsz, len))
			return false;
		if (n.n_type == XEN_ELFNOTE_PHYS32_ENTRY && n.n_namesz == sizeof("Xen") &&
		    memcmp(notes + name, "Xen", sizeof("Xen")) == 0 &&
		    (n.n_descsz == 4 || n.n_descsz == 8)) {
			*ret = 0;
			memcpy(ret, notes + desc, n.n_descsz);
			return true;
		}
		at = next < len ? (size_t)next : len;
	}
	return false;
}

/* Look for a PVH entry. Returns 1 and sets *@ret, 0 if there is none, or negative. */
static int pvh_entry(const struct image *im, uint64_t *ret, struct err *e)
{
	for (unsigned i = 0; i < im->n; i++) {
		const Elf64_Phdr *p = &im->ph[i];
		CLEANUP_FREE uint8_t *notes = NULL;
		int r;

		if (p->p_type != PT_NOTE || p->p_filesz == 0)
			continue;
		if (p->p_filesz > NOTES_MAX)
			return err_set(
			        e, EINVAL,
			        "kernel '%s': its notes have %ju bytes, and at most %ju are read",
			        im->file->name, (uintmax_t)p->p_filesz, (uintmax_t)NOTES_MAX);
		notes = malloc(p->p_filesz);
		if (!notes)
			return err_errno(e, ENOMEM, "cannot read the notes of kernel '%s'",
			                 im->file->name);
		r = file_read(im->file, p->p_offset, notes, p->p_filesz, e);
		if (r < 0)
			return r;
		/* Notes are aligned to 4 bytes unless the segment says 8 (gABI, since 2018). */
		if (find_pvh_note(notes, p->p_filesz, p->p_align == 8 ? 8 : 4, ret))
			return 1;
	}
	return 0;
}

/* Whether an address holds bytes that came from the file. */
static bool is_code(const struct image *im, uint64_t addr)
{
	for (unsigned i = 0; i < im->n; i++) {
		const Elf64_Phdr *p = &im->ph[i];

		if (is_loaded(p) && addr >= p->p_paddr && addr - p->p_paddr < p->p_filesz)
			return true;
	}
	return false;
}

/* Make up the setup header that an ELF image does not carry: what the kernel proper reads. */
static void make_setup(struct kernel *k)
{
	struct setup_header s = {
		.boot_flag = BOOT_FLAG,
		.header = HEADER_MAGIC,
		.version = PROTOCOL,
		.loadflags = LOADED_HIGH,
		.xloadflags = XLF_KERNEL_64,
		.kernel_alignment = KERNEL_ALIGNMENT,
		.initrd_addr_max = (uint32_t)k->initrd_max,
		.cmdline_size = CMDLINE_CHARS,
	};

	memcpy(k->setup, &s, sizeof(s));
}

int elf_load(const struct file *f, const struct kernel_head *h, const struct gmem *mem,
             struct kernel *ret, struct err *e)
{
	struct image im = { .file = f };
	struct kernel k = { .initrd_max = LAYOUT_GAP - 1, .cmdline_max = CMDLINE_CHARS };
	Elf64_Ehdr eh = { 0 };
	int r;

	r = check_ident(f, h, e);
	if (r < 0)
		return r;
	memcpy(&eh, h->bytes, sizeof(eh));
	r = check_header(f, &eh, e);
	if (r == 0)
		r = read_segments(&im, &eh, e);
	if (r == 0)
		r = check_memory(&im, mem, &k, e);
	if (r == 0)
		r = pvh_entry(&im, &k.entry, e);
	if (r < 0)
		return r;
	k.pvh = r > 0;
	if (!k.pvh)
		k.entry = eh.e_entry;
	if (!is_code(&im, k.entry))
		return err_set(
		        e, EINVAL,
		        "kernel '%s' has its %s entry at 0x%jx, outside of every segment: give a "
		        "vmlinux with physical load addresses",
		        f->name, k.pvh ? "PVH" : "64-bit", (uintmax_t)k.entry);
	make_setup(&k);
	r = read_contents(&im, mem, e);
	if (r == 0)
		*ret = k;
	return r;
}
