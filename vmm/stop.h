/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_STOP_H
#define VMM_STOP_H

#include "vmm/compiler.h"

#include <stdbool.h>

/* Why a VM ended; names as in the JSON of --result. */
enum stop_reason {
	STOP_NONE,
	STOP_POWEROFF,
	STOP_REBOOT,
	STOP_PANIC, /* guest panic, triple fault, emulation failure */
	STOP_EXIT, /* a byte written to the exit port */
	STOP_TIMEOUT,
	STOP_IDLE, /* nothing on the consoles for --idle-timeout */
	STOP_EXPECT, /* --expect has matched */
	STOP_FAIL_ON, /* --fail-on has matched */
	STOP_NO_MATCH, /* a good end, but --expect has never matched */
	STOP_SIGNAL,
	STOP_QUIT, /* a client of the control socket wanted it */
	STOP_ERROR, /* vmm, its configuration or KVM failed */
	STOP_N_REASONS
};

/* Exit statuses of the process: README and the man page list them. */
enum {
	STATUS_FAILED = 1, /* by --fail-on, or for lack of what --expect wants */
	STATUS_TIMEOUT = 124,
	STATUS_ERROR = 125,
	STATUS_PANIC = 255,
};

/* How the VM ended; the first request wins, later ones are ignored. */
struct stop {
	enum stop_reason reason;
	int status; /* exit status of the process */
	int signal; /* of STOP_SIGNAL: raised again at the end */
};

extern const char *const stop_reason_names[]; /* STOP_N_REASONS of them */

#endif /* VMM_STOP_H */
