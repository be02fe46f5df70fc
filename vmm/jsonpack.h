/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JSONPACK_H
#define VMM_JSONPACK_H

#include "vmm/compiler.h"

#include <jansson.h>

/**
 * jsonpack_new() - Make JSON of a format and its values
 * @fmt: One value: s (const char *, UTF-8, NULL is null), i (int), I (json_int_t), b (int), o
 * (json_t *, taken over), [ values ], or { pairs of s and a value }; blanks, commas and colons say
 *       nothing
 *
 * As json_pack(), of which it understands what we use in a tenth of its size.
 * Context: any; allocates.
 * Return:  A new reference, or NULL without memory, or if an o is NULL; what was taken over is
 *          given back then.
 */
json_t *jsonpack_new(const char *fmt, ...) MUST_CHECK;

#endif /* VMM_JSONPACK_H */
