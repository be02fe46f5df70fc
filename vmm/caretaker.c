/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/caretaker.h"

#include "vmm/jail_rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Descriptors of the child; it has no others. */
enum { CHILD_TERMINAL, CHILD_N_FDS };

/* Of root's, to remove a file from a folder of another user, also if it was given to one. */
#define RIGHTS (1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER)

/* A file to remove, if it still is the one that we made. */
struct owned_path {
	bool owned; /* atomic: the rest is set */
	dev_t dev;
	ino_t ino;
};

/*
 * What there is to do when the parent has gone: written by it, read by the child after its end.
 *
 * The child learns of the end by the lock, which the parent holds for all its life: the kernel
 * gives a robust lock of a dead thread to the next one. It does so as soon as the thread dies,
 * before it takes the VM apart and long before the shell that waits for the whole process is told.
 * End of file on a socket would come last: a shell with a line editor of its own (busybox) then has
 * seen the raw terminal and takes it for the normal one.
 *
 * The VM can write here at any time, a hijacked one too: what it can bring about is confined to the
 * terminal and the paths that the child was forked with, which are not in here.
 */
struct caretaker_duties {
	pthread_mutex_t alive; /* held by the parent */
	bool ready; /* atomic: the child is out of reach of the job's signals */
	bool raw; /* atomic: @before and @modes are set and hold */
	struct termios before, modes;
	struct owned_path path[CARETAKER_PATHS_MAX];
};

static void set(bool *flag, bool value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE); /* pairs with is_set() */
}

static bool is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE); /* pairs with set() */
}

/*
 * Put the terminal back if it still is the way that the VM left it.
 *
 * A shell with job control takes the terminal back from a job that was killed and sets its own
 * modes, at about the same time as we run. It must not find its line editor's modes replaced by
 * ours: so a terminal whose modes are no longer the raw ones is somebody else's work. Where we are
 * first, the shell's own modes come after and win. A script, or a shell that restores nothing
 * (dash, su, timeout), finds the modes from before. Which process group is in the foreground says
 * nothing here: dash takes the terminal back without setting its modes.
 *
 * Only flags are compared that raw mode changes and that no driver alters.
 */
static void put_terminal_back(const struct caretaker_duties *d)
{
	struct termios now;

	if (!is_set(&d->raw) || tcgetattr(CHILD_TERMINAL, &now) < 0)
		return;
	if (now.c_iflag == d->modes.c_iflag && now.c_lflag == d->modes.c_lflag)
		(void)tcsetattr(CHILD_TERMINAL, TCSANOW, &d->before);
}

static void remove_files(const struct caretaker_duties *d, const struct caretaker_tasks *tasks)
{
	struct stat st;

	for (unsigned i = 0; i < CARETAKER_PATHS_MAX; i++) {
		const struct owned_path *p = &d->path[i];

		if (!is_set(&p->owned) || !tasks->path[i] || lstat(tasks->path[i], &st) < 0)
			continue;
		if (st.st_dev == p->dev && st.st_ino == p->ino)
			(void)unlink(tasks->path[i]);
	}
}

/*
 * Keep nothing of the parent's but the terminal: an inherited pipe would keep its reader waiting
 * for as long as we live.
 */
static int shed(int terminal_fd)
{
	if (terminal_fd < 0)
		return close_range(0, ~0U, 0);
	if (dup2(terminal_fd, CHILD_TERMINAL) < 0)
		return -1;
	return close_range(CHILD_N_FDS, ~0U, 0);
}

/*
 * The child's whole life. It leaves the job's session, so that a signal for the job's process group
 * (SIGKILL included: kill -9 %1) does not take it along; the terminal then is not its controlling
 * one any more and can be set from anywhere without SIGTTOU.
 */
static void NORETURN child(struct caretaker_duties *d, const struct caretaker_tasks *tasks,
                           const struct jail_rights *rights)
{
	sigset_t all;
	int r;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "vmm-caretaker");
	/* The parent looks when the descriptors have gone. */
	set(&d->ready, jail_rights_keep(rights, RIGHTS) == 0);
	if (shed(tasks->terminal_fd) < 0)
		set(&d->ready, false);
	if (!is_set(&d->ready) || seccomp_enter(SECCOMP_CARETAKER, 0, tasks->filter) < 0)
		_exit(EXIT_FAILURE); /* nothing without the filter */
	r = pthread_mutex_lock(&d->alive);
	if (r == 0 || r == EOWNERDEAD) {
		put_terminal_back(d);
		remove_files(d, tasks);
	}
	_exit(EXIT_SUCCESS); /* not exit(): the parent's buffers are not ours to flush */
}

static int make_duties(struct caretaker_duties **ret, struct err *e)
{
	struct caretaker_duties *d =
	        mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;

	if (d == MAP_FAILED)
		return err_errno(e, errno, "no memory for the caretaker");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&d->alive, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_mutex_lock(&d->alive);
	*ret = d;
	return 0;
}

/*
 * Wait until the child has let go of all descriptors, the write end of this pipe included. By then
 * it has left the job's session too: before, a SIGKILL for the process group would take it along.
 */
static void await(int fd)
{
	char byte;

	while (read(fd, &byte, sizeof(byte)) < 0 && errno == EINTR)
		;
}

static int start(struct caretaker *c, const struct caretaker_tasks *tasks,
                 const struct jail_rights *rights, struct err *e)
{
	int hold[2], r;

	if (pipe2(hold, O_CLOEXEC) < 0)
		return err_errno(e, errno, "cannot start the caretaker");
	c->pid = fork();
	if (c->pid == 0)
		child(c->duties, tasks, rights);
	r = c->pid < 0 ? err_errno(e, errno, "cannot start the caretaker") : 0;
	close(hold[1]);
	if (r == 0)
		await(hold[0]);
	close(hold[0]);
	return r == 0 && !is_set(&c->duties->ready)
	               ? err_set(e, ECHILD, "the caretaker did not start")
	               : r;
}

int caretaker_start(struct caretaker *c, const struct caretaker_tasks *tasks, struct err *e)
{
	struct jail_rights rights;
	int r;

	*c = (struct caretaker){ 0 };
	r = jail_rights_load(&rights, e);
	if (r < 0)
		return r;
	r = make_duties(&c->duties, e);
	if (r == 0)
		r = start(c, tasks, &rights, e);
	jail_rights_unload(&rights);
	if (r < 0)
		caretaker_finish(c);
	return r;
}

void caretaker_terminal_raw(const struct caretaker *c, const struct termios *before,
                            const struct termios *raw)
{
	if (!c || !c->duties)
		return;
	/* Never a moment with half of it: a SIGKILL may come at any. */
	set(&c->duties->raw, false);
	c->duties->before = *before;
	c->duties->modes = *raw;
	set(&c->duties->raw, true);
}

void caretaker_terminal_back(const struct caretaker *c)
{
	if (c && c->duties)
		set(&c->duties->raw, false);
}

void caretaker_owns_path(const struct caretaker *c, unsigned index, const char *path)
{
	struct owned_path *p;
	struct stat st;

	if (!c || !c->duties || index >= CARETAKER_PATHS_MAX || lstat(path, &st) < 0)
		return;
	p = &c->duties->path[index];
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	set(&p->owned, true);
}

void caretaker_finish(struct caretaker *c)
{
	if (!c->duties)
		return;
	pthread_mutex_unlock(&c->duties->alive);
	while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(c->duties, sizeof(*c->duties));
	*c = (struct caretaker){ 0 };
}
