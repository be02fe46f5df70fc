/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CONFIG_JSON_H
#define VMM_CONFIG_JSON_H

#include "vmm/config.h"

#include <jansson.h>
#include <stdio.h>

/**
 * config_json_make() - Make a JSON object of a configuration
 * @c: What config_check() accepted
 *
 * One member for each option that configures the VM, of the same name and in the order of the
 * table; null is an option without value. Sizes are text with a unit, times are seconds.
 * Context: any; allocates.
 * Return:  A new reference, or NULL without memory.
 */
json_t *config_json_make(const struct config *c) MUST_CHECK;

/**
 * config_json_write() - Write a configuration as one JSON object and a newline
 * @c:   What config_check() accepted
 * @out: Where to; may be buffered, so that errors show up later
 *
 * Context: set-up; allocates.
 * Return:  0, -ENOMEM, or -errno of writing.
 */
int config_json_write(const struct config *c, FILE *out) MUST_CHECK;

#endif /* VMM_CONFIG_JSON_H */
