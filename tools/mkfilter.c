/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the header jail_filters.h to standard output: the tables of vmm/jail_rules.c as filters,
 * made by libseccomp, and the names of system calls. Runs when vmm is built.
 */
#include "vmm/jail_rules.h"

#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#define FILTER_MAX 1024 /* instructions; no table comes near it */
#define NAMES_MAX  600 /* above the highest number of a system call */

static NORETURN void die(const char *what, int error)
{
	fprintf(stderr, "mkfilter: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

static void add_rule(scmp_filter_ctx ctx, const struct jail_rule *rule)
{
	struct scmp_arg_cmp cmp[JAIL_MATCHES_MAX];
	int r;

	for (unsigned i = 0; i < rule->n_matches; i++) {
		const struct jail_match *m = &rule->match[i];

		cmp[i] = SCMP_CMP(m->arg, SCMP_CMP_MASKED_EQ, m->mask, m->value);
	}
	r = seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, rule->nr, rule->n_matches, cmp);
	if (r < 0)
		die(rule->name, -r);
}

static scmp_filter_ctx make_filter(const struct jail_table *table)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);

	if (!ctx)
		die("seccomp_init", ENOMEM);
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
		die("SCMP_FLTATR_ACT_BADARCH", EINVAL);
	for (unsigned i = 0; i < table->n; i++) {
		add_rule(ctx, &table->rule[i]);
		/* The first rows are the hottest: they are tried first. */
		if (seccomp_syscall_priority(ctx, table->rule[i].nr,
		                             (uint8_t)(i < UINT8_MAX ? UINT8_MAX - i : 0)) < 0)
			die(table->rule[i].name, EINVAL);
	}
	return ctx;
}

/* Returns the number of instructions. */
static size_t export_filter(const struct jail_table *table, struct sock_filter ret[FILTER_MAX])
{
	scmp_filter_ctx ctx = make_filter(table);
	FILE *file = tmpfile();
	size_t n;
	int r;

	if (!file)
		die("tmpfile", errno);
	r = seccomp_export_bpf(ctx, fileno(file));
	if (r < 0)
		die("seccomp_export_bpf", -r);
	rewind(file);
	n = fread(ret, sizeof(ret[0]), FILTER_MAX, file);
	if (n == 0 || n == FILTER_MAX)
		die(table->thread, E2BIG);
	fclose(file);
	seccomp_release(ctx);
	return n;
}

static size_t write_filter(unsigned role)
{
	struct sock_filter op[FILTER_MAX];
	size_t n = export_filter(&jail_rules[role], op);

	printf("static const struct sock_filter seccomp_filter_%u[] = { /* %s */\n", role,
	       jail_rules[role].thread);
	for (size_t i = 0; i < n; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", op[i].code, op[i].jt, op[i].jf, op[i].k);
	printf("};\n\n");
	return n;
}

static char *name_of(int nr)
{
	return seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
}

static void write_names(void)
{
	int n = NAMES_MAX;
	char *name;

	while (n > 0 && !(name = name_of(n - 1)))
		n--;
	free(name);
	printf("#define SECCOMP_N_NAMES %d\n\nstatic const char seccomp_names[] =\n", n);
	for (int nr = 0; nr < n; nr++) {
		name = name_of(nr);
		printf("\t\"%s\\0\"\n", name ? name : "");
		free(name);
	}
	printf("\t\"\";\n");
}

int main(void)
{
	size_t most = 0;

	printf("/* Made by tools/mkfilter.c of vmm/jail_rules.c. */\n");
	for (unsigned role = 0; role < SECCOMP_N_ROLES; role++) {
		size_t n = write_filter(role);

		most = n > most ? n : most;
	}
	printf("#define SECCOMP_FILTER_MAX %zu\n", most);
	printf("static const struct {\n\tunsigned short len;\n"
	       "\tconst struct sock_filter *filter;\n} seccomp_filters[] = {\n");
	for (unsigned role = 0; role < SECCOMP_N_ROLES; role++)
		printf("\t{ sizeof(seccomp_filter_%u) / sizeof(struct sock_filter), "
		       "seccomp_filter_%u },\n",
		       role, role);
	printf("};\n\n");
	write_names();
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
