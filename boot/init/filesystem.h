/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_FILESYSTEM_H
#define BOOT_INIT_FILESYSTEM_H

#include "vmm/compiler.h"

/* Which file system is on a disk. */

#define FILESYSTEM_HEAD 65608 /* bytes of the disk that are looked at */

/**
 * filesystem_probe() - Recognise a file system by its magic number
 * @head: The first bytes of the disk
 * @len:  How many; fewer than FILESYSTEM_HEAD only of a smaller disk
 *
 * Return: Its name as mount(2) takes it, or NULL.
 */
const char *filesystem_probe(const char *head, size_t len);

/**
 * filesystem_next() - Take the next file system that lives on a disk out of /proc/filesystems
 * @rest: What is left of its text; NULL after the last line
 *
 * Return: Its name, or NULL.
 */
const char *filesystem_next(char **rest);

#endif /* BOOT_INIT_FILESYSTEM_H */
