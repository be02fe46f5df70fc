/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/consoles.h"

#include <assert.h>

void consoles_add(struct consoles *cs, struct chardev *end)
{
	assert(cs->n < CONSOLES_MAX);
	cs->end[cs->n++] = end;
}

void consoles_start(const struct consoles *cs)
{
	for (unsigned i = 0; i < cs->n; i++)
		chardev_start(cs->end[i]);
}

void consoles_suspend(const struct consoles *cs)
{
	for (unsigned i = 0; i < cs->n; i++)
		chardev_suspend(cs->end[i]);
}

void consoles_resume(const struct consoles *cs)
{
	for (unsigned i = 0; i < cs->n; i++)
		chardev_resume(cs->end[i]);
}

void consoles_abandon(const struct consoles *cs)
{
	for (unsigned i = 0; i < cs->n; i++)
		chardev_abandon(cs->end[i]);
}

bool consoles_are_blocked(const struct consoles *cs)
{
	bool blocked = false;

	for (unsigned i = 0; i < cs->n; i++)
		blocked = blocked || chardev_is_blocked(cs->end[i]);
	return blocked;
}

bool consoles_drain(struct consoles *cs)
{
	cs->undrained = 0;
	for (unsigned i = 0; i < cs->n; i++)
		cs->undrained += !chardev_drain(cs->end[i]);
	return cs->undrained == 0;
}

bool consoles_are_drained(struct consoles *cs)
{
	return --cs->undrained == 0;
}
