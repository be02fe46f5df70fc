/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JSONTEXT_H
#define VMM_JSONTEXT_H

#include "vmm/compiler.h"

#include <jansson.h>

/**
 * jsontext_new() - Make a JSON string of any bytes
 * @s: Text; file names and messages need not be UTF-8. NULL makes a JSON null
 *
 * Each byte that is not part of well-formed UTF-8 becomes U+FFFD, the replacement character, as
 * JSON has no way to spell it.
 * Context: any; allocates up to three times the length of @s.
 * Return:  A new reference, or NULL without memory.
 * Spec:    RFC 3629 section 4; RFC 8259 section 8.1
 */
json_t *jsontext_new(const char *s) MUST_CHECK;

#endif /* VMM_JSONTEXT_H */
