/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pace.h"

#include <sched.h>

#define INTERVAL_MIN 32 /* turns */
#define INTERVAL_MAX 256 /* low: a guest may begin to ask for more at any time */
#define LONE_MAX     4 /* lone requests in a row that end patience */

void pace_init(struct pace *p)
{
	*p = (struct pace){
		.usable = sched_getscheduler(0) == SCHED_OTHER,
		.interval = INTERVAL_MIN,
	};
}

static void set_patient(struct pace *p, bool patient)
{
	const struct sched_param none = { 0 };

	p->lone = 0;
	if (sched_setscheduler(0, patient ? SCHED_BATCH : SCHED_OTHER, &none) < 0)
		p->usable = false;
	p->patient = patient;
}

void pace_turn(struct pace *p, unsigned requests)
{
	if (!p->usable || requests == 0)
		return;
	if (requests > 1) {
		p->lone = 0;
		if (p->patient)
			p->interval = INTERVAL_MIN; /* the trial has paid */
		return;
	}
	p->lone++;
	if (!p->patient && p->lone >= p->interval) {
		if (p->interval < INTERVAL_MAX)
			p->interval *= 2;
		set_patient(p, true);
	} else if (p->patient && p->lone >= LONE_MAX) {
		set_patient(p, false);
	}
}
