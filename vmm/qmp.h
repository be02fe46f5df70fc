/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_QMP_H
#define VMM_QMP_H

#include "vmm/config.h"
#include "vmm/qmp_fds.h"
#include "vmm/qmp_out.h"
#include "vmm/qmp_stream.h"

#include <sys/types.h>

/*
 * The QEMU Machine Protocol: what programs that manage virtual machines speak. A session is one
 * client's conversation, from its greeting on; it knows nothing of sockets (control.h carries the
 * bytes) and nothing of the machine but struct qmp_vm_ops.
 *
 * Spec: QEMU docs/interop/qmp-spec.txt, and its behaviour where that says less
 */

/* What the VM is doing; names as in query-status. */
enum qmp_status {
	QMP_PRELAUNCH,
	QMP_RUNNING,
	QMP_PAUSED,
	QMP_IO_ERROR, /* paused, as a disk cannot write */
	QMP_SHUTDOWN,
	QMP_PANICKED,
	QMP_N_STATUSES
};

extern const char *const qmp_status_names[]; /* QMP_N_STATUSES of them */

/* How a client may ask for the end. */
enum qmp_end { QMP_END_QUIT, QMP_END_RESET };

/* What the commands ask of the VM. Called on the main thread; return at
 * once. */
/* A console or port of the guest, and where the host's end is. */
struct qmp_console {
	const char *label;
	const struct config_where *where;
	const char *pty; /* name of the pseudo-terminal, if it is one */
};

/* What is known of a disk beyond its configuration. */
struct qmp_disk {
	uint64_t bytes; /* its size */
	uint64_t allocated; /* bytes that the host had given to it when it was opened */
	int error; /* errno that has stopped the VM; 0: none */
};

enum qmp_report {
	QMP_REPORT_METRICS, /* all counters: of our own shape */
	QMP_REPORT_DISKS, /* the disks' counters, as in query-blockstats */
	QMP_REPORT_JAIL, /* what the jail consists of */
};

struct qmp_vm_ops {
	enum qmp_status (*status)(void *vm);
	bool (*stop)(void *vm); /* false: qmp_stopped() follows, or the VM ends */
	bool (*cont)(void *vm); /* false: qmp_resumed() follows, or the VM ends */
	void (*powerdown)(void *vm); /* presses the button; qmp_powerdown() follows at once */
	void (*end)(void *vm, enum qmp_end how); /* qmp_ended() follows, if it was not called; or
	                                          * qmp_reset(), if the VM is one that resets */
	pid_t (*cpu_thread)(void *vm, unsigned cpu); /* of config.cpus */
	struct qmp_disk (*disk)(void *vm, unsigned disk); /* of config.n_disks */
	bool (*console)(void *vm, unsigned i, struct qmp_console *ret); /* false: no more */
	/* Connect a socket to a console, instead of whoever is there; @fd is taken over on success.
	 * -errno: it is no console where clients come and go. */
	int (*connect)(void *vm, unsigned console, int fd);
	json_t *(*report)(void *vm, enum qmp_report what); /* new reference; NULL: no memory */
	int (*resize)(void *vm, unsigned disk, uint64_t bytes, struct err *e);
	int (*set_link)(void *vm, unsigned net, bool up); /* of config.n_nets; -errno */
	void (*nmi)(void *vm); /* to every vCPU */
};

struct qmp_session;

/* One VM's side of all conversations. */
struct qmp {
	const struct config *cfg;
	const struct qmp_vm_ops *ops;
	void *vm;
	/* Something happened to a session while it was not in qmp_session_feed(): there is output,
	 * it waits no more, or it is broken. May call qmp_session_fini(). */
	void (*changed)(struct qmp_session *s);
	struct qmp_session *sessions;
	struct qmp_fds fds;
	char *folder; /* that paths of @cfg begin in; NULL: not known */
};

/* Why a session takes no further command for now. */
enum qmp_wait { QMP_WAIT_NOT, QMP_WAIT_STOP, QMP_WAIT_CONT, QMP_WAIT_RESET, QMP_WAIT_END };

#define QMP_SESSION_FDS 8 /* descriptors that came in and no command has asked for yet */

struct qmp_session {
	struct qmp *qmp;
	struct qmp_session *next;
	struct qmp_stream in;
	struct qmp_out out; /* to be sent, with qmp_out_consume() */
	bool negotiated;
	bool oob; /* the client asked for out-of-band commands, which we have none of */
	bool ended; /* takes no more input: close it when the output is sent */
	bool mute; /* nobody reads the output any more */
	enum qmp_wait wait;
	bool wait_text; /* the answer that is due is text: human-monitor-command */
	json_t *wait_id; /* of the command that waits; NULL: none */
	int fd[QMP_SESSION_FDS];
	unsigned n_fds;
};

/* Output that is waiting beyond this keeps a session from taking further commands. */
#define QMP_OUT_ENOUGH 16384 /* bytes */

/**
 * qmp_init() - No session yet
 * @q:   Any contents
 * @cfg: Outlives @q
 * @ops: All set
 * @vm:  First argument of each
 *
 * Context: set-up, in the folder that paths of @cfg begin in.
 */
void qmp_init(struct qmp *q, const struct config *cfg, const struct qmp_vm_ops *ops, void *vm);

/**
 * qmp_fini() - Close the descriptors that clients left here
 * @q: Zeroed or initialised; without sessions
 */
void qmp_fini(struct qmp *q);

/**
 * qmp_session_init() - Begin a conversation: the greeting is in the output
 * @s: Any contents; stays where it is
 * @q: Server
 */
void qmp_session_init(struct qmp_session *s, struct qmp *q);

/**
 * qmp_session_fini() - The client has gone
 * @s: Initialised; calling it again does nothing
 */
void qmp_session_fini(struct qmp_session *s);

/**
 * qmp_session_feed() - Take some of the client's bytes
 * @s:   Session that is not ended and does not wait
 * @buf: @len bytes
 * @len: Not 0
 *
 * Carries out one command at most.
 * Context: main thread; allocates.
 * Return:  Bytes that are done with; call again with the rest, if the session still may be fed.
 */
size_t qmp_session_feed(struct qmp_session *s, const uint8_t *buf, size_t len) MUST_CHECK;

/**
 * qmp_session_may_feed() - Whether the session takes further bytes now
 * @s: Initialised
 */
bool qmp_session_may_feed(const struct qmp_session *s);

/**
 * qmp_session_add_fd() - A descriptor came along with the bytes that are fed next
 * @s:  Initialised
 * @fd: Taken over; closed if there are too many already
 */
void qmp_session_add_fd(struct qmp_session *s, int fd);

/**
 * qmp_session_drop_fds() - Close the descriptors that no command has asked for
 * @s: Initialised
 */
void qmp_session_drop_fds(struct qmp_session *s);

/**
 * qmp_session_take_fd() - The oldest descriptor that no command has asked for
 * @s: Initialised
 *
 * Return: The descriptor, now the caller's, or -1.
 */
int qmp_session_take_fd(struct qmp_session *s) MUST_CHECK;

/**
 * qmp_session_mute() - Nobody reads what this session says, though it may have more to ask
 * @s: Initialised
 */
void qmp_session_mute(struct qmp_session *s);

/**
 * qmp_stopped() - No vCPU runs any more
 * @q: Server; zeroed: does nothing
 *
 * The event STOP, and the answers that waited for it.
 */
void qmp_stopped(struct qmp *q);

/**
 * qmp_resumed() - The vCPUs run (again)
 * @q: Server; zeroed: does nothing
 */
void qmp_resumed(struct qmp *q);

/**
 * qmp_powerdown() - The power button was pressed
 * @q: Server; zeroed: does nothing
 */
void qmp_powerdown(struct qmp *q);

/**
 * qmp_panicked() - The guest says that it panicked
 * @q:      Server; zeroed: does nothing
 * @action: What the VM does about it, in QEMU's words: "run", "pause" or "poweroff"
 */
void qmp_panicked(struct qmp *q, const char *action);

/**
 * qmp_reset() - The machine has been reset
 * @q:      Server; zeroed: does nothing
 * @guest:  It was the guest's doing
 * @reason: In QEMU's words: "guest-reset", "host-qmp-system-reset"
 *
 * The event RESET, and the answers that waited for it.
 */
void qmp_reset(struct qmp *q, bool guest, const char *reason);

/* What the host has refused a disk. */
struct qmp_disk_error {
	unsigned disk; /* of config.n_disks */
	int code; /* errno */
	bool write; /* else a read */
	bool stops; /* the VM, and what was refused is tried again later; else the guest is told */
};

/**
 * qmp_needs_reset() - A device does not work any more until its driver resets it
 * @q:    Server; zeroed: does nothing
 * @name: Of the device
 *
 * The event is of our own: X_VMM_DEVICE_NEEDS_RESET.
 */
void qmp_needs_reset(struct qmp *q, const char *name);

/**
 * qmp_filter_changed() - A network card's driver wants other frames, or has another address
 * @q:    Server; zeroed: does nothing
 * @name: Of the device
 */
void qmp_filter_changed(struct qmp *q, const char *name);

/**
 * qmp_disk_failed() - A disk could not do what the guest asked for
 * @q: Server; zeroed: does nothing
 * @f: What and how
 */
void qmp_disk_failed(struct qmp *q, const struct qmp_disk_error *f);

/**
 * qmp_ended() - The VM ends
 * @q:      Server; zeroed: does nothing
 * @guest:  It was the guest's doing
 * @reason: In QEMU's words: "guest-shutdown", "host-signal"...
 *
 * The event SHUTDOWN, and whatever answers are still due.
 */
void qmp_ended(struct qmp *q, bool guest, const char *reason);

#endif /* VMM_QMP_H */
