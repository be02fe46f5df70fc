/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/jail_rules.h"

#include "tests/unit/run.h"

#include <linux/io_uring.h>
#include <string.h>
#include <sys/syscall.h>

static const struct jail_table *table;

/* All but the connector, whose purpose is to reach out. */
static const enum seccomp_role inward[] = {
	SECCOMP_MAIN,      SECCOMP_VCPU,       SECCOMP_IO,
	SECCOMP_CARETAKER, SECCOMP_VCPU_RESET, SECCOMP_IO_SHARED,
};

_Static_assert(ARRAY_SIZE(inward) == SECCOMP_N_ROLES - 1, "every other role is there");

/* No table may have any of these, whatever its arguments. */
static const int never[] = {
	/* files */
	SYS_open,
	SYS_openat,
	SYS_openat2,
	SYS_creat,
	SYS_memfd_create,
	/* network */
	SYS_socket,
	SYS_socketpair,
	SYS_connect,
	SYS_bind,
	/* processes, and what they can be sent */
	SYS_clone,
	SYS_clone3,
	SYS_fork,
	SYS_vfork,
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_process_madvise,
	SYS_pidfd_open,
	SYS_pidfd_getfd,
	SYS_pidfd_send_signal,
	SYS_kill,
	SYS_tkill,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	/* places */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_unshare,
	SYS_setns,
	/* rights */
	SYS_setuid,
	SYS_setgid,
	SYS_setreuid,
	SYS_setregid,
	SYS_setresuid,
	SYS_setresgid,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_setgroups,
	SYS_capset,
	SYS_prctl,
	SYS_seccomp,
	SYS_prlimit64,
	SYS_setrlimit,
	SYS_personality,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	/* large parts of the kernel */
	SYS_bpf,
	SYS_io_uring_setup,
	SYS_userfaultfd,
	SYS_perf_event_open,
	/* memory and descriptors */
	SYS_mprotect,
	SYS_pkey_mprotect,
	SYS_mremap,
	SYS_fcntl,
};

/* And these only with arguments. */
static const int matched[] = { SYS_ioctl,
	                       SYS_futex,
	                       SYS_mmap,
	                       SYS_madvise,
	                       SYS_tgkill,
	                       SYS_sendto,
	                       SYS_poll,
	                       SYS_rt_sigaction,
	                       SYS_sched_setscheduler,
	                       SYS_io_uring_register };

static unsigned count(int nr, bool bare)
{
	unsigned n = 0;

	for (unsigned i = 0; i < table->n; i++)
		n += table->rule[i].nr == nr && (!bare || table->rule[i].n_matches == 0);
	return n;
}

START_TEST(rules_have_no_call_that_reaches_out)
{
	table = &jail_rules[inward[_i]];
	for (size_t k = 0; k < ARRAY_SIZE(never); k++)
		ck_assert_msg(count(never[k], false) == 0, "%s has %d", table->thread, never[k]);
}
END_TEST

/* Its purpose is to connect, on this host and nowhere else. */
START_TEST(rules_of_the_connector_reach_unix_sockets_only)
{
	unsigned n = 0;

	table = &jail_rules[SECCOMP_CONNECTOR];
	for (size_t k = 0; k < ARRAY_SIZE(never); k++)
		n += count(never[k], false);
	ck_assert_uint_eq(n, count(SYS_socket, false) + count(SYS_connect, false));
	ck_assert_uint_eq(count(SYS_socket, true), 0);
}
END_TEST

START_TEST(rules_match_arguments_where_they_decide)
{
	table = &jail_rules[_i];
	for (size_t k = 0; k < ARRAY_SIZE(matched); k++)
		ck_assert_msg(count(matched[k], true) == 0, "%s has a bare %d", table->thread,
		              matched[k]);
}
END_TEST

/* Whether a row wants the number of its first argument to be 0. */
static bool wants_zero(const struct jail_rule *r)
{
	bool zero = false;

	for (unsigned m = 0; m < r->n_matches; m++)
		zero = zero || (r->match[m].arg == 0 && r->match[m].mask == 0xffffffff &&
		                r->match[m].value == 0);
	return zero;
}

START_TEST(rules_change_the_policy_of_the_calling_thread_only)
{
	table = &jail_rules[_i];
	for (unsigned i = 0; i < table->n; i++)
		ck_assert_msg(table->rule[i].nr != SYS_sched_setscheduler ||
		                      wants_zero(&table->rule[i]),
		              "%s reaches other processes", table->thread);
}
END_TEST

/* What a ring may do is settled before there is a filter. */
START_TEST(rules_add_nothing_to_a_ring)
{
	table = &jail_rules[_i];
	for (unsigned i = 0; i < table->n; i++) {
		const struct jail_rule *r = &table->rule[i];

		ck_assert_msg(r->nr != SYS_io_uring_register ||
		                      (r->match[0].arg == 1 && r->match[0].mask == 0xffffffff &&
		                       r->match[0].value == IORING_UNREGISTER_FILES),
		              "%s registers something", table->thread);
	}
}
END_TEST

/* What a socket is sent cannot be filtered: neither its address nor the descriptors with it. */
START_TEST(rules_of_the_io_thread_have_no_socket)
{
	static const int sockets[] = { SYS_sendmsg,  SYS_sendmmsg, SYS_sendto,  SYS_recvmsg,
		                       SYS_recvmmsg, SYS_accept4,  SYS_shutdown };

	table = &jail_rules[SECCOMP_IO];
	for (size_t k = 0; k < ARRAY_SIZE(sockets); k++)
		ck_assert_uint_eq(count(sockets[k], false), 0);
}
END_TEST

START_TEST(rules_keep_the_promised_number_of_calls)
{
	ck_assert_uint_le(jail_rules_calls(&jail_rules[_i]), jail_rules[_i].calls_max);
}
END_TEST

START_TEST(rules_give_a_reason_for_each_row)
{
	table = &jail_rules[_i];
	for (unsigned i = 0; i < table->n; i++) {
		const struct jail_rule *r = &table->rule[i];

		ck_assert_msg(r->why && *r->why, "%s: %s has no reason", table->thread, r->name);
		ck_assert_msg(!r->detail == !r->n_matches, "%s: the matches of %s are not told",
		              table->thread, r->name);
	}
}
END_TEST

START_TEST(calls_of_a_table_count_once)
{
	const struct jail_rule rule[] = { { .nr = 1 }, { .nr = 2 }, { .nr = 2 }, { .nr = 1 } };
	const struct jail_table t = { .rule = rule, .n = ARRAY_SIZE(rule) };

	ck_assert_uint_eq(jail_rules_calls(&t), 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("jail_rules");
	TCase *t = tcase_create("tables");

	tcase_add_loop_test(t, rules_have_no_call_that_reaches_out, 0, ARRAY_SIZE(inward));
	tcase_add_test(t, rules_of_the_connector_reach_unix_sockets_only);
	tcase_add_loop_test(t, rules_match_arguments_where_they_decide, 0, SECCOMP_N_ROLES);
	tcase_add_loop_test(t, rules_change_the_policy_of_the_calling_thread_only, 0,
	                    SECCOMP_N_ROLES);
	tcase_add_loop_test(t, rules_add_nothing_to_a_ring, 0, SECCOMP_N_ROLES);
	tcase_add_test(t, rules_of_the_io_thread_have_no_socket);
	tcase_add_loop_test(t, rules_keep_the_promised_number_of_calls, 0, SECCOMP_N_ROLES);
	tcase_add_loop_test(t, rules_give_a_reason_for_each_row, 0, SECCOMP_N_ROLES);
	tcase_add_test(t, calls_of_a_table_count_once);
	suite_add_tcase(s, t);
	return run_suite(s);
}
