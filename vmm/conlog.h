/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CONLOG_H
#define VMM_CONLOG_H

#include "vmm/err.h"
#include "vmm/outfile.h"

#include <stdbool.h>

/*
 * What the guest's kernel printed: all of it, or its beginning and its end, in the file of
 * --console-log, and the last of it in memory, for the report of a failure.
 *
 * The file of a bounded log never grows past its bound. When it is full, everything behind its
 * first half is dropped, the last CONLOG_TAIL bytes are written once more, and a line between the
 * two says how much is missing. So it can be read from top to bottom at any time, with the boot
 * and the last words in it, and needs no other file, which could not be opened in the jail.
 */

#define CONLOG_TAIL    32768 /* bytes kept in memory */
#define CONLOG_MAX_MIN (4 * CONLOG_TAIL) /* the least bound of a file */

struct conlog {
	int fd; /* -1: no file */
	const char *path;
	struct outfile file;
	uint64_t max; /* bytes; 0: no bound */
	uint64_t size; /* of the file */
	uint64_t gap; /* bytes left out since the last that is in the file */
	bool failed; /* and said so */
	uint64_t total; /* bytes that the guest has printed */
	uint8_t *tail; /* ring of the last CONLOG_TAIL of them; the next is at @total */
};

/**
 * conlog_open() - Make the file, or open it
 * @l:    Any contents
 * @path: Outlives @l; NULL: only the last bytes are kept, in memory
 * @max:  Bound of the file in bytes, at least CONLOG_MAX_MIN; 0: none
 * @e:    Names the file and says why not
 *
 * Until outfile_begin() its contents stay; closed before, a file that was made is removed.
 * Context: set-up; allocates memory of which only what is used is ever touched.
 * Return:  0, or -errno; conlog_close() is fine in both cases.
 */
int conlog_open(struct conlog *l, const char *path, uint64_t max, struct err *e) MUST_CHECK;

/**
 * conlog_put() - Keep what the guest has printed
 * @l:   Opened
 * @buf: @len bytes
 * @len: 0 is allowed
 *
 * A file that cannot be written (a full disk) does not end the VM: it is said once, and what is
 * missing is marked in the file when it can be written again.
 * Context: one thread; blocks for a disk at most.
 */
void conlog_put(struct conlog *l, const uint8_t *buf, size_t len);

/**
 * conlog_show_last() - Write the last lines that the guest printed into our own log
 * @l: Opened
 *
 * Context: any; as log_line().
 */
void conlog_show_last(const struct conlog *l);

/**
 * conlog_close() - Close the file
 * @l: Zeroed with fd -1, half-opened or opened
 */
void conlog_close(struct conlog *l);

#endif /* VMM_CONLOG_H */
