/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CLI_H
#define VMM_CLI_H

#include "vmm/config.h"

/**
 * cli_parse() - Turn the command line into a configuration
 * @ret:  Any contents; holds a configuration in every case, config_fini() gives it back
 * @argc: Of main()
 * @argv: Of main(); @ret points into it
 * @e:    Names the word that is wrong, and the remedy
 *
 * Also does what needs no VM: prints --help, --version or the --dry-run to standard output. After
 * an error the rest of the words is still read, so that @ret knows the --result that the error
 * belongs in, unless that file has another use; nothing else of @ret means anything then.
 * Context: set-up; opens nothing but the file of --config.
 * Return:  0 = run this, 1 = done, or -errno.
 * Errors:  -EINVAL unknown, repeated, missing or meaningless words; -ERANGE, -E2BIG too much or
 *          too little; -ENOMEM; others when standard output refuses the text.
 */
int cli_parse(struct config *ret, int argc, char **argv, struct err *e) MUST_CHECK;

#endif /* VMM_CLI_H */
