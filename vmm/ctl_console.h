/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CTL_CONSOLE_H
#define VMM_CTL_CONSOLE_H

#include "vmm/err.h"

#include <jansson.h>

/* 'vmmctl SOCKET console': the terminal, or the pipes, that stand in for a VM's console. */

/**
 * ctl_console_open() - Connect to a console
 * @list:  What query-chardev answered
 * @label: Which one; NULL: the first that can be connected to
 * @e:     Names the console and says why not
 *
 * Return: A descriptor to read and write, for the caller to close, or -errno.
 */
int ctl_console_open(const json_t *list, const char *label, struct err *e) MUST_CHECK;

/**
 * ctl_console_attach() - Carry bytes between standard input and output and a console
 * @fd: From ctl_console_open(); does not block afterwards
 * @e:  Says what failed
 *
 * On a terminal Ctrl-a x leaves, and Ctrl-a h shows the other keys. The end of other input only
 * ends the input. The terminal is as before on return; a signal that asks for the end is raised
 * again then.
 * Context: the only thread; blocks until the user leaves or the VM closes the console.
 * Return:  0, or -errno.
 */
int ctl_console_attach(int fd, struct err *e) MUST_CHECK;

#endif /* VMM_CTL_CONSOLE_H */
