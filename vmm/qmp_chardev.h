/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_CHARDEV_H
#define VMM_QMP_CHARDEV_H

#include "vmm/qmp_call.h"

/* Commands about consoles, ports and control sockets: query-chardev, and chardev-change, which
 * connects a socket that getfd has brought. */
qmp_handler qmp_chardev_query, qmp_chardev_change;

#endif /* VMM_QMP_CHARDEV_H */
