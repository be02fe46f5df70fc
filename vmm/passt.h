/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PASST_H
#define VMM_PASST_H

#include "vmm/config.h"

/*
 * passt(1): network for a VM without any privilege. It is started at the other end of a stream
 * socket, over which frames go with QEMU's framing, and ends when that socket does.
 */

#define PASST_MTU 65520 /* bytes: what it tells the guest by DHCP and NDP */

/**
 * passt_start() - Start passt
 * @port: Ports of the host that it hands to the guest; outlive the call
 * @n:    How many, at most CONFIG_PORTS_MAX
 * @e:    Says why not
 *
 * It goes into the background by itself when it is ready: by the return it works, or has said on
 * standard error what is wrong, and is nobody's child.
 * Context: set-up; blocks until then.
 * Return:  Our end of the socket, non-blocking, or -errno: -ENOENT there is no passt on PATH, -EIO
 *          it ended with an error.
 */
int passt_start(const struct config_port *port, unsigned n, struct err *e) MUST_CHECK;

#endif /* VMM_PASST_H */
