/* SPDX-License-Identifier: Apache-2.0 */
/* Whole command lines. Each option by itself: test_cli_options.c. */
#include "tests/unit/cli_rig.h"

#include <fcntl.h>
#include <jansson.h>

/* Command lines that are refused, and what the message has to name. */
static const struct {
	const char *words[10];
	int code;
	const char *names;
} refused[] = {
	{ { NULL }, EINVAL, "--kernel FILE" },
	{ { "--dry-run" }, EINVAL, "no kernel" },
	{ { "--kernal", "x" }, EINVAL, "unknown option '--kernal': did you mean '--kernel'?" },
	{ { "--kernal=x" }, EINVAL, "unknown option '--kernal': did you mean '--kernel'?" },
	{ { "-kernel", "x" }, EINVAL, "unknown option '-kernel': did you mean '--kernel'?" },
	{ { "-append=x" }, EINVAL, "unknown option '-append': did you mean '--append'?" },
	{ { "--Memory", "1" }, EINVAL, "'--memory'" },
	{ { "--log_level", "info" }, EINVAL, "'--log-level'" },
	{ { "--init", "x" }, EINVAL, "'--init': did you mean '--initr" },
	{ { "--frobnicate" }, EINVAL, "unknown option '--frobnicate'; see" },
	{ { "--=x" }, EINVAL, "unknown option '--'" },
	{ { "-z" }, EINVAL, "unknown option '-z'" },
	{ { "-\xff" }, EINVAL, "unknown option" },
	{ { "bzImage" }, EINVAL, "unexpected word 'bzImage'" },
	{ { "-k", "a", "b" }, EINVAL, "unexpected word 'b'" },
	{ { "" }, EINVAL, "unexpected word ''" },
	{ { "-" }, EINVAL, "unexpected word '-'" },
	{ { "-k", "a", "--" }, EINVAL, "no command after '--'" },
	{ { "-k", "a", "--kvm", "/dev/kvm" }, EINVAL, "'/dev/kvm' is not an inherited descriptor" },
	{ { "-k", "a", "--kvm", "fd=2" }, EINVAL, "'fd=2' is not an inherited descriptor: fd=3" },
	{ { "-k", "a", "--control", "fd=nobody" }, EINVAL, "'fd=nobody' is not a descriptor" },
	{ { "-k", "a", "--env", "A=b" }, EINVAL, "'--env' is for a command" },
	{ { "-k", "a", "--cwd", "/" }, EINVAL, "'--cwd' is for a command" },
	{ { "-k", "a", "--guest-user", "u" }, EINVAL, "'--guest-user' is for a command" },
	{ { "-k", "a", "-t" }, EINVAL, "'--terminal' is for a command" },
	{ { "-k", "a", "-T" }, EINVAL, "'--no-terminal' is for a command" },
	{ { "-k", "a", "-t", "-T", "--", "sh" }, EINVAL, "exclude each other" },
	{ { "-k", "a", "--cwd", "src", "--", "sh" }, EINVAL, "begins with '/'" },
	{ { "-k", "a", "--env", "A", "--", "sh" }, EINVAL, "'--env A' is not NAME=VALUE" },
	{ { "-k", "a", "--env", "=b", "--", "sh" }, EINVAL, "'--env =b' is not NAME=VALUE" },
	{ { "-k", "a", "--no-default-cmdline", "--", "sh" }, EINVAL, "'--no-default-cmdline'" },
	{ { "-k", "a", "--port", "vmm.stdin=stderr", "--", "sh" }, EINVAL, "port 'vmm.stdin'" },
	{ { "-k", "a", "--serial", "stdio", "--", "sh" }, EINVAL, "give '--serial' another" },
	{ { "-k", "a", "--console", "stdio", "--", "sh" }, EINVAL, "give '--console' another" },
	{ { "-k", "a", "--port", "p=stdio", "--", "sh" }, EINVAL, "give '--port' another" },
	{ { "-k", "a", "--result", "fd=1", "--", "sh" }, EINVAL, "'--result fd=1'" },
	{ { "-k", "a", "--daemonize", "--", "sh" }, EINVAL, "'--daemonize'" },
	{ { "-k", "a", "--on-reboot", "reset", "--", "sh" }, EINVAL, "'--on-reboot reset'" },
	{ { "-k", "a", "--share", "/:t", "--vhost-user", "fs,socket=s,tag=t" },
	  EINVAL,
	  "two shared directories have the tag 't'" },
	{ { "-k", "a", "-r", "/,share", "--share", "/:vmm.root" },
	  EINVAL,
	  "two shared directories have the tag 'vmm.root'" },
	{ { "-k", "a", "-r", "/,share", "--no-default-cmdline" },
	  EINVAL,
	  "as shared or read-only root needs the generated words" },
	{ { "-k", "a", "-r", "/,ro", "--no-default-cmdline" },
	  EINVAL,
	  "as shared or read-only root needs the generated words" },
	{ { "-m", "-k", "a" }, EINVAL, "option '-m' needs a value: SIZE ('-k'" },
	{ { "-i", "--" }, EINVAL, "option '-i' needs a value" },
	{ { "-k", "-frob" }, EINVAL, "unknown option '-frob'" },
	{ { "-k", "a", "--cmdline" }, EINVAL, "option '--cmdline' needs a value" },
	{ { "--kernel=" }, EINVAL, "option '--kernel': the file name is empty" },
	{ { "-k", "a", "-k", "b" }, EINVAL, "option '-k' is given twice: leave one out" },
	{ { "-r", "a", "--rootfs", "b" },
	  EINVAL,
	  "option '--rootfs' is given twice: use '--disk'" },
	{ { "-m", "32769K" }, EINVAL, "whole pages" },
	{ { "--name", "a/b" }, EINVAL, "'a/b'" },
	{ { "--name", "" }, ERANGE, "option '--name'" },
	{ { "--expect", "a(" }, EINVAL, "option '--expect': 'a(' is no pattern" },
	{ { "--fail-on", "" }, EINVAL, "option '--fail-on': '' matches any line" },
	{ { "--console-log", "" }, EINVAL, "option '--console-log': the file name is empty" },
	{ { "--console-log", "c,max=1K" }, ERANGE, "max='1K' is not a size from 128K to 16T" },
	{ { "--console-log", "c,size=1M" }, EINVAL, "option '--console-log': " },
	{ { "--console-log", "c,max=1M,max=2M" }, EINVAL, "'max'" },
	{ { "--cpu", "qemu64" }, EINVAL, "'qemu64'" },
	{ { "--cpu", "hostile" }, EINVAL, "'hostile'" },
	{ { "--cpu", "host,avx" }, EINVAL, "'avx'" },
	{ { "--cpu", "host," }, EINVAL, "option '--cpu'" },
	{ { "--cpu", "host,-" }, EINVAL, "'-'" },
	{ { "--escape", "a" }, EINVAL, "'a'" },
	{ { "--escape", "^" }, EINVAL, "'^'" },
	{ { "--escape", "^1" }, EINVAL, "'^1'" },
	{ { "--log-level", "loud" }, EINVAL, "'loud' is not one of error, warn, info, debug" },
	{ { "--serial", "tty" }, EINVAL, "'tty' is not stdio, stderr, none, file=PATH" },
	{ { "--console", "pty=3" }, EINVAL, "option '--console'" },
	{ { "--console", "fd=" }, EINVAL, "'fd=' is not a descriptor" },
	{ { "--console", "fd=-1" }, EINVAL, "'fd=-1' is not a descriptor" },
	{ { "--console", "unix=" }, EINVAL, "file name is empty" },
	{ { "--port", "agent" }, EINVAL, "'agent' is not NAME=WHERE" },
	{ { "--port", "=pty" }, ERANGE, "'' has 0 characters, not 1 to 64" },
	{ { "--port", "a/b=pty" }, EINVAL, "'a/b' has a character other than" },
	{ { "--port", ".=pty" }, EINVAL, "'.' is not a file's name" },
	{ { "--port", "..=pty" }, EINVAL, "'..' is not a file's name" },
	{ { "--port", "a2345678901234567890123456789012345678901234567890123456789012345=pty" },
	  ERANGE,
	  "has 65 characters" },
	{ { "--port", "a=none" }, EINVAL, "port 'a' goes nowhere" },
	{ { "--port", "a=" }, EINVAL, "'' is not stdio, stderr, none, file=PATH" },
	{ { "--port", "a=tty" }, EINVAL, "'tty' is not stdio" },
	{ { "--port", "a=fd=x" }, EINVAL, "'fd=x' is not a descriptor" },
	{ { "--port", "a=unix=" }, EINVAL, "file name is empty" },
	{ { "--vsock", "cid=3" }, EINVAL, "both 'cid=N' and 'socket=PATH' are needed" },
	{ { "--vsock", "socket=s" }, EINVAL, "both" },
	{ { "--vsock", "cid=3,socket=" }, EINVAL, "both" },
	{ { "--vsock", "cid=2,socket=s" }, ERANGE, "'2' is not a number from 3" },
	{ { "--vsock", "cid=4294967295,socket=s" }, ERANGE, "from 3 to 4294967294" },
	{ { "--vsock", "cid=3,cid=4,socket=s" }, EINVAL, "'cid' is given twice" },
	{ { "--vsock", "cid=3,socket=s,x" }, EINVAL, "unknown word 'x'" },
	{ { "--serial", "file" }, EINVAL, "option '--serial'" },
	{ { "--serial", "file=" }, EINVAL, "file name is empty" },
	{ { "--serial", "stdio=x" }, EINVAL, "option '--serial'" },
	{ { "--serial", "file=a,b" }, EINVAL, "unexpected 'b'" },
	{ { "--result", "" }, EINVAL, "file name is empty" },
	{ { "--result", "fd=" }, EINVAL, "'fd='" },
	{ { "--result", "fd=x" }, EINVAL, "'fd=x'" },
	{ { "--result", "fd=0" }, EINVAL, "'fd=0'" },
	{ { "--result", "fd=2147483648" }, EINVAL, "'fd=2147483648'" },
	{ { "-d", "" }, EINVAL, "option '-d': the file name is missing" },
	{ { "-d", ",ro" }, EINVAL, "the file name is missing" },
	{ { "-d", "serial=x" }, EINVAL, "the file name is missing" },
	{ { "-d", "a,rw" }, EINVAL, "unknown word 'rw'" },
	{ { "-d", "a," }, EINVAL, "next to a comma" },
	{ { "-d", "a,ro,ro" }, EINVAL, "'ro' is given twice" },
	{ { "-d", "a,ro=on" }, EINVAL, "'ro' takes no value" },
	{ { "-d", "a,serial" }, EINVAL, "'serial' needs a value" },
	{ { "-d", "a,serial=" }, ERANGE, "serial number ''" },
	{ { "-d", "a,serial=123456789012345678901" }, ERANGE, "21 characters" },
	{ { "-d", "a,serial=a b" }, EINVAL, "'a b'" },
	{ { "-d", "a,cow=1" }, EINVAL, "'cow' takes no value" },
	{ { "-d", "a,cow,ro" }, EINVAL, "'ro' and 'cow' do not go together" },
	{ { "-d", "a,cache=none" }, EINVAL, "cache='none' is not cache=unsafe" },
	{ { "-d", "a,werror=ignore" }, EINVAL, "werror='ignore' is not report or stop" },
	{ { "-d", "fd=2" }, EINVAL, "'fd=2' is not a descriptor of an image: fd=3 or above" },
	{ { "-d", "fd=" }, EINVAL, "'fd=' is not a descriptor" },
	{ { "-d", "fd=3x" }, EINVAL, "'fd=3x' is not a descriptor" },
	{ { "-d", "a,fd=3" }, EINVAL, "both a file name and 'fd=3'" },
	{ { "-r", "fd=3,path=a" }, EINVAL, "both a file name and 'fd=3'" },
	{ { "-d", "fd=3,fd=4" }, EINVAL, "'fd' is given twice" },
	{ { "-d", "a,direct=on" }, EINVAL, "'direct' takes no value" },
	{ { "-d", "a,direct,cow" }, EINVAL, "'direct' and 'cow' do not go together" },
	{ { "-d", "a,queues=0" }, ERANGE, "queues='0' is not a number from 1 to 16" },
	{ { "-d", "a,queues=17" }, ERANGE, "queues='17' is not a number from 1 to 16" },
	{ { "-d", "a,queues=two" }, ERANGE, "queues='two' is not a number" },
	{ { "-d", "a,path=b" }, EINVAL, "'path' is given twice" },
};

START_TEST(parse_wrong_line_is_refused_by_name)
{
	assert_refused(parse(refused[_i].words), refused[_i].code, refused[_i].names);
}
END_TEST

START_TEST(parse_name_of_64_is_accepted_and_of_65_refused)
{
	char name[66];

	memset(name, 'n', sizeof(name));
	name[64] = '\0';
	ck_assert_int_eq(PARSE("--check-host", "--name", name), 0);
	teardown();
	name[64] = 'n';
	name[65] = '\0';
	assert_refused(PARSE("--check-host", "--name", name), ERANGE, "65 characters");
}
END_TEST

START_TEST(parse_kernel_alone_gives_the_defaults)
{
	ck_assert_int_eq(PARSE("-k", "bzImage"), 0);
	ck_assert_str_eq(cfg.kernel, "bzImage");
	ck_assert_uint_eq(cfg.cpus, 1);
	ck_assert_uint_eq(cfg.memory, 256ULL << 20);
	ck_assert_str_eq(cfg.cpu, "host");
	ck_assert_int_eq(cfg.serial.kind, WHERE_STDIO);
	ck_assert_int_eq(cfg.log_level, LOG_WARN);
	ck_assert_uint_eq(cfg.timeout_ms, 0);
	ck_assert_uint_eq(cfg.grace_ms, 30000);
	ck_assert_int_eq(cfg.escape, 1); /* Ctrl-a */
	ck_assert_int_eq(cfg.result_fd, -1);
	ck_assert(!cfg.has_root && !cfg.dry_run && !cfg.check_host && !cfg.no_default_cmdline);
	ck_assert_uint_eq(cfg.n_disks + cfg.n_initrd + cfg.n_append, 0);
}
END_TEST

START_TEST(parse_repeated_options_keep_their_order)
{
	ck_assert_int_eq(
	        PARSE("-k", "a", "-i", "one", "--initramfs=two", "-a", "x=1", "--cmdline", "-- -v"),
	        0);
	ck_assert_uint_eq(cfg.n_initrd, 2);
	ck_assert_str_eq(cfg.initrd[1], "two");
	ck_assert_uint_eq(cfg.n_append, 2);
	ck_assert_str_eq(cfg.append[0], "x=1");
	ck_assert_str_eq(cfg.append[1], "-- -v");
}
END_TEST

START_TEST(parse_rootfs_after_disks_is_the_first_disk)
{
	ck_assert_int_eq(PARSE("-k", "a", "-d", "one", "-d", "two,ro", "-r", "root,ro"), 0);
	ck_assert(cfg.has_root);
	ck_assert_uint_eq(cfg.n_disks, 3);
	ck_assert_str_eq(cfg.disk[0].path, "root");
	ck_assert(cfg.disk[0].readonly && !cfg.disk[1].readonly && cfg.disk[2].readonly);
	ck_assert_str_eq(cfg.disk[2].path, "two");
}
END_TEST

START_TEST(parse_rootfs_beyond_the_last_disk_is_refused)
{
	const char *words[WORDS_MAX] = { "--check-host" };

	for (unsigned i = 1; i <= CONFIG_DISKS_MAX; i++)
		words[i] = "-dx,ro";
	words[CONFIG_DISKS_MAX + 1] = "-rroot";
	assert_refused(parse(words), E2BIG, "option '-r'");
}
END_TEST

/* Spellings of a disk, and what they mean. */
static const struct {
	const char *value, *path, *serial;
	bool readonly;
} disks[] = {
	{ "a.img", "a.img", NULL, false },
	{ "a.img,ro", "a.img", NULL, true },
	{ "a.img,serial=S-1,ro", "a.img", "S-1", true },
	{ "a,,b.img,ro", "a,b.img", NULL, true },
	{ ",,", ",", NULL, false },
	{ "a,,,ro", "a,", NULL, true },
	{ "a=b", "a=b", NULL, false },
	{ "ro", "ro", NULL, false },
	{ "path=a,ro", "a", NULL, true },
	{ "path=path=a", "path=a", NULL, false },
	{ "serial=x,,y,path=a", "a", "x,y", false },
	{ "a,serial=12345678901234567890", "a", "12345678901234567890", false },
};

START_TEST(parse_disk_is_taken_apart)
{
	ck_assert_int_eq(PARSE("-k", "k", "-d", disks[_i].value), 0);
	ck_assert_str_eq(cfg.disk[0].path, disks[_i].path);
	ck_assert_pstr_eq(cfg.disk[0].serial, disks[_i].serial);
	ck_assert(cfg.disk[0].readonly == disks[_i].readonly);
}
END_TEST

START_TEST(parse_disk_descriptor_takes_keys)
{
	ck_assert_int_eq(PARSE("-k", "k", "-r", "fd=7,direct,queues=3"), 0);
	ck_assert(cfg.disk[0].inherited && cfg.disk[0].direct && !cfg.disk[0].readonly);
	ck_assert_int_eq(cfg.disk[0].fd, 7);
	ck_assert_str_eq(cfg.disk[0].path, "fd=7");
	ck_assert_uint_eq(cfg.disk[0].queues, 3);
}
END_TEST

START_TEST(parse_disk_leaves_its_word_alone)
{
	char word[] = "a,,b,ro"; /* ps shows it */

	ck_assert_int_eq(PARSE("-k", "k", "-d", word), 0);
	ck_assert_str_eq(word, "a,,b,ro");
}
END_TEST

START_TEST(parse_console_takes_every_place)
{
	ck_assert_int_eq(PARSE("-k", "k", "--serial", "unix=a,,b", "--console", "fd=0"), 0);
	ck_assert_int_eq(cfg.serial.kind, WHERE_UNIX);
	ck_assert_str_eq(cfg.serial.path, "a,b");
	ck_assert_int_eq(cfg.console.kind, WHERE_FD);
	ck_assert_int_eq(cfg.console.fd, 0);
	config_fini(&cfg);
	ck_assert_int_eq(PARSE("-k", "k", "--console", "pty"), 0);
	ck_assert_int_eq(cfg.console.kind, WHERE_PTY);
}
END_TEST

START_TEST(parse_port_takes_a_name_and_a_place)
{
	ck_assert_int_eq(PARSE("-k", "k", "--port", "org.a_b-0=unix=p,,q", "--port=b=fd=7"), 0);
	ck_assert_uint_eq(cfg.n_vports, 2);
	ck_assert_str_eq(cfg.vport[0].name, "org.a_b-0");
	ck_assert_int_eq(cfg.vport[0].where.kind, WHERE_UNIX);
	ck_assert_str_eq(cfg.vport[0].where.path, "p,q");
	ck_assert_str_eq(cfg.vport[1].name, "b");
	ck_assert_int_eq(cfg.vport[1].where.fd, 7);
}
END_TEST

START_TEST(parse_vsock_takes_its_keys_in_any_order)
{
	ck_assert_int_eq(PARSE("-k", "k", "--vsock", "socket=a,,b,cid=0x10"), 0);
	ck_assert_uint_eq(cfg.vsock.cid, 16);
	ck_assert_str_eq(cfg.vsock.socket, "a,b");
}
END_TEST

START_TEST(parse_serial_file_may_hold_a_comma)
{
	ck_assert_int_eq(PARSE("-k", "k", "--serial", "file=a,,b"), 0);
	ck_assert_int_eq(cfg.serial.kind, WHERE_FILE);
	ck_assert_str_eq(cfg.serial.path, "a,b");
}
END_TEST

START_TEST(parse_escape_none_is_no_key)
{
	ck_assert_int_eq(PARSE("-k", "k", "--escape", "none"), 0);
	ck_assert_int_eq(cfg.escape, -1);
}
END_TEST

START_TEST(parse_escape_in_either_case_is_the_control_key)
{
	ck_assert_int_eq(PARSE("-k", "k", "--escape", "^T"), 0);
	ck_assert_int_eq(cfg.escape, 'T' & 0x1f);
}
END_TEST

START_TEST(parse_value_like_an_option_is_taken_after_equals)
{
	ck_assert_int_eq(PARSE("--kernel=--rootfs"), 0);
	ck_assert_str_eq(cfg.kernel, "--rootfs");
}
END_TEST

/* Words behind a kernel without a value: an option in each spelling, the command, nothing. */
static const char *const behind_kernel[][4] = {
	{ "-k" },           { "--kernel" },         { "--kernel", "--rootfs", "r,ro" },
	{ "-k", "-rr,ro" }, { "-k", "-r", "r,ro" }, { "--kernel", "--", "sh" },
};

START_TEST(parse_kernel_without_a_value_is_the_host_s)
{
	ck_assert_int_eq(parse(behind_kernel[_i]), 0);
	ck_assert_str_eq(cfg.kernel, "host");
}
END_TEST

START_TEST(parse_no_words_at_all_is_refused)
{
	char *argv[] = { NULL };

	assert_refused(cli_parse(&cfg, 0, argv, &err), EINVAL, "no kernel");
}
END_TEST

START_TEST(parse_wrong_line_still_knows_the_result)
{
	assert_refused(PARSE("--kernal", "x", "--result", "r.json"), EINVAL, "'--kernal'");
	ck_assert_str_eq(cfg.result, "r.json");
}
END_TEST

START_TEST(parse_command_takes_all_words_that_follow)
{
	ck_assert_int_eq(PARSE("-k", "a", "--env=A=b", "--", "sh", "--kernel", "", "--"), 0);
	ck_assert_uint_eq(cfg.n_command, 4);
	ck_assert_str_eq(cfg.command[0], "sh");
	ck_assert_str_eq(cfg.command[1], "--kernel");
	ck_assert_str_eq(cfg.command[2], "");
	ck_assert_str_eq(cfg.command[3], "--");
	ck_assert_str_eq(cfg.kernel, "a");
}
END_TEST

START_TEST(parse_command_moves_the_serial_port_off_standard_output)
{
	ck_assert_int_eq(PARSE("-k", "a", "--", "sh"), 0);
	ck_assert_int_eq(cfg.serial.kind, WHERE_STDERR);
}
END_TEST

START_TEST(parse_command_leaves_a_serial_port_that_was_given)
{
	ck_assert_int_eq(PARSE("-k", "a", "--serial", "none", "--", "sh"), 0);
	ck_assert_int_eq(cfg.serial.kind, WHERE_NONE);
}
END_TEST

START_TEST(parse_wrong_line_forgets_a_result_that_is_a_disk)
{
	assert_refused(PARSE("--kernal", "x", "-d", "a.img", "--result", "a.img"), EINVAL,
	               "'--kernal'");
	ck_assert_ptr_null(cfg.result);
}
END_TEST

START_TEST(parse_result_that_is_a_disk_is_refused_and_forgotten)
{
	assert_refused(PARSE("-k", "x", "-d", "a.img", "--result", "a.img"), EINVAL, "'a.img'");
	ck_assert_ptr_null(cfg.result);
}
END_TEST

/* Let standard output of this test's process go somewhere else. */
static void stdout_to(int fd)
{
	ck_assert_int_ge(fd, 0);
	fflush(stdout);
	ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	close(fd);
}

static const char *const printing[] = { "--help", "-h", "--version", "--dry-run" };

START_TEST(parse_printed_to_a_full_disk_is_an_error)
{
	stdout_to(open("/dev/full", O_WRONLY | O_CLOEXEC));
	assert_refused(PARSE("-k", "a", printing[_i]), ENOSPC, "standard output");
}
END_TEST

START_TEST(parse_printed_is_done)
{
	stdout_to(open("/dev/null", O_WRONLY | O_CLOEXEC));
	ck_assert_int_eq(PARSE("-k", "a", printing[_i]), 1);
}
END_TEST

START_TEST(parse_help_hides_what_is_wrong_after_it)
{
	stdout_to(open("/dev/null", O_WRONLY | O_CLOEXEC));
	ck_assert_int_eq(PARSE("--help", "--frobnicate"), 1);
}
END_TEST

START_TEST(parse_help_after_an_error_is_the_error)
{
	assert_refused(PARSE("--frobnicate", "--help"), EINVAL, "--frobnicate");
}
END_TEST

START_TEST(parse_dry_run_prints_the_configuration)
{
	FILE *out = tmpfile();
	json_t *all, *want;

	stdout_to(dup(fileno(out)));
	ck_assert_int_eq(PARSE("-k", "k\xff", "-d", "d,serial=S", "-m", "1G", "--timeout=0.25",
	                       "--result", "fd=3", "--expect", "e", "--fail-on", "oops",
	                       "--console-log", "c,max=1M", "--port", "a=fd=4", "--dry-run",
	                       "--env", "A=b", "-T", "--", "sh", "-c"),
	                 1);
	rewind(out);
	all = json_loadf(out, 0, NULL);
	want = json_pack("{s:n, s:b, s:b, s:[], s:b, s:s, s:[], s:[], s:b, s:n, s:[{s:s, s:b, s:b, "
	                 "s:n, s:n, s:s, s:n, s:b, s:n}], s:[], "
	                 "s:i, s:s, s:s, s:n, s:s, "
	                 "s:s, s:f, s:i, s:s, s:s, s:{s:i}, s:n, s:s, s:s, s:n, s:s, s:n, "
	                 "s:[{s:{s:i}}], s:s, s:[s], s:{s:s, s:s}, s:n, "
	                 "s:[s], s:n, s:n, s:b, s:b, s:n, s:[s, s], s:n, s:[], s:[], s:b}",
	                 "pidfile", "daemonize", 0, "exit-with-parent", 0, "control", "paused", 0,
	                 "kernel", "k\xef\xbf\xbd", "initrd", "append", "no-default-cmdline", 0,
	                 "rootfs", "disk", "path", "d", "ro", 0, "cow", 0, "cache", "werror",
	                 "serial", "S", "fd", "direct", 0, "queues", "net", "cpus", 1, "memory",
	                 "1G", "cpu", "host", "name", "serial", "stderr", "escape", "^a", "timeout",
	                 0.25, "grace", 30, "on-reboot", "exit", "on-panic", "exit", "result", "fd",
	                 3, "log", "log-level", "warn", "jail", "on", "user", "console", "none",
	                 "vsock", "port", "a", "fd", 4, "expect", "e", "fail-on", "oops",
	                 "console-log", "path", "c", "max", "1M", "idle-timeout", "env", "A=b",
	                 "cwd", "guest-user", "terminal", 0, "no-terminal", 1, "kvm", "command",
	                 "sh", "-c", "modules", "share", "vhost-user", "control-shared", 0);
	ck_assert_ptr_nonnull(want);
	ck_assert(json_equal(all, want));
	json_decref(all);
	json_decref(want);
	fclose(out);
}
END_TEST

START_TEST(parse_dry_run_shows_the_root_apart_from_the_disks)
{
	FILE *out = tmpfile();
	json_t *all;

	stdout_to(dup(fileno(out)));
	ck_assert_int_eq(PARSE("-k", "k", "-d", "d", "-r", "root,ro", "--dry-run"), 1);
	rewind(out);
	all = json_loadf(out, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(all, "rootfs"), "path")),
	                 "root");
	ck_assert_uint_eq(json_array_size(json_object_get(all, "disk")), 1);
	json_decref(all);
	fclose(out);
}
END_TEST

static void add_line_tests(TCase *t)
{
	tcase_add_loop_test(t, parse_wrong_line_is_refused_by_name, 0, ARRAY_SIZE(refused));
	tcase_add_loop_test(t, parse_disk_is_taken_apart, 0, ARRAY_SIZE(disks));
	tcase_add_test(t, parse_name_of_64_is_accepted_and_of_65_refused);
	tcase_add_test(t, parse_kernel_alone_gives_the_defaults);
	tcase_add_test(t, parse_repeated_options_keep_their_order);
	tcase_add_test(t, parse_rootfs_after_disks_is_the_first_disk);
	tcase_add_test(t, parse_rootfs_beyond_the_last_disk_is_refused);
	tcase_add_test(t, parse_disk_descriptor_takes_keys);
	tcase_add_test(t, parse_disk_leaves_its_word_alone);
	tcase_add_test(t, parse_serial_file_may_hold_a_comma);
	tcase_add_test(t, parse_console_takes_every_place);
	tcase_add_test(t, parse_port_takes_a_name_and_a_place);
	tcase_add_test(t, parse_vsock_takes_its_keys_in_any_order);
	tcase_add_test(t, parse_escape_none_is_no_key);
	tcase_add_test(t, parse_escape_in_either_case_is_the_control_key);
	tcase_add_test(t, parse_value_like_an_option_is_taken_after_equals);
	tcase_add_loop_test(t, parse_kernel_without_a_value_is_the_host_s, 0,
	                    ARRAY_SIZE(behind_kernel));
	tcase_add_test(t, parse_no_words_at_all_is_refused);
	tcase_add_test(t, parse_wrong_line_still_knows_the_result);
	tcase_add_test(t, parse_command_takes_all_words_that_follow);
	tcase_add_test(t, parse_command_moves_the_serial_port_off_standard_output);
	tcase_add_test(t, parse_command_leaves_a_serial_port_that_was_given);
	tcase_add_test(t, parse_wrong_line_forgets_a_result_that_is_a_disk);
	tcase_add_test(t, parse_result_that_is_a_disk_is_refused_and_forgotten);
}

static void add_print_tests(TCase *t)
{
	tcase_add_loop_test(t, parse_printed_to_a_full_disk_is_an_error, 0, ARRAY_SIZE(printing));
	tcase_add_loop_test(t, parse_printed_is_done, 0, ARRAY_SIZE(printing));
	tcase_add_test(t, parse_help_hides_what_is_wrong_after_it);
	tcase_add_test(t, parse_help_after_an_error_is_the_error);
	tcase_add_test(t, parse_dry_run_prints_the_configuration);
	tcase_add_test(t, parse_dry_run_shows_the_root_apart_from_the_disks);
}

int main(void)
{
	Suite *s = suite_create("cli");
	TCase *t = tcase_create("cli");

	tcase_add_checked_fixture(t, setup, teardown);
	add_line_tests(t);
	add_print_tests(t);
	suite_add_tcase(s, t);
	return run_suite(s);
}
