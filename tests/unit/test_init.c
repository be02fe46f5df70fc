/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's first process, built for the host: what it reads, and how it runs and serves a
 * command.
 */
#include "boot/init/child.h"
#include "boot/init/filesystem.h"
#include "boot/init/manifest.h"
#include "boot/init/passwd.h"
#include "boot/init/relay.h"
#include "boot/init/sys.h"
#include "boot/init/text.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first process calls the kernel by itself; here the C library does. */
static long result(long r)
{
	return r < 0 ? -errno : r;
}

long sys_call0(long nr)
{
	return result(syscall(nr));
}

long sys_call1(long nr, long a)
{
	return result(syscall(nr, a));
}

long sys_call2(long nr, long a, long b)
{
	return result(syscall(nr, a, b));
}

long sys_call3(long nr, long a, long b, long c)
{
	return result(syscall(nr, a, b, c));
}

long sys_call5(long nr, long a, long b, long c, long d, long e)
{
	return result(syscall(nr, a, b, c, d, e));
}

/* --- configuration --- */

static struct {
	_Alignas(8) uint8_t bytes[8192];
	size_t len;
} file;

static struct manifest m;

static void file_begin(uint32_t magic, uint32_t flags)
{
	const struct protocol_head head = { magic, flags, 80, 25 };

	memcpy(file.bytes, &head, sizeof(head));
	file.len = sizeof(head);
}

static void file_add_bytes(uint32_t kind, uint32_t len, const void *bytes)
{
	const struct protocol_record record = { kind, len };

	memset(file.bytes + file.len, 0, sizeof(record) + len + 4);
	memcpy(file.bytes + file.len, &record, sizeof(record));
	memcpy(file.bytes + file.len + sizeof(record), bytes, len);
	file.len = (file.len + sizeof(record) + len + 3) / 4 * 4;
}

static void file_add(uint32_t kind, const char *text)
{
	file_add_bytes(kind, (uint32_t)strlen(text) + 1, text);
}

static int parse(void)
{
	return manifest_parse(&m, (const char *)file.bytes, file.len);
}

static void setup(void)
{
	file_begin(PROTOCOL_MAGIC, 0);
}

START_TEST(manifest_parse_gives_each_record_its_place)
{
	file_begin(PROTOCOL_MAGIC, PROTOCOL_TERMINAL | PROTOCOL_ROOT_READONLY);
	file_add(PROTOCOL_ARG, "sh");
	file_add(PROTOCOL_ARG, "");
	file_add(PROTOCOL_ENV, "A=b");
	file_add(PROTOCOL_CWD, "/c");
	file_add(PROTOCOL_USER, "u");
	file_add(PROTOCOL_HOSTNAME, "h");
	file_add(PROTOCOL_ROOT, "/dev/vda");
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(m.n_args, 2);
	ck_assert_str_eq(m.arg[0], "sh");
	ck_assert_str_eq(m.arg[1], "");
	ck_assert_ptr_null(m.arg[2]);
	ck_assert_str_eq(manifest_env(&m, "A="), "b");
	ck_assert_str_eq(m.cwd, "/c");
	ck_assert_str_eq(m.user, "u");
	ck_assert_str_eq(m.hostname, "h");
	ck_assert_str_eq(m.root, "/dev/vda");
	ck_assert(m.terminal && m.root_readonly && !m.root_shared);
	ck_assert_uint_eq(m.cols, 80);
	ck_assert_uint_eq(m.rows, 25);
}
END_TEST

START_TEST(manifest_parse_without_records_is_no_command)
{
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(m.n_args, 0);
	ck_assert_ptr_null(m.root);
	ck_assert(!m.terminal && !m.root_readonly);
}
END_TEST

START_TEST(manifest_parse_of_another_format_is_refused)
{
	file_begin(PROTOCOL_MAGIC + 1, 0);
	ck_assert_int_eq(parse(), -EINVAL);
}
END_TEST

/* Records that are damaged: kind, the length that is said, the bytes. */
static const struct {
	uint32_t kind, len;
	const char *bytes;
} damaged[] = {
	{ PROTOCOL_N_KINDS, 2, "a" },
	{ PROTOCOL_ARG, 0, "" },
	{ PROTOCOL_ARG, 1, "a" }, /* no NUL at the end */
	{ PROTOCOL_ARG, 4, "a\0b" }, /* one too early */
};

START_TEST(manifest_parse_of_a_damaged_record_is_refused)
{
	file_add_bytes(damaged[_i].kind, damaged[_i].len, damaged[_i].bytes);
	ck_assert_int_eq(parse(), -EINVAL);
}
END_TEST

/* Behind the head of 12 and the record's 8 bytes are 2 of text, so from 22 on it is whole. */
START_TEST(manifest_parse_of_a_file_that_is_cut_off_is_refused)
{
	file_add(PROTOCOL_ARG, "a");
	file.len = (size_t)_i;
	ck_assert_int_eq(parse(), _i == 12 ? 0 : -EINVAL);
}
END_TEST

START_TEST(manifest_parse_of_a_length_beyond_the_file_is_refused)
{
	file_add_bytes(PROTOCOL_ARG, 2, "a");
	((struct protocol_record *)(file.bytes + 12))->len = UINT32_MAX - 3;
	ck_assert_int_eq(parse(), -EINVAL);
}
END_TEST

START_TEST(manifest_parse_of_too_many_words_is_refused)
{
	for (unsigned i = 0; i <= PROTOCOL_ENV_MAX; i++) {
		const char text[] = { (char)('A' + i / 26), (char)('A' + i % 26), '=', '\0' };

		file_add(PROTOCOL_ENV, text);
	}
	ck_assert_int_eq(parse(), -E2BIG);
}
END_TEST

START_TEST(manifest_parse_of_a_variable_twice_keeps_the_last)
{
	file_add(PROTOCOL_ENV, "A=1");
	file_add(PROTOCOL_ENV, "AB=2");
	file_add(PROTOCOL_ENV, "A=3");
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(m.n_env, 2);
	ck_assert_str_eq(manifest_env(&m, "A="), "3");
	ck_assert_str_eq(manifest_env(&m, "AB="), "2");
	ck_assert_ptr_null(manifest_env(&m, "B="));
}
END_TEST

START_TEST(manifest_default_changes_nothing_that_is_set)
{
	file_add(PROTOCOL_ENV, "A=");
	ck_assert_int_eq(parse(), 0);
	manifest_default(&m, "A=1");
	manifest_default(&m, "B=2");
	ck_assert_str_eq(manifest_env(&m, "A="), "");
	ck_assert_str_eq(manifest_env(&m, "B="), "2");
}
END_TEST

/* --- texts --- */

START_TEST(text_join_leaves_out_what_does_not_fit)
{
	char ret[6];

	ck_assert(TEXT_JOIN(ret, "ab", "", "cde"));
	ck_assert_str_eq(ret, "abcde");
	ck_assert(!TEXT_JOIN(ret, "ab", "cdef"));
	ck_assert_str_eq(ret, "abcde");
}
END_TEST

START_TEST(text_number_is_read_back)
{
	static const unsigned numbers[] = { 0, 9, 10, 255, 4294967295 };
	char digits[11];
	unsigned n = 1;

	text_number(digits, numbers[_i]);
	ck_assert(text_parse(digits, strlen(digits), &n));
	ck_assert_uint_eq(n, numbers[_i]);
}
END_TEST

START_TEST(text_parse_of_no_number_is_refused)
{
	static const char *const wrong[] = { "",   "-1",         "1a",
		                             " 1", "4294967296", "99999999999999999999999" };
	unsigned n;

	ck_assert(!text_parse(wrong[_i], strlen(wrong[_i]), &n));
}
END_TEST

#define PASSWD                                                                                     \
	"root:x:0:0:root:/root:/bin/sh\n"                                                          \
	"broken\n\n:::\n"                                                                          \
	"joe:x:1000:100::/home/joe:/bin/sh\n"                                                      \
	"joey:x:1001:101:::\n"                                                                     \
	"last:x:7:8:c:/l"

/* What is asked for, and what comes of it; home NULL: an error. */
static const struct {
	const char *user;
	int r;
	unsigned uid, gid;
	const char *home;
} users[] = {
	{ "root", 0, 0, 0, "/root" },         { "joe", 0, 1000, 100, "/home/joe" },
	{ "joey", 0, 1001, 101, "/" },        { "1000", 0, 1000, 100, "/home/joe" },
	{ "joe:5", 0, 1000, 5, "/home/joe" }, { "4000000000", 0, 4000000000, 0, "/" },
	{ "12:34", 0, 12, 34, "/" },          { "last", 0, 7, 8, "/l" },
	{ "jo", -ENOENT, 0, 0, NULL },        { "broken", -ENOENT, 0, 0, NULL },
	{ "", -ENOENT, 0, 0, NULL },          { "joe:", -EINVAL, 0, 0, NULL },
	{ "joe:staff", -EINVAL, 0, 0, NULL },
};

START_TEST(passwd_find_takes_names_and_numbers)
{
	char text[] = PASSWD;
	struct passwd p = { 0 };

	ck_assert_int_eq(passwd_find(&p, users[_i].user, text), users[_i].r);
	ck_assert_uint_eq(p.uid, users[_i].uid);
	ck_assert_uint_eq(p.gid, users[_i].gid);
	ck_assert_pstr_eq(p.home, users[_i].home);
}
END_TEST

static const struct {
	unsigned at;
	const char *bytes;
	unsigned len;
	const char *name;
} magics[] = {
	{ 1080, "\x53\xef", 2, "ext4" },          { 0, "XFSB", 4, "xfs" },
	{ 65600, "_BHRfS_M", 8, "btrfs" },        { 0, "hsqs", 4, "squashfs" },
	{ 1024, "\xe2\xe1\xf5\xe0", 4, "erofs" }, { 1081, "\x53\xef", 2, NULL },
};

START_TEST(filesystem_probe_knows_magic_numbers)
{
	char *head = calloc(1, FILESYSTEM_HEAD);

	memcpy(head + magics[_i].at, magics[_i].bytes, magics[_i].len);
	ck_assert_pstr_eq(filesystem_probe(head, FILESYSTEM_HEAD), magics[_i].name);
	/* The number has to be there as a whole. */
	ck_assert_ptr_null(filesystem_probe(head, magics[_i].at + magics[_i].len - 1));
	free(head);
}
END_TEST

START_TEST(filesystem_next_gives_those_on_disks)
{
	char text[] = "nodev\tsysfs\n\text4\nnodev\tproc\n\t\n\txfs\n";
	char *rest = text;

	ck_assert_str_eq(filesystem_next(&rest), "ext4");
	ck_assert_str_eq(filesystem_next(&rest), "xfs");
	ck_assert_ptr_null(filesystem_next(&rest));
	ck_assert_ptr_null(filesystem_next(&rest));
}
END_TEST

/* --- relay --- */

static int from[2], to[2];
static struct relay relay;

/* A pipe in, a pipe out, each of 4 KiB, and the relay between them. */
static void relay_setup(void)
{
	ck_assert_int_eq(pipe2(from, O_NONBLOCK), 0);
	ck_assert_int_eq(pipe2(to, O_NONBLOCK), 0);
	ck_assert_int_ge(fcntl(to[1], F_SETPIPE_SZ, 4096), 4096);
	signal(SIGPIPE, SIG_IGN);
	relay_init(&relay, from[0], to[1], true);
}

static char out[65536];

START_TEST(relay_move_carries_bytes_and_counts_them)
{
	ck_assert_int_eq(write(from[1], "a\0b", 3), 3);
	relay_move(&relay, POLLIN);
	ck_assert_int_eq(read(to[0], out, sizeof(out)), 3);
	ck_assert_mem_eq(out, "a\0b", 3);
	ck_assert_uint_eq(relay.moved, 3);
	ck_assert_int_eq(relay_wait(&relay).fd, from[0]);
}
END_TEST

START_TEST(relay_move_waits_for_a_slow_reader)
{
	memset(out, 'x', sizeof(out));
	ck_assert_int_eq(write(from[1], out, 10000), 10000);
	relay_move(&relay, POLLIN);
	ck_assert_uint_eq(relay.moved, 4096);
	ck_assert_int_eq(relay_wait(&relay).fd, to[1]);
	ck_assert_int_eq(relay_wait(&relay).events, POLLOUT);
	ck_assert_int_eq(read(to[0], out, sizeof(out)), 4096);
	relay_move(&relay, POLLOUT);
	ck_assert_uint_eq(relay.moved, 8192);
}
END_TEST

START_TEST(relay_move_passes_the_end_on_behind_the_last_byte)
{
	ck_assert_int_eq(write(from[1], "end", 3), 3);
	close(from[1]);
	relay_move(&relay, POLLIN | POLLHUP);
	ck_assert_int_eq(read(to[0], out, sizeof(out)), 3);
	ck_assert_int_eq(read(to[0], out, sizeof(out)), 0);
	ck_assert_int_eq(relay_wait(&relay).fd, -1);
}
END_TEST

/* What is written, and the keys behind it that end the input of a terminal. */
static const struct {
	const char *text, *keys;
} typed_ends[] = {
	{ "", "\x04" },
	{ "line\n", "\x04" },
	{ "half", "\x04\x04" }, /* the first only hands that over */
};

START_TEST(relay_move_types_the_end_of_a_terminal_s_input)
{
	size_t text = strlen(typed_ends[_i].text), keys = strlen(typed_ends[_i].keys);

	relay.typed = true;
	ck_assert_int_eq(write(from[1], typed_ends[_i].text, text), text);
	close(from[1]);
	relay_move(&relay, POLLIN | POLLHUP);
	ck_assert_int_eq(read(to[0], out, sizeof(out)), text + keys);
	ck_assert_mem_eq(out, typed_ends[_i].text, text);
	ck_assert_mem_eq(out + text, typed_ends[_i].keys, keys);
	ck_assert_int_eq(relay_wait(&relay).fd, -1);
}
END_TEST

START_TEST(relay_move_ends_when_the_reader_has_gone)
{
	close(to[0]);
	ck_assert_int_eq(write(from[1], "a", 1), 1);
	relay_move(&relay, POLLIN);
	ck_assert_int_eq(relay_wait(&relay).fd, -1);
	ck_assert_int_eq(write(from[1], "a", 1), -1); /* and so the writer hears of it */
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

/* A port whose host's end is gone says so by POLLHUP and takes nothing; so does this full pipe. */
START_TEST(relay_move_ends_when_a_port_has_hung_up)
{
	memset(out, 'x', sizeof(out));
	ck_assert_int_eq(write(from[1], out, 10000), 10000);
	relay_move(&relay, POLLIN);
	relay_move(&relay, POLLHUP);
	ck_assert_int_eq(relay_wait(&relay).fd, -1);
}
END_TEST

START_TEST(relay_finish_moves_what_is_there_and_returns)
{
	ck_assert_int_eq(write(from[1], "rest", 4), 4);
	relay_finish(&relay);
	ck_assert_int_eq(read(to[0], out, sizeof(out)), 4);
	ck_assert_uint_eq(relay.moved, 4);
}
END_TEST

/* --- command --- */

static struct child child;
static struct child_trouble trouble;

static int start(const char *const *words)
{
	setup();
	while (*words)
		file_add(PROTOCOL_ARG, *words++);
	file_add(PROTOCOL_ENV, "A=b");
	ck_assert_int_eq(parse(), 0);
	return child_start(&child, &m, &trouble);
}

#define START(...) start((const char *const[]){ __VA_ARGS__, NULL })

/* All that comes, up to the end. */
static size_t read_all(int fd)
{
	size_t len = 0;
	ssize_t n;

	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0); /* wait for it */
	while ((n = read(fd, out + len, sizeof(out) - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	return len;
}

static int status(void)
{
	int s;

	ck_assert_int_eq(waitpid(child.pid, &s, 0), child.pid);
	return s;
}

START_TEST(child_start_gives_three_streams_and_the_status)
{
	ck_assert_int_eq(START("sh", "-c", "cat; echo err >&2; exit 42"), 0);
	ck_assert_int_eq(write(child.in, "in", 2), 2);
	close(child.in);
	read_all(child.out);
	ck_assert_str_eq(out, "in");
	read_all(child.err);
	ck_assert_str_eq(out, "err\n");
	ck_assert_int_eq(WEXITSTATUS(status()), 42);
}
END_TEST

START_TEST(child_start_gives_nothing_but_what_was_asked_for)
{
	/* What this very test was started with is not the first process's doing. */
	ck_assert_int_eq(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
	/* 3 is the folder that is listed. */
	ck_assert_int_eq(START("sh", "-c", "echo $A $HOME $PATH; ls /proc/self/fd"), 0);
	read_all(child.out);
	ck_assert_str_eq(
	        out, "b /root "
	             "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n0\n1\n2\n3\n");
	status();
}
END_TEST

START_TEST(child_start_makes_the_leader_of_a_session)
{
	ck_assert_int_eq(START("sh", "-c", "cut -d' ' -f1,5,6 /proc/$$/stat"), 0);
	read_all(child.out);
	ck_assert_int_eq(atoi(out), child.pid);
	ck_assert_int_eq(atoi(strchr(out, ' ')), child.pid);
	ck_assert_int_eq(atoi(strrchr(out, ' ')), child.pid);
	status();
}
END_TEST

START_TEST(child_start_on_a_terminal_has_its_size)
{
	setup();
	file_begin(PROTOCOL_MAGIC, PROTOCOL_TERMINAL);
	file_add(PROTOCOL_ARG, "sh");
	file_add(PROTOCOL_ARG, "-c");
	file_add(PROTOCOL_ARG, "stty size; tty >/dev/null </dev/tty && echo tty");
	ck_assert_int_eq(parse(), 0);
	ck_assert_int_eq(child_start(&child, &m, &trouble), 0);
	read_all(child.out);
	ck_assert_str_eq(out, "25 80\r\ntty\r\n");
	ck_assert_int_eq(child.err, -1);
	status();
}
END_TEST

START_TEST(child_start_on_a_terminal_reads_the_end_that_is_typed)
{
	setup();
	file_begin(PROTOCOL_MAGIC, PROTOCOL_TERMINAL);
	file_add(PROTOCOL_ARG, "sh");
	file_add(PROTOCOL_ARG, "-c");
	file_add(PROTOCOL_ARG, "stty -echo; echo ready; cat; echo over");
	ck_assert_int_eq(parse(), 0);
	ck_assert_int_eq(child_start(&child, &m, &trouble), 0);
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = child.out, .events = POLLIN }, 1, -1), 1);
	ck_assert_int_eq(pipe2(from, O_NONBLOCK), 0);
	relay_init(&relay, from[0], child.in, true);
	relay.typed = true;
	ck_assert_int_eq(write(from[1], "half", 4), 4);
	close(from[1]);
	relay_move(&relay, POLLIN | POLLHUP);
	read_all(child.out);
	ck_assert_str_eq(out, "ready\r\nhalfover\r\n");
	status();
}
END_TEST

/* What cannot be executed, and the errno. */
static const struct {
	const char *file;
	int r;
} unfit[] = {
	{ "no-such-program", -ENOENT },
	{ "/no/such/program", -ENOENT },
	{ "", -ENOENT },
	{ "/etc/passwd", -EACCES },
	{ "/", -EACCES },
};

START_TEST(child_start_of_what_cannot_run_says_why)
{
	ck_assert_int_eq(START(unfit[_i].file), unfit[_i].r);
	ck_assert(trouble.executing);
	ck_assert_int_eq(WEXITSTATUS(status()), 127);
}
END_TEST

START_TEST(child_start_in_a_folder_that_is_not_there_names_it)
{
	file_add(PROTOCOL_ARG, "true");
	file_add(PROTOCOL_CWD, "/no/such");
	ck_assert_int_eq(parse(), 0);
	ck_assert_int_eq(child_start(&child, &m, &trouble), -ENOENT);
	ck_assert(!trouble.executing);
	ck_assert_str_eq(trouble.which, "/no/such");
	status();
}
END_TEST

START_TEST(child_start_as_a_user_that_is_not_there_names_it)
{
	file_add(PROTOCOL_ARG, "true");
	file_add(PROTOCOL_USER, "no-such-user");
	ck_assert_int_eq(parse(), 0);
	ck_assert_int_eq(child_start(&child, &m, &trouble), -ENOENT);
	ck_assert(!trouble.executing);
	ck_assert_str_eq(trouble.which, "no-such-user");
}
END_TEST

static Suite *init_suite(void)
{
	Suite *s = suite_create("init");
	TCase *t = tcase_create("configuration");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, manifest_parse_gives_each_record_its_place);
	tcase_add_test(t, manifest_parse_without_records_is_no_command);
	tcase_add_test(t, manifest_parse_of_another_format_is_refused);
	tcase_add_loop_test(t, manifest_parse_of_a_damaged_record_is_refused, 0,
	                    ARRAY_SIZE(damaged));
	tcase_add_loop_test(t, manifest_parse_of_a_file_that_is_cut_off_is_refused, 0, 22);
	tcase_add_test(t, manifest_parse_of_a_length_beyond_the_file_is_refused);
	tcase_add_test(t, manifest_parse_of_too_many_words_is_refused);
	tcase_add_test(t, manifest_parse_of_a_variable_twice_keeps_the_last);
	tcase_add_test(t, manifest_default_changes_nothing_that_is_set);
	suite_add_tcase(s, t);

	t = tcase_create("texts");
	tcase_add_test(t, text_join_leaves_out_what_does_not_fit);
	tcase_add_loop_test(t, text_number_is_read_back, 0, 5);
	tcase_add_loop_test(t, text_parse_of_no_number_is_refused, 0, 6);
	tcase_add_loop_test(t, passwd_find_takes_names_and_numbers, 0, ARRAY_SIZE(users));
	tcase_add_loop_test(t, filesystem_probe_knows_magic_numbers, 0, ARRAY_SIZE(magics));
	tcase_add_test(t, filesystem_next_gives_those_on_disks);
	suite_add_tcase(s, t);

	t = tcase_create("relay");
	tcase_add_checked_fixture(t, relay_setup, NULL);
	tcase_add_test(t, relay_move_carries_bytes_and_counts_them);
	tcase_add_test(t, relay_move_waits_for_a_slow_reader);
	tcase_add_test(t, relay_move_passes_the_end_on_behind_the_last_byte);
	tcase_add_loop_test(t, relay_move_types_the_end_of_a_terminal_s_input, 0,
	                    ARRAY_SIZE(typed_ends));
	tcase_add_test(t, relay_move_ends_when_the_reader_has_gone);
	tcase_add_test(t, relay_move_ends_when_a_port_has_hung_up);
	tcase_add_test(t, relay_finish_moves_what_is_there_and_returns);
	suite_add_tcase(s, t);

	t = tcase_create("command");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, child_start_gives_three_streams_and_the_status);
	tcase_add_test(t, child_start_gives_nothing_but_what_was_asked_for);
	tcase_add_test(t, child_start_makes_the_leader_of_a_session);
	tcase_add_test(t, child_start_on_a_terminal_has_its_size);
	tcase_add_test(t, child_start_on_a_terminal_reads_the_end_that_is_typed);
	tcase_add_loop_test(t, child_start_of_what_cannot_run_says_why, 0, ARRAY_SIZE(unfit));
	tcase_add_test(t, child_start_in_a_folder_that_is_not_there_names_it);
	tcase_add_test(t, child_start_as_a_user_that_is_not_there_names_it);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(init_suite());
}
