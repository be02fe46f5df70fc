/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/hostile.h"

#include <linux/virtio_ring.h>

/*
 * Attacks every queue of the devices of one kind=K, in rounds=N; vhost=1: it is the kernel that
 * serves them; without=BITS: of the features that are not accepted. After each attack another
 * device must work, and the device itself after a reset. Between rounds it waits for a byte on the
 * serial port, so that somebody can look at the process. Needs a second processor.
 *
 * list=1: shows, instead, of which attacks it is known whether a line is written: NUMBER LINES
 * NAME. role=R attack=NUMBER: only that one, and nothing beside.
 */

#define PATIENCE 1000000 /* looks, some microseconds each: only a failure takes so long */

struct device device;
const struct role *role;
struct queue helper_queue __attribute__((aligned(16)));
uint64_t ram_end;
uint8_t buffer[BUFFER_SIZE] __attribute__((aligned(16)));
static volatile unsigned scribbling, resting; /* asked of the second processor; what it does */

static volatile unsigned arrived;

/* The second processor: whatever the device has judged is something else a moment later. */
void ap_main(unsigned n)
{
	static const uint64_t addresses[] = { (uintptr_t)buffer, GAP, ~0ULL - 8, SCRATCH, WINDOWS };
	uint32_t x = n + 1;

	arrived = 1;
	for (;;) {
		struct desc *d = &queue.desc[x >> 8 & (QUEUE_SIZE - 1)];

		resting = !scribbling;
		if (resting) {
			__asm__ volatile("pause");
			continue;
		}
		x = x * 1664525 + 1013904223;
		d->addr = addresses[(x >> 12) % (sizeof(addresses) / sizeof(addresses[0]))];
		d->len = x >> 4 & 0x1fff;
		d->flags = x >> 16 & 7;
		d->next = x >> 20 & (QUEUE_SIZE - 1);
		queue.avail.ring[x & (QUEUE_SIZE - 1)] = x >> 24 & (QUEUE_SIZE - 1);
		queue.avail.used_event = (uint16_t)x;
	}
}

void scribble(bool on)
{
	scribbling = on;
	while (resting == on)
		__asm__ volatile("pause");
}

void describe(unsigned n, uint64_t at, uint32_t len, uint16_t flags, uint16_t next)
{
	queue.desc[n] = (struct desc){ at, len, flags, next };
}

static void set_address(unsigned reg, uint64_t at)
{
	device_write(&device, reg, (uint32_t)at);
	device_write(&device, reg + 4, (uint32_t)(at >> 32));
}

static void set_queue(uint16_t index, const struct place *p)
{
	device_write(&device, VIRTIO_MMIO_QUEUE_SEL, index);
	device_write(&device, VIRTIO_MMIO_QUEUE_NUM, p->size);
	set_address(VIRTIO_MMIO_QUEUE_DESC_LOW, p->desc);
	set_address(VIRTIO_MMIO_QUEUE_AVAIL_LOW, p->avail);
	set_address(VIRTIO_MMIO_QUEUE_USED_LOW, p->used);
	device_write(&device, VIRTIO_MMIO_QUEUE_READY, 1);
}

static struct place in_order(struct queue *q)
{
	return (struct place){ QUEUE_SIZE, (uintptr_t)q->desc, (uintptr_t)&q->avail,
		               (uintptr_t)&q->used };
}

void let_go(void)
{
	device_write(&device, VIRTIO_MMIO_STATUS, 0);
	CHECK(device_read(&device, VIRTIO_MMIO_STATUS) == 0);
}

void bring_up(void (*place)(struct place *p))
{
	struct place at = in_order(&queue), helper = in_order(&helper_queue);

	let_go();
	memset(&queue, 0, sizeof(queue));
	memset(&helper_queue, 0, sizeof(helper_queue));
	device_negotiate(&device, role->features & ~arg_num("without", 0));
	if (place)
		place(&at);
	set_queue(role->target, &at);
	if (role->helper >= 0)
		set_queue((uint16_t)role->helper, &helper);
	device_write(&device, VIRTIO_MMIO_STATUS,
	             device_read(&device, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void notify(uint16_t index)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	device_write(&device, VIRTIO_MMIO_QUEUE_NOTIFY, index);
}

void help(const void *at, uint32_t len)
{
	helper_queue.desc[0] = (struct desc){ (uintptr_t)at, len, 0, 0 };
	__atomic_store_n(&helper_queue.avail.idx, (uint16_t)(helper_queue.avail.idx + 1),
	                 __ATOMIC_RELEASE);
	notify((uint16_t)role->helper);
}

void offer(void)
{
	notify(role->target);
	if (role->trigger)
		role->trigger();
}

static bool is_broken(void)
{
	return device_read(&device, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static bool is_answered(void)
{
	return *(volatile uint16_t *)&queue.used.idx != 0;
}

/* Wait for what is expected of the device. */
static void await_outcome(const struct attack *a)
{
	const enum expected expected = a->not_by_vhost && arg_num("vhost", 0) ? ANY : a->expected;
	const unsigned patience = expected == ANY ? 20 : PATIENCE;
	bool broken = false, answered = false;

	for (unsigned n = 0; n < patience && !broken && !answered; n++) {
		answered = is_answered();
		broken = is_broken();
	}
	CHECK(broken || answered || expected == ANY);
	CHECK(!broken || expected != ANSWERED);
	CHECK(!answered || expected != BREAKS);
	CHECK(!answered || !a->check || a->check());
}

static void say(const char *what, const char *end)
{
	put(role->name);
	put(": ");
	put(what);
	put(end);
}

static bool answers(void)
{
	for (unsigned n = 0; n < PATIENCE && !is_answered(); n++)
		__asm__ volatile("pause");
	return is_answered();
}

/* The device under attack is in order, or is made so by a reset. */
static void must_work(void)
{
	bring_up(NULL);
	role->build();
	queue.avail.idx = 1;
	offer();
	if (!answers()) {
		offer();
		say(answers() ? "one offer was not seen " : "does not work ", "");
		failed(__FILE__, __LINE__, "answers()");
	}
	CHECK(!is_broken());
}

/* Have another device do some work: entropy, or the disk when that is the one under attack. */
static void others_must_work(void)
{
	const struct device attacked = device;
	const struct role *was = role;
	const char *other = role->kind[0] == 'r' ? "blk" : "rng";

	for (role = roles; role->kind[0] != other[0]; role++)
		;
	CHECK(device_find(&device, role->id, 0));
	must_work();
	let_go();
	device = attacked;
	role = was;
}

static bool is_word(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/*
 * Only now, as a device with input waiting may look at any time. An attack on the index itself has
 * published already.
 */
static void publish(void)
{
	if (queue.avail.idx == 0)
		__atomic_store_n(&queue.avail.idx, 1, __ATOMIC_RELEASE);
}

static bool is_for_role(const struct attack *a)
{
	return !a->role || is_word(a->role, role->name);
}

/* Returns whether it was tried: an indirect one needs the feature. */
static bool try_attack(const struct attack *a)
{
	bring_up(a->place);
	if (a->indirect && !(device.features >> VIRTIO_RING_F_INDIRECT_DESC & 1))
		return false;
	role->build();
	if (a->spoil)
		a->spoil();
	publish();
	offer();
	await_outcome(a);
	return true;
}

static void run_attacks(const struct attack *list, unsigned n)
{
	for (const struct attack *a = list; a < list + n; a++) {
		if (!is_for_role(a))
			continue;
		say(a->name, "");
		if (try_attack(a))
			others_must_work();
		must_work();
		put(": fine\n");
	}
}

/* The @n-th attack of all, whatever it is for; NULL past the last. */
static const struct attack *nth_attack(unsigned n)
{
	if (n < n_ring_attacks)
		return &ring_attacks[n];
	n -= n_ring_attacks;
	return n < n_kind_attacks ? &kind_attacks[n] : NULL;
}

static void show_attacks(void)
{
	const struct attack *a;

	/* The same code speaks of a ring, whatever the device: the first stands for all. */
	for (unsigned n = role == roles ? 0 : n_ring_attacks; (a = nth_attack(n)); n++) {
		if (!is_for_role(a) || a->said == ANYHOW)
			continue;
		put_dec(n);
		put(a->said == LINE ? " 1 " : " 0 ");
		say(a->name, "\n");
	}
}

static void run_alone(const struct attack *a)
{
	CHECK(a && is_for_role(a));
	CHECK(try_attack(a));
	let_go(); /* and with it its thread has said what it has to say */
}

static void run_pokes(void)
{
	for (const struct poke *p = pokes; p < pokes + n_pokes; p++) {
		say(p->name, "");
		bring_up(NULL);
		p->poke();
		others_must_work();
		must_work();
		put(": fine\n");
	}
}

static void start_second_processor(void)
{
	irq_init();
	start_others();
	while (!arrived)
		__asm__ volatile("pause");
}

static void find_end_of_ram(void)
{
	struct range r;

	for (unsigned n = 0; memory_map(n, &r); n++)
		if (r.ram && r.base <= SCRATCH && r.base + r.size > SCRATCH)
			ram_end = r.base + r.size;
	CHECK(ram_end >= SCRATCH + SCRATCH_SIZE);
}

static void wait_for_byte(void)
{
	while (!(inb(PORT_COM1 + 5) & 1)) /* LSR.DR */
		__asm__ volatile("pause");
	(void)inb(PORT_COM1);
}

static void run_everything(void)
{
	run_attacks(ring_attacks, n_ring_attacks);
	run_attacks(kind_attacks, n_kind_attacks);
	run_pokes();
	let_go();
}

/* Returns for how many queues there was something to do. */
static unsigned run_kind(void)
{
	unsigned done = 0;

	for (role = roles; role < roles + n_roles; role++) {
		if (!arg_is("kind", role->kind) && !arg_is("role", role->name))
			continue;
		CHECK(device_find(&device, role->id, 0));
		if (arg("list"))
			show_attacks();
		else if (arg("attack"))
			run_alone(nth_attack((unsigned)arg_num("attack", 0)));
		else
			run_everything();
		done++;
	}
	return done;
}

int main(void)
{
	find_end_of_ram();
	if (arg("list") || arg("attack"))
		return run_kind() == 0;
	start_second_processor();
	for (unsigned round = 0; round < arg_num("rounds", 1); round++) {
		CHECK(run_kind() > 0);
		put("round over\n");
		wait_for_byte();
	}
	return 0;
}
