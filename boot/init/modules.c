/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/modules.h"

#include "boot/init/complain.h"
#include "boot/init/protocol.h"
#include "boot/init/sys.h"
#include "boot/init/text.h"

#include <errno.h>
#include <string.h>

#define COMPRESSED 4 /* spec: finit_module(2), MODULE_INIT_COMPRESSED_FILE */
#define ORDER_MAX  16384 /* bytes */

static bool is_plain(const char *name)
{
	size_t len = strlen(name);

	return len >= 3 && strcmp(name + len - 3, ".ko") == 0;
}

static void load(const char *name)
{
	char path[256];
	int fd, r;

	if (!TEXT_JOIN(path, "/" PROTOCOL_MODULES "/", name))
		return;
	fd = sys_open(path, O_RDONLY);
	r = fd < 0 ? fd
	           : (int)sys_call3(SYS_finit_module, fd, (long)"",
	                            is_plain(name) ? 0 : COMPRESSED);
	if (fd >= 0)
		sys_close(fd);
	if (r < 0 && r != -EEXIST)
		complain("load module", name, r);
	sys_unlink(path, 0);
}

void modules_load(void)
{
	char order[ORDER_MAX];
	char *rest;
	const char *name;
	int fd = sys_open("/" PROTOCOL_ORDER, O_RDONLY);
	long n, len = 0;

	if (fd < 0)
		return;
	while (len < ORDER_MAX - 1 && (n = sys_read(fd, order + len, ORDER_MAX - 1 - len)) > 0)
		len += n;
	sys_close(fd);
	order[len] = '\0';
	rest = order;
	while ((name = text_line(&rest)))
		load(name);
	sys_unlink("/" PROTOCOL_ORDER, 0);
	sys_unlink("/" PROTOCOL_MODULES, AT_REMOVEDIR);
}
