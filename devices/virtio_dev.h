/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_VIRTIO_DEV_H
#define DEVICES_VIRTIO_DEV_H

#include "devices/virtq.h"
#include "vmm/irq.h"
#include "vmm/log.h"
#include "vmm/loop.h"

#include <linux/virtio_mmio.h>
#include <pthread.h>

/*
 * What every virtio device has. The transport (virtio_mmio.h) owns the registers and calls the
 * verbs below; a device kind embeds struct virtio_dev and never sees a guest address.
 *
 * Threads: registers are written under the transport's lock, but for the bits that the device adds,
 * and read by anybody, the guest itself included. Queues belong to the device's thread (the one
 * that runs @loop), which never takes that lock. The verbs are always run on the device's thread,
 * one at a time: activate, then kicks, then reset.
 */

struct virtio_dev;

struct virtio_dev_ops {
	const char *name; /* "blk": log prefix */
	uint32_t id; /* virtio device id */
	uint16_t n_queues;
	uint16_t queue_max; /* entries, power of two, at most VIRTQ_SIZE_MAX */
	size_t config_size; /* bytes; the transport bounds every access */
	/* DRIVER_OK: the queues that the driver made ready are live, the others stay empty. -errno:
	 * NEEDS_RESET. NULL: nothing to do. */
	int (*activate)(struct virtio_dev *d);
	/* Notification, also once after activate; may be spurious. -errno: NEEDS_RESET. */
	int (*kick)(struct virtio_dev *d, uint16_t qi);
	/* Quiesce: no access to guest memory after it. Follows each activate, failed ones included.
	 * NULL: nothing to do. */
	void (*reset)(struct virtio_dev *d);
	/* The driver wrote @len bytes of d->config at @off. NULL: config space is read-only. */
	void (*config_written)(struct virtio_dev *d, size_t off, size_t len);
};

/* What a queue's eventfd is watched for: by edges, so that the count does not have to be read. It
 * takes centuries to overflow. */
#define VIRTIO_KICK_EVENTS (EPOLLIN | EPOLLET)

struct virtio_queue {
	struct virtq ring;
	struct loop_source kick; /* eventfd that KVM or the transport writes */
	struct virtio_dev *dev;
	bool lent; /* [role: on_dev] somebody else serves it: vhost.h */
};

struct vhost;

#define VIRTIO_DEV_REGISTERS (VIRTIO_MMIO_CONFIG / 4) /* in front of the config space */

struct virtio_dev {
	const struct virtio_dev_ops *ops; /* NULL: not initialised */
	char label[16]; /* "blk0" */
	uint64_t features; /* offered */
	uint64_t acked; /* by the driver; constant from FEATURES_OK to reset */
	pthread_mutex_t config_lock; /* innermost: nothing is taken or waited for under it */
	uint8_t *config; /* ops->config_size bytes [lock: config_lock]; NULL if that is 0 */
	struct virtio_queue *queue; /* ops->n_queues */
	struct vhost *vhost; /* who may serve queues instead of us; NULL: nobody */
	struct loop *loop; /* its thread is the device's thread; NULL in unit tests: the caller's */
	struct irq irq;
	/* What the driver reads at offset / 4; atomic. Status gets its bits from the transport, but
	 * for NEEDS_RESET; InterruptStatus and ConfigGeneration are the device's; the rest is the
	 * transport's, which may have a better place for all of them. */
	uint32_t *reg, reg_here[VIRTIO_DEV_REGISTERS];
	bool active; /* [role: on_dev] queues are live */
	/* [role: on_dev] counted since the start; @changes: of what else an operator may want to
	 * know, which each kind of device says */
	uint64_t failures, resets, changes;
	int news_fd; /* eventfd that is written when one of them has changed; -1: none */
	struct log_limit complaints; /* [role: on_dev] */
};

/**
 * virtio_dev_init() - Set up the common part
 * @d:        Embedded in the device
 * @ops:      Constant
 * @label:    Name in messages, unique in the machine
 * @features: Device-specific bits to offer; the transport's own (VERSION_1, INDIRECT_DESC,
 *            EVENT_IDX) are added
 * @config:   ops->config_size bytes that live as long as the device; NULL if that is 0
 * @loop:     Loop of the device's thread; NULL to run everything on the caller's
 * @e:        Says why not
 *
 * Context: set-up; makes an eventfd for each queue and one for the interrupt, and watches the
 *          former on @loop, which must run before the guest does.
 * Return:  0, or -errno; virtio_dev_fini() is fine in both cases.
 */
int virtio_dev_init(struct virtio_dev *d, const struct virtio_dev_ops *ops, const char *label,
                    uint64_t features, void *config, struct loop *loop, struct err *e) MUST_CHECK;

/**
 * virtio_dev_fini() - Give back what virtio_dev_init() made
 * @d: Zeroed, half-built or complete; its thread no longer runs, its loop may be finished
 */
void virtio_dev_fini(struct virtio_dev *d);

/**
 * virtio_dev_signal() - Interrupt the driver for what was pushed, if it wants that
 * @d:  Device
 * @qi: Queue
 *
 * Context: device thread. Call once for a batch.
 * Spec:    virtio 1.2 sections 2.3, 2.7.7, 4.2.2
 */
void virtio_dev_signal(struct virtio_dev *d, uint16_t qi);

/**
 * virtio_dev_config_changed() - Tell the driver that the config space is new
 * @d:      Device
 * @change: Makes the change in d->config, under config_lock: must not block
 * @arg:    For @change
 *
 * A driver that reads the space piece by piece sees the generation move, and reads again.
 * Context: device thread.
 * Spec:    virtio 1.2 sections 2.5.1, 4.2.2.1
 */
void virtio_dev_config_changed(struct virtio_dev *d,
                               void (*change)(struct virtio_dev *d, void *arg), void *arg);

/**
 * virtio_dev_fail() - The guest broke the device's rules: ask the driver for a reset
 * @d:   Device
 * @r:   Negative errno, says how
 * @why: Few words for the log, constant
 *
 * Sets DEVICE_NEEDS_RESET, interrupts, and logs one rate-limited line. The device is not kicked
 * again until it is reset. A device that has failed already stays as it is.
 * Context: device thread. A negative return of a verb does this by itself.
 * Spec:    virtio 1.2 section 2.1.1
 */
void virtio_dev_fail(struct virtio_dev *d, int r, const char *why);

/**
 * virtio_dev_watch() - Hear of failures and changes
 * @d:  Device, initialised, whose thread does not run yet
 * @fd: Nonblocking eventfd; stays the caller's
 */
void virtio_dev_watch(struct virtio_dev *d, int fd);

/**
 * virtio_dev_changed() - Something happened that an operator may want to know
 * @d: Device
 *
 * Context: device thread; one write(2), does not block.
 */
void virtio_dev_changed(struct virtio_dev *d);

/**
 * virtio_dev_kick() - Serve a queue
 * @d:  Device; nothing is done unless it is active and has not failed
 * @qi: Queue, less than ops->n_queues; nothing is done unless the driver made it ready, and while
 *      it is lent
 *
 * Context: device thread.
 */
void virtio_dev_kick(struct virtio_dev *d, uint16_t qi);

/**
 * virtio_dev_notify() - Have a queue served
 * @d:  Device
 * @qi: Queue, less than ops->n_queues
 *
 * Context: any thread; one write(2), does not block. Without a loop the queue is served at once.
 */
void virtio_dev_notify(struct virtio_dev *d, uint16_t qi);

/**
 * virtio_dev_again() - Have a queue served once more, after everybody else's turn
 * @d:  Device
 * @qi: Queue, less than ops->n_queues
 *
 * For a kick that stops before its queue is empty. Without a loop the queue's eventfd tells the
 * caller to come back.
 * Context: device thread; one write(2), does not block.
 */
void virtio_dev_again(struct virtio_dev *d, uint16_t qi);

/**
 * virtio_dev_start() - Begin to work on the rings that are active
 * @d: Device, not active
 *
 * Each queue is then notified once: the driver may have done so before.
 * Context: device thread; for the transport, and for tests of devices.
 */
void virtio_dev_start(struct virtio_dev *d);

/**
 * virtio_dev_reset() - Let go of guest memory and forget the driver
 * @d: Device in any state
 *
 * Context: device thread; for the transport, and for tests of devices.
 * Spec:    virtio 1.2 sections 2.4, 4.2.2.1
 */
void virtio_dev_reset(struct virtio_dev *d);

/**
 * virtio_dev_config_read() - The driver reads the config space
 * @d:   Device
 * @off: Bytes from its beginning
 * @len: 1, 2, 4 or 8 bytes
 *
 * Context: any thread.
 * Return:  The value, 0 if it does not lie inside with all of @len.
 */
uint64_t virtio_dev_config_read(struct virtio_dev *d, uint64_t off, unsigned len);

/**
 * virtio_dev_config_write() - The driver writes the config space
 * @d:     Device
 * @off:   Bytes from its beginning
 * @len:   1, 2, 4 or 8 bytes
 * @value: Upper bytes beyond @len are ignored
 *
 * Context: any thread that holds no lock; waits for the device's thread.
 * Return:  true, or false if the space is read-only or does not hold all of @len.
 */
bool virtio_dev_config_write(struct virtio_dev *d, uint64_t off, unsigned len, uint64_t value);

/**
 * virtio_dev_reg() - A register as the driver reads it
 * @d:      Device
 * @offset: VIRTIO_MMIO_*, below the config space
 *
 * Return: Where it is; atomic.
 */
static inline uint32_t *virtio_dev_reg(const struct virtio_dev *d, uint64_t offset)
{
	return &d->reg[offset / sizeof(*d->reg)];
}

/**
 * virtio_dev_status() - The device status register
 * @d: Device
 *
 * Context: any thread.
 */
static inline uint32_t virtio_dev_status(const struct virtio_dev *d)
{
	/* Acquire: pairs with the release of whoever added a bit. */
	return __atomic_load_n(virtio_dev_reg(d, VIRTIO_MMIO_STATUS), __ATOMIC_ACQUIRE);
}

/**
 * virtio_dev_has() - Whether the driver acknowledged a feature
 * @d:   Device
 * @bit: Number of the feature bit
 */
static inline bool virtio_dev_has(const struct virtio_dev *d, unsigned bit)
{
	return (d->acked >> bit) & 1;
}

#endif /* DEVICES_VIRTIO_DEV_H */
