/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CARETAKER_H
#define VMM_CARETAKER_H

#include "vmm/seccomp.h"

#include <sys/types.h>
#include <termios.h>

/*
 * A tiny child that outlives the VM by a moment and tidies up after it: puts the terminal back,
 * removes the files that it made. It is what makes this hold after SIGKILL, after a crash of our
 * own and after the jail has taken paths away; no signal handler is needed for it.
 */

#define CARETAKER_PATHS_MAX 16

/* What there may be to do, known before anything else happens. */
struct caretaker_tasks {
	int terminal_fd; /* -1: none */
	enum seccomp_mode filter; /* what becomes of system calls that its table does not list */
	const char *path[CARETAKER_PATHS_MAX]; /* removed at the end once caretaker_owns_path() was
	                                          called; NULL: unused */
};

struct caretaker_duties; /* one page that both processes see */

struct caretaker {
	pid_t pid; /* 0: not started */
	struct caretaker_duties *duties;
};

/**
 * caretaker_start() - Fork the child
 * @c:     Any contents
 * @tasks: Copied
 * @e:     Says why not
 *
 * Context: set-up, first of all: before any thread, mapping or descriptor that the child should
 *          not have. The calling thread is the one whose end the child waits for.
 * Return:  0 once the child is out of reach of the job's signals, or -errno.
 */
int caretaker_start(struct caretaker *c, const struct caretaker_tasks *tasks,
                    struct err *e) MUST_CHECK;

/**
 * caretaker_terminal_raw() - The terminal is about to be made raw
 * @c:      Started or zeroed (then nothing happens); NULL too
 * @before: Modes to go back to
 * @raw:    Modes that are about to be set
 *
 * Called before the change, so that there is no moment at which a SIGKILL leaves it raw.
 * Context: one thread; no system call.
 */
void caretaker_terminal_raw(const struct caretaker *c, const struct termios *before,
                            const struct termios *raw);

/**
 * caretaker_terminal_back() - The terminal is as it was, or another process's: leave it alone
 * @c: Started or zeroed; NULL too
 *
 * Context: one thread; no system call.
 */
void caretaker_terminal_back(const struct caretaker *c);

/**
 * caretaker_owns_path() - One of the paths is now a file of ours
 * @c:     Started or zeroed; NULL too
 * @index: In caretaker_tasks.path
 * @path:  The same path
 *
 * The file is remembered by its inode: another VM's file of that name is never removed.
 * Context: set-up.
 */
void caretaker_owns_path(const struct caretaker *c, unsigned index, const char *path);

/**
 * caretaker_finish() - Let the child do its work now, and wait until it is gone
 * @c: Started or zeroed
 *
 * Context: the thread of caretaker_start(), at the end of the process; blocks for the moment that
 *          this takes.
 */
void caretaker_finish(struct caretaker *c);

#endif /* VMM_CARETAKER_H */
