/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/disk.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define IMAGE_BYTES 4096 /* each sector is filled with its number */

static char dir[] = "/tmp/vmm-disk-XXXXXX"; /* set by set_up() in each test's process */
static char image[64];
static struct disk disk;
static struct err e;

static const char *path_of(const char *name)
{
	snprintf(image, sizeof(image), "%s/%s", dir, name);
	return image;
}

static void make_file(const char *name, const void *bytes, size_t len)
{
	int fd = open(path_of(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static void make_image(const char *name)
{
	char bytes[IMAGE_BYTES];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i / DISK_SECTOR);
	make_file(name, bytes, sizeof(bytes));
}

static int open_disk(struct disk *d, bool readonly)
{
	return disk_open(d, &(struct config_disk){ .path = image, .readonly = readonly }, &e);
}

static void set_up(void)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	disk.fd = -1;
	make_image("disk.img");
}

static void tear_down(void)
{
	static const char *const names[] = { "disk.img", "a.qcow2", "fifo", "sock" };

	disk_close(&disk);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(path_of(names[i]));
	rmdir(dir);
}

START_TEST(open_image_file_reports_its_size)
{
	ck_assert_int_eq(open_disk(&disk, false), 0);
	ck_assert_uint_eq(disk.sectors, IMAGE_BYTES / DISK_SECTOR);
	ck_assert_uint_eq(disk.logical, 512);
	ck_assert_uint_ge(disk.physical, disk.logical);
	ck_assert(!disk.readonly);
}
END_TEST

START_TEST(open_missing_file_is_refused)
{
	path_of("none.img");
	ck_assert_int_eq(open_disk(&disk, false), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "none.img': No such file"));
	ck_assert_int_eq(disk.fd, -1);
}
END_TEST

START_TEST(open_directory_is_refused)
{
	path_of("");
	ck_assert_int_eq(open_disk(&disk, true), -EISDIR);
	ck_assert_ptr_nonnull(strstr(e.msg, "is a directory; give an image file"));
}
END_TEST

/* Nobody writes to the FIFO: the open must not wait for that. */
START_TEST(open_fifo_is_refused)
{
	ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
	ck_assert_int_eq(open_disk(&disk, true), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "is a FIFO"));
}
END_TEST

START_TEST(open_character_device_is_refused)
{
	struct config_disk cfg = { .path = "/dev/zero", .readonly = true };

	ck_assert_int_eq(disk_open(&disk, &cfg, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "'/dev/zero' is a character device"));
}
END_TEST

START_TEST(open_socket_is_refused)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path_of("sock"));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(open_disk(&disk, true), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "is a socket"));
	close(fd);
}
END_TEST

START_TEST(open_empty_file_is_refused)
{
	make_file("disk.img", "", 0);
	ck_assert_int_eq(open_disk(&disk, false), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "is empty"));
}
END_TEST

START_TEST(open_part_of_a_sector_is_refused)
{
	ck_assert_int_eq(truncate(image, IMAGE_BYTES + 1), 0);
	ck_assert_int_eq(open_disk(&disk, false), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "4097 bytes is not a multiple of 512"));
	ck_assert_ptr_nonnull(strstr(e.msg, "truncate -s %512"));
}
END_TEST

START_TEST(open_format_by_name_and_magic_is_refused)
{
	char head[512] = "QFI\xfb";

	make_file("a.qcow2", head, sizeof(head));
	ck_assert_int_eq(open_disk(&disk, false), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "is a qcow2 image"));
}
END_TEST

/* A guest may write such bytes into its raw disk: that must not decide about the next start. */
START_TEST(open_format_by_magic_alone_is_taken_as_raw)
{
	char head[512] = "QFI\xfb";

	make_file("disk.img", head, sizeof(head));
	ck_assert_int_eq(open_disk(&disk, false), 0);
}
END_TEST

START_TEST(open_format_by_name_alone_is_taken_as_raw)
{
	make_image("a.qcow2");
	ck_assert_int_eq(open_disk(&disk, false), 0);
}
END_TEST

/* As root, permission is only refused to somebody else; other users stay who they are. */
static int open_as_nobody(bool readonly)
{
	const uid_t me = geteuid();
	int r;

	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert(seteuid(65534) == 0 || me != 0);
	r = open_disk(&disk, readonly);
	ck_assert_int_eq(seteuid(me), 0);
	return r;
}

START_TEST(open_unwritable_file_suggests_readonly)
{
	ck_assert_int_eq(chmod(image, 0444), 0);
	ck_assert_int_eq(open_as_nobody(false), -EACCES);
	ck_assert_ptr_nonnull(strstr(e.msg, "for writing: Permission denied; add ',ro'"));
}
END_TEST

START_TEST(open_unreadable_file_names_the_user)
{
	ck_assert_int_eq(chmod(image, 0), 0);
	ck_assert_int_eq(open_as_nobody(true), -EACCES);
	ck_assert_ptr_nonnull(strstr(e.msg, "Permission denied; uid "));
	ck_assert_ptr_nonnull(strstr(e.msg, "needs read access"));
}
END_TEST

/* Row: first open read-only, second open read-only, what the second gives. */
static const struct {
	bool first, second;
	int r;
} sharing[] = {
	{ false, false, -EBUSY },
	{ false, true, -EBUSY },
	{ true, false, -EBUSY },
	{ true, true, 0 },
};

START_TEST(open_twice_shares_only_readers)
{
	struct disk other = { .fd = -1 };

	ck_assert_int_eq(open_disk(&disk, sharing[_i].first), 0);
	ck_assert_int_eq(open_disk(&other, sharing[_i].second), sharing[_i].r);
	disk_close(&other);
}
END_TEST

START_TEST(open_twice_in_one_process_says_so)
{
	struct disk other;

	ck_assert_int_eq(open_disk(&disk, false), 0);
	ck_assert_int_eq(open_disk(&other, false), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.msg, "is given twice"));
}
END_TEST

START_TEST(open_held_image_names_the_holder)
{
	char expected[64], byte;
	int ready[2];
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		byte = (char)open_disk(&disk, false);
		_exit(write(ready[1], &byte, 1) == 1 ? pause() : 1);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 0);
	ck_assert_int_eq(open_disk(&disk, false), -EBUSY);
	snprintf(expected, sizeof(expected), "is in use by process %d", (int)pid);
	ck_assert_ptr_nonnull(strstr(e.msg, expected));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(open_disk(&disk, false), 0);
}
END_TEST

START_TEST(close_gives_up_the_lock)
{
	ck_assert_int_eq(open_disk(&disk, false), 0);
	disk_close(&disk);
	ck_assert_int_eq(open_disk(&disk, false), 0);
}
END_TEST

START_TEST(open_for_cow_shares_the_image_and_only_reads)
{
	struct disk other = { .fd = -1 };

	ck_assert_int_eq(chmod(image, 0444), 0);
	ck_assert_int_eq(disk_open(&disk, &(struct config_disk){ .path = image, .cow = true }, &e),
	                 0);
	ck_assert(disk.readonly);
	ck_assert_int_eq(open_disk(&other, true), 0);
	ck_assert_int_eq(fcntl(disk.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	disk_close(&other);
}
END_TEST

/* Whether a range can be given back is asked without taking a byte from the image. */
START_TEST(open_writable_image_keeps_it_as_it_is)
{
	struct stat was, st;

	ck_assert_int_eq(stat(image, &was), 0);
	ck_assert_int_eq(open_disk(&disk, false), 0);
	ck_assert_int_eq(stat(image, &st), 0);
	ck_assert_int_eq(st.st_size, was.st_size);
	ck_assert_int_eq(st.st_blocks, was.st_blocks);
}
END_TEST

static int adopt(int flags, const struct config_disk *how)
{
	struct config_disk cfg = *how;

	cfg.path = "fd=N";
	cfg.inherited = true;
	cfg.fd = open(image, flags);
	ck_assert_int_ge(cfg.fd, 0);
	return disk_open(&disk, &cfg, &e);
}

START_TEST(adopt_descriptor_is_locked_and_not_inherited_further)
{
	struct disk other;

	ck_assert_int_eq(adopt(O_RDWR, &(struct config_disk){ 0 }), 0);
	ck_assert_uint_eq(disk.sectors, IMAGE_BYTES / DISK_SECTOR);
	ck_assert_int_eq(fcntl(disk.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(open_disk(&other, false), -EBUSY);
}
END_TEST

/* Row: how the descriptor is open, what is asked for, and the answer. */
static const struct {
	int flags;
	struct config_disk cfg;
	int r;
	const char *names;
} adopted[] = {
	{ O_RDONLY, { .readonly = true }, 0, "" },
	{ O_RDONLY, { .cow = true }, 0, "" },
	{ O_RDWR, { .cow = true }, -EINVAL, "is open for writing; with 'cow' open it read-only" },
	{ O_RDWR, { .readonly = true }, -EINVAL, "is open for writing; with 'ro'" },
	{ O_RDONLY, { 0 }, -EINVAL, "is not open for reading and writing; add ',ro'" },
	{ O_WRONLY, { 0 }, -EINVAL, "is not open for reading and writing" },
	{ O_RDWR | O_APPEND, { 0 }, -EINVAL, "open with O_APPEND" },
	{ O_PATH, { .readonly = true }, -EINVAL, "open with O_PATH" },
	{ O_RDWR | O_DIRECT, { 0 }, -EINVAL, "open with O_DIRECT; add ',direct'" },
};

START_TEST(adopt_descriptor_open_in_the_wrong_way_is_refused)
{
	e = (struct err){ 0 };
	ck_assert_int_eq(adopt(adopted[_i].flags, &adopted[_i].cfg), adopted[_i].r);
	ck_assert_ptr_nonnull(strstr(e.msg, adopted[_i].names));
}
END_TEST

START_TEST(adopt_closed_descriptor_is_refused)
{
	struct config_disk cfg = { .path = "fd=63", .inherited = true, .fd = 63 };

	ck_assert_int_eq(disk_open(&disk, &cfg, &e), -EBADF);
	ck_assert_ptr_nonnull(strstr(e.msg, "'fd=63', which the caller has to open: Bad file"));
}
END_TEST

/* One opening has one lock, however many descriptors: the file is compared. */
START_TEST(clashes_tells_one_image_by_two_descriptors)
{
	struct config_disk cfg = { .path = "fd=N", .inherited = true };
	struct disk other;

	ck_assert_int_eq(adopt(O_RDWR, &(struct config_disk){ 0 }), 0);
	cfg.fd = dup(disk.fd);
	ck_assert_int_eq(disk_open(&other, &cfg, &e), 0);
	ck_assert(disk_clashes(&disk, &other));
	other.readonly = true;
	ck_assert(disk_clashes(&disk, &other));
	disk.readonly = true;
	ck_assert(!disk_clashes(&disk, &other));
	disk_close(&other);
}
END_TEST

START_TEST(open_twice_by_another_name_is_refused)
{
	char name[80];
	struct disk other;

	snprintf(name, sizeof(name), "%s/a.qcow2", dir);
	ck_assert_int_eq(_i == 0 ? link(image, name) : symlink(image, name), 0);
	ck_assert_int_eq(open_disk(&disk, false), 0);
	ck_assert_int_eq(disk_open(&other, &(struct config_disk){ .path = name }, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.msg, "is given twice"));
}
END_TEST

START_TEST(open_direct_tells_what_it_needs)
{
	struct config_disk cfg = { .path = image, .direct = true };

	ck_assert_int_eq(disk_open(&disk, &cfg, &e), 0);
	ck_assert(disk.direct);
	ck_assert_int_eq(fcntl(disk.fd, F_GETFL) & O_DIRECT, O_DIRECT);
	ck_assert_uint_ge(disk.mem_align, 1);
	ck_assert_uint_ge(disk.logical, DISK_SECTOR);
	ck_assert_uint_ge(disk.physical, disk.logical);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("disk");
	TCase *t = tcase_create("open");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, open_image_file_reports_its_size);
	tcase_add_test(t, open_missing_file_is_refused);
	tcase_add_test(t, open_directory_is_refused);
	tcase_add_test(t, open_fifo_is_refused);
	tcase_add_test(t, open_character_device_is_refused);
	tcase_add_test(t, open_socket_is_refused);
	tcase_add_test(t, open_empty_file_is_refused);
	tcase_add_test(t, open_part_of_a_sector_is_refused);
	tcase_add_test(t, open_format_by_name_and_magic_is_refused);
	tcase_add_test(t, open_format_by_magic_alone_is_taken_as_raw);
	tcase_add_test(t, open_format_by_name_alone_is_taken_as_raw);
	tcase_add_test(t, open_unwritable_file_suggests_readonly);
	tcase_add_test(t, open_unreadable_file_names_the_user);
	tcase_add_loop_test(t, open_twice_shares_only_readers, 0, ARRAY_SIZE(sharing));
	tcase_add_test(t, open_twice_in_one_process_says_so);
	tcase_add_test(t, open_held_image_names_the_holder);
	tcase_add_test(t, close_gives_up_the_lock);
	tcase_add_test(t, open_for_cow_shares_the_image_and_only_reads);
	tcase_add_test(t, open_writable_image_keeps_it_as_it_is);
	suite_add_tcase(s, t);
	t = tcase_create("adopt");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, adopt_descriptor_is_locked_and_not_inherited_further);
	tcase_add_loop_test(t, adopt_descriptor_open_in_the_wrong_way_is_refused, 0,
	                    ARRAY_SIZE(adopted));
	tcase_add_test(t, adopt_closed_descriptor_is_refused);
	tcase_add_test(t, clashes_tells_one_image_by_two_descriptors);
	tcase_add_loop_test(t, open_twice_by_another_name_is_refused, 0, 2);
	tcase_add_test(t, open_direct_tells_what_it_needs);
	suite_add_tcase(s, t);
	return run_suite(s);
}
