/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_SIGNALS_H
#define VMM_SIGNALS_H

#include "vmm/loop.h"

#include <signal.h>

/*
 * Signals arrive as events of the main loop, never as handlers.
 *
 * Taken over: SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT and SIGWINCH,
 * except those that were ignored when we began (nohup; a script's background job), so that what is
 * taken has its default. Ignored: SIGPIPE and SIGXFSZ, which
 * show as errors of the write; SIGTTIN and SIGTTOU, so that a background job is not stopped. A
 * fault of our own is not caught: the caretaker puts the terminal back.
 */

#define SIGNALS_IGNORED 4

struct signals {
	struct loop_source source; /* signalfd */
	struct loop *loop; /* NULL until signals_watch() */
	void (*on_signal)(void *arg, int signo);
	void *arg;
	sigset_t taken;
	sigset_t mask_before;
	struct sigaction before[SIGNALS_IGNORED];
};

/**
 * signals_init() - Take the signals over
 * @s: Any contents
 * @e: Says why not
 *
 * Context: set-up, before any other thread exists: they inherit the mask.
 * Return:  0, or -errno with everything as it was.
 */
int signals_init(struct signals *s, struct err *e) MUST_CHECK;

/**
 * signals_watch() - Have them delivered
 * @s:         Initialised; must stay where it is
 * @loop:      Main loop
 * @on_signal: On the loop's thread
 * @arg:       For @on_signal
 * @e:         Says why not
 *
 * Context: set-up. A signal that came in since signals_init() is delivered first.
 * Return:  0, or -errno.
 */
int signals_watch(struct signals *s, struct loop *loop, void (*on_signal)(void *arg, int signo),
                  void *arg, struct err *e) MUST_CHECK;

/**
 * signals_restore() - Mask and dispositions as they were, nothing watched
 * @s: Initialised; calling it again does nothing
 *
 * A taken signal that is pending takes effect at once.
 * Context: the end of the process, or a set-up that failed.
 */
void signals_restore(struct signals *s);

/**
 * signals_suspend() - Stop the process as SIGTSTP does by default
 * @s: Initialised
 *
 * Context: the loop's thread, when SIGTSTP was delivered and the terminal is back as it was.
 *          Returns after SIGCONT, or at once in a process group that nobody could continue.
 */
void signals_suspend(struct signals *s);

/**
 * signals_die() - End the process by a signal's default action, so that the shell sees 128 + n
 * @s:     Initialised
 * @signo: What ended the VM: one that was taken, SIGINT or SIGPIPE
 *
 * Context: the last thing in main(). Returns only if the signal's default is not to end a process.
 */
void signals_die(struct signals *s, int signo);

#endif /* VMM_SIGNALS_H */
