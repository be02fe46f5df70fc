/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Where lines go and which: the one mutable object outside a context structure. */
static struct {
	int fd;
	enum log_level level;
} log_state = { .fd = STDERR_FILENO, .level = LOG_WARN };

static const char *const level_word[] = {
	[LOG_ERROR] = "",
	[LOG_WARN] = "warning: ",
	[LOG_INFO] = "",
	[LOG_DEBUG] = "debug: ",
};

void log_set_level(enum log_level level)
{
	__atomic_store_n(&log_state.level, level, __ATOMIC_RELAXED);
}

enum log_level log_level_now(void)
{
	return __atomic_load_n(&log_state.level, __ATOMIC_RELAXED);
}

int log_open(const char *path, enum log_level level, struct err *e)
{
	log_set_level(level);
	if (!path)
		return 0;
	log_state.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (log_state.fd >= 0)
		return 0;
	log_state.fd = STDERR_FILENO;
	return err_errno(e, errno, "cannot open the log '%s'", path);
}

int log_fd(void)
{
	return log_state.fd;
}

/* Bytes of a guest or a file must not drive the operator's terminal. UTF-8 stays. */
static void defuse(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[512];
	int head, len, saved = errno;
	va_list ap;

	if (level > log_level_now())
		return;
	head = snprintf(line, sizeof(line), "vmm: %s", level_word[level]);
	va_start(ap, fmt);
	len = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	defuse(line + head);
	len = (int)strlen(line);
	line[len] = '\n';
	/* A line that is refused (closed, full disk) is lost on purpose: there is no better
	 * place. */
	if (write(log_state.fd, line, (size_t)len + 1) < 0)
		errno = saved;
	errno = saved;
}

bool log_limit_pass(struct log_limit *l, uint32_t *dropped)
{
	struct timespec ts;
	int64_t now_ms;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	now_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	if (l->passed == 0 || now_ms - l->window_start_ms >= LOG_LIMIT_WINDOW_MS) {
		if (dropped)
			*dropped = l->dropped;
		*l = (struct log_limit){ .window_start_ms = now_ms, .passed = 1 };
		return true;
	}
	if (l->passed >= LOG_LIMIT_BURST) {
		l->dropped++;
		return false;
	}
	l->passed++;
	if (dropped)
		*dropped = 0;
	return true;
}
