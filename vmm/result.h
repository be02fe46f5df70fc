/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_RESULT_H
#define VMM_RESULT_H

#include "vmm/err.h"
#include "vmm/stop.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * The file of --result: how the VM ended, as one JSON object. A reader finds nothing or the whole
 * object of this very run, never a part of it or an older one.
 */
struct result {
	int fd; /* -1: no result was asked for */
	int status_fd; /* /proc/self/status, which cannot be opened later; -1: there is none */
	const char *path; /* for messages; NULL: a descriptor that we were given */
};

/* When things happened. */
struct result_times {
	int64_t begin_ns; /* CLOCK_MONOTONIC at the start of the process, for whoever measures the
	                     rest */
	int64_t start_ns; /* CLOCK_REALTIME at the start of the process */
	int64_t guest_start_ns; /* from start to the first guest instruction; 0: never came */
	int64_t first_output_ns; /* from start to the first byte of the kernel's console; 0: none */
	int64_t end_ns; /* from start to the end of the VM */
	/* Of a command, from start as well; 0: never came. */
	int64_t init_ns, command_start_ns, command_end_ns;
};

#define RESULT_LINE 512 /* bytes, terminator included */

/* What is written. Zero it to begin. */
struct result_report {
	struct stop stop; /* how the VM ended */
	const char *message; /* what failed, any bytes; NULL: nothing */
	const char *pattern; /* that the console matched; NULL: none */
	char line[RESULT_LINE]; /* in which it did, any bytes */
	json_t *exits; /* of the processors, by reason, for result_write() to take over; NULL */
	struct result_times times;
};

/**
 * result_open() - Open the file, and empty it
 * @r:    Any contents; closed by result_write() or result_fini()
 * @path: File to make or to empty; NULL to use @fd; must live as long as @r
 * @fd:   Inherited descriptor, now owned by @r; -1 with no @path: no result
 * @e:    Names the file or descriptor
 *
 * Opened as the first thing after the command line is known, also when that was wrong, so that no
 * old result outlives a new start.
 * Context: set-up; may block on a FIFO until it has a reader.
 * Return:  0; -errno with @r->fd -1.
 * Errors:  -EBADF @fd is not open; -EINVAL it is not open for writing; those of open(2).
 */
int result_open(struct result *r, const char *path, int fd, struct err *e) MUST_CHECK;

/**
 * result_write() - Write the object and a newline, and close the file
 * @r:      Opened; nothing is done if no result was asked for
 * @report: What to write
 * @e:      Names the file
 *
 * {"reason": "exit", "status": 3, "times": {"start": "2024-02-03T04:05:06.789012Z",
 * "guest_start_us": 2101, "end_us": 340022}}, and more where it applies: the man page has it all;
 * readers must allow further members. After an error a file of ours is empty again.
 * Context: after the VM ended; allocates, may block until the file takes the bytes. Expects
 *          SIGPIPE and SIGXFSZ to be ignored.
 * Return:  0; -errno: the process has to end with STATUS_ERROR.
 * Errors:  -ENOMEM; those of write(2) and close(2), such as -ENOSPC.
 */
int result_write(struct result *r, const struct result_report *report, struct err *e) MUST_CHECK;

/**
 * result_fini() - Close the file without a word
 * @r: fd -1, or opened
 */
void result_fini(struct result *r);

#endif /* VMM_RESULT_H */
