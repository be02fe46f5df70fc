/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_DSDT_H
#define BOOT_DSDT_H

/* The differentiated system description table: the devices. */

#include "boot/boot.h"

struct arch_platform;

/**
 * dsdt_write() - Write the table without its header
 * @buf:  Where to; the header's bytes are left alone
 * @room: Bytes of @buf
 * @p:    The machine
 * @hw:   What of it is in use; @hw->n_virtio at most @p->n_virtio
 *
 * Return: Length of the table with header, 0 if it does not fit.
 * Spec:   ACPI 6.3 sections 5.2.11.1, 5.6.9 (GED), 4.8.2.2.1.2 (power button), 7.4.2 (_Sx)
 */
size_t dsdt_write(uint8_t *buf, size_t room, const struct arch_platform *p,
                  const struct boot_hardware *hw) MUST_CHECK;

#endif /* BOOT_DSDT_H */
