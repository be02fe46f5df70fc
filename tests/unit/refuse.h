/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_REFUSE_H
#define TESTS_UNIT_REFUSE_H

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

/*
 * A system call gives EPERM to this process from now on, as where a host's policy refuses it: for a
 * test in a process of its own.
 */

static inline void refuse_by(const struct sock_filter *code, unsigned short n)
{
	const struct sock_fprog filter = { .len = n, .filter = (struct sock_filter *)code };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

/* Whatever its arguments are. */
static inline void refuse(unsigned number)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	refuse_by(code, sizeof(code) / sizeof(code[0]));
}

/* Where argument @arg, from 0, has all of @bits, which are of its lower half. */
static inline void refuse_bits(unsigned number, unsigned arg, unsigned bits)
{
	const unsigned at = (unsigned)(offsetof(struct seccomp_data, args) + 8 * arg);
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	refuse_by(code, sizeof(code) / sizeof(code[0]));
}

#endif /* TESTS_UNIT_REFUSE_H */
