/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_REPORT_H
#define VMM_QMP_REPORT_H

#include "vmm/qmp_call.h"

/*
 * Commands that tell what the VM has done and how it is set up. Those of our own begin with x-vmm-:
 * QMP wants __RFQDN_ before a vendor's names, a domain that the vendor owns, and this project owns
 * none; x- is QMP's mark for what no standard holds, and no x-vmm- will come from QEMU.
 *
 * Spec: QEMU docs/devel/qapi-code-gen, "Downstream vendors" and "Interface stability"
 */
qmp_handler qmp_report_blockstats, qmp_report_options, qmp_report_metrics, qmp_report_jail,
        qmp_report_config, qmp_report_log_level;

#endif /* VMM_QMP_REPORT_H */
