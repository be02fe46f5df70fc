/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_PORTS_H
#define BOOT_INIT_PORTS_H

#include "vmm/compiler.h"

/* The virtio-console ports by which the first process talks to vmm. */

/**
 * ports_open() - Open a port by its name
 * @name:  As vmm has named it
 * @flags: O_RDONLY, O_WRONLY or O_RDWR; O_NONBLOCK is added
 *
 * Waits for it: the driver learns of its ports in its own time. Neither udev nor /dev/virtio-ports
 * is needed.
 * Return: Descriptor, or -errno.
 * Errors: -ENODEV it did not appear, or the kernel has no driver.
 */
int ports_open(const char *name, int flags) MUST_CHECK;

/**
 * ports_connected() - Wait until the other end of a port is there
 * @fd: From ports_open()
 */
void ports_connected(int fd);

#endif /* BOOT_INIT_PORTS_H */
