/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_fds.h"

#include "vmm/jsontext.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_named(const struct qmp_fd *d, const char *name)
{
	return d->name && strcmp(d->name, name) == 0;
}

static struct qmp_fd *find_named(const struct qmp_fds *f, const char *name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (is_named(&f->fd[i], name))
			return &f->fd[i];
	return NULL;
}

/* Room for one more, at the end. */
static int make_room(struct qmp_fds *f)
{
	if (!f->fd)
		f->fd = calloc(QMP_FDS_MAX, sizeof(*f->fd));
	if (!f->fd)
		return -ENOMEM;
	return f->n == QMP_FDS_MAX ? -ENOSPC : 0;
}

/* The order of the others stays, and the descriptor open. */
static void forget(struct qmp_fds *f, unsigned i)
{
	struct qmp_fd *d = &f->fd[i];

	free(d->name);
	free(d->opaque);
	memmove(d, d + 1, (--f->n - i) * sizeof(*d));
}

static void drop(struct qmp_fds *f, unsigned i)
{
	close(f->fd[i].fd);
	forget(f, i);
}

int qmp_fds_put_named(struct qmp_fds *f, const char *name, int fd)
{
	struct qmp_fd *old = find_named(f, name);
	char *copy;
	int r;

	if (old) {
		close(old->fd);
		old->fd = fd;
		return 0;
	}
	r = make_room(f);
	if (r < 0)
		return r;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	f->fd[f->n++] = (struct qmp_fd){ .fd = fd, .name = copy };
	return 0;
}

int qmp_fds_get_named(struct qmp_fds *f, const char *name)
{
	const struct qmp_fd *d = find_named(f, name);

	return d ? d->fd : -1;
}

void qmp_fds_forget_named(struct qmp_fds *f, const char *name)
{
	const struct qmp_fd *d = find_named(f, name);

	if (d)
		forget(f, (unsigned)(d - f->fd));
}

int qmp_fds_close_named(struct qmp_fds *f, const char *name)
{
	struct qmp_fd *d = find_named(f, name);

	if (!d)
		return -ENOENT;
	drop(f, (unsigned)(d - f->fd));
	return 0;
}

static bool in_set(const struct qmp_fd *d, int64_t set)
{
	return !d->name && d->set == set;
}

static bool has_set(const struct qmp_fds *f, int64_t set)
{
	for (unsigned i = 0; i < f->n; i++)
		if (in_set(&f->fd[i], set))
			return true;
	return false;
}

int64_t qmp_fds_put_in_set(struct qmp_fds *f, int64_t set, const char *opaque, int fd)
{
	CLEANUP_FREE char *copy = NULL;
	int r = make_room(f);

	if (r < 0)
		return r;
	if (set < 0)
		for (set = 0; has_set(f, set);)
			set++;
	if (opaque) {
		copy = strdup(opaque);
		if (!copy)
			return -ENOMEM;
	}
	f->fd[f->n++] = (struct qmp_fd){ .fd = fd, .set = set, .opaque = ptr_take(&copy) };
	return set;
}

int qmp_fds_close_in_set(struct qmp_fds *f, int64_t set, int64_t fd)
{
	unsigned before = f->n;

	for (unsigned i = f->n; i-- > 0;)
		if (in_set(&f->fd[i], set) && (fd < 0 || f->fd[i].fd == fd))
			drop(f, i);
	return f->n < before ? 0 : -ENOENT;
}

static json_t *show_fd(const struct qmp_fd *d)
{
	json_t *shown = json_pack("{s:i}", "fd", d->fd);

	if (d->opaque && json_object_set_new(shown, "opaque", jsontext_new(d->opaque)) < 0) {
		json_decref(shown);
		return NULL;
	}
	return shown;
}

static json_t *show_set(const struct qmp_fds *f, int64_t set)
{
	json_t *fds = json_array();

	for (unsigned i = 0; i < f->n; i++) {
		if (in_set(&f->fd[i], set) && json_array_append_new(fds, show_fd(&f->fd[i])) < 0) {
			json_decref(fds);
			return NULL;
		}
	}
	return json_pack("{s:o, s:I}", "fds", fds, "fdset-id", (json_int_t)set);
}

/* Whether the descriptor is the first of its set. */
static bool begins_set(const struct qmp_fds *f, unsigned i)
{
	const struct qmp_fds before = { .fd = f->fd, .n = i };

	return !f->fd[i].name && !has_set(&before, f->fd[i].set);
}

json_t *qmp_fds_list(const struct qmp_fds *f)
{
	json_t *sets = json_array();

	for (unsigned i = 0; i < f->n; i++) {
		if (begins_set(f, i) &&
		    json_array_append_new(sets, show_set(f, f->fd[i].set)) < 0) {
			json_decref(sets);
			return NULL;
		}
	}
	return sets;
}

void qmp_fds_fini(struct qmp_fds *f)
{
	while (f->n > 0)
		drop(f, f->n - 1);
	free(f->fd);
	*f = (struct qmp_fds){ 0 };
}
