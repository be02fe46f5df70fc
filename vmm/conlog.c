/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/conlog.h"

#include "vmm/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE      4096 /* bytes written at a time: a bound leaves room for a tail and two of them */
#define LAST_LINES 24
#define LAST_BYTES 4096

int conlog_open(struct conlog *l, const char *path, uint64_t max, struct err *e)
{
	struct stat st;

	*l = (struct conlog){ .fd = -1, .path = path, .max = max };
	l->tail = malloc(CONLOG_TAIL);
	if (!l->tail)
		return err_errno(e, ENOMEM, "cannot keep the console's last lines");
	if (!path)
		return 0;
	/* O_APPEND: what was cut off the end must not come back as a hole. */
	l->fd = outfile_open(&l->file, path, O_APPEND);
	if (l->fd < 0)
		return err_errno(e, -l->fd, "cannot open the console log '%.120s'", path);
	if (max > 0 && (fstat(l->fd, &st) < 0 || !S_ISREG(st.st_mode)))
		return err_set(e, EINVAL,
		               "the console log '%.120s' is not a file that can be shortened: "
		               "leave out max=",
		               path);
	return 0;
}

/* Returns 0, or -errno with some of the bytes written. */
static int append(struct conlog *l, const void *buf, size_t len)
{
	const uint8_t *s = buf;

	while (len > 0) {
		ssize_t n = write(l->fd, s, len);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		l->size += (uint64_t)n;
		s += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A line that says how much is missing here, if something is. */
static int mark_gap(struct conlog *l)
{
	char text[64];
	int r, len;

	if (l->gap == 0)
		return 0;
	len = snprintf(text, sizeof(text), "\n[vmm: %" PRIu64 " bytes left out]\n", l->gap);
	r = append(l, text, (size_t)len);
	if (r == 0)
		l->gap = 0;
	return r;
}

/* The file is full: only its first half stays, and the last bytes. */
static int cut(struct conlog *l)
{
	size_t at = l->total % CONLOG_TAIL;
	int r;

	if (ftruncate(l->fd, (off_t)(l->max / 2)) < 0)
		return -errno;
	l->size = l->max / 2;
	l->gap = l->total - l->size - CONLOG_TAIL;
	r = mark_gap(l);
	if (r == 0)
		r = append(l, l->tail + at, CONLOG_TAIL - at);
	return r == 0 ? append(l, l->tail, at) : r;
}

static void put_file(struct conlog *l, const uint8_t *buf, size_t len)
{
	int r = 0;

	/* Room for a mark, too. */
	if (l->max > 0 && l->size + len + PIECE > l->max)
		r = cut(l);
	if (r == 0)
		r = mark_gap(l);
	if (r == 0)
		r = append(l, buf, len);
	if (r == 0)
		return;
	l->gap += len;
	if (!l->failed)
		log_error("cannot write the console log '%s': %s", l->path, strerror(-r));
	l->failed = true;
}

static void put_tail(struct conlog *l, const uint8_t *buf, size_t len)
{
	size_t at = l->total % CONLOG_TAIL, n = CONLOG_TAIL - at < len ? CONLOG_TAIL - at : len;

	memcpy(l->tail + at, buf, n);
	memcpy(l->tail, buf + n, len - n);
	l->total += len;
}

void conlog_put(struct conlog *l, const uint8_t *buf, size_t len)
{
	while (len > 0) {
		size_t n = len < PIECE ? len : PIECE;

		if (l->fd >= 0)
			put_file(l, buf, n);
		put_tail(l, buf, n);
		buf += n;
		len -= n;
	}
}

static char byte_at(const struct conlog *l, uint64_t at)
{
	return (char)l->tail[at % CONLOG_TAIL];
}

/* Where the last lines begin. */
static uint64_t find_last(const struct conlog *l)
{
	uint64_t at = l->total, least = l->total > LAST_BYTES ? l->total - LAST_BYTES : 0;
	unsigned lines = 0;

	while (at > least) {
		if (byte_at(l, at - 1) == '\n' && at < l->total && ++lines == LAST_LINES)
			return at;
		at--;
	}
	return at;
}

void conlog_show_last(const struct conlog *l)
{
	char line[256];
	size_t len = 0;

	if (!l->tail)
		return;
	for (uint64_t at = find_last(l); at < l->total; at++) {
		char c = byte_at(l, at);

		if (c != '\n' && c != '\r')
			line[len++] = c;
		if (len == 0 || (c != '\n' && len < sizeof(line) && at + 1 < l->total))
			continue;
		log_error("console: %.*s", (int)len, line);
		len = 0;
	}
}

void conlog_close(struct conlog *l)
{
	fd_close(&l->fd);
	outfile_end(&l->file);
	free(l->tail);
	l->tail = NULL;
}
