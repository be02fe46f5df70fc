/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_CHANGE_H
#define VMM_QMP_CHANGE_H

#include "vmm/qmp_call.h"

/* Commands that change the machine. */
qmp_handler qmp_change_disk_size, qmp_change_link, qmp_change_nmi, qmp_change_screendump;

#endif /* VMM_QMP_CHANGE_H */
