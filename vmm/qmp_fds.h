/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_FDS_H
#define VMM_QMP_FDS_H

#include "vmm/compiler.h"

#include <jansson.h>

/*
 * Descriptors that clients have handed over: with a name of their own (getfd), or in numbered sets
 * (add-fd). They belong to the VM, not to the client that brought them.
 */

#define QMP_FDS_MAX 64 /* of both kinds together */

struct qmp_fd {
	int fd;
	char *name; /* of getfd; NULL: in a set */
	int64_t set; /* of add-fd */
	char *opaque; /* of add-fd; NULL: not given */
};

struct qmp_fds {
	struct qmp_fd *fd; /* QMP_FDS_MAX, once there is one */
	unsigned n;
};

/**
 * qmp_fds_put_named() - Keep a descriptor under a name
 * @f:    Zeroed at first
 * @name: Any text; one that is there is replaced, and its descriptor closed
 * @fd:   Taken over on success
 *
 * Return: 0, or -ENOSPC, -ENOMEM.
 */
int qmp_fds_put_named(struct qmp_fds *f, const char *name, int fd) MUST_CHECK;

/**
 * qmp_fds_get_named() - Look at a descriptor by its name
 * @f:    Descriptors
 * @name: As given to qmp_fds_put_named()
 *
 * Return: The descriptor, which stays ours, or -1.
 */
int qmp_fds_get_named(struct qmp_fds *f, const char *name) MUST_CHECK;

/**
 * qmp_fds_forget_named() - A descriptor has another owner now
 * @f:    Descriptors
 * @name: As given to qmp_fds_put_named(); unknown ones do nothing
 */
void qmp_fds_forget_named(struct qmp_fds *f, const char *name);

/**
 * qmp_fds_close_named() - Close a descriptor by its name
 * @f:    Descriptors
 * @name: As given to qmp_fds_put_named()
 *
 * Return: 0, or -ENOENT.
 */
int qmp_fds_close_named(struct qmp_fds *f, const char *name) MUST_CHECK;

/**
 * qmp_fds_put_in_set() - Keep a descriptor in a set
 * @f:      Zeroed at first
 * @set:    Number of the set, which need not exist yet; negative: the first that is free
 * @opaque: What the client wants to read in qmp_fds_list(), or NULL
 * @fd:     Taken over on success
 *
 * Return: Number of the set, or -ENOSPC, -ENOMEM.
 */
int64_t qmp_fds_put_in_set(struct qmp_fds *f, int64_t set, const char *opaque, int fd) MUST_CHECK;

/**
 * qmp_fds_close_in_set() - Close one descriptor of a set, or all
 * @f:   Descriptors
 * @set: Number of the set
 * @fd:  Which; negative: all
 *
 * Return: 0, or -ENOENT.
 */
int qmp_fds_close_in_set(struct qmp_fds *f, int64_t set, int64_t fd) MUST_CHECK;

/**
 * qmp_fds_list() - The sets, as query-fdsets shows them
 * @f: Descriptors
 *
 * Return: A new reference, or NULL without memory.
 */
json_t *qmp_fds_list(const struct qmp_fds *f) MUST_CHECK;

/**
 * qmp_fds_fini() - Close them all
 * @f: Zeroed or used; zeroed afterwards
 */
void qmp_fds_fini(struct qmp_fds *f);

#endif /* VMM_QMP_FDS_H */
