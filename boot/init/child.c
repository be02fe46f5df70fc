/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/child.h"

#include "boot/init/passwd.h"
#include "boot/init/sys.h"
#include "boot/init/text.h"

#include <asm/termbits.h>
#include <errno.h>
#include <string.h>

/* Spec: asm-generic/ioctls.h; <asm/ioctls.h> has them too, and more that clashes with the C
 * library's headers. */
#define TIOCSCTTY  0x540E
#define TIOCSWINSZ 0x5414
#define TIOCGPTN   0x80045430
#define TIOCSPTLCK 0x40045431

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define FILE_MAX     65536 /* bytes of /etc/passwd that are read */

enum stage { STAGE_SESSION, STAGE_USER, STAGE_CWD, STAGE_EXEC };

/* From the child to its parent when it cannot go on. */
struct failure {
	int code;
	enum stage stage;
};

/* Descriptors that become 0, 1 and 2 of the command. */
struct streams {
	int fd[3];
	bool terminal;
};

/* --- in the child --- */

/* Search the folders of PATH. Returns only without success. */
static int execute(const struct manifest *m)
{
	char dirs[4096], name[4096];
	int r = -ENOENT;
	char *rest = dirs;

	if (strchr(m->arg[0], '/'))
		return sys_execve(m->arg[0], m->arg, m->env);
	if (!m->arg[0][0] || !TEXT_JOIN(dirs, manifest_env(m, "PATH=")))
		return -ENOENT;
	while (rest) {
		const char *dir = rest;
		size_t len = strcspn(dir, ":");
		int tried;

		rest = dir[len] ? rest + len + 1 : NULL;
		((char *)dir)[len] = '\0';
		if (!TEXT_JOIN(name, len > 0 ? dir : ".", "/", m->arg[0]))
			continue;
		tried = sys_execve(name, m->arg, m->env);
		if (tried != -ENOENT && tried != -ENOTDIR)
			r = tried; /* it is there, and we may still find another */
		if (r != -ENOENT && r != -EACCES)
			break;
	}
	return r;
}

static int become(const struct passwd *user)
{
	int r = (int)sys_call2(SYS_setgroups, 0, 0);

	if (r == 0)
		r = (int)sys_call3(SYS_setresgid, user->gid, user->gid, user->gid);
	return r == 0 ? (int)sys_call3(SYS_setresuid, user->uid, user->uid, user->uid) : r;
}

static int take_streams(const struct streams *s)
{
	int r = (int)sys_call0(SYS_setsid);

	if (r > 0)
		r = 0;
	if (r == 0 && s->terminal)
		r = sys_ioctl(s->fd[0], TIOCSCTTY, NULL);
	for (int i = 0; i < 3 && r >= 0; i++)
		r = sys_dup3(s->fd[i], i, 0);
	return r < 0 ? r : 0;
}

static NORETURN void run(const struct manifest *m, const struct passwd *user,
                         const struct streams *s, int tell)
{
	struct failure f = { 0, STAGE_SESSION };

	sys_mask(SIG_SETMASK, 0);
	f.code = take_streams(s);
	if (f.code == 0 && m->user) {
		f.stage = STAGE_USER;
		f.code = become(user);
	}
	if (f.code == 0 && m->cwd) {
		f.stage = STAGE_CWD;
		f.code = sys_chdir(m->cwd);
	}
	if (f.code == 0) {
		f.stage = STAGE_EXEC;
		f.code = execute(m);
	}
	sys_write(tell, &f, sizeof(f));
	sys_exit(127);
}

/* --- in the parent --- */

static int look_up(struct passwd *ret, const char *user, char *file)
{
	int fd = sys_open("/etc/passwd", O_RDONLY);
	long n = 0;
	size_t len = 0;

	while (fd >= 0 && len < FILE_MAX - 1 &&
	       (n = sys_read(fd, file + len, FILE_MAX - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		sys_close(fd);
	file[len] = '\0';
	return passwd_find(ret, user, file);
}

/* A pipe of which our end does not block. @ours: 0 to read from it, 1 to write to it. */
static int make_pipe(int ours, int *ret_ours, int *ret_theirs, const struct passwd *user)
{
	int ends[2];
	int r = sys_pipe(ends, O_CLOEXEC);

	if (r < 0)
		return r;
	*ret_ours = ends[ours];
	*ret_theirs = ends[1 - ours];
	sys_fcntl(*ret_ours, F_SETFL, O_NONBLOCK);
	/* Who opens /dev/stdout opens the pipe by its owner's rights. */
	return sys_chown(*ret_theirs, user->uid, user->gid);
}

static int make_pipes(struct child *c, struct streams *s, const struct passwd *user)
{
	int r = make_pipe(1, &c->in, &s->fd[0], user);

	if (r == 0)
		r = make_pipe(0, &c->out, &s->fd[1], user);
	return r == 0 ? make_pipe(0, &c->err, &s->fd[2], user) : r;
}

static int make_terminal(struct child *c, struct streams *s, const struct manifest *m,
                         const struct passwd *user)
{
	const unsigned short size[4] = { m->rows, m->cols, 0, 0 }; /* a struct winsize */
	char name[32], digits[11];
	unsigned n = 0;
	int zero = 0, r, master = sys_open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);

	if (master < 0)
		return master;
	c->in = master;
	c->out = sys_fcntl(master, F_DUPFD_CLOEXEC, 3);
	c->err = -1;
	r = sys_ioctl(master, TIOCSPTLCK, &zero);
	if (r == 0)
		r = sys_ioctl(master, TIOCGPTN, &n);
	if (r == 0 && m->cols > 0)
		r = sys_ioctl(master, TIOCSWINSZ, size);
	if (r < 0)
		return r;
	(void)TEXT_JOIN(name, "/dev/pts/", text_number(digits, n));
	s->fd[0] = s->fd[1] = s->fd[2] = sys_open(name, O_RDWR | O_NOCTTY);
	s->terminal = true;
	return s->fd[0] < 0 ? s->fd[0] : sys_chown(s->fd[0], user->uid, user->gid);
}

/* Whether it runs. Returns 0, or what the child says. */
static int hear(int from, const struct manifest *m, struct child_trouble *t)
{
	struct failure f;

	if (sys_read(from, &f, sizeof(f)) != sizeof(f))
		return 0; /* closed by execve() */
	t->executing = f.stage == STAGE_EXEC;
	if (f.stage == STAGE_USER)
		*t = (struct child_trouble){ false, "become user", m->user };
	if (f.stage == STAGE_CWD)
		*t = (struct child_trouble){ false, "change to", m->cwd };
	return f.code;
}

static int start(struct child *c, struct manifest *m, const struct passwd *user,
                 struct child_trouble *t)
{
	struct streams s = { { -1, -1, -1 }, false };
	int tell[2] = { -1, -1 }, r;

	t->what = m->terminal ? "make a terminal" : "make pipes";
	r = m->terminal ? make_terminal(c, &s, m, user) : make_pipes(c, &s, user);
	if (r == 0)
		r = sys_pipe(tell, O_CLOEXEC);
	if (r != 0)
		return r;
	t->what = "start a process";
	c->pid = sys_fork();
	if (c->pid == 0)
		run(m, user, &s, tell[1]);
	sys_close(tell[1]);
	sys_close(s.fd[0]);
	if (!s.terminal) {
		sys_close(s.fd[1]);
		sys_close(s.fd[2]);
	}
	r = c->pid < 0 ? c->pid : hear(tell[0], m, t);
	sys_close(tell[0]);
	return r;
}

int child_start(struct child *ret, struct manifest *m, struct child_trouble *ret_trouble)
{
	struct passwd user = { .home = "/root" };
	char file[FILE_MAX], home[4096];
	int r = 0;

	*ret_trouble = (struct child_trouble){ 0 };
	if (m->user)
		r = look_up(&user, m->user, file);
	if (r < 0) {
		*ret_trouble = (struct child_trouble){ false, "find user", m->user };
		return r;
	}
	if (TEXT_JOIN(home, "HOME=", user.home))
		manifest_default(m, home);
	manifest_default(m, PATH_DEFAULT);
	return start(ret, m, &user, ret_trouble);
}
