/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_QMP_RIG_H
#define TESTS_UNIT_QMP_RIG_H

#include "vmm/qmp.h"

/* A VM that does nothing but remember what it was asked for, and its QMP server. */
struct qmp_rig {
	struct config cfg;
	struct qmp qmp;
	enum qmp_status status;
	int disk_error; /* of its disk */
	unsigned stops, conts, presses, changes; /* how often each was called */
	uint64_t resized; /* bytes and number of the disk */
	unsigned nmis;
	int connected; /* descriptor that a console was given; the test closes it */
	bool link_down;
	int ends; /* bits: 1 << enum qmp_end */
};

/**
 * qmp_rig_init() - A running VM with two vCPUs and a disk
 * @r: Any contents
 */
void qmp_rig_init(struct qmp_rig *r);

/**
 * qmp_rig_say() - Let a client say something, and have its output
 * @s:    Session
 * @text: What it says; everything is fed, as far as the session takes it
 *
 * Return: All output that is waiting, without the values of timestamps; the caller frees it.
 */
char *qmp_rig_say(struct qmp_session *s, const char *text);

/**
 * qmp_rig_greet() - Begin a session and get the negotiation over with
 * @s: Any contents
 * @r: Rig
 */
void qmp_rig_greet(struct qmp_session *s, struct qmp_rig *r);

#endif /* TESTS_UNIT_QMP_RIG_H */
