/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_LOG_H
#define VMM_LOG_H

#include "vmm/err.h"

#include <stdbool.h>

/* Everything of ours goes to one descriptor (stderr), one write a line, each with "vmm: " before
 * it. */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lets a line through a few times a second and counts the rest; zero it to begin. */
struct log_limit {
	int64_t window_start_ms; /* CLOCK_MONOTONIC */
	uint32_t passed, dropped; /* lines in this window */
};

/**
 * log_open() - Choose what is written, and where
 * @path:  File to append to; NULL: standard error
 * @level: Lines above it are dropped; LOG_WARN until this is called
 * @e:     Names the file and says why not
 *
 * Context: set-up, once, before other threads exist. The file stays open as long as the process.
 * Return:  0, or -errno.
 */
int log_open(const char *path, enum log_level level, struct err *e) MUST_CHECK;

/**
 * log_set_level() - Change what is written
 * @level: Lines above it are dropped
 *
 * Context: any thread.
 */
void log_set_level(enum log_level level);

/**
 * log_level_now() - What is written
 *
 * Context: any thread.
 * Return:  The level: lines above it are dropped.
 */
enum log_level log_level_now(void);

/**
 * log_fd() - Where lines go, for one that is written without log_line()
 *
 * Context: any thread, async-signal-safe.
 * Return:  A descriptor.
 */
int log_fd(void);

/**
 * log_line() - Write one line
 * @level: Its weight; errors and warnings carry the word
 * @fmt:   printf format without newline
 *
 * Control characters in the text are replaced, so that a guest's or a file's bytes cannot drive
 * the terminal. A line that stderr refuses is lost: the log never ends or blocks the VM for good.
 * Context: any thread; one write(2), no allocation.
 */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3) COLD;

/**
 * log_limit_pass() - Whether a line that a guest can provoke may be written now
 * @l:       State of this kind of line, owned by one thread
 * @dropped: Set to the number of lines swallowed since the last that passed; may be NULL
 *
 * Context: the owning thread; reads the clock.
 * Return:  true at most LOG_LIMIT_BURST times in LOG_LIMIT_WINDOW_MS.
 */
bool log_limit_pass(struct log_limit *l, uint32_t *dropped);

#define LOG_LIMIT_BURST     5
#define LOG_LIMIT_WINDOW_MS 10000

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif /* VMM_LOG_H */
