/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/complain.h"

#include "boot/init/sys.h"
#include "boot/init/text.h"

#include <string.h>

void complain(const char *what, const char *which, int r)
{
	char text[256], digits[11];
	int fd = sys_open("/dev/kmsg", O_WRONLY);

	if (fd < 0)
		return;
	/* Critical: shown with the kernel's word "quiet", too. */
	(void)TEXT_JOIN(text, "<2>vmm: the guest's first process cannot ", what, " ", which,
	                ": error ", text_number(digits, (unsigned)-r), "\n");
	sys_write(fd, text, strlen(text));
	sys_close(fd);
}
