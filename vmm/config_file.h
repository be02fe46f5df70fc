/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CONFIG_FILE_H
#define VMM_CONFIG_FILE_H

#include "vmm/config.h"

/*
 * The file of --config: one JSON object with a member for each option, of the option's name, as
 * --dry-run prints it. A value is what the command line takes, as text or as the JSON that comes
 * closest: a number, true, a list for what may be repeated, an object for a comma list.
 */

#define CONFIG_FILE_MAX (1UL << 20) /* bytes */

/**
 * config_file_apply() - Take over what a file says, where the command line says nothing
 * @c:     From optval_defaults(), and the command line
 * @given: Bit i: options[i] was on the command line, which wins
 * @path:  Any kind of file
 * @e:     Names the file, and the place or the option in it
 *
 * After an error of one member the others are still taken, as cli_parse() does with words. The
 * text lives as long as @c.
 * Context: set-up; reads the file, allocates.
 * Return:  0, or -errno.
 * Errors:  -EINVAL it is not such a JSON object; -EFBIG it is longer than CONFIG_FILE_MAX; those of
 *          optval_set(), open(2) and read(2).
 */
int config_file_apply(struct config *c, uint64_t given, const char *path, struct err *e) MUST_CHECK;

/**
 * config_file_parse() - The same of a text
 * @c:     As above; no file was applied to it
 * @given: Likewise
 * @text:  @len bytes
 * @len:   Any number
 * @e:     Names the place or the option
 *
 * Context: set-up; allocates.
 * Return:  0, or -errno as above.
 */
int config_file_parse(struct config *c, uint64_t given, const char *text, size_t len,
                      struct err *e) MUST_CHECK;

#endif /* VMM_CONFIG_FILE_H */
