/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message that did not fit ends in "...", so that nobody takes it for the whole. */
static void mark_cut(struct err *e, int len)
{
	if (len >= (int)sizeof(e->msg))
		memcpy(e->msg + sizeof(e->msg) - 4, "...", 4);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		va_start(ap, fmt);
		mark_cut(e, vsnprintf(e->msg, sizeof(e->msg), fmt, ap));
		va_end(ap);
	}
	return -code;
}

int err_errno(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	int len;

	if (!e)
		return -code;
	va_start(ap, fmt);
	len = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (len >= 0 && len < (int)sizeof(e->msg))
		len += snprintf(e->msg + len, sizeof(e->msg) - (size_t)len, ": %s", strerror(code));
	mark_cut(e, len);
	return -code;
}

int err_wrap(struct err *e, int r, const char *fmt, ...)
{
	char was[sizeof(e->msg)];
	va_list ap;
	int len;

	if (!e)
		return r;
	memcpy(was, e->msg, sizeof(was));
	va_start(ap, fmt);
	len = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (len >= 0 && len < (int)sizeof(e->msg))
		len += snprintf(e->msg + len, sizeof(e->msg) - (size_t)len, ": %s", was);
	mark_cut(e, len);
	return r;
}
