/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/stop.h"

const char *const stop_reason_names[] = {
	[STOP_NONE] = "none",         [STOP_POWEROFF] = "poweroff", [STOP_REBOOT] = "reboot",
	[STOP_PANIC] = "panic",       [STOP_EXIT] = "exit",         [STOP_TIMEOUT] = "timeout",
	[STOP_IDLE] = "idle",         [STOP_EXPECT] = "expect",     [STOP_FAIL_ON] = "fail-on",
	[STOP_SIGNAL] = "signal",     [STOP_QUIT] = "quit",         [STOP_ERROR] = "error",
	[STOP_NO_MATCH] = "no-match",
};

_Static_assert(ARRAY_SIZE(stop_reason_names) == STOP_N_REASONS, "every reason has a name");
