/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a command once and print what it cost, in microseconds: CPU time (user and system, of the
 * process and of the children that it waited for) and wall time from just before the process is
 * made until it has ended. With -m also both of these at the moment when the text MARKER was on its
 * standard output.
 *
 * usage: measure [-s STATUS] [-c] [-m MARKER] [-t SECONDS] COMMAND [ARG...]
 * prints: CPU WALL [FAULTS SWITCHES] [MARKER-CPU MARKER-WALL]
 * -c: also how often a page of memory had to be found, and a thread gave way to another.
 * COMMAND is killed after SECONDS.
 * Status 0; 1 with a line on stderr if COMMAND did not end with STATUS (default 0) or did not print
 * MARKER.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct cost {
	int64_t cpu_us, wall_us;
	long faults, switches;
};

/* What is asked for, and what has come of it. */
struct run {
	int status;
	bool counts;
	const char *marker; /* NULL: none */
	unsigned limit_s; /* 0: none */
	char **command;
	pid_t pid;
	int64_t begin_us;
	int output; /* read end; -1 without a marker */
	struct cost at_marker;
	bool marked;
};

/* For the signal handler, which is given nothing. */
static volatile pid_t running;

static void on_alarm(int signo)
{
	(void)signo;
	kill(running, SIGKILL);
}

static int64_t clock_us(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0)
		err(1, "clock_gettime");
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t timeval_us(struct timeval tv)
{
	return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}

/* posix_spawn() and not fork(): copying our page tables would be counted as the command's. */
static void start(struct run *r)
{
	posix_spawn_file_actions_t actions;
	int ends[2] = { -1, -1 }, e;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r->marker) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			err(1, "pipe");
		posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	} else {
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	}
	r->begin_us = clock_us(CLOCK_MONOTONIC);
	e = posix_spawnp(&r->pid, r->command[0], &actions, NULL, r->command, environ);
	if (e != 0)
		errx(1, "%s: %s", r->command[0], strerror(e));
	running = r->pid;
	alarm(r->limit_s);
	posix_spawn_file_actions_destroy(&actions);
	if (ends[1] >= 0)
		close(ends[1]);
	r->output = ends[0];
}

static void mark(struct run *r)
{
	clockid_t cpu;

	r->marked = true;
	r->at_marker.wall_us = clock_us(CLOCK_MONOTONIC) - r->begin_us;
	if (clock_getcpuclockid(r->pid, &cpu) == 0)
		r->at_marker.cpu_us = clock_us(cpu);
}

/* Read the output to its end. The marker may come in pieces: the last bytes seen are kept. */
static void watch(struct run *r)
{
	const size_t len = strlen(r->marker);
	char text[8192];
	size_t have = 0, keep;
	ssize_t n;

	while ((n = read(r->output, text + have, sizeof(text) - have)) > 0) {
		have += (size_t)n;
		if (!r->marked && memmem(text, have, r->marker, len))
			mark(r);
		keep = have < len ? have : len - 1;
		memmove(text, text + have - keep, keep);
		have = keep;
	}
	close(r->output);
}

/* Wait for the end; say what it cost. */
static struct cost finish(struct run *r)
{
	struct rusage used;
	struct cost c;
	int status;

	if (wait4(r->pid, &status, 0, &used) < 0)
		err(1, "wait4");
	c.wall_us = clock_us(CLOCK_MONOTONIC) - r->begin_us;
	c.cpu_us = timeval_us(used.ru_utime) + timeval_us(used.ru_stime);
	c.faults = used.ru_minflt + used.ru_majflt;
	c.switches = used.ru_nvcsw + used.ru_nivcsw;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != r->status)
		errx(1, "%s ended with %s %d, not with status %d", r->command[0],
		     WIFEXITED(status) ? "status" : "signal",
		     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), r->status);
	if (r->marker && !r->marked)
		errx(1, "%s did not print '%s'", r->command[0], r->marker);
	return c;
}

int main(int argc, char **argv)
{
	struct run r = { .output = -1 };
	struct cost whole;
	int o;

	while ((o = getopt(argc, argv, "+s:cm:t:")) != -1) {
		if (o == 's')
			r.status = atoi(optarg);
		else if (o == 'c')
			r.counts = true;
		else if (o == 't')
			r.limit_s = (unsigned)atoi(optarg);
		else if (o == 'm' && *optarg && strlen(optarg) < 1024)
			r.marker = optarg;
		else
			return 1;
	}
	if (optind == argc)
		errx(1,
		     "usage: measure [-s STATUS] [-c] [-m MARKER] [-t SECONDS] COMMAND [ARG...]");
	r.command = argv + optind;
	signal(SIGALRM, on_alarm); /* system calls go on: SA_RESTART */
	start(&r);
	if (r.marker)
		watch(&r);
	whole = finish(&r);
	printf("%jd %jd", (intmax_t)whole.cpu_us, (intmax_t)whole.wall_us);
	if (r.counts)
		printf(" %ld %ld", whole.faults, whole.switches);
	if (r.marker)
		printf(" %jd %jd", (intmax_t)r.at_marker.cpu_us, (intmax_t)r.at_marker.wall_us);
	putchar('\n');
	return 0;
}
