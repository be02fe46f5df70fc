/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage: syscalls [--markdown | --rows | --check FILE]
 * Prints which system calls each thread of a jailed VM may make: for people, as Markdown, or a row
 * a line for tests. --check compares the Markdown with the part of FILE between the two markers,
 * and the number of calls with the promise. Status 0: as it should be; 1: not; 2: wrong usage.
 */
#include "vmm/jail_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BEGIN "<!-- begin: build/tools/syscalls --markdown -->\n"
#define END   "<!-- end -->\n"

static void put_people(FILE *out)
{
	for (unsigned t = 0; t < SECCOMP_N_ROLES; t++) {
		const struct jail_table *table = &jail_rules[t];

		fprintf(out, "%s: %u system calls\n", table->thread, jail_rules_calls(table));
		for (unsigned i = 0; i < table->n; i++) {
			const struct jail_rule *r = &table->rule[i];

			fprintf(out, "  %-16s %-24s %s\n", r->name, r->detail ? r->detail : "",
			        r->why);
		}
	}
}

static void put_markdown(FILE *out)
{
	for (unsigned t = 0; t < SECCOMP_N_ROLES; t++) {
		const struct jail_table *table = &jail_rules[t];

		fprintf(out, "\n**%s**: %u system calls, at most %u\n\n", table->thread,
		        jail_rules_calls(table), table->calls_max);
		fputs("| call | only with | for |\n|---|---|---|\n", out);
		for (unsigned i = 0; i < table->n; i++) {
			const struct jail_rule *r = &table->rule[i];

			fprintf(out, "| %s | %s | %s |\n", r->name, r->detail ? r->detail : "",
			        r->why);
		}
	}
	fputc('\n', out);
}

/* THREAD CALL SEEN [ARG MASK VALUE]...: SEEN is 0 if an ordinary run does not make the call. */
static void put_rows(FILE *out)
{
	for (unsigned t = 0; t < SECCOMP_N_ROLES; t++) {
		const struct jail_table *table = &jail_rules[t];

		for (unsigned i = 0; i < table->n; i++) {
			const struct jail_rule *r = &table->rule[i];

			fprintf(out, "%s %s %d", table->thread, r->name, !r->unseen);
			for (unsigned m = 0; m < r->n_matches; m++)
				fprintf(out, " %u 0x%" PRIx64 " 0x%" PRIx64, r->match[m].arg,
				        r->match[m].mask, r->match[m].value);
			fputc('\n', out);
		}
	}
}

/* Whether every table keeps the promise of its size. */
static bool check_sizes(void)
{
	bool good = true;

	for (unsigned t = 0; t < SECCOMP_N_ROLES; t++) {
		const struct jail_table *table = &jail_rules[t];

		if (jail_rules_calls(table) <= table->calls_max)
			continue;
		fprintf(stderr,
		        "syscalls: %s may make %u system calls, more than the promised %u\n",
		        table->thread, jail_rules_calls(table), table->calls_max);
		good = false;
	}
	return good;
}

/* The whole file, or NULL. */
static char *read_all(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static bool check_file(const char *path)
{
	CLEANUP_FREE char *text = read_all(path), *want = NULL;
	size_t size;
	const char *begin = text ? strstr(text, BEGIN) : NULL;
	const char *end = begin ? strstr(begin, END) : NULL;
	FILE *out = open_memstream(&want, &size);

	if (!out)
		return false;
	put_markdown(out);
	fclose(out);
	if (!end) {
		fprintf(stderr, "syscalls: '%s' cannot be read or lacks the lines\n%s%s", path,
		        BEGIN, END);
		return false;
	}
	begin += strlen(BEGIN);
	if ((size_t)(end - begin) == size && memcmp(begin, want, size) == 0)
		return true;
	fprintf(stderr,
	        "syscalls: the table in '%s' is not that of vmm/jail_rules.c: put the output of "
	        "'syscalls --markdown' there\n",
	        path);
	return false;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool good = true;

	if (argc == 1)
		put_people(stdout);
	else if (argc == 2 && strcmp(what, "--markdown") == 0)
		put_markdown(stdout);
	else if (argc == 2 && strcmp(what, "--rows") == 0)
		put_rows(stdout);
	else if (argc == 3 && strcmp(what, "--check") == 0)
		good = check_sizes() && check_file(argv[2]);
	else {
		fputs("Usage: syscalls [--markdown | --rows | --check FILE]\n", stderr);
		return 2;
	}
	return good && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
