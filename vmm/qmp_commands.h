/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_COMMANDS_H
#define VMM_QMP_COMMANDS_H

#include "vmm/qmp_call.h"

/* The table of commands, and the handlers that others use too. */

/**
 * qmp_commands_find() - The command of a name
 * @name: Any text
 *
 * Return: The row, or NULL.
 */
const struct qmp_command *qmp_commands_find(const char *name);

/**
 * qmp_commands_version() - Which protocol this is, for the greeting and query-version
 *
 * Return: A new reference, or NULL without memory.
 */
json_t *qmp_commands_version(void) MUST_CHECK;

/* Begins the conversation; the only command before that. */
qmp_handler qmp_commands_negotiate;

/* These change the VM, and are the same in both monitors. */
qmp_handler qmp_commands_stop, qmp_commands_cont, qmp_commands_powerdown, qmp_commands_reset,
        qmp_commands_quit;

#endif /* VMM_QMP_COMMANDS_H */
