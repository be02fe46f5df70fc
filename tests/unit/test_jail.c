/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail.h"
#include "vmm/jail_landlock.h"
#include "vmm/jail_rights.h"
#include "vmm/jail_user.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <printf.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Each test has a process of its own, as Check forks: what is given up does not come back. */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Room for descriptors that nothing else uses. */
enum { LOW = 100, MIDDLE = 101, HIGH = 200 };

static void open_all(void)
{
	ck_assert_int_eq(dup2(STDERR_FILENO, LOW), LOW);
	ck_assert_int_eq(dup2(STDERR_FILENO, MIDDLE), MIDDLE);
	ck_assert_int_eq(dup2(STDERR_FILENO, HIGH), HIGH);
}

START_TEST(shed_keeps_what_is_named_in_any_order)
{
	int keep[] = { HIGH, -1, LOW, STDOUT_FILENO };

	open_all();
	ck_assert_int_eq(jail_shed(keep, ARRAY_SIZE(keep)), 0);
	ck_assert(is_open(LOW) && is_open(HIGH));
	ck_assert(!is_open(MIDDLE));
	ck_assert(is_open(STDIN_FILENO) && is_open(STDOUT_FILENO) && is_open(STDERR_FILENO));
}
END_TEST

START_TEST(shed_named_twice_keeps_it)
{
	int keep[] = { LOW, LOW };

	open_all();
	ck_assert_int_eq(jail_shed(keep, ARRAY_SIZE(keep)), 0);
	ck_assert(is_open(LOW));
	ck_assert(!is_open(MIDDLE) && !is_open(HIGH));
}
END_TEST

START_TEST(shed_of_neighbours_keeps_both)
{
	int keep[] = { MIDDLE, LOW };

	open_all();
	ck_assert_int_eq(jail_shed(keep, ARRAY_SIZE(keep)), 0);
	ck_assert(is_open(LOW) && is_open(MIDDLE));
	ck_assert(!is_open(HIGH));
}
END_TEST

/* Refuse a system call to this process, as a host's policy does. */
static void refuse(unsigned number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { .len = ARRAY_SIZE(code), .filter = code };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

START_TEST(shed_without_close_range_closes_all_the_same)
{
	int keep[] = { HIGH, -1, LOW };

	open_all();
	refuse(SYS_close_range);
	ck_assert_int_eq(jail_shed(keep, ARRAY_SIZE(keep)), 0);
	ck_assert(is_open(LOW) && is_open(HIGH));
	ck_assert(!is_open(MIDDLE));
	ck_assert(is_open(STDIN_FILENO) && is_open(STDOUT_FILENO) && is_open(STDERR_FILENO));
}
END_TEST

START_TEST(shed_that_cannot_close_says_so)
{
	int keep[] = { LOW };

	open_all();
	refuse(SYS_close_range);
	refuse(SYS_openat);
	ck_assert_int_eq(jail_shed(keep, ARRAY_SIZE(keep)), -EPERM);
}
END_TEST

static struct jail_user found;
static struct err err;

START_TEST(user_find_own_id_is_fine)
{
	char spec[32];

	snprintf(spec, sizeof(spec), "%u:%u", (unsigned)geteuid(), (unsigned)getegid());
	ck_assert_int_eq(jail_user_find(spec, &found, &err), 0);
	ck_assert_uint_eq(found.uid, geteuid());
	ck_assert_uint_eq(found.gid, getegid());
}
END_TEST

START_TEST(user_find_unknown_is_named)
{
	ck_assert_int_eq(jail_user_find("no-such-user", &found, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "'no-such-user'"));
}
END_TEST

START_TEST(user_find_unknown_group_is_named)
{
	ck_assert_int_eq(jail_user_find("0:no-such-group", &found, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "'no-such-group'"));
}
END_TEST

/* 2^32 - 1 is "leave as it is" to setresuid(), 2^32 would be root. */
static const char *const no_ids[] = { "4294967295", "4294967296", "-1", "", ":0", "0:" };

START_TEST(user_find_no_id_is_refused)
{
	ck_assert_int_eq(jail_user_find(no_ids[_i], &found, &err), -ENOENT);
}
END_TEST

START_TEST(filter_off_is_none)
{
	ck_assert_int_eq(jail_filter(JAIL_OFF), SECCOMP_OFF);
}
END_TEST

START_TEST(enter_off_does_nothing)
{
	const struct config cfg = { .jail = JAIL_OFF };
	struct jail j;

	ck_assert_int_eq(jail_begin(&j, &cfg, &err), 0);
	ck_assert_int_eq(jail_enter(&j, &err), 0);
	ck_assert_int_eq(j.filter, SECCOMP_OFF);
	ck_assert_int_eq(jail_close(&j, &err), 0);
	ck_assert_int_eq(access("/proc/self/exe", R_OK), 0);
}
END_TEST

START_TEST(rights_limit_leaves_no_descriptor_and_no_process)
{
	struct rlimit r;

	ck_assert_int_eq(jail_rights_limit(1), 0);
	ck_assert_int_eq(dup(STDERR_FILENO), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &r), 0);
	ck_assert_uint_eq(r.rlim_max, 0);
	syscall(SYS_exit_group, 0); /* a sanitizer would want to open files at the end */
}
END_TEST

START_TEST(layer_names_are_different)
{
	for (unsigned i = 0; i < JAIL_N_LAYERS; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(jail_layer_names[i], jail_layer_names[k]);
}
END_TEST

/* Each role, and what its violation is expected to do is the test's signal or status. */
START_TEST(enter_filter_ends_the_process_at_a_forbidden_call)
{
	ck_assert_int_eq(seccomp_watch(&err), 0);
	ck_assert_int_eq(seccomp_enter((enum seccomp_role)_i, 63, SECCOMP_ENFORCE), 0);
	syscall(SYS_fork);
	syscall(SYS_exit_group, 0);
}
END_TEST

/* Whoever owns a thread can have the C library call anything when it formats. */
static int hook(FILE *stream, const struct printf_info *info, const void *const *args)
{
	(void)stream;
	(void)info;
	(void)args;
	syscall(SYS_exit_group, 0);
	return 0;
}

static int hook_size(const struct printf_info *info, size_t n, int *types, int *size)
{
	(void)info;
	(void)n;
	(void)types;
	*size = 0;
	return 0;
}

START_TEST(violation_runs_no_hook_of_the_c_library)
{
	ck_assert_int_eq(register_printf_specifier('s', hook, hook_size), 0);
	ck_assert_int_eq(register_printf_specifier('x', hook, hook_size), 0);
	ck_assert_int_eq(seccomp_watch(&err), 0);
	ck_assert_int_eq(seccomp_enter(SECCOMP_MAIN, 0, SECCOMP_ENFORCE), 0);
	syscall(SYS_fork);
}
END_TEST

START_TEST(violation_nobody_reads_about_ends_the_process)
{
	int pair[2];

	ck_assert_int_eq(pipe2(pair, O_NONBLOCK), 0);
	while (write(pair[1], pair, 1) > 0)
		;
	ck_assert_int_eq(fcntl(pair[1], F_SETFL, 0), 0);
	ck_assert_int_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(seccomp_watch(&err), 0);
	ck_assert_int_eq(seccomp_enter((enum seccomp_role)_i, 63, SECCOMP_ENFORCE), 0);
	syscall(SYS_fork);
	syscall(SYS_exit_group, 0);
}
END_TEST

START_TEST(signal_of_a_violation_from_outside_ends_the_process)
{
	ck_assert_int_eq(seccomp_watch(&err), 0);
	ck_assert_int_eq(raise(SIGSYS), 0);
	syscall(SYS_exit_group, 0);
}
END_TEST

START_TEST(enter_filter_off_forbids_nothing)
{
	ck_assert_int_eq(seccomp_enter(SECCOMP_VCPU, 0, SECCOMP_OFF), 0);
	ck_assert_int_gt(dup(STDERR_FILENO), STDERR_FILENO);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("jail");
	TCase *t = tcase_create("jail");

	tcase_add_test(t, shed_keeps_what_is_named_in_any_order);
	tcase_add_test(t, shed_named_twice_keeps_it);
	tcase_add_test(t, shed_of_neighbours_keeps_both);
	tcase_add_test(t, shed_without_close_range_closes_all_the_same);
	tcase_add_test(t, shed_that_cannot_close_says_so);
	tcase_add_test(t, user_find_own_id_is_fine);
	tcase_add_test(t, user_find_unknown_is_named);
	tcase_add_test(t, user_find_unknown_group_is_named);
	tcase_add_loop_test(t, user_find_no_id_is_refused, 0, ARRAY_SIZE(no_ids));
	tcase_add_test(t, filter_off_is_none);
	tcase_add_test(t, enter_off_does_nothing);
	tcase_add_exit_test(t, rights_limit_leaves_no_descriptor_and_no_process, 0);
	tcase_add_test(t, layer_names_are_different);
	/* 125 is STATUS_ERROR; a caretaker may not even write its last words. */
	tcase_add_loop_exit_test(t, enter_filter_ends_the_process_at_a_forbidden_call, 125,
	                         SECCOMP_MAIN, SECCOMP_CARETAKER);
	tcase_add_loop_exit_test(t, enter_filter_ends_the_process_at_a_forbidden_call, 125,
	                         SECCOMP_VCPU_RESET, SECCOMP_N_ROLES);
	tcase_add_exit_test(t, violation_runs_no_hook_of_the_c_library, 125);
	tcase_add_loop_exit_test(t, violation_nobody_reads_about_ends_the_process, 125,
	                         SECCOMP_MAIN, SECCOMP_CARETAKER);
	tcase_add_exit_test(t, signal_of_a_violation_from_outside_ends_the_process, 125);
	tcase_add_test(t, enter_filter_off_forbids_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
