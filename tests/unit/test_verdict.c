/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/verdict.h"

#include <errno.h>
#include <string.h>

static struct verdict v;
static struct err err;

static void teardown(void)
{
	verdict_fini(&v);
}

static void expect(const char *pattern)
{
	const struct config c = { .expect = pattern };

	ck_assert_int_eq(verdict_init(&v, &c, &err), 0);
}

static void fail_on(const char *pattern)
{
	const struct config c = { .fail_on = { pattern }, .n_fail_on = 1 };

	ck_assert_int_eq(verdict_init(&v, &c, &err), 0);
}

static bool feed(const char *s)
{
	return verdict_feed(&v, (const uint8_t *)s, strlen(s));
}

static void check_line(const char *want)
{
	ck_assert_uint_eq(v.len, strlen(want));
	ck_assert_mem_eq(v.line, want, v.len);
}

START_TEST(feed_expected_text_decides_before_the_line_ends)
{
	expect("login: $|login: ");
	ck_assert(!feed("debian log"));
	ck_assert(feed("in: "));
	ck_assert_int_eq(v.state, VERDICT_MET);
	ck_assert_str_eq(v.pattern, "login: $|login: ");
}
END_TEST

START_TEST(feed_end_of_line_is_not_the_end_of_what_has_come)
{
	expect("^PASS$");
	ck_assert(!feed("PASS"));
	ck_assert(!feed("ED\n"));
	ck_assert(!feed("PASS"));
	ck_assert(feed("\n"));
	check_line("PASS");
}
END_TEST

START_TEST(feed_rest_of_the_matched_line_is_kept)
{
	expect("ok");
	ck_assert(feed("all ok,"));
	ck_assert(!feed(" 12 tests\r\nnext line\n"));
	check_line("all ok, 12 tests");
}
END_TEST

/* What terminals and serial drivers put around a line, and the line. */
static const char *const dressed[] = {
	"all fine\n",
	"all fine\r\n",
	"all fine\r\r\n",
	"\x1b[1;32mall\x1b[0m fine\n",
	"\x1b]0;title\x07"
	"all fine\n",
	"\x1bP1;2|text\x1b\\all fine\n",
	"\x1b(Ball fine\n",
	"al\al f\bi\x7fne\n",
	" 10%\r 90%\rall fine\n",
	"\x1b[\nall fine\n",
	"\x1b]never ended\nall fine\n",
	"all fine\r.\n",
};

START_TEST(feed_looks_through_escape_sequences)
{
	expect("^all fine$");
	ck_assert(feed(dressed[_i]));
	check_line("all fine");
}
END_TEST

START_TEST(feed_in_single_bytes_is_the_same)
{
	bool decided = false;

	expect("^all fine$");
	for (const char *s = dressed[_i]; *s; s++)
		decided = decided || verdict_feed(&v, (const uint8_t *)s, 1);
	ck_assert(decided);
	check_line("all fine");
}
END_TEST

START_TEST(feed_line_without_end_keeps_its_beginning)
{
	char many[1000];

	memset(many, 'x', sizeof(many));
	expect("xy");
	for (unsigned i = 0; i < 100; i++)
		ck_assert(!verdict_feed(&v, (const uint8_t *)many, sizeof(many)));
	ck_assert(feed("y"));
	ck_assert_uint_eq(v.len, VERDICT_LINE);
}
END_TEST

START_TEST(feed_first_match_decides)
{
	const struct config c = { .expect = "good", .fail_on = { "bad", "worse" }, .n_fail_on = 2 };

	ck_assert_int_eq(verdict_init(&v, &c, &err), 0);
	ck_assert(feed("worse, then good, then bad\n"));
	ck_assert(!feed("good\n"));
	ck_assert_int_eq(v.state, VERDICT_FAILED);
	ck_assert_str_eq(v.pattern, "worse");
	check_line("worse, then good, then bad");
}
END_TEST

START_TEST(finish_ends_the_last_line)
{
	fail_on("oops");
	ck_assert(!feed("[    1.0] BUG: unable to handle page fault"));
	ck_assert(verdict_finish(&v));
	ck_assert_int_eq(v.state, VERDICT_FAILED);
	check_line("[    1.0] BUG: unable to handle page fault");
}
END_TEST

START_TEST(finish_without_a_match_leaves_it_open)
{
	expect("a");
	ck_assert(!feed("b"));
	ck_assert(!verdict_finish(&v));
	ck_assert_int_eq(v.state, VERDICT_OPEN);
	ck_assert_ptr_null(v.pattern);
}
END_TEST

/* Printed by kernels, of several processors and versions. */
static const char *const complaints[] = {
	"[    2.345678] BUG: kernel NULL pointer dereference, address: 0000000000000000",
	"[    2.345678][    T1] BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0x11f/0x200",
	"[    2.3] Oops: 0002 [#1] PREEMPT SMP NOPTI",
	"[    2.3] Oops: Oops: 0000 [#1] SMP PTI",
	"[    2.3] Internal error: Oops: 96000005 [#1] SMP",
	"[    2.3] kernel BUG at fs/ext4/inode.c:1234!",
	"[    2.3] invalid opcode: 0000 [#1] SMP",
	"[    2.3] general protection fault: 0000 [#1] SMP",
	"[    2.3] general protection fault, probably for non-canonical address 0xdead: 0000 [#1]",
	"[    2.3] traps: PANIC: double fault, error_code: 0x0",
	"[    2.3] divide error: 0000 [#1] SMP",
	"[    2.3] WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2",
	"[    2.3] WARNING: possible circular locking dependency detected",
	"[    2.3] WARNING: suspicious RCU usage",
	"[    2.3] WARNING: bad unlock balance detected!",
	"WARNING: inconsistent lock state",
	"[    2.3] ------------[ cut here ]------------",
	"[    2.3] INFO: task khungtaskd:12 blocked for more than 120 seconds.",
	"[    2.3] INFO: task (sd-mount):12 blocked for more than 120 seconds.",
	"[    2.3] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
	"[    2.3] INFO: rcu_sched self-detected stall on CPU",
	"[    2.3] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... }",
	"[    2.3] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [x:1]",
	"[    2.3] NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
	"[    2.3] INFO: trying to register non-static key.",
	"[    2.3] BUG: KFENCE: out-of-bounds read in f+0x1/0x2",
	"[    2.3] BUG: KCSAN: data-race in a / b",
	"[    2.3] UBSAN: array-index-out-of-bounds in drivers/x.c:1:2",
	"[    2.3] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!",
	"[    2.3] BUG: Bad page state in process x  pfn:1",
	"[    2.3] Unable to handle kernel paging request at virtual address 0",
	"[    2.3] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
	"[    2.3] unregister_netdevice: waiting for lo to become free. Usage count = 2",
	"[    2.3] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
	"[    2.3] ---[ end Kernel panic - not syncing: VFS ]---",
	"<4>WARNING: CPU: 0 PID: 1 at kernel/x.c:1",
};

START_TEST(feed_complaint_of_a_kernel_is_an_oops)
{
	fail_on("oops");
	(void)feed("[    1.0] before\n");
	(void)feed(complaints[_i]);
	ck_assert(feed("\n"));
	ck_assert_int_eq(v.state, VERDICT_FAILED);
	ck_assert_str_eq(v.pattern, "oops");
	check_line(complaints[_i]);
}
END_TEST

/* Printed by healthy kernels and by programs. */
static const char *const fine[] = {
	"[    0.0] Linux version 6.1.0-42-amd64 (debian-kernel@lists.debian.org)",
	"[    0.1] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
	"[    0.1] RETBleed: WARNING: Spectre v2 mitigation leaves CPU vulnerable to attacks",
	"[    0.1] [Firmware Bug]: TSC_DEADLINE disabled due to Errata; please update",
	"[    0.1] x86/fpu: x87 FPU will use FXSAVE",
	"[    0.1] debug: kernel BUG_ON is off",
	"[    9.9] traps: a.out[123] general protection fault ip:1 sp:2 error:0 in a.out[1+2]",
	"[    9.9] traps: a.out[123] trap invalid opcode ip:1 sp:2 error:0 in a.out[1+2]",
	"[    9.9] a.out[123]: segfault at 0 ip 1 sp 2 error 4 in a.out[1+2]",
	"[    9.9] systemd[1]: WARNING: something of a program",
	"[    9.9] INFO: NMI handler (nmi_cpu_backtrace_handler) took too long to run: 1.1 msecs",
	"[    9.9] INFO: lockdep is turned off.",
	"[    9.9] rcu: INFO: rcu_preempt stall: Stall ended before state dump start",
	"WARNING: The following packages cannot be authenticated!",
	"W: WARNING: a script's",
	"make: *** No rule to make target 'BUG'.  Stop.",
	"[    1.0] EXT4-fs (vda): INFO: recovery required on readonly filesystem",
	"[    1.0] rcu: RCU debug extended QS entry/exit.",
	"[    1.0] hung_task: 120 s",
	"[    1.0] kasan: KernelAddressSanitizer initialized",
	"[    1.0] Oops, that is not an oops",
};

START_TEST(feed_other_line_is_no_oops)
{
	fail_on("oops");
	ck_assert(!feed(fine[_i]));
	ck_assert(!feed("\n"));
	ck_assert_int_eq(v.state, VERDICT_OPEN);
}
END_TEST

START_TEST(init_names_option_and_fault)
{
	const struct config c = { .fail_on = { "oops", "a(" }, .n_fail_on = 2 };

	ck_assert_int_eq(verdict_init(&v, &c, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "--fail-on"));
	ck_assert_ptr_nonnull(strstr(err.msg, "'a('"));
}
END_TEST

START_TEST(init_takes_the_most_patterns_there_can_be)
{
	struct config c = { .expect = "a{255}", .n_fail_on = CONFIG_FAIL_ON_MAX };

	for (unsigned i = 0; i < CONFIG_FAIL_ON_MAX; i++)
		c.fail_on[i] = "oops";
	ck_assert_int_eq(verdict_init(&v, &c, &err), 0);
}
END_TEST

START_TEST(feed_without_patterns_decides_nothing)
{
	const struct config c = { 0 };

	ck_assert_int_eq(verdict_init(&v, &c, &err), 0);
	ck_assert(!feed("Kernel panic - not syncing\n"));
	ck_assert(!verdict_finish(&v));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("verdict");
	TCase *tc = tcase_create("verdict");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, feed_expected_text_decides_before_the_line_ends);
	tcase_add_test(tc, feed_end_of_line_is_not_the_end_of_what_has_come);
	tcase_add_test(tc, feed_rest_of_the_matched_line_is_kept);
	tcase_add_loop_test(tc, feed_looks_through_escape_sequences, 0, (int)ARRAY_SIZE(dressed));
	tcase_add_loop_test(tc, feed_in_single_bytes_is_the_same, 0, (int)ARRAY_SIZE(dressed));
	tcase_add_test(tc, feed_line_without_end_keeps_its_beginning);
	tcase_add_test(tc, feed_first_match_decides);
	tcase_add_test(tc, finish_ends_the_last_line);
	tcase_add_test(tc, finish_without_a_match_leaves_it_open);
	tcase_add_loop_test(tc, feed_complaint_of_a_kernel_is_an_oops, 0,
	                    (int)ARRAY_SIZE(complaints));
	tcase_add_loop_test(tc, feed_other_line_is_no_oops, 0, (int)ARRAY_SIZE(fine));
	tcase_add_test(tc, init_names_option_and_fault);
	tcase_add_test(tc, init_takes_the_most_patterns_there_can_be);
	tcase_add_test(tc, feed_without_patterns_decides_nothing);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
