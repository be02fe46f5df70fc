/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "devices/virtio_blk.h"
#include "devices/virtio_console.h"
#include "devices/virtio_mmio.h"
#include "devices/virtio_net.h"
#include "devices/virtio_rng.h"
#include "devices/virtio_vsock.h"
#include "vmm/bus.h"
#include "vmm/caretaker.h"
#include "vmm/chips.h"
#include "vmm/command.h"
#include "vmm/config.h"
#include "vmm/connector.h"
#include "vmm/consoles.h"
#include "vmm/io_thread.h"
#include "vmm/jail.h"
#include "vmm/monitor.h"
#include "vmm/ports.h"
#include "vmm/reset.h"
#include "vmm/result.h"
#include "vmm/run.h"
#include "vmm/signals.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"
#include "vmm/witness.h"

/* One virtio device, of one of the kinds, and the window through which the guest sees it. */
struct machine_slot {
	struct virtio_mmio window;
	struct virtio_blk *blk;
	struct virtio_net *net;
	struct virtio_console *console;
	struct virtio_rng *rng;
	struct virtio_vsock *vsock;
	uint64_t failures, changes; /* of the device, when they were last looked at */
	struct log_limit failures_told, changes_told; /* to control clients */
	struct virtio_user *user; /* served by another process */
};

/* Files that the caretaker removes: places in caretaker_tasks.path. */
enum machine_path {
	MACHINE_PATH_CONTROL,
	MACHINE_PATH_SERIAL = MACHINE_PATH_CONTROL + CONFIG_CONTROL_MAX,
	MACHINE_PATH_CONSOLE,
	MACHINE_PATH_VPORT,
	MACHINE_PATH_VSOCK = MACHINE_PATH_VPORT + CONFIG_VPORTS_MAX,
	MACHINE_PATH_PIDFILE,
	MACHINE_N_PATHS
};
_Static_assert(MACHINE_N_PATHS <= CARETAKER_PATHS_MAX, "the caretaker removes every file");

/* Everything that one VM consists of. Built by machine_create() in the order of the fields. */
struct machine {
	const struct config *cfg;
	/* For whoever asks while it runs; set by the caller of machine_create(), after it. */
	const struct result_times *times;
	const struct jail *jail;
	struct service *service;
	struct signals *signals;
	struct caretaker caretaker;
	struct connector connector; /* only with a vsock */
	int pidfile_fd; /* locked; -1: none */
	struct loop loop; /* main thread */
	struct run run;
	struct monitor monitor;
	struct witness witness;
	struct vm vm;
	struct gmem mem;
	struct bus pio, mmio;
	struct chips chips;
	struct ports ports; /* of the virtio console */
	struct command command; /* only with one */
	struct consoles consoles; /* all of them */
	struct io_thread io; /* only if there are disks */
	uint8_t *shown; /* by slots_show(), a page for each device; NULL: KVM cannot */
	struct machine_slot *slot; /* room for all; @n_slots are in use */
	unsigned n_slots;
	int acks; /* of slots_create(): where KVM counts acknowledgements that change nothing */
	struct vcpus vcpus;
	struct reset reset;
};

/**
 * machine_create() - Open and build everything that a VM needs, but for its threads
 * @m:       Any contents
 * @cfg:     Judged by config_check(); outlives @m
 * @signals: Initialised; outlives @m, which watches them
 * @e:       Says what is wrong, in one line
 *
 * After it no file is opened and no socket made.
 * Context: main thread, the only one; blocks on files.
 * Return:  0, or -errno; machine_destroy() is due in both cases.
 */
int machine_create(struct machine *m, const struct config *cfg, struct signals *signals,
                   struct err *e) MUST_CHECK;

/**
 * machine_start() - Make the threads; the guest does not run yet
 * @m:      Created
 * @filter: What becomes of system calls that their tables do not list
 * @e:      Says what is wrong, in one line
 *
 * After it no thread is born.
 * Context: main thread, when it has given up what no thread shall inherit.
 * Return:  0, or -errno.
 */
int machine_start(struct machine *m, enum seccomp_mode filter, struct err *e) MUST_CHECK;

/**
 * machine_run() - Let the guest run until the VM ends
 * @m:   Created
 * @ret: Why and with which status it ended; always set
 * @e:   Set if it ended by our own failure
 *
 * Returns when no vCPU runs, all disk requests are done and all console output is with its reader.
 * Context: main thread; blocks for the life of the VM.
 * Return:  0, or -errno when vmm itself failed.
 */
int machine_run(struct machine *m, struct stop *ret, struct err *e) MUST_CHECK;

/**
 * machine_destroy() - Give everything back, the terminal included, but m->vm.fd and m->mem
 * @m: Created or half-built
 *
 * These two end with the process: the kernel takes them down together for less than one by one.
 */
void machine_destroy(struct machine *m);

#endif /* VMM_MACHINE_H */
