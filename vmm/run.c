/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/run.h"

#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/slots.h"

#include <errno.h>
#include <string.h>

/* How long a guest that has reported a panic may go on printing before it resets itself. */
#define PANIC_LAST_WORDS_MS 10000

#define SIGINTS_UNHEARD 2

/* The VM ends: first the guest stops. The loop goes on, since a vCPU may be waiting for it. */
static void on_ending(void *arg)
{
	struct machine *m = arg;

	m->run.ending_began = true;
	monitor_ended(m);
	vcpus_stop(&m->vcpus);
}

/* No vCPU runs any more: finish the disks' requests, then the console's output. */
static void on_vcpus_done(struct loop_source *s, uint32_t events)
{
	struct run *run = container_of(s, struct run, vcpus_done);
	struct machine *m = container_of(run, struct machine, run);

	(void)events;
	loop_del(&m->loop, s);
	io_thread_stop(&m->io);
	if (consoles_drain(&m->consoles))
		loop_stop(&m->loop);
}

static void on_drained(void *arg)
{
	struct machine *m = arg;

	if (consoles_are_drained(&m->consoles))
		loop_stop(&m->loop);
}

static void on_vcpu_ended(void *arg, enum vcpu_end why)
{
	struct machine *m = arg;

	switch (why) {
	case VCPU_END_POWEROFF:
		ending_request(&m->run.ending, (struct stop){ .reason = STOP_POWEROFF });
		return;
	case VCPU_END_RESET:
		ending_request_reset(&m->run.ending);
		return;
	case VCPU_END_SHUTDOWN:
	case VCPU_END_CRASH:
	case VCPU_END_BROKEN:
		break;
	}
	ending_request(&m->run.ending,
	               (struct stop){ .reason = STOP_PANIC, .status = STATUS_PANIC });
}

static void end_by_signal(struct machine *m, int signo)
{
	ending_request(
	        &m->run.ending,
	        (struct stop){ .reason = STOP_SIGNAL, .status = 128 + signo, .signal = signo });
}

/*
 * A command gets each signal, as if it ran here; before it runs, there is nobody to ask. Only
 * SIGTERM is a wish that the VM sees to: the second ends it, or the time of grace. So does the
 * third SIGINT without a byte of output in between, as whoever presses Ctrl-C again and again at a
 * guest that hangs wants to get out.
 */
static void on_command_signal(struct machine *m, int signo)
{
	struct run *run = &m->run;
	bool enough = (signo == SIGTERM && (run->asked_by != 0 || m->cfg->grace_ms == 0)) ||
	              (signo == SIGINT && ++m->command.unheard > SIGINTS_UNHEARD);

	if (enough || !command_signal(&m->command, signo)) {
		end_by_signal(m, signo);
	} else if (signo == SIGTERM) {
		run->asked_by = signo;
		timer_arm_ms(&run->grace, m->cfg->grace_ms);
	}
}

/* Those that ask a VM to end; by the others it ends at once, as any process. */
static bool presses_button(int signo)
{
	return signo == SIGTERM || signo == SIGINT || signo == SIGHUP;
}

/*
 * Somebody wants the VM to end. First ask the guest, by its power button; a guest that does not
 * listen (no driver yet, or hung) is ended by the second signal or after the time of grace.
 */
static void on_end_signal(struct machine *m, int signo)
{
	struct run *run = &m->run;
	bool deaf = m->monitor.state == MONITOR_PANICKED; /* it hears neither signal nor button */

	if (run->ending_began) {
		/* The guest has ended, and its output waits for a reader who does not read. */
		consoles_abandon(&m->consoles);
	} else if (m->cfg->n_command > 0 && !deaf) {
		on_command_signal(m, signo);
	} else if (deaf || run->asked_by != 0 || m->cfg->grace_ms == 0 || !presses_button(signo)) {
		end_by_signal(m, signo);
	} else {
		run->asked_by = signo;
		log_info("%s: power button pressed; a second signal ends the VM", strsignal(signo));
		monitor_press_button(m);
		timer_arm_ms(&run->grace, m->cfg->grace_ms);
	}
}

static void on_signal(void *arg, int signo)
{
	struct machine *m = arg;

	switch (signo) {
	case SIGTSTP:
		consoles_suspend(&m->consoles);
		signals_suspend(m->signals);
		FALLTHROUGH;
	case SIGCONT:
		consoles_resume(&m->consoles);
		vcpus_paused(&m->vcpus);
		FALLTHROUGH;
	case SIGWINCH:
		slots_window_changed(m);
		command_resized(&m->command);
		if (signo == SIGWINCH && !m->command.terminal)
			command_signal(&m->command, signo);
		return;
	default:
		on_end_signal(m, signo);
	}
}

static void on_timeout(void *arg)
{
	struct machine *m = arg;

	log_error("the VM did not end within --timeout");
	ending_request(&m->run.ending,
	               (struct stop){ .reason = STOP_TIMEOUT, .status = STATUS_TIMEOUT });
}

/* The guest has reset itself, or a client of old wants it: a reboot, unless its last words say
 * more. */
static void on_reset_asked(void *arg)
{
	struct machine *m = arg;

	if (m->witness.panic_watch.panicked)
		ending_request(&m->run.ending,
		               (struct stop){ .reason = STOP_PANIC, .status = STATUS_PANIC });
	else if (m->cfg->on_reboot == ON_REBOOT_RESET)
		reset_begin(m);
	else
		ending_decide(&m->run.ending, (struct stop){ .reason = STOP_REBOOT });
}

/* Whoever has asked for the end gets it; else the VM stands still. */
static void on_crashed(void *arg)
{
	struct machine *m = arg;

	if (m->run.asked_by != 0) {
		ending_decide(&m->run.ending,
		              (struct stop){ .reason = STOP_PANIC, .status = STATUS_PANIC });
		return;
	}
	log_warn("the guest panicked; it stands still for whoever wants to look");
	timer_arm_ms(&m->run.grace, 0);
	monitor_crashed(m);
}

/* A kernel with panic=0 halts for ever instead of the reset that ends the VM. */
static void on_panicked(void *arg)
{
	struct machine *m = arg;

	m->run.panicked = true;
	monitor_panicked(m);
	timer_arm_ms(&m->run.grace, PANIC_LAST_WORDS_MS);
}

static void on_grace_over(void *arg)
{
	struct machine *m = arg;

	if (m->run.panicked) {
		log_error("the guest panicked and did not reset itself");
		ending_request(&m->run.ending,
		               (struct stop){ .reason = STOP_PANIC, .status = STATUS_PANIC });
		return;
	}
	log_error(m->cfg->n_command > 0 ? "the command did not end within --grace"
	                                : "the guest did not power off within --grace");
	end_by_signal(m, m->run.asked_by);
}

/* The escape key: as a second SIGINT. */
static void on_quit(void *arg)
{
	struct machine *m = arg;

	if (m->run.ending_began)
		consoles_abandon(&m->consoles);
	else
		end_by_signal(m, SIGINT);
}

/* A reader that has gone away ends us as it ends any process; any other loss is a failure. */
static void on_output_failed(void *arg, int r)
{
	struct machine *m = arg;

	m->run.failure = r;
	ending_request(&m->run.ending,
	               (struct stop){ .reason = STOP_ERROR, .status = STATUS_ERROR });
}

void run_command_over(void *arg)
{
	struct machine *m = arg;

	ending_request(&m->run.ending, (struct stop){ .reason = STOP_EXIT });
}

struct chardev_events run_chardev_events(struct machine *m)
{
	return (struct chardev_events){
		.output_failed = on_output_failed,
		.quit = on_quit,
		.drained = on_drained,
		.arg = m,
	};
}

int run_init(struct machine *m, struct err *e)
{
	const struct ending_calls calls = {
		.begin = on_ending,
		.reset = on_reset_asked,
		.crashed = on_crashed,
		.panicked = on_panicked,
		.arg = m,
	};
	int r = ending_init(&m->run.ending, &m->loop, &calls, e);

	m->run.ending.hears_crash = m->cfg->on_panic == ON_PANIC_PAUSE;
	m->run.ending.hears_reset =
	        m->cfg->on_reboot == ON_REBOOT_RESET || m->run.ending.hears_crash;
	if (r == 0 && m->cfg->timeout_ms > 0)
		r = timer_init(&m->run.timeout, &m->loop, on_timeout, m, e);
	if (r == 0)
		r = timer_init(&m->run.grace, &m->loop, on_grace_over, m, e);
	return r == 0 ? signals_watch(m->signals, &m->loop, on_signal, m, e) : r;
}

void run_fini(struct machine *m)
{
	timer_fini(&m->run.grace);
	timer_fini(&m->run.timeout);
	ending_fini(&m->run.ending);
}

/* How the VM ended, now that its last words are read. */
static struct stop judge(struct machine *m)
{
	struct stop stop = ending_get(&m->run.ending);

	if (m->run.failure == -EPIPE)
		stop = (struct stop){
			.reason = STOP_SIGNAL,
			.status = 128 + SIGPIPE,
			.signal = SIGPIPE,
		};
	else if (stop.reason == STOP_REBOOT && m->witness.panic_watch.panicked)
		stop = (struct stop){ .reason = STOP_PANIC, .status = STATUS_PANIC };
	return stop;
}

/* Nothing in here opens, allocates or makes a thread: the process may be jailed already. */
int machine_run(struct machine *m, struct stop *ret, struct err *e)
{
	int r;

	m->vcpus.ended = on_vcpu_ended;
	m->vcpus.arg = m;
	m->run.vcpus_done = (struct loop_source){ .fd = m->vcpus.done_fd, .ready = on_vcpus_done };
	r = loop_add(&m->loop, &m->run.vcpus_done, EPOLLIN);
	if (r == 0) {
		loop_expect(&m->loop);
		consoles_start(&m->consoles);
		witness_start(m);
		if (m->cfg->timeout_ms > 0)
			timer_arm_ms(&m->run.timeout, m->cfg->timeout_ms);
		if (slots_need_io(m->cfg))
			io_thread_release(&m->io);
		r = monitor_start(m);
	}
	if (r == 0)
		r = loop_run(&m->loop);
	*ret = judge(m);
	if (r == 0 && m->run.failure != 0 && m->run.failure != -EPIPE)
		r = err_errno(e, -m->run.failure, "cannot write the console's output");
	else if (r < 0)
		err_errno(e, -r, "the event loop failed");
	if (r < 0)
		*ret = (struct stop){ .reason = STOP_ERROR, .status = STATUS_ERROR };
	else
		command_judge(&m->command, ret, e);
	*ret = witness_judge(m, *ret);
	return r;
}
