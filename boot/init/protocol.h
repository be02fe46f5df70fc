/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_INIT_PROTOCOL_H
#define BOOT_INIT_PROTOCOL_H

#include "vmm/compiler.h"

/*
 * What vmm and the guest's first process say to each other. Before the guest runs, vmm puts a
 * configuration into the initial RAM disk; when it runs, each side writes messages of one size to a
 * port of their own. Both are built together, so there is one version of it.
 *
 * The command's standard input, output and error are ports each, which carry nothing else.
 */

#define PROTOCOL_FOLDER  "vmm" /* in the initial RAM disk; removed before the command runs */
#define PROTOCOL_INIT    PROTOCOL_FOLDER "/init"
#define PROTOCOL_CONFIG  PROTOCOL_FOLDER "/config"
#define PROTOCOL_MODULES PROTOCOL_FOLDER "/modules" /* folder of the kernel's modules */
#define PROTOCOL_ORDER   PROTOCOL_MODULES "/order" /* their file names, one a line, to load so */

/* Names of the ports. The control port comes last: when it is connected, the others are. */
#define PROTOCOL_STDIN   "vmm.stdin"
#define PROTOCOL_STDOUT  "vmm.stdout"
#define PROTOCOL_STDERR  "vmm.stderr"
#define PROTOCOL_CONTROL "vmm.control"

/* --- configuration --- */

#define PROTOCOL_MAGIC      UINT32_C(0x314d4d56) /* "VMM1" */
#define PROTOCOL_CONFIG_MAX (192 * (size_t)1024) /* bytes of the file */
#define PROTOCOL_ARGS_MAX   4096
#define PROTOCOL_ENV_MAX    256 /* CONFIG_ENV_MAX, and those with values of their own */

enum {
	PROTOCOL_TERMINAL = 1 << 0, /* the command gets a terminal */
	PROTOCOL_ROOT_READONLY = 1 << 1,
	PROTOCOL_ROOT_SHARED = 1 << 2, /* the root is the tag of a file system of the host */
};

struct protocol_head {
	uint32_t magic;
	uint32_t flags; /* PROTOCOL_* */
	uint16_t cols, rows; /* of the terminal; 0: not known */
};
ABI_SIZE(struct protocol_head, 12);

/* What a record is. Without PROTOCOL_ARG the root's own init takes over. */
enum protocol_kind {
	PROTOCOL_ARG, /* a word of the command, in order */
	PROTOCOL_ENV, /* NAME=VALUE */
	PROTOCOL_CWD,
	PROTOCOL_USER, /* NAME|UID[:GID] */
	PROTOCOL_HOSTNAME,
	PROTOCOL_ROOT, /* device to mount as root; none: the initial RAM disk is the root */
	PROTOCOL_N_KINDS
};

/* Records follow the head up to the end of the file, each at a multiple of 4 bytes. */
struct protocol_record {
	uint32_t kind;
	uint32_t len; /* bytes of text that follow, their one NUL at the end included */
};
ABI_SIZE(struct protocol_record, 8);

/* --- messages --- */

enum protocol_report_kind {
	PROTOCOL_STARTED = 1, /* value: microseconds since the first process began */
	PROTOCOL_EXITED, /* value: status */
	PROTOCOL_KILLED, /* value: number of the signal */
	PROTOCOL_NOT_EXECUTED, /* value: errno */
	PROTOCOL_FAILED, /* before the command; value: errno, text: what could not be done */
};

#define PROTOCOL_TEXT_MAX 104 /* bytes, NUL included */

/* From the guest. */
struct protocol_report {
	uint32_t kind;
	int32_t value;
	uint64_t out, err; /* bytes written to stdout and stderr in all */
	char text[PROTOCOL_TEXT_MAX];
};
ABI_SIZE(struct protocol_report, 128);

enum protocol_order_kind {
	PROTOCOL_SIGNAL = 1, /* value[0]: number of the signal, for the command */
	PROTOCOL_WINDOW, /* value: columns, rows */
};

/* From vmm. */
struct protocol_order {
	uint32_t kind;
	uint16_t value[2];
};
ABI_SIZE(struct protocol_order, 8);

#endif /* BOOT_INIT_PROTOCOL_H */
