/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include "vmm/config.h"

/*
 * The one table of options. The parser (cli.h), --help (help.h), the man page (tools/mkman.c), the
 * JSON of --dry-run (config_json.h) and the range tests all read it.
 */

enum opt_type {
	OPT_FLAG, /* bool; a bare word */
	OPT_TEXT, /* const char *; any text */
	OPT_PATH, /* const char *; not empty */
	OPT_NAME, /* const char *; letters, digits, - _ . */
	OPT_CPU, /* const char *; "host[,-f][,+f]" */
	OPT_UINT, /* unsigned */
	OPT_SIZE, /* uint64_t, bytes in whole pages; a plain number counts MiB */
	OPT_SECONDS, /* uint64_t, milliseconds */
	OPT_WORD, /* unsigned: index into words */
	OPT_DISK, /* struct config_disk, added after the others */
	OPT_ROOT, /* struct config_disk, put before the others */
	OPT_NET, /* struct config_net, added after the others */
	OPT_SHARE, /* struct config_backend, added after the others */
	OPT_VHOST_USER, /* struct config_backend, added after the others */
	OPT_WHERE, /* struct config_where */
	OPT_VPORT, /* struct config_vport, added after the others */
	OPT_CONSOLE_LOG, /* struct config_console_log */
	OPT_PATTERN, /* const char *; an extended regular expression */
	OPT_VSOCK, /* struct config_vsock */
	OPT_CONTROL, /* struct config_control */
	OPT_RESULT, /* config.result and config.result_fd */
	OPT_FD, /* int: "fd=N"; -1: not given */
	OPT_ESCAPE, /* int */
	OPT_HELP, /* print and be done */
	OPT_VERSION, /* print and be done */
	OPT_N_TYPES
};

/* Headings of --help and of the man page. */
enum opt_group {
	GROUP_BOOT,
	GROUP_MACHINE,
	GROUP_COMMAND,
	GROUP_CONSOLE,
	GROUP_RUN,
	GROUP_OTHER, /* what to do instead of running: not part of a configuration */
	GROUP_N
};

struct opt {
	const char *name; /* long name without dashes; also the key in JSON */
	const char *alias; /* another long name, or NULL */
	enum opt_type type : 8;
	enum opt_group group : 8;
	char letter; /* short name, or 0 */
	uint8_t repeat; /* how often at most; 0: once */
	uint16_t field; /* offset in struct config */
	uint16_t count; /* offset of the unsigned that counts a repeatable option */
	const char *def; /* default in the option's own syntax, or NULL */
	union {
		struct {
			uint64_t min, max; /* of a number, in the unit of the field */
		};
		const char *const *words; /* of OPT_WORD; ends with NULL */
	};
	const char *arg; /* what the value is called, in brackets if it may be left out; NULL:
	                    takes none */
	const char *help; /* for --help: one or two lines */
	const char *more; /* for the man page, after @help: whole sentences; NULL in vmm itself */
};

extern const struct opt options[];
extern const unsigned options_n;
extern const char *const options_group_names[];

/**
 * options_find() - The option of a long name
 * @name: Without dashes; not NUL-terminated
 * @len:  Bytes of @name
 *
 * Return: The row whose name or alias it is, or NULL.
 */
const struct opt *options_find(const char *name, size_t len);

/**
 * options_find_letter() - The option of a short name
 * @letter: Any byte
 *
 * Return: The row, or NULL.
 */
const struct opt *options_find_letter(char letter);

/**
 * options_nearest() - The long name that somebody may have meant
 * @name: Unknown long name without dashes; not NUL-terminated
 * @len:  Bytes of @name
 *
 * Return: A name or alias that begins like @name or differs from it in few letters, or NULL.
 */
const char *options_nearest(const char *name, size_t len);

/**
 * options_is_number() - Whether min and max are the range of a row
 * @o: Row
 */
bool options_is_number(const struct opt *o);

#define OPTIONS_NUMBER_MAX 32 /* bytes, terminator included */

/**
 * options_number() - Write a number as it may stand on the command line
 * @o:     Row of a number, or of --console-log
 * @value: In the unit of the field
 * @ret:   Text, e.g. "64", "256M", "0.5"
 *
 * A size is given in the largest unit that divides it, the smallest being KiB.
 */
void options_number(const struct opt *o, uint64_t value, char ret[OPTIONS_NUMBER_MAX]);

#endif /* VMM_OPTIONS_H */
