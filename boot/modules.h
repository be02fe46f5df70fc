/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_MODULES_H
#define BOOT_MODULES_H

/*
 * Modules of a stock kernel: those that the machine's devices and its root file system need, out of
 * the kernel's module folder into the initial RAM disk, for the guest's first process to load.
 */

#include "boot/cpio.h"

/* What there is in the machine that a driver is for. */
enum modules_need {
	MODULES_DISK = 1 << 0,
	MODULES_NET = 1 << 1,
	MODULES_CONSOLE = 1 << 2,
	MODULES_VSOCK = 1 << 3,
	MODULES_SHARE = 1 << 4, /* virtio-fs */
	MODULES_OVERLAY = 1 << 5, /* a file system over another one */
	MODULES_BUTTON = 1 << 6, /* somebody in the guest listens for the power button */
};

struct modules_request {
	const char *kernel; /* path of the image, which tells its version */
	const char *dir; /* as the user gave it; NULL: search where packages and builds put it */
	unsigned need; /* MODULES_* */
	const char *root_fs; /* file system of the root disk; NULL: none, or not known */
	const char *to; /* folder of the archive that they go to; made here */
};

/**
 * modules_pack() - Add the modules that are needed, and their order
 * @req: What is needed, and where to look
 * @c:   Archive; the folder that @req->to is in is in it
 * @e:   Names the folder or the module, and what to do
 *
 * They are not compressed, and each one comes after those that it depends on in the file "order" of
 * the folder, one name a line. What the kernel has built in is left out, and so is what this kernel
 * does not have, with a warning if a device cannot do without. A kernel that has no module folder
 * where it is searched gets none.
 * Context: set-up; blocks on the disk, allocates.
 * Return:  How many modules; 0: nothing was added.
 * Errors:  -ENOENT no modules in the folder that the user gave; -EINVAL a damaged module;
 *          -ELIBACC as unpack_file(); -errno of reading.
 * Spec:    modules.dep(5)
 */
int modules_pack(const struct modules_request *req, struct cpio *c, struct err *e) MUST_CHECK;

/**
 * modules_version() - The version of a kernel image
 * @kernel: Path of a bzImage
 * @ret:    Set on success, e.g. "6.1.0-56-amd64"
 *
 * Context: set-up; blocks on the disk.
 * Return:  0, or -EINVAL it cannot be read or does not say.
 * Spec:    Linux Documentation/arch/x86/boot.rst: kernel_version
 */
int modules_version(const char *kernel, char ret[65]) MUST_CHECK;

#endif /* BOOT_MODULES_H */
