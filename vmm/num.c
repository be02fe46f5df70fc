/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/num.h"

#include <errno.h>
#include <string.h>

/* The value of a digit in bases up to 16, or 16 for what is none. The locale has no say. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* *@v = *@v * @factor + @plus, or false if that takes more than 64 bits. */
static bool mul_add(uint64_t *v, uint64_t factor, uint64_t plus)
{
	if (*v > (UINT64_MAX - plus) / factor)
		return false;
	*v = *v * factor + plus;
	return true;
}

/* Read the digits at *@s, at least one, and move *@s behind them. */
static int read_digits(const char **s, unsigned base, uint64_t *ret)
{
	const char *p = *s;
	uint64_t v = 0;

	if (digit(*p) >= base)
		return -EINVAL;
	for (; digit(*p) < base; p++)
		if (!mul_add(&v, base, digit(*p)))
			return -ERANGE;
	*s = p;
	*ret = v;
	return 0;
}

int num_parse(const char *s, uint64_t *ret)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	uint64_t v;
	int r;

	if (hex)
		s += 2;
	r = read_digits(&s, hex ? 16 : 10, &v);
	if (r < 0)
		return r;
	if (*s)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* The bytes that a unit stands for, or 0 if it is none. */
static uint64_t unit_bytes(const char *s, uint64_t plain)
{
	static const char letters[] = "KkMmGgTt";
	const char *at;

	if (!*s)
		return plain;
	if (strcmp(s, "B") == 0)
		return 1;
	at = strchr(letters, *s);
	if (!at || (s[1] && strcmp(s + 1, "B") != 0 && strcmp(s + 1, "iB") != 0))
		return 0;
	return KiB << (10 * ((at - letters) / 2));
}

int num_parse_size(const char *s, uint64_t unit, uint64_t *ret)
{
	uint64_t v, each;
	int r;

	r = read_digits(&s, 10, &v);
	if (r < 0)
		return r;
	each = unit_bytes(s, unit);
	if (each == 0)
		return -EINVAL;
	if (!mul_add(&v, each, 0))
		return -ERANGE;
	*ret = v;
	return 0;
}

/* Read the digits behind the point as thousandths, rounded up. */
static int read_fraction(const char *s, uint64_t *ret)
{
	uint64_t ms = 0, weight = 100;
	bool more = false;

	if (digit(*s) >= 10)
		return -EINVAL;
	for (; digit(*s) < 10; s++) {
		ms += digit(*s) * weight;
		more = more || (weight == 0 && *s != '0');
		weight /= 10;
	}
	*ret = ms + more;
	return *s ? -EINVAL : 0;
}

int num_parse_ms(const char *s, uint64_t *ret)
{
	uint64_t v, fraction = 0;
	int r;

	r = read_digits(&s, 10, &v);
	if (r == 0 && *s == '.')
		r = read_fraction(s + 1, &fraction);
	else if (r == 0 && *s)
		r = -EINVAL;
	if (r < 0)
		return r;
	if (!mul_add(&v, 1000, fraction))
		return -ERANGE;
	*ret = v;
	return 0;
}
