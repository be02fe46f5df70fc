/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/virtio.h"

#include <linux/virtio_console.h>

/*
 * A driver of named ports: "in", whose bytes it sends to "out" until the host's end is gone; then
 * it closes "out" and waits for a byte on the serial port, so that somebody can see that.
 */

enum { IN_RX, IN_TX, CONTROL_RX, CONTROL_TX, OUT_RX, OUT_TX, N_QUEUES };

#define N_BUFFERS 4
#define BUFFER    2048 /* bytes */

static struct device console;
static struct queue q[N_QUEUES] __attribute__((aligned(16)));
static uint16_t seen[N_QUEUES]; /* used entries */
static uint8_t data[N_BUFFERS][BUFFER], told[N_BUFFERS][128];

static void set_address(unsigned reg, const void *at)
{
	device_write(&console, reg, (uint32_t)(uintptr_t)at);
	device_write(&console, reg + 4, 0);
}

static void start(void)
{
	CHECK(device_find(&console, VIRTIO_ID_CONSOLE, 0));
	device_negotiate(&console, 1 << VIRTIO_CONSOLE_F_MULTIPORT);
	CHECK(console.features >> VIRTIO_CONSOLE_F_MULTIPORT & 1);
	for (uint32_t i = 0; i < N_QUEUES; i++) {
		device_write(&console, VIRTIO_MMIO_QUEUE_SEL, i);
		device_write(&console, VIRTIO_MMIO_QUEUE_NUM, QUEUE_SIZE);
		set_address(VIRTIO_MMIO_QUEUE_DESC_LOW, q[i].desc);
		set_address(VIRTIO_MMIO_QUEUE_AVAIL_LOW, &q[i].avail);
		set_address(VIRTIO_MMIO_QUEUE_USED_LOW, &q[i].used);
		device_write(&console, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	device_write(&console, VIRTIO_MMIO_STATUS,
	             device_read(&console, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void offer(unsigned qi, uint16_t n, const void *at, uint32_t len, uint16_t flags)
{
	q[qi].desc[n] = (struct desc){ (uintptr_t)at, len, flags, 0 };
	q[qi].avail.ring[q[qi].avail.idx % QUEUE_SIZE] = n;
	__atomic_store_n(&q[qi].avail.idx, (uint16_t)(q[qi].avail.idx + 1), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	device_write(&console, VIRTIO_MMIO_QUEUE_NOTIFY, qi);
}

/* The next used entry of a queue. Returns false if there is none. */
static bool take(unsigned qi, uint32_t *ret_n, uint32_t *ret_len)
{
	if (__atomic_load_n(&q[qi].used.idx, __ATOMIC_ACQUIRE) == seen[qi])
		return false;
	*ret_n = q[qi].used.ring[seen[qi] % QUEUE_SIZE].id;
	*ret_len = q[qi].used.ring[seen[qi] % QUEUE_SIZE].len;
	seen[qi]++;
	return true;
}

static void await(unsigned qi)
{
	uint32_t n, len;

	while (!take(qi, &n, &len))
		__asm__ volatile("pause");
}

static void tell(uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control m = { id, event, value };

	offer(CONTROL_TX, 0, &m, sizeof(m), 0);
	await(CONTROL_TX);
}

/* Act on what the host has to say. Returns false when the end of "in" is gone. */
static bool hear(void)
{
	struct virtio_console_control m;
	uint32_t n, len;
	bool here = true;

	while (take(CONTROL_RX, &n, &len)) {
		memcpy(&m, told[n], sizeof(m));
		if (m.event == VIRTIO_CONSOLE_PORT_ADD)
			tell(m.id, VIRTIO_CONSOLE_PORT_READY, 1);
		else if (m.event == VIRTIO_CONSOLE_PORT_NAME)
			CHECK(memcmp(told[n] + sizeof(m), m.id == 0 ? "in" : "out",
			             len - sizeof(m)) == 0);
		else if (m.event == VIRTIO_CONSOLE_PORT_OPEN && m.value == 1)
			tell(m.id, VIRTIO_CONSOLE_PORT_OPEN, 1);
		else if (m.event == VIRTIO_CONSOLE_PORT_OPEN && m.id == 0)
			here = false;
		offer(CONTROL_RX, (uint16_t)n, told[n], sizeof(told[n]), DESC_WRITE);
	}
	return here;
}

/* Send on what has come. Returns its bytes. */
static uint32_t pass_on(void)
{
	uint32_t n, len, sum = 0;

	while (take(IN_RX, &n, &len)) {
		offer(OUT_TX, 0, data[n], len, 0);
		await(OUT_TX);
		offer(IN_RX, (uint16_t)n, data[n], BUFFER, DESC_WRITE);
		sum += len;
	}
	return sum;
}

int main(void)
{
	uint32_t sum = 0;

	start();
	for (uint16_t n = 0; n < N_BUFFERS; n++) {
		offer(CONTROL_RX, n, told[n], sizeof(told[n]), DESC_WRITE);
		offer(IN_RX, n, data[n], BUFFER, DESC_WRITE);
	}
	tell(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	while (hear())
		sum += pass_on();
	/* What the host sent before its end was gone has come before that. */
	sum += pass_on();
	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	put("passed on ");
	put_dec(sum);
	put(" bytes\n");
	while (!(inb(PORT_COM1 + 5) & 1)) /* LSR.DR */
		__asm__ volatile("pause");
	return 0;
}
