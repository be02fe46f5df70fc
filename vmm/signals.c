/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/signals.h"

#include "vmm/log.h"

#include <errno.h>
#include <sys/signalfd.h>

static const int taken[] = { SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1,
	                     SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH };
static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU };
_Static_assert(ARRAY_SIZE(ignored) == SIGNALS_IGNORED, "struct signals remembers each");

/* A blocked signal reaches a signalfd even if it is ignored: whoever ignored it would be
 * overruled. */
static bool was_ignored(int signo)
{
	struct sigaction now;

	return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void signal_ready(struct loop_source *source, uint32_t events)
{
	struct signals *s = container_of(source, struct signals, source);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) == sizeof(info))
		s->on_signal(s->arg, (int)info.ssi_signo);
}

int signals_init(struct signals *s, struct err *e)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	*s = (struct signals){ .source = { .fd = -1, .ready = signal_ready } };
	sigemptyset(&s->taken);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (!was_ignored(taken[i]))
			sigaddset(&s->taken, taken[i]);
	s->source.fd = signalfd(-1, &s->taken, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->source.fd < 0)
		return err_errno(e, errno, "cannot receive signals");
	(void)pthread_sigmask(SIG_BLOCK, &s->taken, &s->mask_before);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)sigaction(ignored[i], &ignore, &s->before[i]);
	return 0;
}

int signals_watch(struct signals *s, struct loop *loop, void (*on_signal)(void *arg, int signo),
                  void *arg, struct err *e)
{
	int r;

	s->on_signal = on_signal;
	s->arg = arg;
	r = loop_add(loop, &s->source, EPOLLIN);
	if (r < 0)
		return err_errno(e, -r, "cannot watch for signals");
	s->loop = loop;
	return 0;
}

void signals_restore(struct signals *s)
{
	if (s->source.fd < 0)
		return;
	if (s->loop)
		loop_del(s->loop, &s->source);
	s->loop = NULL;
	fd_close(&s->source.fd);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)sigaction(ignored[i], &s->before[i], NULL);
	(void)pthread_sigmask(SIG_SETMASK, &s->mask_before, NULL);
}

/* Let one signal through that is blocked and pending for this thread. */
static void let_through(int signo, int how_after)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, signo);
	/* raise(), without asking for what the main thread knows: its id is the process's. */
	(void)tgkill(getpid(), getpid(), signo);
	(void)pthread_sigmask(SIG_UNBLOCK, &one, NULL); /* takes effect inside */
	if (how_after == SIG_BLOCK)
		(void)pthread_sigmask(SIG_BLOCK, &one, NULL);
}

void signals_suspend(struct signals *s)
{
	/* SIGTSTP and not SIGSTOP: in an orphaned process group, where no shell could continue us,
	 * the kernel ignores it. */
	if (sigismember(&s->taken, SIGTSTP) == 1)
		let_through(SIGTSTP, SIG_BLOCK);
}

void signals_die(struct signals *s, int signo)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };

	signals_restore(s);
	/* What was not taken was ignored, by us or before us. */
	if (sigismember(&s->taken, signo) != 1)
		(void)sigaction(signo, &by_default, NULL);
	let_through(signo, SIG_UNBLOCK);
	log_debug("signal %d did not end the process", signo);
}
