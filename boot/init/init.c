/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of a guest that runs one command for vmm, or has a root without anything to
 * load its modules. It mounts, loads, starts the command, carries its streams, reaps what is left
 * behind, and says how it ended.
 *
 * No C library, no allocation: it is embedded in vmm, and every KiB counts twice.
 */
#include "boot/init/child.h"
#include "boot/init/complain.h"
#include "boot/init/manifest.h"
#include "boot/init/modules.h"
#include "boot/init/mounts.h"
#include "boot/init/ports.h"
#include "boot/init/relay.h"
#include "boot/init/sys.h"
#include "boot/init/text.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define BIT(signo) (UINT64_C(1) << ((signo)-1))

void init_main(const long *stack);

struct init {
	struct manifest manifest;
	struct child child;
	struct child_trouble trouble;
	int control; /* -1: no command, or not yet open */
	int in, out, err; /* the streams' ports */
	int signals; /* signalfd */
	long began_us;
	struct relay relay[3]; /* as descriptors: 0 to the command, 1 and 2 from it */
	_Alignas(8) char config[PROTOCOL_CONFIG_MAX];
};

/* --- failure --- */

static void report(const struct init *i, struct protocol_report *what)
{
	what->out = i->relay[1].moved;
	what->err = i->relay[2].moved;
	/* The port takes it whole, and waits for nothing else. */
	sys_write(i->control, what, sizeof(*what));
}

/* What the kernel has said lately goes where the command's complaints would have gone. */
static void show_kernel_log(struct init *i)
{
	enum { READ_ALL = 3 }; /* spec: syslog(2) */
	struct relay *r = &i->relay[2];
	long n = sys_call3(SYS_syslog, READ_ALL, (long)r->buf, 4096);
	int dry[2];

	if (n <= 0 || sys_pipe(dry, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	relay_init(r, dry[0], i->err, false); /* nothing comes after what is in the buffer */
	r->len = (uint32_t)n;
	relay_finish(r);
}

/* vmm ends the VM when it has heard; to end before would be a panic. */
static NORETURN void wait_for_end(void)
{
	for (;;)
		sys_sleep_ms(1000000);
}

/* Something went wrong before the command. */
static NORETURN void fail(struct init *i, const char *what, const char *which, int r)
{
	struct protocol_report f = { .kind = PROTOCOL_FAILED, .value = -r };

	if (i->control < 0) {
		/* The kernel's log is all there is, and its panic the status. */
		complain(what, which, r);
		sys_exit(1);
	}
	(void)TEXT_JOIN(f.text, what, " ", which);
	show_kernel_log(i);
	report(i, &f);
	wait_for_end();
}

/* --- before the command --- */

static void read_config(struct init *i)
{
	int r = sys_open("/" PROTOCOL_CONFIG, O_RDONLY), fd = r;
	size_t len = 0;
	long n = 0;

	while (fd >= 0 && len < sizeof(i->config) &&
	       (n = sys_read(fd, i->config + len, sizeof(i->config) - len)) > 0)
		len += (size_t)n;
	if (fd >= 0) {
		sys_close(fd);
		r = manifest_parse(&i->manifest, i->config, len);
	}
	if (r < 0)
		fail(i, "read", "/" PROTOCOL_CONFIG, r);
	sys_unlink("/" PROTOCOL_CONFIG, 0);
	sys_unlink("/" PROTOCOL_INIT, 0);
}

/* Descriptors 0 to 2 are there, so that nothing else becomes one of them. */
static void hold_streams(void)
{
	int fd = sys_open("/dev/console", O_RDWR);

	if (fd < 0)
		fd = sys_open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2)
		fd = sys_fcntl(fd, F_DUPFD, 0);
	if (fd > 2)
		sys_close(fd);
}

static void open_ports(struct init *i)
{
	int control = ports_open(PROTOCOL_CONTROL, O_RDWR);

	if (control < 0)
		fail(i, "open port", PROTOCOL_CONTROL, control);
	/* An end of input that is told before the beginning would not be noticed: protocol.h. */
	ports_connected(control);
	i->in = ports_open(PROTOCOL_STDIN, O_RDONLY);
	i->out = ports_open(PROTOCOL_STDOUT, O_WRONLY);
	i->err = ports_open(PROTOCOL_STDERR, O_WRONLY);
	i->control = control;
	if (i->in < 0 || i->out < 0 || i->err < 0)
		fail(i, "open", "the ports of the command's streams", -ENODEV);
}

static void set_hostname(const char *name)
{
	sys_call2(SYS_sethostname, (long)name, (long)strlen(name));
}

/* Programs that talk to themselves by 127.0.0.1 are many. */
static void raise_loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = (int)sys_call3(SYS_socket, 2 /* AF_INET */, 2 /* SOCK_DGRAM */, 0);

	if (fd < 0)
		return;
	sys_ioctl(fd, SIOCSIFFLAGS, &lo);
	sys_close(fd);
}

/* From the kernel's hand-over to a system in which something can be started. */
static void prepare(struct init *i)
{
	const struct manifest *m = &i->manifest;
	int r = mounts_early();

	hold_streams();
	if (r < 0)
		fail(i, "mount", "/dev, /proc and /sys", r);
	read_config(i);
	modules_load();
	if (m->n_args > 0)
		open_ports(i);
	if (m->hostname)
		set_hostname(m->hostname);
	if (m->root) {
		r = m->root_shared ? mounts_shared_root(m->root)
		                   : mounts_root(m->root, m->root_readonly);
		if (r < 0)
			fail(i, "mount", m->root, r);
	} else {
		sys_unlink("/" PROTOCOL_FOLDER, AT_REMOVEDIR);
	}
}

/* A disk is mounted so already, and is not the worse for it. */
static void seal(struct init *i)
{
	int r = mounts_seal();

	if (r < 0)
		fail(i, "make read-only:", "/", r);
}

/* --- the command --- */

static void begin(struct init *i)
{
	struct protocol_report started = { .kind = PROTOCOL_STARTED };
	int r;

	sys_mask(SIG_BLOCK, BIT(SIGCHLD));
	i->signals = sys_signalfd(BIT(SIGCHLD), SFD_NONBLOCK | SFD_CLOEXEC);
	if (i->signals < 0)
		fail(i, "make", "a signalfd", i->signals);
	r = child_start(&i->child, &i->manifest, &i->trouble);
	if (r < 0 && i->trouble.executing) {
		struct protocol_report not = { .kind = PROTOCOL_NOT_EXECUTED, .value = -r };

		report(i, &not );
		wait_for_end();
	}
	if (r < 0)
		fail(i, i->trouble.what ? i->trouble.what : "start",
		     i->trouble.which ? i->trouble.which : "for the command", r);
	relay_init(&i->relay[0], i->in, i->child.in, true);
	i->relay[0].typed = i->manifest.terminal;
	/* vmm hears of a port that is closed, and tells the stream's reader. */
	relay_init(&i->relay[1], i->child.out, i->out, true);
	if (i->child.err >= 0)
		relay_init(&i->relay[2], i->child.err, i->err, true);
	started.value = (int)(sys_now_us() - i->began_us);
	report(i, &started);
}

/* To the command alone, or, as a terminal would, to its whole job. */
static void pass_signal(const struct init *i, int signo)
{
	bool alone = signo == SIGUSR1 || signo == SIGUSR2;

	sys_kill(alone ? i->child.pid : -i->child.pid, signo);
}

/* What vmm wants. A port that gives something else is not ours to understand. */
static void obey(struct init *i)
{
	struct protocol_order o;

	while (sys_read(i->control, &o, sizeof(o)) == sizeof(o)) {
		const unsigned short size[4] = { o.value[1], o.value[0], 0, 0 };

		if (o.kind == PROTOCOL_SIGNAL)
			pass_signal(i, o.value[0]);
		else if (o.kind == PROTOCOL_WINDOW && i->manifest.terminal)
			sys_ioctl(i->child.out, TIOCSWINSZ, size);
	}
}

/* Take leave of every process that has ended. Returns whether the command is one of them. */
static bool reap(const struct init *i, int *ret_status)
{
	char ignored[128]; /* a signalfd_siginfo; one stands for several */
	bool ended = false;
	int status, pid;

	while (sys_read(i->signals, ignored, sizeof(ignored)) > 0)
		;
	while ((pid = sys_wait(-1, &status, WNOHANG)) > 0)
		if (pid == i->child.pid) {
			*ret_status = status;
			ended = true;
		}
	return ended;
}

/* Until the command has ended. Returns its status as wait(2) gives it. */
static int serve(struct init *i)
{
	int status = 0;

	for (;;) {
		struct pollfd p[5] = {
			{ .fd = i->signals, .events = POLLIN },
			{ .fd = i->control, .events = POLLIN },
		};

		for (unsigned n = 0; n < 3; n++)
			p[2 + n] = relay_wait(&i->relay[n]);
		sys_poll(p, 5, -1);
		if (p[1].revents & POLLIN)
			obey(i);
		for (unsigned n = 0; n < 3; n++)
			if (p[2 + n].revents)
				relay_move(&i->relay[n], p[2 + n].revents);
		if (p[0].revents && reap(i, &status))
			return status;
	}
}

/* What the command has left running ends with it, as its streams do. */
static NORETURN void finish(struct init *i, int status)
{
	struct protocol_report end = {
		.kind = WIFEXITED(status) ? PROTOCOL_EXITED : PROTOCOL_KILLED,
		.value = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
	};

	sys_kill(-1, SIGKILL);
	/* While one of them still has a file open, the root cannot be made clean. */
	for (unsigned ms = 0; ms < 1000 && sys_wait(-1, &status, WNOHANG) != -ECHILD; ms++)
		sys_sleep_ms(1);
	relay_finish(&i->relay[1]);
	relay_finish(&i->relay[2]);
	if (i->manifest.root && !i->manifest.root_readonly && !i->manifest.root_shared)
		mounts_sync();
	report(i, &end);
	wait_for_end();
}

/* What the kernel's word init= names; NULL: there is none. */
static const char *init_word(char *buf, size_t room)
{
	int fd = sys_open("/proc/cmdline", O_RDONLY);
	long n = fd < 0 ? -1 : sys_read(fd, buf, room - 1);
	char *word = buf;
	const char *found = NULL;

	if (fd >= 0)
		sys_close(fd);
	buf[n > 0 ? n : 0] = '\0';
	while (*word) {
		size_t len = strcspn(word, " \n");
		char *next = word[len] ? word + len + 1 : word + len;

		word[len] = '\0';
		if (strncmp(word, "init=", 5) == 0)
			found = word + 5;
		word = next;
	}
	return found;
}

/* The root has an init of its own: hand over to it, with the words of the kernel. */
static NORETURN void hand_over(struct init *i, const long *stack)
{
	/* In a directory's tree the kernel's own way, on a disk that of initial RAM disks. */
	static const char *const known[] = { "/init", "/sbin/init" };
	char words[4096];
	const char *wanted = i->manifest.root ? init_word(words, sizeof(words)) : NULL;
	const char **argv = (const char **)(stack + 1);
	const char *const *envp = argv + stack[0] + 1;
	int r = -ENOENT;

	if (wanted) {
		argv[0] = wanted;
		r = sys_execve(wanted, argv, envp);
	}
	for (unsigned n = i->manifest.root ? 1 : 0; n < ARRAY_SIZE(known) && r == -ENOENT; n++) {
		argv[0] = known[n];
		r = sys_execve(known[n], argv, envp);
	}
	fail(i, "execute", "/sbin/init or /init", r);
}

void init_main(const long *stack)
{
	struct init i;

	i.began_us = sys_now_us();
	i.control = -1;
	for (unsigned n = 0; n < 3; n++)
		relay_init(&i.relay[n], -1, -1, false);
	prepare(&i);
	if (i.manifest.n_args > 0)
		mounts_late(i.manifest.root || i.manifest.root_readonly);
	if (i.manifest.root_readonly)
		seal(&i);
	if (i.manifest.n_args == 0)
		hand_over(&i, stack);
	raise_loopback();
	begin(&i);
	finish(&i, serve(&i));
}
