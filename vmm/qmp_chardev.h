/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_CHARDEV_H
#define VMM_QMP_CHARDEV_H

#include "vmm/qmp_call.h"

/* The command query-chardev: consoles, ports and control sockets. */
qmp_handler qmp_chardev_query;

#endif /* VMM_QMP_CHARDEV_H */
