/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/init/mounts.h"

#include "boot/init/filesystem.h"
#include "boot/init/sys.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#define NEW_ROOT "/vmm" /* a folder that is ours: protocol.h */

/* Disks that a slow host emulates take their time; one that is not there is no reason to wait for
 * ever. */
#define WAIT_MS 10000
#define STEP_MS 5

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct place {
	const char *type, *target, *data;
	unsigned long flags;
	unsigned mode; /* of the folder if there is none */
};

static const struct place early[] = {
	{ "devtmpfs", "/dev", "mode=755", MS_NOSUID, 0755 },
	{ "proc", "/proc", NULL, SAFE, 0555 },
	{ "sysfs", "/sys", NULL, SAFE, 0555 },
};

static const struct place late[] = {
	{ "devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC, 0755 },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, 01777 },
	{ "tmpfs", "/run", "mode=755", MS_NOSUID | MS_NODEV, 0755 },
	{ "cgroup2", "/sys/fs/cgroup", NULL, SAFE, 0555 },
};

static const struct place tmp_place = { "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, 01777 };

/* What a shell's "<(...)" and "/dev/stderr" stand for; elsewhere udev makes them. */
static const struct {
	const char *target, *path;
} links[] = {
	{ "/proc/self/fd", "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
};

static int mount_place(const struct place *p)
{
	sys_mkdir(p->target, p->mode);
	return sys_mount(p->type, p->target, p->type, p->flags, p->data);
}

int mounts_early(void)
{
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(early) && (r == 0 || r == -EBUSY); i++)
		r = mount_place(&early[i]); /* EBUSY: somebody did before us */
	return r == -EBUSY ? 0 : r;
}

void mounts_late(bool tmp)
{
	for (unsigned i = 0; i < ARRAY_SIZE(late); i++)
		mount_place(&late[i]);
	if (tmp)
		mount_place(&tmp_place);
	for (unsigned i = 0; i < ARRAY_SIZE(links); i++)
		sys_symlink(links[i].target, links[i].path);
}

static int open_device(const char *device)
{
	int fd;

	for (unsigned ms = 0; ms <= WAIT_MS; ms += STEP_MS) {
		fd = sys_open(device, O_RDONLY);
		if (fd != -ENOENT && fd != -ENXIO)
			return fd;
		sys_sleep_ms(STEP_MS);
	}
	return -ENODEV;
}

static size_t read_some(int fd, char *buf, size_t room)
{
	size_t len = 0;
	long n;

	while (len < room && (n = sys_read(fd, buf + len, room - len)) > 0)
		len += (size_t)n;
	return len;
}

/* The file system that it looks like, then all that the kernel has. Keeps the first's error, which
 * says more than that of the others. */
static int mount_device(const char *device, unsigned long flags, const char *known)
{
	char text[4096];
	char *rest = text;
	int fd, first = -EINVAL;
	const char *name;

	if (known)
		first = sys_mount(device, NEW_ROOT, known, flags, NULL);
	if (first == 0)
		return 0;
	fd = sys_open("/proc/filesystems", O_RDONLY);
	if (fd < 0)
		return first;
	text[read_some(fd, text, sizeof(text) - 1)] = '\0';
	sys_close(fd);
	while ((name = filesystem_next(&rest)))
		if (sys_mount(device, NEW_ROOT, name, flags, NULL) == 0)
			return 0;
	return first;
}

/* Make the file system at @root the root. The initial RAM disk stays below, as it cannot be
 * unmounted. */
static int enter(const char *root)
{
	static const char *const moved[] = { "/dev", "/proc", "/sys" };
	int r = sys_chdir(root);

	for (unsigned i = 0; i < ARRAY_SIZE(moved) && r == 0; i++) {
		const char *here = moved[i] + 1;

		sys_mkdir(here, 0755); /* there is one, or the root is read-only */
		sys_mount(moved[i], here, NULL, MS_MOVE, NULL);
	}
	if (r == 0)
		r = sys_mount(".", "/", NULL, MS_MOVE, NULL);
	if (r == 0)
		r = (int)sys_call1(SYS_chroot, (long)".");
	return r == 0 ? sys_chdir("/") : r;
}

int mounts_root(const char *device, bool readonly)
{
	char head[FILESYSTEM_HEAD];
	int r, fd = open_device(device);
	const char *known;

	if (fd < 0)
		return fd;
	known = filesystem_probe(head, read_some(fd, head, sizeof(head)));
	sys_close(fd);
	sys_mkdir(NEW_ROOT, 0755);
	r = mount_device(device, readonly ? MS_RDONLY : 0, known);
	return r == 0 ? enter(NEW_ROOT) : r;
}

/* As with a disk, the driver finds it in its own time. */
static int mount_tag(const char *tag, const char *at)
{
	int r = -EINVAL;

	for (unsigned ms = 0; ms <= WAIT_MS && r == -EINVAL; ms += STEP_MS) {
		r = sys_mount(tag, at, "virtiofs", MS_RDONLY, NULL);
		if (r == -EINVAL)
			sys_sleep_ms(STEP_MS);
	}
	return r;
}

int mounts_shared_root(const char *tag)
{
	static const char *const folders[] = { NEW_ROOT "/host", NEW_ROOT "/upper",
		                               NEW_ROOT "/work", NEW_ROOT "/root" };
	int r;

	sys_mkdir(NEW_ROOT, 0755);
	r = sys_mount("tmpfs", NEW_ROOT, "tmpfs", 0, "mode=755");
	for (unsigned i = 0; i < ARRAY_SIZE(folders) && r == 0; i++)
		r = sys_mkdir(folders[i], 0755);
	if (r == 0)
		r = mount_tag(tag, NEW_ROOT "/host");
	if (r == 0)
		r = sys_mount("overlay", NEW_ROOT "/root", "overlay", 0,
		              "lowerdir=" NEW_ROOT "/host,upperdir=" NEW_ROOT
		              "/upper,workdir=" NEW_ROOT "/work");
	return r == 0 ? enter(NEW_ROOT "/root") : r;
}

int mounts_seal(void)
{
	return sys_mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
}

void mounts_sync(void)
{
	sys_call0(SYS_sync);
	sys_mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
}
