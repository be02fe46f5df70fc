/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: faults KERNEL
 *
 * Makes machines again and again, each time with another call of the set-up refused: the failure
 * has to be told in one line, everything has to be given back, files included, and a call that vmm
 * can do without must not fail the set-up. Prints a line for each machine, and one for each call
 * whose refusal did harm. The calls are wrapped by the linker (--wrap), so that the code under test
 * is the code of the program; with 64-bit file offsets their names end in 64.
 */
#include "tests/faults/wraps.h"
#include "vmm/cli.h"
#include "vmm/jail.h"
#include "vmm/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_do_recoverable_leak_check() 0
#endif

#define CALLS_MAX 2000 /* far more than a set-up makes */
#define CALLS_MIN 50 /* a set-up makes more: else the wrappers are not in place */
#define HANGS_MS  60000
#define WORDS_MAX 48

/* What is there for the machines, in the folder in which they are made. */
#define DISK   "disk"
#define INITRD "initrd"
#define TREE   "tree"
#define PASST  "passt"
#define SAID   "said" /* standard error of a set-up */

enum outcome { REPORTED, TOLERATED, NOT_REACHED, WRONG };

/* Machines, by their command lines behind --kernel. Sanitizers make calls that no filter allows. */
static const struct {
	const char *name;
	const char *words[WORDS_MAX];
} machines[] = {
	{ "disk", { "--disk", DISK, "--cpus", "2", "--jail", "off" } },
	{ "everything that listens, and files", { "--disk",        DISK ",cow",
	                                          "--initrd",      INITRD,
	                                          "--net",         "passt=" PASST,
	                                          "--vsock",       "cid=3,socket=vsock",
	                                          "--serial",      "file=serial",
	                                          "--console",     "unix=console",
	                                          "--port",        "port=file=port",
	                                          "--console-log", "log",
	                                          "--pidfile",     "pid",
	                                          "--control",     "control",
	                                          "--on-reboot",   "reset",
	                                          "--expect",      "never",
	                                          "--fail-on",     "oops",
	                                          "--jail",        "off" } },
	{ "command", { "--jail", "off", "--modules", "none", "--rootfs", TREE, "--", "true" } },
	{ "jail", { "--disk", DISK, "--pidfile", "pid", "--jail", "log" } },
};

/* Entries of a folder of /proc that was opened before the jail: descriptors or threads. */
static unsigned count(DIR *dir)
{
	unsigned n = 0;

	rewinddir(dir);
	while (readdir(dir))
		n++;
	return n;
}

static enum outcome wrong(const char *what)
{
	printf("# %s refused: %s\n", wraps.refused ? wraps.refused : "nothing", what);
	return WRONG;
}

/* From the beginning to where the guest would run, and back. */
static int set_up(const struct config *cfg, struct err *e)
{
	struct signals signals;
	struct jail jail = { 0 };
	struct machine m;
	int r = jail_begin(&jail, cfg, e);

	if (r == 0)
		r = signals_init(&signals, e);
	if (r < 0)
		return r;
	r = machine_create(&m, cfg, &signals, e);
	if (r == 0)
		r = jail_enter(&jail, e);
	if (r == 0)
		r = machine_start(&m, jail.filter, e);
	if (r == 0)
		r = jail_close(&jail, e);
	machine_destroy(&m);
	/* As at the end of the process. */
	fd_close(&m.vm.fd);
	gmem_fini(&m.mem);
	signals_restore(&signals);
	return r;
}

/* One set-up and its undoing, in a process of its own. */
static enum outcome try_setup(const struct config *cfg, unsigned at)
{
	DIR *fd_dir = opendir("/proc/self/fd"), *task_dir = opendir("/proc/self/task");
	unsigned fds = count(fd_dir);
	struct err e = { 0 };
	int r;

	wraps_refuse(at);
	r = set_up(cfg, &e);
	wraps_refuse(0);
	if (count(task_dir) != 3) /* ".", ".." and this one */
		return wrong("a thread is left");
	if (count(fd_dir) != fds)
		return wrong("a descriptor is left open");
	/* In the jail it cannot look. */
	if (cfg->jail == JAIL_OFF && __lsan_do_recoverable_leak_check())
		return wrong("memory is lost");
	if (r < 0 && (e.msg[0] == '\0' || strchr(e.msg, '\n') || strstr(e.msg, "Success")))
		return wrong("the failure is not told in one line");
	if (r < 0 && !wraps.refused)
		return wrong(e.msg);
	if (!wraps.refused)
		return NOT_REACHED;
	return r < 0 ? REPORTED : TOLERATED;
}

/* Returns the child's status, or -1: it hangs, or has been ended by a signal. */
static int wait_child(pid_t pid)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int status = -1;

	if (pid < 0 || p.fd < 0)
		return -1;
	if (poll(&p, 1, HANGS_MS) != 1)
		kill(pid, SIGKILL);
	close(p.fd);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static bool is_ours(const char *name)
{
	static const char *const ours[] = { ".", "..", DISK, INITRD, TREE, PASST, SAID };

	for (unsigned i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return false;
}

/* Remove what a set-up has left. Returns whether there was anything. */
static bool sweep(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;
	bool any = false;

	while ((entry = readdir(dir)))
		if (!is_ours(entry->d_name)) {
			printf("# is left behind: %s\n", entry->d_name);
			any = true;
			unlink(entry->d_name);
		}
	closedir(dir);
	return any;
}

/* Show what a set-up wrote by itself. Returns whether it wrote anything. */
static bool show_said(void)
{
	FILE *f = fopen(SAID, "r");
	char line[512];
	bool any = false;

	while (f && fgets(line, sizeof(line), f)) {
		printf("# %s", line);
		any = true;
	}
	if (f)
		fclose(f);
	return any;
}

static enum outcome run_child(const struct config *cfg, unsigned at)
{
	enum outcome o;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int said = open(SAID, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(said, STDERR_FILENO);
		close(said);
		o = try_setup(cfg, at);
		fflush(stdout);
		_exit((int)o);
	}
	status = wait_child(pid);
	o = status < 0 || status > WRONG ? WRONG : (enum outcome)status;
	/* The only message is the one that is handed back. */
	if ((o == REPORTED || o == WRONG) && show_said())
		o = WRONG;
	if (sweep())
		o = WRONG;
	return o;
}

/* A machine, with the first call refused, the second one, and so on until no more are made. */
static bool refuse_all(unsigned index, const char *kernel, int passt)
{
	const char *argv[WORDS_MAX + 6] = { "vmm", "--kernel", kernel, "--memory", "64" };
	unsigned sum[WRONG + 1] = { 0 }, at;
	enum outcome o = TOLERATED;
	struct config cfg;
	struct err e = { 0 };
	int argc = 5;

	for (unsigned i = 0; machines[index].words[i]; i++)
		argv[argc++] = machines[index].words[i];
	if (cli_parse(&cfg, argc, (char **)argv, &e) != 0) {
		printf("not ok %u - %s: %s\n", index + 1, machines[index].name, e.msg);
		return false;
	}
	for (at = 1; at < CALLS_MAX && o != NOT_REACHED; at++) {
		o = run_child(&cfg, at);
		sum[o]++;
		if (o == WRONG)
			printf("# call %u\n", at);
		close(accept(passt, NULL, NULL));
	}
	config_fini(&cfg);
	printf("%s %u - %s: of %u calls refused, %u are told, %u are done without\n",
	       sum[WRONG] == 0 && o == NOT_REACHED && sum[REPORTED] > CALLS_MIN ? "ok" : "not ok",
	       index + 1, machines[index].name, at - 2, sum[REPORTED], sum[TOLERATED]);
	return sum[WRONG] == 0 && o == NOT_REACHED && sum[REPORTED] > CALLS_MIN;
}

/* Somebody to connect to, who takes what comes. */
static int listen_passt(void)
{
	const struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = PASST };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	                       listen(fd, 4) == 0
	               ? fd
	               : -1;
}

static bool put_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && ftruncate(fd, 65536) == 0 && close(fd) == 0;
}

static void clear(const char *dir)
{
	unlink(TREE "/file");
	rmdir(TREE);
	unlink(DISK);
	unlink(INITRD);
	unlink(PASST);
	unlink(SAID);
	if (chdir("/") == 0)
		rmdir(dir);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/vmm-faults-XXXXXX";
	char *kernel = argc > 1 ? realpath(argv[1], NULL) : NULL;
	bool passed = true;
	int passt;

	if (!kernel || !mkdtemp(dir) || chdir(dir) < 0)
		return 2;
	passt = listen_passt();
	if (passt < 0 || !put_file(DISK) || !put_file(INITRD) || mkdir(TREE, 0700) < 0 ||
	    !put_file(TREE "/file"))
		return 2;
	log_set_level(LOG_ERROR);
	printf("1..%zu\n", ARRAY_SIZE(machines));
	for (unsigned i = 0; i < ARRAY_SIZE(machines); i++)
		passed &= refuse_all(i, kernel, passt);
	clear(dir);
	free(kernel);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
