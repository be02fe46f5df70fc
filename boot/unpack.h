/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_UNPACK_H
#define BOOT_UNPACK_H

#include "vmm/err.h"

/* Files that are compressed: with gzip, xz or zstd, as their names end. */

/**
 * unpack_suffix() - How a file is compressed
 * @path: Its name; not NUL-terminated
 * @len:  Bytes of it
 *
 * Return: Bytes of its ending: of ".gz", ".xz" or ".zst"; 0: it is not compressed.
 */
size_t unpack_suffix(const char *path, size_t len);

/**
 * unpack_file() - Read a whole file, decompressed if its name says that it is compressed
 * @path: Path
 * @what: What it is to the user; begins the message
 * @ret:  Set on success: malloc'ed
 * @len:  Set on success: bytes
 * @e:    Names the file, or the library that is missing
 *
 * The library is loaded when the first such file is met, and stays.
 * Context: set-up; blocks on the disk, allocates.
 * Return:  0.
 * Errors:  -errno of opening and reading; -ELIBACC no library; -EINVAL damaged, or more than
 *          256 MiB; -ENOMEM.
 */
int unpack_file(const char *path, const char *what, void **ret, size_t *len,
                struct err *e) MUST_CHECK;

#endif /* BOOT_UNPACK_H */
