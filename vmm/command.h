/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_COMMAND_H
#define VMM_COMMAND_H

#include "boot/init/protocol.h"
#include "vmm/chardev.h"
#include "vmm/command_archive.h"
#include "vmm/result.h"
#include "vmm/stop.h"

/*
 * The host's half of a command that runs in the guest: carries its streams by three ports, hears
 * from the first process (boot/init) by a fourth how it goes, and tells it about signals and the
 * terminal.
 *
 * All that the guest says is copied and judged; the worst it can do is to lie about its own
 * command.
 */

enum command_port {
	COMMAND_STDIN,
	COMMAND_STDOUT,
	COMMAND_STDERR,
	COMMAND_CONTROL, /* the last: see protocol.h */
	COMMAND_N_PORTS
};

enum command_state {
	COMMAND_WAITED_FOR,
	COMMAND_STARTED,
	COMMAND_ENDED, /* by itself; the last bytes may be on their way */
	COMMAND_NEVER_RAN, /* not executed, or the guest could not come so far */
};

struct command_calls {
	void (*over)(void *arg); /* all that there was to hear has been heard; once */
	void *arg;
};

struct command {
	const struct config *cfg;
	struct command_calls calls;
	struct loop *loop;
	enum command_state state;
	bool terminal, over;
	bool bare; /* the guest's kernel was given no modules; set by payload_load() */
	unsigned unheard; /* SIGINTs since the command has written anything */
	struct command_window window;
	struct protocol_report report; /* the one that comes, and then the last */
	size_t heard; /* bytes of it */
	uint64_t passed[COMMAND_N_PORTS]; /* bytes that are with the reader */
	bool gone[COMMAND_N_PORTS]; /* its reader takes nothing any more */
	struct loop_source control; /* our end of a socket pair; the chardev has the other */
	int control_fd; /* that other end; -1 */
	int64_t init_ns, started_ns, ended_ns; /* CLOCK_MONOTONIC; 0: not yet */
	struct config_where where[COMMAND_N_PORTS];
	struct chardev *port; /* COMMAND_N_PORTS; NULL: there is no command */
};

struct machine;

/**
 * command_open() - Open the ends of the command's ports, and add them to the machine's
 * @c:     Zeroed, its descriptors -1
 * @m:     Machine, after ports_open() and before slots_create()
 * @calls: Copied, all set
 * @e:     Says why not
 *
 * Does nothing without a command. The terminal is not touched before chardev_start().
 * Context: set-up.
 * Return:  0, or -errno; command_fini() is due in both cases.
 */
int command_open(struct command *c, struct machine *m, const struct command_calls *calls,
                 struct err *e) MUST_CHECK;

/**
 * command_fini() - Close it
 * @c: Zeroed with its descriptors -1, half-opened or open; the device is gone
 */
void command_fini(struct command *c);

/**
 * command_signal() - Pass a signal on to the command
 * @c:     Open
 * @signo: Number
 *
 * Context: main thread.
 * Return:  false if there is no command that runs, so that nobody would hear it.
 */
bool command_signal(struct command *c, int signo);

/**
 * command_resized() - The size of the terminal may have changed: tell the guest
 * @c: Open, or zeroed
 *
 * Context: main thread.
 */
void command_resized(struct command *c);

/**
 * command_times() - When the first process and the command began, and when the command ended
 * @c:   Open, or zeroed: nothing is set then
 * @ret: Its begin is set
 */
void command_times(const struct command *c, struct result_times *ret);

/**
 * command_judge() - What the end of the VM means for whoever wanted the command
 * @c:    Open, or zeroed: nothing is changed then
 * @stop: How the VM ended; becomes how the command did
 * @e:    Set if the command never ran, unless the guest panicked or the VM was ended from outside
 *
 * Context: after the loop.
 */
void command_judge(const struct command *c, struct stop *stop, struct err *e);

#endif /* VMM_COMMAND_H */
