/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/initrd.h"

#include "arch/x86_64/layout.h"
#include "boot/pack.h"
#include "vmm/num.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ARCHIVE_ALIGN 4 /* the kernel skips zeros between archives up to here */
#define PAGE          4096

/* The archives, opened and sized, so that what is copied is what was measured. */
struct pile {
	const struct boot_archive *archive;
	struct file file[INITRD_ARCHIVES_MAX]; /* fd -1: the bytes are in memory */
	unsigned n;
	uint64_t size; /* bytes in all, padding between them included */
	uint64_t unpacked; /* bytes that directories are in the guest, once it has unpacked them */
	bool low; /* begins at @begin, as a directory is in it */
	uint64_t begin; /* the first page behind the kernel */
	uint64_t top; /* where memory that the kernel accepts ends */
};

/* Put a directory where it stays, as far as there is room; its size is known afterwards. */
static int pack(struct pile *p, const struct boot_archive *a, const struct gmem *mem, uint64_t at,
                uint64_t *ret, struct err *e)
{
	uint64_t room = p->top > p->begin + at ? p->top - (p->begin + at) : 0;
	struct pack_sum sum = { 0 };
	struct cpio c;
	int r;

	cpio_init_fixed(&c, room ? gmem_span(mem, GPA(p->begin + at), room) : NULL, room);
	r = pack_dir(&c, a->path, a->owner_root, &sum, e);
	if (r == 0)
		r = cpio_end(&c, e);
	p->unpacked += sum.unpacked;
	*ret = c.len;
	return r;
}

/* Open the next archive and put it on top. */
static int pile_add(struct pile *p, const struct boot_archive *a, const struct gmem *mem,
                    struct err *e)
{
	struct file *f = &p->file[p->n];
	uint64_t at = num_align_up(p->size, ARCHIVE_ALIGN);
	int r = 0;

	*f = (struct file){ .fd = -1, .size = a->size };
	file_name(f->name, a->path);
	if (a->directory)
		r = pack(p, a, mem, at, &f->size, e);
	else if (!a->data)
		r = file_open(f, a->path, "initrd", e);
	if (r < 0)
		return r;
	p->n++;
	if (f->size == 0)
		return err_set(e, EINVAL, "initrd '%s' is empty: make it again", f->name);
	/* No kernel takes an initial RAM disk of 4 GiB; the sum below cannot wrap. */
	if (f->size >= LAYOUT_GAP_END || at + f->size >= LAYOUT_GAP_END)
		return err_set(e, E2BIG,
		               "initrd '%s' is too big: all archives together must stay "
		               "below 3 GiB",
		               f->name);
	p->size = at + f->size;
	return 0;
}

static void pile_close(struct pile *p)
{
	for (unsigned i = 0; i < p->n; i++)
		file_close(&p->file[i]);
}

/* Bytes as MiB for a message, none lost. */
static uintmax_t mib(uint64_t bytes)
{
	return (bytes + MiB - 1) / MiB;
}

/* Between the kernel and the lower of its own limit and the end of low RAM. */
static void find_room(struct pile *p, const struct kernel *k, const struct gmem *mem)
{
	uint64_t ram = mem->region[0].size;
	uint64_t limit = k->initrd_max < LAYOUT_GAP ? k->initrd_max + 1 : LAYOUT_GAP;

	p->begin = num_align_up(k->end, PAGE);
	p->top = num_align_down(ram < limit ? ram : limit, PAGE);
}

/*
 * Check that it fits, and choose the highest page unless the place is fixed. What is unpacked goes
 * to a tmpfs, which the kernel makes half as large as the RAM that kernel and archives leave.
 */
static int place(const struct pile *p, const struct kernel *k, const struct gmem *mem,
                 uint64_t *ret, struct err *e)
{
	uint64_t limit = k->initrd_max < LAYOUT_GAP ? k->initrd_max + 1 : LAYOUT_GAP;
	uint64_t ram = gmem_size(mem), end = p->begin + num_align_up(p->size, PAGE);
	uint64_t need = end + 2 * p->unpacked;
	const char *name = p->file[0].name, *more = p->n > 1 ? " and those after it" : "";

	if (end <= p->top && need <= ram) {
		*ret = p->low ? p->begin : num_align_down(p->top - p->size, PAGE);
		return 0;
	}
	if (end > num_align_down(limit, PAGE))
		return err_set(
		        e, E2BIG,
		        "initrd '%s'%s of %ju MiB is too big: kernel and initrd need %ju MiB, "
		        "and this kernel takes one only in the first %ju MiB",
		        name, more, mib(p->size), mib(end), mib(limit));
	return err_set(e, ENOMEM,
	               "initrd '%s'%s of %ju MiB is too big for %ju MiB of RAM: kernel and initrd "
	               "need %ju MiB and more; raise --memory",
	               name, more, mib(p->size), mib(ram), mib(need));
}

/* Copy each archive to its place. */
static int pile_copy(const struct pile *p, const struct gmem *mem, uint64_t base, struct err *e)
{
	uint8_t *host = gmem_span(mem, GPA(base), p->size);
	uint64_t at = 0;

	for (unsigned i = 0; i < p->n; i++) {
		int r;

		at = num_align_up(at, ARCHIVE_ALIGN);
		if (p->archive[i].data) {
			memcpy(host + at, p->archive[i].data, p->archive[i].size);
		} else if (!p->archive[i].directory) {
			r = file_read(&p->file[i], 0, host + at, p->file[i].size, e);
			if (r < 0)
				return r;
		}
		at += p->file[i].size;
	}
	return 0;
}

int initrd_load(const struct boot_archive *archives, unsigned n, const struct kernel *kernel,
                const struct gmem *mem, struct initrd *ret, struct err *e)
{
	struct pile p = { .archive = archives };
	struct initrd rd = { 0 };
	int r = 0;

	if (n > INITRD_ARCHIVES_MAX)
		return err_set(e, E2BIG, "%u initrds are too many: at most %u can be given", n,
		               INITRD_ARCHIVES_MAX);
	find_room(&p, kernel, mem);
	for (unsigned i = 0; i < n; i++)
		p.low = p.low || archives[i].directory;
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = pile_add(&p, &archives[i], mem, e);
	if (r == 0 && n > 0)
		r = place(&p, kernel, mem, &rd.base, e);
	if (r == 0 && n > 0)
		r = pile_copy(&p, mem, rd.base, e);
	pile_close(&p);
	rd.size = p.size;
	if (r == 0)
		*ret = rd;
	return r;
}
