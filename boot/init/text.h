/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_TEXT_H
#define BOOT_INIT_TEXT_H

#include "vmm/compiler.h"

#include <stdbool.h>

/* Text put together in a buffer of fixed size, and taken apart. Needs no C library. */

/**
 * text_join() - Write strings behind one another
 * @ret:  @room bytes, NUL included; what does not fit is left out
 * @room: Not 0
 * @part: The strings; ends with NULL
 *
 * Return: Whether all of it fitted.
 */
bool text_join(char *ret, size_t room, const char *const *part);

#define TEXT_JOIN(ret, ...) text_join(ret, sizeof(ret), (const char *const[]){ __VA_ARGS__, NULL })

/**
 * text_number() - Write a number
 * @ret: At least 11 bytes
 * @n:   Number
 *
 * Return: @ret.
 */
const char *text_number(char ret[11], unsigned n);

/**
 * text_parse() - Read a decimal number
 * @text: Any text
 * @len:  Bytes of it to read: all of them have to be digits
 * @ret:  Set on success
 *
 * Return: Whether it is a number that fits.
 */
bool text_parse(const char *text, size_t len, unsigned *ret) MUST_CHECK;

/**
 * text_line() - Cut the next line off
 * @rest: What is left; NULL after the last line
 *
 * Return: The line without its end, or NULL.
 */
char *text_line(char **rest);

#endif /* BOOT_INIT_TEXT_H */
