/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_HMP_H
#define VMM_QMP_HMP_H

#include "vmm/qmp_call.h"

/* The command human-monitor-command: a few lines of QEMU's other monitor, the one for people. */
qmp_handler qmp_hmp_run;

#endif /* VMM_QMP_HMP_H */
