/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --config: the same as the command line, and what is wrong with others. */
#include "vmm/config_file.h"

#include "tests/unit/run.h"
#include "vmm/cli.h"
#include "vmm/config_json.h"
#include "vmm/options.h"
#include "vmm/optval.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 16

static struct config cfg;
static struct err err;

static void setup(void)
{
	err.msg[0] = '\0';
	ck_assert_int_eq(optval_defaults(&cfg, &err), 0);
}

static void teardown(void)
{
	config_fini(&cfg);
}

static char *show(const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_eq(config_json_write(c, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static int parse(const char *text)
{
	return config_file_parse(&cfg, 0, text, strlen(text), &err);
}

/* Each option, with every key that its value may have. */
static const char *const words[][WORDS_MAX] = {
	{ "--kernel", "k,k" },
	{ "--initrd", "a", "--initrd", "b,c" },
	{ "--modules", "m" },
	{ "--share", "a,,b:c,ro", "--share", "d:e" },
	{ "--vhost-user", "fs,socket=s,tag=t", "--vhost-user", "blk,socket=s" },
	{ "--append", "quiet \"x=y z\"", "--append", "-- last" },
	{ "--no-default-cmdline" },
	{ "--rootfs", "root.img,ro" },
	{ "--disk", "path=a,,b,serial=S-1,cache=unsafe", "--disk", "serial=x,,y,cow,path=c" },
	{ "--disk", "d", "--rootfs", "r" },
	{ "--disk", "fd=9,direct,queues=16,werror=stop,ro", "--control", "c" },
	{ "--disk", "a=b,werror=report" },
	{ "--rootfs", "/,owner=root" },
	{ "--rootfs", "/,ro" },
	{ "--rootfs", "/,share" },
	{ "--net", "tap=tap0,queues=7,mac=52:54:00:12:34:56,mtu=1400" },
	{ "--net", "passt,tcp=8080:80,udp=53,tcp=127.0.0.1/22,ip=dhcp", "--net", "passt=a,,b" },
	{ "--net", "fd=9" },
	{ "--vsock", "cid=3,socket=a,,b" },
	{ "--cpus", "64" },
	{ "--memory", "1048580K" },
	{ "--memory", "16T" },
	{ "--cpu", "host,-avx,+x2apic" },
	{ "--name", "vm-1.x_y" },
	{ "--kvm", "fd=9" },
	{ "--serial", "none", "--console", "stdio" },
	{ "--serial", "file=a,,b", "--console", "unix=c,,d" },
	{ "--serial", "pty", "--console", "fd=0" },
	{ "--port", "p0=file=a,,b", "--port", "p.1=fd=7", "--port", "p2=pty" },
	{ "--console-log", "a,,b,max=1M" },
	{ "--console-log", "c" },
	{ "--idle-timeout", "2.5", "--expect", "a,b|c", "--fail-on", "oops", "--fail-on", "d" },
	{ "--escape", "^z" },
	{ "--escape", "none" },
	{ "--control", "a,b", "--control", "fd=7", "--control", "./fd=7" },
	{ "--paused", "--control", "c", "--control-shared" },
	{ "--on-reboot", "reset" },
	{ "--on-panic", "pause", "--control", "c" },
	{ "--pidfile", "p" },
	{ "--daemonize", "--serial", "none" },
	{ "--exit-with-parent" },
	{ "--timeout", "0.001" },
	{ "--timeout", "31535999.999" },
	{ "--grace", "0" },
	{ "--grace", "1.5" },
	{ "--result", "r,1" },
	{ "--result", "fd=9" },
	{ "--log", "l" },
	{ "--log-level", "debug" },
	{ "--jail", "strict" },
	{ "--user", "1000:1000" },
	{ "--env", "A=b,c", "--env", "D=", "--cwd", "/x", "--guest-user", "u:g", "--terminal", "--",
	  "make", "--kernel", "" },
	{ "--no-terminal", "--", "true" },
};

/* What the command line makes of row @row, a kernel added; the result is the caller's to free. */
static void take_words(struct config *ret, size_t row)
{
	const char *argv[WORDS_MAX + 4] = { "vmm" };
	int argc = 1;

	if (strcmp(words[row][0], "--kernel") != 0) {
		argv[argc++] = "--kernel";
		argv[argc++] = "k";
	}
	for (unsigned i = 0; words[row][i]; i++)
		argv[argc++] = words[row][i];
	ck_assert_msg(cli_parse(ret, argc, (char **)argv, &err) == 0, "%s", err.msg);
}

START_TEST(parse_of_what_was_printed_is_the_identity)
{
	struct config from;
	char *before, *after;

	take_words(&from, (size_t)_i);
	before = show(&from);
	ck_assert_msg(parse(before) == 0, "%s: %s", words[_i][0], err.msg);
	ck_assert_int_eq(config_check(&cfg, &err), 0);
	after = show(&cfg);

	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	config_fini(&from);
}
END_TEST

/* Whether a row of the above is about an option. */
static bool is_covered(const struct opt *o)
{
	for (size_t row = 0; row < ARRAY_SIZE(words); row++)
		for (unsigned i = 0; words[row][i]; i++)
			if (strncmp(words[row][i], "--", 2) == 0 &&
			    strcmp(words[row][i] + 2, o->name) == 0)
				return true;
	return false;
}

START_TEST(identity_is_tested_of_every_option)
{
	ck_assert_msg(options[_i].group == GROUP_OTHER || is_covered(&options[_i]),
	              "give --%s a row", options[_i].name);
}
END_TEST

START_TEST(parse_option_of_the_command_line_is_left_alone)
{
	const struct opt *cpus = options_find("cpus", 4), *disk = options_find("disk", 4);
	const char *text = "{\"cpus\": 4, \"disk\": [\"a\"], \"memory\": 512}";

	ck_assert_int_eq(config_file_parse(&cfg,
	                                   1ULL << (cpus - options) | 1ULL << (disk - options),
	                                   text, strlen(text), &err),
	                 0);
	ck_assert_uint_eq(cfg.cpus, 1);
	ck_assert_uint_eq(cfg.n_disks, 0);
	ck_assert_uint_eq(cfg.memory, 512ULL << 20);
}
END_TEST

START_TEST(parse_null_and_false_leave_the_default)
{
	ck_assert_int_eq(parse("{\"cpus\": null, \"paused\": false, \"net\": null}"), 0);
	ck_assert_uint_eq(cfg.cpus, 1);
	ck_assert(!cfg.paused);
}
END_TEST

START_TEST(parse_text_of_the_command_line_is_taken)
{
	ck_assert_int_eq(parse("{\"disk\": [\"a,ro\"], \"serial\": \"file=x\", \"memory\": 64}"),
	                 0);
	ck_assert(cfg.disk[0].readonly);
	ck_assert_str_eq(cfg.serial.path, "x");
	ck_assert_uint_eq(cfg.memory, 64ULL << 20);
}
END_TEST

START_TEST(parse_path_behind_other_keys_is_the_path)
{
	ck_assert_int_eq(parse("{\"rootfs\": {\"ro\": true, \"path\": \"serial=x,ro\"}}"), 0);
	ck_assert_str_eq(cfg.disk[0].path, "serial=x,ro");
	ck_assert(cfg.disk[0].readonly);
}
END_TEST

START_TEST(parse_goes_on_after_an_error)
{
	ck_assert_int_eq(parse("{\"cpus\": 0, \"result\": \"r\"}"), -ERANGE);
	ck_assert_str_eq(cfg.result, "r");
	ck_assert_ptr_nonnull(strstr(err.msg, "'cpus'"));
}
END_TEST

static const struct {
	const char *text;
	int code;
	const char *says;
} bad[] = {
	{ "", EINVAL, "line 1, column" },
	{ "{\n \"cpus\": 1,\n}", EINVAL, "line 3, column 1" },
	{ "{\"cpus\": 1, \"cpus\": 2}", EINVAL, "duplicate" },
	{ "{\"cpus\": 1} x", EINVAL, "line 1, column 13: end of file expected" },
	{ "[]", EINVAL, "not an object of options" },
	{ "{\"kernl\": \"k\"}", EINVAL, "unknown option 'kernl': did you mean 'kernel'?" },
	{ "{\"zzzzzz\": 1}", EINVAL, "unknown option 'zzzzzz'" },
	{ "{\"dry-run\": true}", EINVAL, "'dry-run' is for the command line only" },
	{ "{\"config\": \"f\"}", EINVAL, "'config' is for the command line only" },
	{ "{\"initrd\": [], \"initramfs\": []}", EINVAL, "'initrd' is given twice" },
	{ "{\"cpus\": \"1\"}", EINVAL, "'cpus': the value is not a whole number" },
	{ "{\"cpus\": 1.0}", EINVAL, "'cpus': the value is not a whole number" },
	{ "{\"cpus\": 65}", ERANGE, "'cpus': '65' is out of range, 1 to 64" },
	{ "{\"cpus\": -1}", EINVAL, "'cpus': '-1' is not a whole number" },
	{ "{\"timeout\": 1e300}", ERANGE, "'timeout'" },
	{ "{\"timeout\": \"9\"}", EINVAL, "not a whole number or a number" },
	{ "{\"paused\": \"yes\"}", EINVAL, "the value is not true or false" },
	{ "{\"memory\": 64.5}", EINVAL, "the value is not text or a whole number" },
	{ "{\"append\": \"quiet\"}", EINVAL, "'append': the value is not a list" },
	{ "{\"command\": \"true\"}", EINVAL, "'command': the value is not a list" },
	{ "{\"command\": [1]}", EINVAL, "'command': the value is not text" },
	{ "{\"append\": [[]]}", EINVAL, "the value is not text" },
	{ "{\"kernel\": \"a\\u0000b\"}", EINVAL, "line 1" },
	{ "{\"disk\": [{\"pth\": \"a\"}]}", EINVAL, "'disk': there is neither a 'path'" },
	{ "{\"disk\": [{\"path\": \"a\", \"r0\": true}]}", EINVAL, "'disk': unknown key 'r0'" },
	{ "{\"disk\": [{\"path\": {}}]}", EINVAL, "'disk': there is neither a 'path'" },
	{ "{\"disk\": [{\"path\": \"a\", \"ro\": {}}]}", EINVAL, "'ro': the value is not" },
	{ "{\"port\": [{\"a,b\": \"pty\"}]}", EINVAL, "'a,b' is not a key" },
	{ "{\"port\": [{\"a\": {\"unix=x\": true}}]}", EINVAL, "'unix=x' is not a key" },
	{ "{\"port\": [{\"a\": {\"unix\": {\"b\": 1}}}]}", EINVAL, "'unix': the value is not" },
	{ "{\"control\": [{\"path\": \"a\"}]}", EINVAL, "unknown key 'path'" },
	{ "{\"control\": [{}]}", EINVAL, "the file name is empty" },
	{ "{\"control\": [{\"fd\": [3, 4]}]}", EINVAL, "'fd=3,fd=4' is not a descriptor" },
	{ "{\"result\": {\"fd\": 3, \"x\": 1}}", EINVAL, "'result': unknown key 'x'" },
	{ "{\"control\": [\"a\", \"b\", \"c\", \"d\", \"e\"]}", E2BIG, "more than 4 times" },
};

START_TEST(parse_what_is_wrong_is_named)
{
	ck_assert_int_eq(parse(bad[_i].text), -bad[_i].code);
	ck_assert_msg(strstr(err.msg, bad[_i].says), "'%s' does not say '%s'", err.msg,
	              bad[_i].says);
}
END_TEST

static int apply(const char *path)
{
	return config_file_apply(&cfg, 0, path, &err);
}

START_TEST(apply_no_file_is_named)
{
	ck_assert_int_eq(apply("/nowhere/f.json"), -ENOENT);
	ck_assert_str_eq(err.msg,
	                 "--config: cannot read '/nowhere/f.json': No such file or directory");
}
END_TEST

START_TEST(apply_endless_file_is_refused)
{
	ck_assert_int_eq(apply("/dev/zero"), -EFBIG);
}
END_TEST

START_TEST(cli_words_win_over_the_file)
{
	char path[] = "/tmp/vmm-config-XXXXXX";
	int fd = mkstemp(path);
	const char *argv[] = { "vmm", "--cpus", "2", "--config", path, NULL };
	struct config from;

	ck_assert_int_gt(dprintf(fd, "{\"kernel\": \"k\", \"cpus\": 4, \"name\": \"n\"}"), 0);
	close(fd);
	ck_assert_int_eq(cli_parse(&from, 5, (char **)argv, &err), 0);
	ck_assert_uint_eq(from.cpus, 2);
	ck_assert_str_eq(from.name, "n");
	ck_assert_str_eq(from.kernel, "k");
	config_fini(&from);
	(void)unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config_file");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, parse_of_what_was_printed_is_the_identity, 0, ARRAY_SIZE(words));
	tcase_add_loop_test(tc, identity_is_tested_of_every_option, 0, (int)options_n);
	tcase_add_test(tc, parse_option_of_the_command_line_is_left_alone);
	tcase_add_test(tc, parse_null_and_false_leave_the_default);
	tcase_add_test(tc, parse_text_of_the_command_line_is_taken);
	tcase_add_test(tc, parse_path_behind_other_keys_is_the_path);
	tcase_add_test(tc, parse_goes_on_after_an_error);
	tcase_add_loop_test(tc, parse_what_is_wrong_is_named, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, apply_no_file_is_named);
	tcase_add_test(tc, apply_endless_file_is_refused);
	tcase_add_test(tc, cli_words_win_over_the_file);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
