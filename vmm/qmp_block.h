/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_BLOCK_H
#define VMM_QMP_BLOCK_H

#include "vmm/qmp_call.h"

/* The command query-block: the disks. */
qmp_handler qmp_block_query;

#endif /* VMM_QMP_BLOCK_H */
