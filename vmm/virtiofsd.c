/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/virtiofsd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/*
 * Where distributions put it, as it is on no PATH. The second form of its command line is that of
 * the daemon written in C, which came with QEMU until 8.0.
 */
static const struct place {
	const char *path;
	bool c;
} places[] = {
	{ "/usr/libexec/virtiofsd", false },       { "/usr/lib/virtiofsd", false },
	{ "/usr/bin/virtiofsd", false },           { "/usr/local/bin/virtiofsd", false },
	{ "/usr/local/libexec/virtiofsd", false }, { "/usr/lib/qemu/virtiofsd", true },
};

static const struct place *find(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i].path, X_OK) == 0)
			return &places[i];
	return NULL;
}

/* Why the child could not become virtiofsd: it says so by its status, before it is that. */
enum { CANNOT_MOUNT = 100, CANNOT_EXECUTE };

/*
 * Some of what is served is not the directory as it is: it can be made read-only with all that is
 * mounted below it, in a name space of its own, and a process's own root cannot become the sandbox
 * that virtiofsd makes of its directory, so that it gets a second place there.
 */
static bool mount_apart(const char *dir, const char *at, bool readonly)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(dir, at, NULL, MS_BIND | MS_REC, NULL) == 0 &&
	       (!readonly || mount_setattr(AT_FDCWD, at, AT_RECURSIVE, &attr, sizeof(attr)) == 0);
}

/* What the child does; only calls that are fine after a fork. */
NORETURN static void become(const struct place *p, const char *dir, bool readonly, int fd,
                            int ready)
{
	const char *at = strcmp(dir, "/") == 0 ? "/mnt" : dir;
	char number[24], source[PATH_MAX + sizeof("source=")];
	/* To syslog, as it calls the end of each VM an error. With one thread in its pool, and not
	 * with none, requests are answered in order: virtq_settle(). */
	const char *const c[] = { p->path, number,          "--syslog", "--thread-pool-size=1",
		                  "-o",    "log_level=err", "-o",       source,
		                  NULL };
	const char *const rust[] = { p->path,        number, "--log-level", "error",
		                     "--shared-dir", at,     NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint8_t why = CANNOT_MOUNT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid(); /* what a terminal or timeout(1) sends to all of us is for the VM */
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	/* What whoever started us handed down was for us. */
	(void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	snprintf(number, sizeof(number), "--fd=%d", fd);
	snprintf(source, sizeof(source), "source=%s", at);
	if (((!readonly && at == dir) || mount_apart(dir, at, readonly)) &&
	    fcntl(fd, F_SETFD, 0) == 0) {
		why = CANNOT_EXECUTE;
		execv(p->path, (char *const *)(uintptr_t)(p->c ? c : rust));
	}
	(void)!write(ready, &why, 1);
	_exit(125);
}

/* Wait until the child is virtiofsd: then its end of the pipe closes. */
static int await(pid_t pid, int ready, const struct place *p, const char *dir, struct err *e)
{
	uint8_t why;
	ssize_t n;

	do {
		n = read(ready, &why, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	(void)waitpid(pid, NULL, 0);
	if (n > 0 && why == CANNOT_MOUNT)
		return err_set(e, EPERM,
		               "'%.80s' cannot be mounted for virtiofsd alone, as a read-only "
		               "share and '/' are: that takes root, and Linux 5.12",
		               dir);
	return err_set(e, EIO, "cannot execute %s", p->path);
}

/*
 * It wants a socket that listens. One in the abstract name space leaves no file, but anybody on
 * this host could connect to it: there is room for one connection only, and it is ours, or this
 * fails.
 */
static int connect_pair(int *ret_ours, int *ret_theirs)
{
	CLEANUP_FD int theirs = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CLEANUP_FD int ours = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(at);

	if (theirs < 0 || ours < 0 ||
	    bind(theirs, (const struct sockaddr *)&at, sizeof(at.sun_family)) < 0 ||
	    listen(theirs, 0) < 0 || getsockname(theirs, (struct sockaddr *)&at, &len) < 0 ||
	    connect(ours, (const struct sockaddr *)&at, len) < 0 || fcntl(ours, F_SETFL, 0) < 0)
		return -errno;
	*ret_ours = fd_take(&ours);
	*ret_theirs = fd_take(&theirs);
	return 0;
}

static int check_dir(const char *dir, struct err *e)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return err_errno(e, errno, "cannot share '%.100s'", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "'%.100s' is not a directory", dir);
	return 0;
}

int virtiofsd_start(const char *dir, bool readonly, struct err *e)
{
	const struct place *p = find();
	CLEANUP_FD int ours = -1;
	CLEANUP_FD int theirs = -1;
	CLEANUP_FD int ready = -1;
	char full[PATH_MAX];
	int pipes[2], r = check_dir(dir, e);
	pid_t pid;

	if (r < 0)
		return r;
	if (!realpath(dir, full) || strchr(full, ','))
		return err_set(e, EINVAL, "'%.100s' cannot be shared: virtiofsd takes no comma",
		               dir);
	if (!p)
		return err_set(e, ENOENT,
		               "there is no virtiofsd: install it (package virtiofsd; in Debian 12 "
		               "qemu-system-common)");
	r = connect_pair(&ours, &theirs);
	if (r < 0)
		return err_errno(e, -r, "cannot make a socket for virtiofsd");
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_errno(e, errno, "cannot make a pipe for virtiofsd");
	ready = pipes[0];
	pid = fork();
	if (pid == 0)
		become(p, full, readonly, theirs, pipes[1]);
	close(pipes[1]);
	if (pid < 0)
		return err_errno(e, errno, "cannot start virtiofsd");
	r = await(pid, ready, p, dir, e);
	return r < 0 ? r : fd_take(&ours);
}
