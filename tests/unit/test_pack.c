/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/pack.h"

#include "tests/unit/run.h"
#include "vmm/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

static char dir[32]; /* packed */
static struct cpio c;
static struct pack_sum sum;
static struct err e;

static void setup(void)
{
	strcpy(dir, "/tmp/vmm-pack-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	umask(022);
	cpio_init(&c);
}

static void teardown(void)
{
	char line[100];

	cpio_fini(&c);
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(line, sizeof(line), "chmod -R u+rwx %s; rm -r %s", dir, dir);
	ck_assert_int_eq(system(line), 0); /* NOLINT(cert-env33-c): a name that we made */
}

static void file(const char *path, const char *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
	close(fd);
}

static void pack(void)
{
	ck_assert_msg(pack_dir(&c, dir, false, &sum, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
}

/* What @command prints of the archive. */
static const char *archive_read_by(const char *command)
{
	static char text[4000];
	FILE *archive = tmpfile(), *out;
	char line[300];

	ck_assert_ptr_nonnull(archive);
	ck_assert_uint_eq(fwrite(c.buf, 1, c.len, archive), c.len);
	ck_assert_int_eq(fflush(archive), 0);
	snprintf(line, sizeof(line), "LC_ALL=C TZ=UTC; exec 2>&1 </proc/%d/fd/%d; %s",
	         (int)getpid(), fileno(archive), command);
	out = popen(line,
	            "r"); /* NOLINT(cert-env33-c): a fixed command, and the unpacker to match */
	ck_assert_ptr_nonnull(out);
	text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
	pclose(out);
	fclose(archive);
	return text;
}

/* What the log says while @path is packed. */
static const char *warnings(const char *path)
{
	static char text[1000];
	FILE *log = tmpfile();
	int err = dup(STDERR_FILENO);

	ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
	ck_assert_int_eq(pack_dir(&c, path, false, &sum, &e), 0);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	ck_assert_int_ge(dup2(err, STDERR_FILENO), 0);
	close(err);
	text[pread(fileno(log), text, sizeof(text) - 1, 0)] = '\0';
	fclose(log);
	return text;
}

#define TREE "d=$(mktemp -d); cd $d; cpio --quiet -i; "
#define GONE "; rm -r $d"

START_TEST(tree_comes_back_as_it_was)
{
	ck_assert_int_eq(mkdir("a", 0750), 0);
	ck_assert_int_eq(mkdir("a/b", 0700), 0);
	ck_assert_int_eq(mkdir("empty", 01777), 0);
	ck_assert_int_eq(chmod("empty", 01777), 0);
	file("a/b/c", "deep");
	file("none", "");
	file(".hidden", "x");
	ck_assert_int_eq(symlink("a/b", "link"), 0);
	ck_assert_int_eq(symlink("/nowhere", "dangling"), 0);
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	pack();
	ck_assert_str_eq(archive_read_by("cpio --quiet -it | sort | tr '\\n' ' '"),
	                 ".hidden a a/b a/b/c dangling empty fifo link none ");
	ck_assert_str_eq(archive_read_by(TREE "find . -mindepth 1 -printf '%P %M %s %l\\n' | "
	                                      "grep -v ^[ae] | sort; cat a/b/c; stat -c ' %A' a/b "
	                                      "empty" GONE),
	                 ".hidden -rw-r--r-- 1 \n"
	                 "dangling lrwxrwxrwx 8 /nowhere\n"
	                 "fifo prw------- 0 \n"
	                 "link lrwxrwxrwx 3 a/b\n"
	                 "none -rw-r--r-- 0 \n"
	                 "deep drwx------\n"
	                 " drwxrwxrwt\n");
	ck_assert_uint_eq(sum.entries, 9);
}
END_TEST

START_TEST(empty_directory_is_an_empty_archive)
{
	pack();
	ck_assert_str_eq(archive_read_by("cpio --quiet -it"), "");
	ck_assert_uint_eq(sum.entries, 0);
}
END_TEST

START_TEST(hard_links_stay_and_are_counted_once)
{
	static char big[5000];

	memset(big, 'b', sizeof(big) - 1);
	file("one", big);
	ck_assert_int_eq(link("one", "two"), 0);
	ck_assert_int_eq(mkdir("d", 0755), 0);
	ck_assert_int_eq(link("one", "d/three"), 0);
	file("other", "other");
	ck_assert_int_eq(link("other", "d/other"), 0);
	pack();
	ck_assert_str_eq(archive_read_by(TREE "[ one -ef two ] && [ one -ef d/three ] && "
	                                      "[ other -ef d/other ] && wc -c <d/three" GONE),
	                 "4999\n");
	ck_assert_uint_lt(c.len, 7000);
	ck_assert_uint_eq(sum.unpacked, 8192 + 4096);
}
END_TEST

START_TEST(a_thousand_hard_links_are_one_file)
{
	char name[16];

	file("0", "once");
	for (unsigned i = 1; i < 1000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ck_assert_int_eq(link("0", name), 0);
	}
	pack();
	ck_assert_str_eq(archive_read_by(TREE "stat -c %h 0; cat 999" GONE), "1000\nonce");
}
END_TEST

START_TEST(owner_and_time_are_kept)
{
	const struct timespec at[2] = { { .tv_sec = 86400 }, { .tv_sec = 86400 } };
	char want[100];

	file("f", "");
	ck_assert_int_eq(utimensat(AT_FDCWD, "f", at, 0), 0);
	pack();
	snprintf(want, sizeof(want), "-rw-r--r-- 1 %u %u 0 Jan 2 1970 f\n", getuid(), getgid());
	ck_assert_str_eq(archive_read_by("cpio --quiet -itvn | tr -s ' '"), want);
}
END_TEST

START_TEST(time_before_1970_is_1970)
{
	const struct timespec at[2] = { { .tv_sec = -86400 }, { .tv_sec = -86400 } };

	file("f", "");
	ck_assert_int_eq(utimensat(AT_FDCWD, "f", at, 0), 0);
	pack();
	ck_assert_ptr_nonnull(strstr(archive_read_by("cpio --quiet -itvn"), "Jan  1  1970"));
}
END_TEST

START_TEST(owner_root_makes_all_of_it_roots)
{
	file("f", "");
	/* Where the test may not, it is its own user that turns into root. */
	(void)!chown("f", 1000, 1000);
	ck_assert_int_eq(pack_dir(&c, dir, true, &sum, &e), 0);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	ck_assert_ptr_nonnull(
	        strstr(archive_read_by("cpio --quiet -itvn | tr -s ' '"), "-rw-r--r-- 1 0 0 0 "));
}
END_TEST

START_TEST(socket_is_packed_as_one)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	pack();
	ck_assert_int_eq(archive_read_by("cpio --quiet -itv")[0], 's');
	close(fd);
}
END_TEST

/* Only root makes nodes, but everybody may look at those of this host. */
START_TEST(node_keeps_its_numbers)
{
	ck_assert_msg(pack_dir(&c, "/dev", false, &sum, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	ck_assert_str_eq(
	        archive_read_by("cpio --quiet -itvn | tr -s ' ' | grep -c '^c.* 1, 7 .* full$'"),
	        "1\n");
}
END_TEST

START_TEST(extended_attributes_are_lost_with_a_warning_that_counts)
{
	const char *said;

	file("plain", "");
	file("first", "");
	file("second", "");
	ck_assert_int_eq(setxattr("first", "user.vmm", "1", 1, 0), 0);
	ck_assert_int_eq(setxattr("second", "user.vmm", "1", 1, 0), 0);
	said = warnings(dir);
	ck_assert_ptr_nonnull(strstr(said, "2 files lose extended attributes"));
	ck_assert_ptr_null(strstr(said, "plain"));
}
END_TEST

START_TEST(ordinary_directory_warns_of_nothing)
{
	file("plain", "");
	ck_assert_str_eq(warnings(dir), "");
}
END_TEST

START_TEST(unreadable_file_is_named_with_a_remedy)
{
	/* Root reads everything: be nobody. */
	(void)!chmod(dir, 0755);
	file("secret", "");
	ck_assert_int_eq(chmod("secret", 0), 0);
	(void)!seteuid(65534);
	ck_assert_int_eq(pack_dir(&c, dir, false, &sum, &e), -EACCES);
	ck_assert_ptr_nonnull(strstr(e.msg, "'secret' in '/tmp/vmm-pack-"));
	ck_assert_ptr_nonnull(strstr(e.msg, "run vmm as its owner or as root, or take it out"));
	(void)!seteuid(0);
}
END_TEST

START_TEST(file_that_was_cut_is_filled_with_zeros)
{
	/* Files of the kernel's that have less than they say. */
	const char *said = warnings("/sys/module/printk/parameters");

	ck_assert_ptr_nonnull(strstr(said, "files became shorter while they were packed"));
	ck_assert_str_eq(archive_read_by("cpio --quiet -i --to-stdout time | tr -d '\\0NY'"), "\n");
}
END_TEST

START_TEST(paths_may_have_4095_bytes)
{
	char name[256], line[64];
	unsigned n = 0;

	memset(name, 'n', 255);
	name[255] = '\0';
	/* 15 names of 255 bytes and 15 slashes are 3840 bytes; another 255 are the most. */
	for (; n < 15; n++) {
		ck_assert_int_eq(mkdir(name, 0755), 0);
		ck_assert_int_eq(chdir(name), 0);
	}
	file(name, "longest");
	ck_assert_int_eq(pack_dir(&c, dir, false, &sum, &e), 0);
	ck_assert_uint_eq(sum.entries, 16);
	ck_assert_int_eq(unlink(name), 0);
	ck_assert_int_eq(mkdir(name, 0755), 0);
	ck_assert_int_eq(chdir(name), 0);
	file("f", "too long");
	ck_assert_int_eq(pack_dir(&c, dir, false, &sum, &e), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(e.msg, "has a path of more than 4095 bytes"));
	ck_assert_int_eq(chdir(dir), 0);
	snprintf(line, sizeof(line), "rm -r %s/n*", dir);
	ck_assert_int_eq(system(line), 0); /* NOLINT(cert-env33-c): a name that we made */
}
END_TEST

START_TEST(directories_may_be_256_deep)
{
	for (unsigned i = 0; i < 256; i++) {
		ck_assert_int_eq(mkdir("d", 0755), 0);
		ck_assert_int_eq(chdir("d"), 0);
	}
	ck_assert_int_eq(pack_dir(&c, dir, false, &sum, &e), 0);
	ck_assert_int_eq(mkdir("d", 0755), 0);
	ck_assert_int_eq(pack_dir(&c, dir, false, &sum, &e), -ELOOP);
	ck_assert_ptr_nonnull(strstr(e.msg, "deeper than 256 directories"));
}
END_TEST

START_TEST(odd_names_are_kept)
{
	file("-rf", "1");
	file(" a\tb ", "2");
	file("\xff\xfe", "3");
	file("TRAILER!!", "4");
	file("...", "5");
	pack();
	ck_assert_str_eq(archive_read_by(TREE "cat ./-rf ./' a\tb ' \xff* T* ..." GONE), "12345");
}
END_TEST

START_TEST(no_room_still_counts_and_reads_nothing)
{
	static char big[10000];
	_Alignas(4) char room[64] = { 0 }, zero[64] = { 0 };
	struct cpio fixed;
	uint64_t len;

	memset(big, 'b', sizeof(big) - 1);
	file("big", big);
	pack();
	len = c.len;
	cpio_init_fixed(&fixed, room, sizeof(room));
	ck_assert_int_eq(pack_dir(&fixed, dir, false, &sum, &e), 0);
	ck_assert_int_eq(cpio_end(&fixed, &e), 0);
	ck_assert_uint_eq(fixed.len, len);
	ck_assert_mem_eq(room, zero, sizeof(room));
}
END_TEST

START_TEST(other_file_systems_are_packed_empty)
{
	struct stat st;

	/* /dev/pts and /dev/shm are file systems of their own wherever there is a /dev. */
	ck_assert_int_eq(pack_dir(&c, "/dev", false, &sum, &e), 0);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	ck_assert_int_eq(stat("/dev/pts/ptmx", &st), 0);
	ck_assert_ptr_null(strstr(archive_read_by("cpio --quiet -it | grep ^pts/"), "ptmx"));
	ck_assert_str_eq(archive_read_by("cpio --quiet -itvn | tr -s ' ' | "
	                                 "sed -n 's/^\\(c[^ ]*\\).* 1, 3 .* null$/\\1/p'"),
	                 "crw-rw-rw-\n");
}
END_TEST

START_TEST(missing_directory_is_named)
{
	ck_assert_int_eq(pack_dir(&c, "/no/such/directory", false, &sum, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "cannot open directory '/no/such/directory'"));
}
END_TEST

START_TEST(find_init_prefers_init)
{
	const char *word = "";

	ck_assert_int_eq(mkdir("sbin", 0755), 0);
	file("sbin/init", "");
	ck_assert_int_eq(pack_find_init(dir, &word, &e), 0);
	ck_assert_str_eq(word, "rdinit=/sbin/init");
	file("init", "");
	ck_assert_int_eq(pack_find_init(dir, &word, &e), 0);
	ck_assert_ptr_null(word);
}
END_TEST

START_TEST(find_init_follows_links_within_the_directory)
{
	const char *word = NULL;

	ck_assert_int_eq(mkdir("usr", 0755), 0);
	ck_assert_int_eq(mkdir("usr/sbin", 0755), 0);
	ck_assert_int_eq(symlink("/usr/sbin", "sbin"), 0);
	ck_assert_int_eq(symlink("/only-here", "usr/sbin/init"), 0);
	ck_assert_int_eq(pack_find_init(dir, &word, &e), -ENOENT);
	file("only-here", "");
	ck_assert_int_eq(pack_find_init(dir, &word, &e), 0);
	ck_assert_str_eq(word, "rdinit=/sbin/init");
}
END_TEST

START_TEST(find_init_says_that_there_is_none)
{
	const char *word;

	ck_assert_int_eq(pack_find_init(dir, &word, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "neither /init nor /sbin/init"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pack");
	TCase *t = tcase_create("pack");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, tree_comes_back_as_it_was);
	tcase_add_test(t, empty_directory_is_an_empty_archive);
	tcase_add_test(t, hard_links_stay_and_are_counted_once);
	tcase_add_test(t, a_thousand_hard_links_are_one_file);
	tcase_add_test(t, owner_and_time_are_kept);
	tcase_add_test(t, time_before_1970_is_1970);
	tcase_add_test(t, owner_root_makes_all_of_it_roots);
	tcase_add_test(t, socket_is_packed_as_one);
	tcase_add_test(t, node_keeps_its_numbers);
	tcase_add_test(t, extended_attributes_are_lost_with_a_warning_that_counts);
	tcase_add_test(t, ordinary_directory_warns_of_nothing);
	tcase_add_test(t, unreadable_file_is_named_with_a_remedy);
	tcase_add_test(t, file_that_was_cut_is_filled_with_zeros);
	tcase_add_test(t, paths_may_have_4095_bytes);
	tcase_add_test(t, directories_may_be_256_deep);
	tcase_add_test(t, odd_names_are_kept);
	tcase_add_test(t, no_room_still_counts_and_reads_nothing);
	tcase_add_test(t, other_file_systems_are_packed_empty);
	tcase_add_test(t, missing_directory_is_named);
	tcase_add_test(t, find_init_prefers_init);
	tcase_add_test(t, find_init_follows_links_within_the_directory);
	tcase_add_test(t, find_init_says_that_there_is_none);
	suite_add_tcase(s, t);
	return run_suite(s);
}
