/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_KVM_GUEST_HOSTILE_H
#define TESTS_KVM_GUEST_HOSTILE_H

/* A driver that breaks the rules. One of its queues is the target, another may help to reach it. */

#include "tests/kvm/guest/virtio.h"

#define BUFFER_SIZE 0x4000 /* more than the second processor makes a descriptor long */

/* Where a queue lies, as an attack may have it. */
struct place {
	uint32_t size;
	uint64_t desc, avail, used;
};

/* A device, as seen from the queue that is attacked. */
struct role {
	const char *name; /* "net-tx" */
	const char *kind; /* as on the command line: "net" */
	unsigned id; /* VIRTIO_ID_* */
	uint16_t target;
	int helper; /* a queue that is needed to make the device look at @target; -1: none */
	uint64_t features; /* acknowledged if offered */
	void (*build)(void); /* one request that is in order, in queue.desc from 0 on */
	void (*trigger)(void); /* after the notification; NULL: that is enough */
};

enum expected {
	BREAKS, /* DEVICE_NEEDS_RESET, nothing given back */
	ANSWERED, /* given back, and the device goes on */
	EITHER, /* one of the two */
	ANY, /* or no answer */
};

/* Whether the operator hears of it, if it is the first: the lines of a device are limited. */
enum said {
	ANYHOW, /* a line, or none */
	SILENCE,
	LINE,
};

/* What is done to a request that is in order, before the device sees it. */
struct attack {
	const char *name;
	enum expected expected;
	enum said said;
	void (*spoil)(void);
	const char *role; /* NULL: for every role */
	void (*place)(struct place *p); /* instead of @spoil: where the queue is said to be */
	bool (*check)(void); /* of the answer; NULL: whatever it is */
	bool indirect; /* only where VIRTIO_RING_F_INDIRECT_DESC was offered */
	bool not_by_vhost; /* the kernel's vhost sees nothing wrong with it: as ANY there */
};

extern const struct role roles[];
extern const unsigned n_roles;

extern const struct attack ring_attacks[], kind_attacks[];
extern const unsigned n_ring_attacks, n_kind_attacks;

/* What is done to a device that works, which must go on working. */
struct poke {
	const char *name;
	void (*poke)(void);
};

extern const struct poke pokes[];
extern const unsigned n_pokes;

extern struct device device; /* under attack */
extern const struct role *role; /* of it */
extern struct queue queue, helper_queue;
extern uint64_t ram_end; /* of the first piece from 1 MiB on */
extern uint8_t buffer[BUFFER_SIZE]; /* of the request */

#define SCRATCH      0x1000000 /* RAM that nothing else uses, up to SCRATCH_SIZE */
#define SCRATCH_SIZE 0x1000000
#define GAP          0xd0000000 /* neither RAM nor device */

/* Describe the @n-th descriptor of the target. */
void describe(unsigned n, uint64_t at, uint32_t len, uint16_t flags, uint16_t next);

/* Reset, and bring the device up to DRIVER_OK with its queues at @p, or in order. */
void bring_up(void (*place)(struct place *p));

/* Offer the request that is built in the target, and have the device look. */
void offer(void);

/* Put @len bytes at @at into the helper's queue for the device to read, and notify. */
void help(const void *at, uint32_t len);

/* Have the second processor rewrite the target all the time, or no more. */
void scribble(bool on);

/* Reset, and wait until the device has let go of memory. */
void let_go(void);

#endif /* TESTS_KVM_GUEST_HOSTILE_H */
