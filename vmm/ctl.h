/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CTL_H
#define VMM_CTL_H

#include "vmm/compiler.h"

/**
 * ctl_main() - The program vmmctl: one command for a VM, over its control socket
 * @argc: Words, the program's name being the first
 * @argv: Likewise; ends with NULL
 *
 * Prints the answer to standard output and what is wrong to standard error.
 * Context: instead of a VM; blocks for the answer.
 * Return:  Exit status: 0; 1 the VM refuses the command; 125 there was no answer.
 */
int ctl_main(int argc, char **argv);

#endif /* VMM_CTL_H */
