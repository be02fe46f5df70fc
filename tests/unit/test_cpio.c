/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/cpio.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct cpio c;
static struct err e;

static void setup(void)
{
	cpio_init(&c);
}

static void teardown(void)
{
	cpio_fini(&c);
}

/* What @command, a shell line that reads the archive, prints. */
static const char *archive_read_by(const char *command, char text[2000])
{
	FILE *file = tmpfile(), *out;
	char line[200];
	size_t n;

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(c.buf, 1, c.len, file), c.len);
	ck_assert_int_eq(fflush(file), 0);
	snprintf(line, sizeof(line), "LC_ALL=C TZ=UTC; exec 2>&1 </proc/%d/fd/%d; %s",
	         (int)getpid(), fileno(file), command);
	out = popen(line,
	            "r"); /* NOLINT(cert-env33-c): a fixed command, and the unpacker to match */
	ck_assert_ptr_nonnull(out);
	n = fread(text, 1, 1999, out);
	text[n] = 0;
	pclose(out);
	fclose(file);
	return text;
}

START_TEST(entries_are_what_cpio_reads)
{
	char text[2000];

	ck_assert_int_eq(cpio_dir(&c, "etc", 0755, &e), 0);
	ck_assert_int_eq(cpio_file(&c, "etc/motd", 0640, "hello", 5, &e), 0);
	ck_assert_int_eq(cpio_file(&c, "etc/none", 0400, NULL, 0, &e), 0);
	ck_assert_int_eq(cpio_link(&c, "init", "bin/true", &e), 0);
	ck_assert_int_eq(cpio_node(&c, "console", S_IFCHR | 0600, 5, 1, &e), 0);
	ck_assert_int_eq(cpio_node(&c, "disk", S_IFBLK | 0660, 254, 300, &e), 0);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	archive_read_by("cpio --quiet -itvn | tr -s ' ' | sed 's/Jan 1 1970/-/'", text);
	ck_assert_str_eq(text, "drwxr-xr-x 2 0 0 0 - etc\n"
	                       "-rw-r----- 1 0 0 5 - etc/motd\n"
	                       "-r-------- 1 0 0 0 - etc/none\n"
	                       "lrwxrwxrwx 1 0 0 8 - init -> bin/true\n"
	                       "crw------- 1 0 0 5, 1 - console\n"
	                       "brw-rw---- 1 0 0 254, 300 - disk\n");
}
END_TEST

START_TEST(bytes_of_every_length_come_back)
{
	char text[2000], name[10];

	for (unsigned i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "%.*s", (int)i + 1, "nnnnnnnnn");
		ck_assert_int_eq(cpio_file(&c, name, 0644, "123456789", i, &e), 0);
	}
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	archive_read_by("cpio --quiet -i --to-stdout", text);
	ck_assert_str_eq(text, "112123123412345123456123456712345678");
}
END_TEST

START_TEST(meta_is_kept)
{
	const struct cpio_meta meta = {
		.mode = S_IFREG | 04755, .uid = 70000, .gid = 80000, .mtime = 86400
	};
	char text[2000];
	void *at;

	ck_assert_int_eq(cpio_begin(&c, "su", &meta, 3, &at, &e), 0);
	memcpy(at, "abc", 3);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	archive_read_by("cpio --quiet -itvn | tr -s ' '", text);
	ck_assert_str_eq(text, "-rwsr-xr-x 1 70000 80000 3 Jan 2 1970 su\n");
}
END_TEST

START_TEST(names_of_one_file_are_hard_links)
{
	struct cpio_meta meta = { .mode = S_IFREG | 0644, .nlink = 2, .ino = cpio_ino(&c) };
	char text[2000];
	void *at;

	ck_assert_int_eq(cpio_begin(&c, "one", &meta, 4, &at, &e), 0);
	memcpy(at, "same", 4);
	ck_assert_int_eq(cpio_file(&c, "other", 0644, "else", 4, &e), 0);
	ck_assert_int_eq(cpio_begin(&c, "two", &meta, 0, &at, &e), 0);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	archive_read_by("d=$(mktemp -d); cd $d; cpio --quiet -i; "
	                "cat two other; [ one -ef two ] && [ ! one -ef other ] && echo ' linked'; "
	                "rm -r $d",
	                text);
	ck_assert_str_eq(text, "sameelse linked\n");
}
END_TEST

START_TEST(growing_keeps_what_is_there)
{
	static uint8_t big[100000];
	char text[2000];

	ck_assert_int_eq(cpio_file(&c, "first", 0644, "first", 5, &e), 0);
	ck_assert_int_eq(cpio_file(&c, "big", 0644, big, sizeof(big), &e), 0);
	ck_assert_int_eq(cpio_file(&c, "last", 0644, "last", 4, &e), 0);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	archive_read_by("cpio --quiet -i --to-stdout | tr -d '\\0'", text);
	ck_assert_str_eq(text, "firstlast");
}
END_TEST

START_TEST(fixed_room_is_filled_to_the_last_byte)
{
	_Alignas(4) uint8_t buf[512] = { 0 };
	struct cpio fixed;

	ck_assert_int_eq(cpio_file(&c, "f", 0644, "12345", 5, &e), 0);
	ck_assert_int_eq(cpio_end(&c, &e), 0);
	cpio_init_fixed(&fixed, buf, c.len);
	ck_assert_int_eq(cpio_file(&fixed, "f", 0644, "12345", 5, &e), 0);
	ck_assert_int_eq(cpio_end(&fixed, &e), 0);
	ck_assert_uint_eq(fixed.len, c.len);
	ck_assert_mem_eq(buf, c.buf, c.len);
}
END_TEST

START_TEST(what_finds_no_room_is_counted_and_not_written)
{
	_Alignas(4) uint8_t buf[128] = { 0 }, zero[128] = { 0 };
	struct cpio fixed;
	void *at = buf;
	const struct cpio_meta meta = { .mode = S_IFREG | 0644 };

	cpio_init_fixed(&fixed, buf, 115);
	ck_assert_int_eq(cpio_begin(&fixed, "f", &meta, 3 * 1024, &at, &e), 0);
	ck_assert_ptr_null(at);
	ck_assert_uint_eq(fixed.len, 112 + 3 * 1024);
	ck_assert_int_eq(cpio_end(&fixed, &e), 0);
	ck_assert_uint_eq(fixed.len, 112 + 3 * 1024 + 124);
	ck_assert_mem_eq(buf, zero, sizeof(buf));
}
END_TEST

START_TEST(path_of_4095_bytes_is_the_longest)
{
	static char path[CPIO_PATH_MAX + 1];

	memset(path, 'p', CPIO_PATH_MAX);
	ck_assert_int_eq(cpio_file(&c, path, 0644, NULL, 0, &e), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(e.msg, "has a path of more than 4095 bytes"));
	path[CPIO_PATH_MAX - 1] = 0;
	ck_assert_int_eq(cpio_file(&c, path, 0644, NULL, 0, &e), 0);
}
END_TEST

START_TEST(target_of_4095_bytes_is_the_longest)
{
	static char path[CPIO_PATH_MAX + 1];

	memset(path, 'p', CPIO_PATH_MAX);
	ck_assert_int_eq(cpio_link(&c, "link", path, &e), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(e.msg, "'link' points to a path of more than 4095 bytes"));
	path[CPIO_PATH_MAX - 1] = 0;
	ck_assert_int_eq(cpio_link(&c, "link", path, &e), 0);
}
END_TEST

START_TEST(file_of_4_gib_is_refused)
{
	const struct cpio_meta meta = { .mode = S_IFREG | 0644 };
	void *at;

	ck_assert_int_eq(cpio_begin(&c, "huge", &meta, 1ULL << 32, &at, &e), -EFBIG);
	ck_assert_ptr_nonnull(strstr(e.msg, "'huge' has 4 GiB or more"));
}
END_TEST

START_TEST(empty_name_is_refused)
{
	ck_assert_int_eq(cpio_dir(&c, "", 0755, &e), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cpio");
	TCase *t = tcase_create("cpio");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, entries_are_what_cpio_reads);
	tcase_add_test(t, bytes_of_every_length_come_back);
	tcase_add_test(t, meta_is_kept);
	tcase_add_test(t, names_of_one_file_are_hard_links);
	tcase_add_test(t, growing_keeps_what_is_there);
	tcase_add_test(t, fixed_room_is_filled_to_the_last_byte);
	tcase_add_test(t, what_finds_no_room_is_counted_and_not_written);
	tcase_add_test(t, path_of_4095_bytes_is_the_longest);
	tcase_add_test(t, target_of_4095_bytes_is_the_longest);
	tcase_add_test(t, file_of_4_gib_is_refused);
	tcase_add_test(t, empty_name_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
