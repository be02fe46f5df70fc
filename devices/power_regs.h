/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_POWER_REGS_H
#define DEVICES_POWER_REGS_H

/*
 * Registers of the power chip (power.h), which the ACPI tables describe to the guest.
 * ACPI 6.4 sections 4.8.3.6 (reset), 4.8.3.7 (sleep control and status), 5.6.9 (generic events).
 */

#define POWER_REG_SLEEP_CONTROL 0 /* 1 byte: FADT SLEEP_CONTROL_REG */
#define POWER_REG_SLEEP_STATUS  1 /* 1 byte: FADT SLEEP_STATUS_REG */
#define POWER_REG_RESET         2 /* 1 byte: FADT RESET_REG */
#define POWER_REG_EVENTS        4 /* 4 bytes: pending events, a read takes them all */
#define POWER_REGISTERS         8 /* bytes in all */

/* Sleep control: writing the type of \_S5 together with the enable bit turns the machine off. */
#define POWER_SLP_TYP_S5    5
#define POWER_SLP_TYP_SHIFT 2
#define POWER_SLP_TYP_MASK  0x1c
#define POWER_SLP_EN        0x20

#define POWER_RESET_VALUE 1 /* FADT RESET_VALUE */

#define POWER_EVENT_BUTTON 0x01 /* the power button was pressed */

#endif /* DEVICES_POWER_REGS_H */
