/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/ports.h"

#include "boot/init/sys.h"
#include "boot/init/text.h"

#include <errno.h>
#include <string.h>

#define CLASS   "/sys/class/virtio-ports/"
#define WAIT_MS 10000

/* Of an entry that the kernel gives: where its length and its name are. Spec: getdents(2), struct
 * linux_dirent64. */
#define ENTRY_LEN  16
#define ENTRY_NAME 19

/* Whether the port of a folder of sysfs has this name. */
static bool has_name(const char *port, const char *name)
{
	char path[128], text[80];
	int fd;
	long n;

	if (!TEXT_JOIN(path, CLASS, port, "/name"))
		return false;
	fd = sys_open(path, O_RDONLY);
	if (fd < 0)
		return false; /* it is given its name after it is made */
	n = sys_read(fd, text, sizeof(text));
	sys_close(fd);
	return n > 0 && (size_t)n == strlen(name) + 1 && strncmp(text, name, strlen(name)) == 0;
}

/* Find a port among those that are there. Returns 0, -ENODEV, or -ENOENT: there is no driver. */
static int find(const char *name, char *ret, size_t room)
{
	_Alignas(8) char list[2048];
	int fd = sys_open(CLASS, O_RDONLY | O_DIRECTORY), r = -ENODEV;
	long n;

	if (fd < 0)
		return fd;
	while (r < 0 && (n = sys_call3(SYS_getdents64, fd, (long)list, sizeof(list))) > 0)
		for (long at = 0; r < 0 && at < n;) {
			const char *entry = list + at + ENTRY_NAME;
			uint16_t len;

			memcpy(&len, list + at + ENTRY_LEN, sizeof(len));
			at += len;
			if (entry[0] != '.' && has_name(entry, name) &&
			    text_join(ret, room, (const char *const[]){ "/dev/", entry, NULL }))
				r = 0;
		}
	sys_close(fd);
	return r;
}

int ports_open(const char *name, int flags)
{
	char path[64];
	int r = -ENODEV;

	for (unsigned ms = 0; ms < WAIT_MS && r == -ENODEV; ms++) {
		r = find(name, path, sizeof(path));
		if (r == 0)
			return sys_open(path, flags | O_NONBLOCK);
		sys_sleep_ms(1);
	}
	return -ENODEV;
}

void ports_connected(int fd)
{
	struct pollfd p = { .fd = fd };

	while (sys_poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
		sys_sleep_ms(1);
}
