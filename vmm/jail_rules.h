/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_JAIL_RULES_H
#define VMM_JAIL_RULES_H

#include "vmm/seccomp.h"

/*
 * Which system calls each kind of thread may make after set-up, and what for. Not part of the
 * program: tools/mkfilter.c makes the filters of these tables when vmm is built, tools/syscalls.c
 * prints them.
 *
 * To allow a call, add a row with its reason, and run tests/jail/run: it wants every row used,
 * counts the calls of each kind of thread, and wants the table in SECURITY.md to be this one.
 */

#define JAIL_MATCHES_MAX 2

/* Holds if (args[arg] & mask) == value. A mask of 32 bits is for what the kernel reads as an int:
 * it ignores the upper half, and so must we. */
struct jail_match {
	unsigned arg;
	uint64_t mask, value;
};

/* A call that is allowed if all matches hold. */
struct jail_rule {
	const char *name;
	int nr;
	const char *detail; /* what the matches say, for people; NULL: no matches */
	struct jail_match match[JAIL_MATCHES_MAX];
	unsigned n_matches;
	const char *why;
	const char *unseen; /* why a normal run does not make it; NULL: it does */
};

/* The table of one role. */
struct jail_table {
	const char *thread; /* what the threads are called */
	const struct jail_rule *rule;
	unsigned n;
	unsigned calls_max; /* different system calls at most: a promise of SECURITY.md */
};

extern const struct jail_table jail_rules[]; /* SECCOMP_N_ROLES of them */

/**
 * jail_rules_calls() - Count the different system calls of a table
 * @t: Table
 *
 * Return: How many.
 */
unsigned jail_rules_calls(const struct jail_table *t);

#endif /* VMM_JAIL_RULES_H */
