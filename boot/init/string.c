/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few functions of <string.h> that the first process uses, or that the compiler calls by
 * itself. Compiled so that the compiler does not recognise them and have them call themselves.
 */
#include <string.h>

void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
	char *t = dest;
	const char *f = src;

	while (n-- > 0)
		*t++ = *f++;
	return dest;
}

void *memset(void *s, int c, size_t n)
{
	char *p = s;

	while (n-- > 0)
		*p++ = (char)c;
	return s;
}

int strncmp(const char *s1, const char *s2, size_t n)
{
	for (; n > 0; n--, s1++, s2++)
		if (*s1 != *s2 || !*s1)
			return (unsigned char)*s1 - (unsigned char)*s2;
	return 0;
}

int strcmp(const char *s1, const char *s2)
{
	return strncmp(s1, s2, (size_t)-1);
}

int memcmp(const void *s1, const void *s2, size_t n)
{
	const unsigned char *p = s1, *q = s2;

	for (; n > 0; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strnlen(const char *string, size_t maxlen)
{
	size_t n = 0;

	while (n < maxlen && string[n])
		n++;
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, (size_t)-1);
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

size_t strcspn(const char *s, const char *reject)
{
	size_t n = 0;

	while (s[n] && !strchr(reject, s[n]))
		n++;
	return n;
}
