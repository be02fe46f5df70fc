/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/config.h"

#include <errno.h>
#include <string.h>

/* The least that can run. */
#define GOOD .kernel = "k", .serial = { .kind = WHERE_STDIO }, .result_fd = -1

#define DISK(p, ro)                                                                                \
	{                                                                                          \
		.path = (p), .readonly = (ro)                                                      \
	}

#define DISK_FD(fd_)                                                                               \
	{                                                                                          \
		.path = "fd", .inherited = true, .fd = (fd_)                                       \
	}

static const struct config accepted[] = {
	{ GOOD, .disk = { DISK_FD(3), DISK_FD(4) }, .n_disks = 2 },
	{ GOOD, .disk = { DISK_FD(3), DISK("fd", false) }, .n_disks = 2 },
	{ GOOD },
	{ .check_host = true, .result_fd = -1 },
	{ GOOD, .disk = { DISK("a", false), DISK("b", false) }, .n_disks = 2 },
	{ GOOD, .disk = { DISK("a", true), DISK("a", true) }, .n_disks = 2 },
	{ GOOD, .initrd = { "i", "i" }, .n_initrd = 2 },
	{ GOOD, .result = "r", .log = "l" },
	{ GOOD, .control = { { .path = "c", .fd = -1 }, { .fd = 3 } }, .n_control = 2,
	  .paused = true },
	{ GOOD, .result = "/dev/null", .log = "/dev/null" },
	{ .kernel = "k", .serial = { .kind = WHERE_NONE }, .result_fd = STDOUT_FILENO },
	{ .kernel = "k", .serial = { .kind = WHERE_STDIO }, .result_fd = STDERR_FILENO },
};

/* A card with the address 02:00:00:00:00:01. */
#define NET_1(end)                                                                                 \
	{                                                                                          \
		end, .has_mac = true, .mac = { 2, 0, 0, 0, 0, 1 }                                  \
	}
#define TAP(name_) .kind = NET_TAP, .tap = (name_)
#define FD(fd_)    .kind = NET_FD, .fd = (fd_)

#define VPORT(name_, ...)                                                                          \
	{                                                                                          \
		.where = { __VA_ARGS__ }, .name = (name_)                                          \
	}

static const struct {
	struct config config;
	const char *names;
} refused[] = {
	{ { GOOD, .net = { NET_1(TAP("a")), { TAP("b") }, NET_1(FD(3)) }, .n_nets = 3 },
	  "two network cards have the address 02:00:00:00:00:01" },
	{ { GOOD, .net = { NET_1(TAP("a")), { TAP("a") } }, .n_nets = 2 },
	  "tap 'a' is given to two" },
	{ { GOOD, .net = { { FD(3) }, { FD(3) } }, .n_nets = 2 }, "descriptor 3 is given to two" },
	{ { .result_fd = -1 }, "no kernel given: '--kernel FILE'" },
	{ { GOOD, .console = { .kind = WHERE_STDIO } }, "'--serial stdio' and '--console stdio'" },
	{ { GOOD, .vport = { VPORT("a", .kind = WHERE_STDIO) }, .n_vports = 1 },
	  "'--serial stdio' and '--port stdio' cannot both have the terminal: add '--serial "
	  "none'" },
	{ { .kernel = "k",
	    .console = { .kind = WHERE_STDIO },
	    .vport = { VPORT("a", .kind = WHERE_STDIO) },
	    .n_vports = 1,
	    .result_fd = -1 },
	  "use another end for one" },
	{ { GOOD, .vport = { VPORT("a", .kind = WHERE_PTY), VPORT("a", .kind = WHERE_PTY) },
	    .n_vports = 2 },
	  "two ports have the name 'a'" },
	{ { GOOD,
	    .vport = { VPORT("a", .kind = WHERE_FD, .fd = 5),
	               VPORT("b", .kind = WHERE_FD, .fd = 5) },
	    .n_vports = 2 },
	  "descriptor 5 is given twice, as --port and as --port" },
	{ { GOOD,
	    .vport = { VPORT("a", .kind = WHERE_UNIX, .path = "s"),
	               VPORT("b", .kind = WHERE_UNIX, .path = "s") },
	    .n_vports = 2 },
	  "'s' is given twice, as --port and as --port" },
	{ { GOOD, .console = { .kind = WHERE_PTY },
	    .vport = { VPORT("a", .kind = WHERE_PTY), VPORT("b", .kind = WHERE_PTY),
	               VPORT("c", .kind = WHERE_PTY), VPORT("d", .kind = WHERE_PTY),
	               VPORT("e", .kind = WHERE_PTY), VPORT("f", .kind = WHERE_PTY),
	               VPORT("g", .kind = WHERE_PTY) },
	    .n_vports = 7 },
	  "with '--console' there can be 6 ports, not 7" },
	{ { .kernel = "k", .console = { .kind = WHERE_STDIO }, .result_fd = STDOUT_FILENO },
	  "'--result fd=1'" },
	{ { .kernel = "k",
	    .serial = { .kind = WHERE_FD, .fd = 5 },
	    .console = { .kind = WHERE_FD, .fd = 5 },
	    .result_fd = -1 },
	  "descriptor 5 is given twice" },
	{ { GOOD, .console = { .kind = WHERE_UNIX, .path = "/dev/s" }, .log = "/dev/s" },
	  "as --console and as --log" },
	{ { GOOD, .vsock = { .cid = 3, .socket = "s" }, .result = "s" },
	  "as --vsock and as --result" },
	{ { .kernel = "k", .serial = { .kind = WHERE_STDIO }, .result_fd = STDOUT_FILENO },
	  "'--result fd=1'" },
	{ { GOOD, .disk = { DISK("a", false), DISK("a", true) }, .n_disks = 2 },
	  "'a' is given twice, as --disk and as --disk" },
	{ { GOOD, .has_root = true, .disk = { DISK("a", true), DISK("a", false) }, .n_disks = 2 },
	  "as --rootfs and as --disk" },
	{ { GOOD, .disk = { DISK("k", false) }, .n_disks = 1 }, "as --kernel and as --disk" },
	{ { .kernel = "k", .expect = "a", .result_fd = -1 }, "'--expect' watches the kernel's" },
	{ { .kernel = "k", .fail_on = { "a" }, .n_fail_on = 1, .result_fd = -1 },
	  "'--fail-on' watches" },
	{ { .kernel = "k", .console_log = { .path = "c" }, .result_fd = -1 },
	  "'--console-log' watches" },
	{ { GOOD, .console_log = { .path = "k" } }, "as --kernel and as --console-log" },
	{ { GOOD, .daemonize = true }, "'--daemonize' leaves standard input" },
	{ { GOOD, .daemonize = true, .exit_with_parent = true }, "'--exit-with-parent'" },
	{ { GOOD, .log = "l", .pidfile = "l" }, "as --log and as --pidfile" },
	{ { GOOD, .disk = { DISK_FD(3), DISK_FD(3) }, .n_disks = 2 },
	  "descriptor 3 is given twice, as --disk and as --disk" },
	{ { GOOD, .has_root = true, .disk = { DISK_FD(3) }, .n_disks = 1, .net = { { FD(3) } },
	    .n_nets = 1 },
	  "as --rootfs and as --net" },
	{ { GOOD, .disk = { DISK_FD(3) }, .n_disks = 1, .control = { { .fd = 3 } },
	    .n_control = 1 },
	  "as --disk and as --control" },
	{ { GOOD, .disk = { DISK_FD(3) }, .n_disks = 1, .console = { .kind = WHERE_FD, .fd = 3 } },
	  "as --disk and as --console" },
	{ { .kernel = "k",
	    .serial = { .kind = WHERE_FD, .fd = 3 },
	    .disk = { DISK_FD(3) },
	    .n_disks = 1,
	    .result_fd = -1 },
	  "as --disk and as --serial" },
	{ { .kernel = "k", .disk = { DISK_FD(3) }, .n_disks = 1, .result_fd = 3 },
	  "as --disk and as --result" },
	{ { GOOD, .disk = { { .path = "a", .werror = WERROR_STOP } }, .n_disks = 1 },
	  "'werror=stop' needs a '--control'" },
	{ { GOOD, .paused = true }, "'--paused' needs a '--control'" },
	{ { GOOD, .on_panic = ON_PANIC_PAUSE }, "'--on-panic pause' needs a '--control'" },
	{ { GOOD, .control = { { .path = "c" }, { .path = "c" } }, .n_control = 2 },
	  "as --control and as --control" },
	{ { GOOD, .control = { { .path = "k" } }, .n_control = 1 },
	  "as --kernel and as --control" },
	{ { GOOD, .result = "k" }, "as --kernel and as --result" },
	{ { GOOD, .initrd = { "i" }, .n_initrd = 1, .log = "i" }, "as --initrd and as --log" },
	{ { GOOD, .result = "r", .log = "r" }, "as --result and as --log" },
	{ { GOOD, .disk = { DISK("/dev/sdb", true) }, .n_disks = 1, .result = "/dev/sdb" },
	  "'/dev/sdb'" },
	{ { .kernel = "k",
	    .serial = { .kind = WHERE_FILE, .path = "s" },
	    .disk = { DISK("s", true) },
	    .n_disks = 1,
	    .result_fd = -1 },
	  "as --disk and as --serial" },
};

START_TEST(check_sound_configuration_is_accepted)
{
	struct err e = { 0 };

	ck_assert_int_eq(config_check(&accepted[_i], &e), 0);
	ck_assert_str_eq(e.msg, "");
}
END_TEST

START_TEST(check_unsound_configuration_is_refused_by_name)
{
	struct err e;

	ck_assert_int_eq(config_check(&refused[_i].config, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, refused[_i].names));
}
END_TEST

/* Every place that can name a file is taken, so that the list of files is full. */
START_TEST(check_as_many_files_as_there_can_be_is_accepted)
{
	static char names[CONFIG_INITRD_MAX + CONFIG_DISKS_MAX + CONFIG_CONTROL_MAX +
	                  CONFIG_VPORTS_MAX][3];
	struct config c = { GOOD, .result = "r", .log = "l", .pidfile = "p" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		memcpy(names[i], (char[]){ 'f', (char)('0' + i), '\0' }, 3);
	for (c.n_initrd = 0; c.n_initrd < CONFIG_INITRD_MAX; c.n_initrd++)
		c.initrd[c.n_initrd] = names[c.n_initrd];
	for (c.n_disks = 0; c.n_disks < CONFIG_DISKS_MAX; c.n_disks++)
		c.disk[c.n_disks].path = names[CONFIG_INITRD_MAX + c.n_disks];
	for (; c.n_control < CONFIG_CONTROL_MAX; c.n_control++)
		c.control[c.n_control].path =
		        names[CONFIG_INITRD_MAX + CONFIG_DISKS_MAX + c.n_control];
	for (; c.n_vports < CONFIG_VPORTS_MAX; c.n_vports++) {
		const char *name = names[CONFIG_INITRD_MAX + CONFIG_DISKS_MAX + CONFIG_CONTROL_MAX +
		                         c.n_vports];

		c.vport[c.n_vports] =
		        (struct config_vport)VPORT(name, .kind = WHERE_FILE, .path = name);
	}
	c.serial = (struct config_where){ .kind = WHERE_FILE, .path = "s" };
	c.vsock = (struct config_vsock){ .cid = 3, .socket = "v" };
	ck_assert_int_eq(config_check(&c, NULL), 0);
}
END_TEST

START_TEST(fini_zeroed_configuration_is_fine)
{
	struct config c = { 0 };

	config_fini(&c);
	ck_assert_int_eq(c.result_fd, -1);
}
END_TEST

START_TEST(fini_gives_owned_text_back)
{
	struct config c = { .disk = { { .value = strdup("d") } }, .n_disks = 1 };

	c.serial.value = strdup("s");
	c.net[c.n_nets++].value = strdup("n");
	c.vport[c.n_vports++].where.value = strdup("p");
	config_fini(&c);
	ck_assert_uint_eq(c.n_disks, 0);
	ck_assert_ptr_null(c.serial.value);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config");
	TCase *t = tcase_create("config");

	tcase_add_loop_test(t, check_sound_configuration_is_accepted, 0, ARRAY_SIZE(accepted));
	tcase_add_loop_test(t, check_unsound_configuration_is_refused_by_name, 0,
	                    ARRAY_SIZE(refused));
	tcase_add_test(t, check_as_many_files_as_there_can_be_is_accepted);
	tcase_add_test(t, fini_zeroed_configuration_is_fine);
	tcase_add_test(t, fini_gives_owned_text_back);
	suite_add_tcase(s, t);
	return run_suite(s);
}
