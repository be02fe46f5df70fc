/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAULTS_WRAPS_H
#define TESTS_FAULTS_WRAPS_H

/* Calls that a set-up makes, each of which can be refused. */

/* Which call to refuse; the one object that the wrappers can reach. */
extern struct wraps {
	unsigned seen, at; /* calls so far; 0: refuse none */
	const char *refused; /* name of the call that was */
} wraps;

/* Refuse the @at-th call from now on; 0: none. */
void wraps_refuse(unsigned at);

#endif /* TESTS_FAULTS_WRAPS_H */
