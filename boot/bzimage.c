/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/bzimage.h"

#include "arch/x86_64/layout.h"
#include "vmm/num.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#define SECTOR           512
#define BOOT_FLAG        0xaa55
#define PROTOCOL_MIN     0x020c /* 2.12: xloadflags */
#define ENTRY_64_OFFSET  0x200 /* of the 64-bit entry in the protected-mode part */
#define SETUP_LEN_OFFSET 0x201 /* this byte + 0x202 is the end of the setup header */

/* Copy the setup header as far as the image says that it goes. What the image does not have reads
 * as 0. Returns false if the file ends before it. */
static bool take_setup(const struct kernel_head *h, uint8_t setup[KERNEL_SETUP_MAX])
{
	size_t end, len;

	if (h->len <= SETUP_LEN_OFFSET)
		return false;
	end = (size_t)BZIMAGE_MAGIC_OFFSET + h->bytes[SETUP_LEN_OFFSET];
	if (end > h->len)
		return false;
	len = end - KERNEL_SETUP_OFFSET;
	if (len > KERNEL_SETUP_MAX)
		len = KERNEL_SETUP_MAX;
	memset(setup, 0, KERNEL_SETUP_MAX);
	memcpy(setup, h->bytes + KERNEL_SETUP_OFFSET, len);
	return true;
}

/* Whether this is a kernel that has the 64-bit entry. */
static int check_kind(const struct file *f, const struct setup_header *s, struct err *e)
{
	if (s->boot_flag != BOOT_FLAG)
		return err_set(e, EINVAL,
		               "kernel '%s' is damaged: its boot sector has no signature 0xaa55; "
		               "copy it again",
		               f->name);
	if (s->version < PROTOCOL_MIN)
		return err_set(
		        e, ENOEXEC,
		        "kernel '%s' has boot protocol %u.%02u, and 2.12 is needed: give a kernel "
		        "of Linux 3.8 or later",
		        f->name, s->version >> 8, s->version & 0xff);
	if (!(s->xloadflags & XLF_KERNEL_64))
		return err_set(
		        e, ENOEXEC,
		        "kernel '%s' has no 64-bit entry, it is a 32-bit kernel: give a kernel "
		        "built for x86_64",
		        f->name);
	if (!(s->loadflags & LOADED_HIGH))
		return err_set(e, ENOEXEC, "kernel '%s' is a zImage: give a bzImage", f->name);
	return 0;
}

/* Where the kernel goes. */
static int load_address(const struct file *f, const struct setup_header *s, uint64_t *ret,
                        struct err *e)
{
	if (!s->relocatable_kernel) {
		*ret = s->pref_address;
		return 0;
	}
	if (!num_is_pow2(s->kernel_alignment))
		return err_set(e, EINVAL,
		               "kernel '%s' is damaged: its alignment 0x%x is not a power of two; "
		               "copy it again",
		               f->name, s->kernel_alignment);
	*ret = s->pref_address < LAYOUT_HIGH_RAM ? LAYOUT_HIGH_RAM : s->pref_address;
	if (*ret > LAYOUT_GAP_END)
		return 0; /* no RAM there: kernel_room() says so; aligning could wrap */
	*ret = num_align_up(*ret, s->kernel_alignment);
	return 0;
}

/* Find the protected-mode part in the file. */
static int payload(const struct file *f, const struct setup_header *s, uint64_t *ret_off,
                   uint64_t *ret_len, struct err *e)
{
	/* 0 stands for 4, from the time before the field existed. */
	uint64_t sectors = s->setup_sects == 0 ? 4 : s->setup_sects;
	uint64_t off = (sectors + 1) * SECTOR, len = (uint64_t)s->syssize * 16;

	if (!num_inside(off, len, f->size))
		return err_set(
		        e, EINVAL,
		        "kernel '%s' is truncated: it has %ju bytes, its header says %ju; copy "
		        "it again",
		        f->name, (uintmax_t)f->size, (uintmax_t)(off + len));
	if (len <= ENTRY_64_OFFSET)
		return err_set(
		        e, EINVAL,
		        "kernel '%s' is damaged: %ju bytes of code are too few; copy it again",
		        f->name, (uintmax_t)len);
	*ret_off = off;
	*ret_len = len;
	return 0;
}

int bzimage_load(const struct file *f, const struct kernel_head *h, const struct gmem *mem,
                 struct kernel *ret, struct err *e)
{
	uint64_t load = 0, off = 0, len = 0, need;
	struct setup_header s;
	struct kernel k = { 0 };
	int r;

	if (!take_setup(h, k.setup))
		return err_set(e, EINVAL, "kernel '%s' is truncated in its header: copy it again",
		               f->name);
	memcpy(&s, k.setup, sizeof(s));
	r = check_kind(f, &s, e);
	if (r == 0)
		r = load_address(f, &s, &load, e);
	if (r == 0)
		r = payload(f, &s, &off, &len, e);
	if (r < 0)
		return r;
	/* init_size: what it needs to unpack itself; it cannot be less than what is loaded. */
	need = s.init_size > len ? s.init_size : len;
	r = kernel_room(f, mem, load, need, e);
	if (r == 0)
		r = file_read(f, off, gmem_span(mem, GPA(load), len), len, e);
	if (r < 0)
		return r;
	k.entry = load + ENTRY_64_OFFSET;
	k.begin = load;
	k.end = load + need;
	k.initrd_max = s.initrd_addr_max;
	k.cmdline_max = s.cmdline_size;
	*ret = k;
	return 0;
}

_Static_assert(sizeof(struct setup_header) <= KERNEL_SETUP_MAX, "setup header outgrew its room");
ABI_OFF(struct boot_params, hdr, KERNEL_SETUP_OFFSET);
ABI_OFF(struct boot_params, edd_mbr_sig_buffer, KERNEL_SETUP_OFFSET + KERNEL_SETUP_MAX);
