/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: kexec KERNEL INITRD WORDS
 *
 * Has the running kernel start another one in its place, with these kernel words. For guests of the
 * lab; comes back only when that cannot be done, with status 1.
 */
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(1, "usage: kexec KERNEL INITRD WORDS");
	if (syscall(SYS_kexec_file_load, open_file(argv[1]), open_file(argv[2]),
	            strlen(argv[3]) + 1, argv[3], 0UL) < 0)
		err(1, "kexec_file_load");
	sync();
	reboot(RB_KEXEC);
	err(1, "reboot");
}
