/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OUTFILE_H
#define VMM_OUTFILE_H

#include "vmm/compiler.h"

#include <stdbool.h>

/*
 * A file that the guest's output goes to. Until the VM starts it stays what it was: a start that
 * fails neither empties what was there nor leaves a file that was not.
 */

struct outfile {
	const char *path; /* NULL: none, or somebody else's */
	bool made; /* it was not there before */
};

/**
 * outfile_open() - Open it, or make it
 * @o:     Any contents
 * @path:  Outlives @o; also a FIFO that has a reader, or a device
 * @flags: For open(2), besides those for writing and making
 *
 * Context: set-up; does not wait for a FIFO's reader.
 * Return:  The descriptor, or -errno.
 */
int outfile_open(struct outfile *o, const char *path, int flags) MUST_CHECK;

/**
 * outfile_begin() - The VM starts: what was in it goes, and it stays
 * @o:  Zeroed, or opened
 * @fd: Of outfile_open()
 */
void outfile_begin(struct outfile *o, int fd);

/**
 * outfile_end() - Remove it, if the VM never started and it was not there before
 * @o: Zeroed, opened, or begun
 */
void outfile_end(struct outfile *o);

#endif /* VMM_OUTFILE_H */
