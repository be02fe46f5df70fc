/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the man page vmm(1) to standard output, in mdoc: the options come from the option table,
 * the statuses, keys and signals from help.c, so that they cannot differ from the program.
 */
#include "vmm/help.h"

#include <ctype.h>
#include <string.h>

#define DATE "November 27, 2026" /* of the last change to what only this page says */

/* Bytes that roff would take for something else, or print as something else. */
static const char *escape_of(char c)
{
	switch (c) {
	case '\\':
		return "\\e";
	case '-':
		return "\\-";
	case '^':
		return "\\(ha";
	case '~':
		return "\\(ti";
	case '\'':
		return "\\(aq";
	case '`':
		return "\\(ga";
	case '"':
		return "\\(dq";
	default:
		return NULL;
	}
}

static void put_text(const char *s)
{
	for (; *s; s++) {
		const char *escape = escape_of(*s);

		if (escape)
			fputs(escape, stdout);
		else
			putchar(*s);
	}
}

/* Sentences, each on a line of its own, as mdoc wants them; never a line that begins with a dot. */
static void put_sentences(const char *s)
{
	const char *end;

	for (; (end = strstr(s, ". ")); s = end + 2) {
		char sentence[1024];

		snprintf(sentence, sizeof(sentence), "%.*s", (int)(end - s) + 1, s);
		put_text(sentence);
		putchar('\n');
	}
	put_text(s);
	putchar('\n');
}

/* The phrases of the table as one sentence. */
static void put_phrase(const char *help, const char *notes)
{
	char first[] = { (char)toupper((unsigned char)help[0]), '\0' };

	put_text(first);
	put_text(help + 1);
	if (notes[0]) {
		fputs(" (", stdout);
		put_text(notes);
		putchar(')');
	}
	puts(".");
}

static void put_option(const struct opt *o)
{
	char notes[HELP_NOTES_MAX];

	fputs(".It ", stdout);
	if (o->letter)
		printf("Fl %c , ", o->letter);
	fputs("Fl \\-", stdout);
	put_text(o->name);
	if (o->arg) {
		fputs(" Ar ", stdout);
		put_text(o->arg);
	}
	putchar('\n');
	help_notes(o, notes);
	put_phrase(o->help, notes);
	if (o->more)
		put_sentences(o->more);
}

static void put_options(void)
{
	puts(".Sh OPTIONS\n"
	     "A value stands in the next word or after\n"
	     ".Ql = :\n"
	     ".Ql \\-\\-cpus 2 ,\n"
	     ".Ql \\-\\-cpus=2 ,\n"
	     ".Ql \\-c 2\n"
	     "and\n"
	     ".Ql \\-c2\n"
	     "are the same.\n"
	     "An option that is not said to be repeatable is refused the second time.\n"
	     "In values that are comma lists, a comma that belongs to a file name is written "
	     "twice.");
	for (enum opt_group g = 0; g < GROUP_N; g++) {
		printf(".Ss %s\n.Bl -tag -width Ds\n", options_group_names[g]);
		for (unsigned i = 0; i < options_n; i++)
			if (options[i].group == g)
				put_option(&options[i]);
		puts(".El");
	}
}

static void put_lists(void)
{
	const struct optlist_key *key;
	char form[HELP_FORM_MAX];
	unsigned n = 0;

	for (const struct help_list *list = help_lists; list->of; list++) {
		fputs(".Ss Keys of ", stdout);
		put_text(list->of);
		puts("\n.Bl -tag -width passt[=PATH] -compact");
		for (key = optval_keys(list->type, list->part, &n); n > 0; n--, key++) {
			help_form(key, form);
			fputs(".It ", stdout);
			put_text(form);
			putchar('\n');
			put_text(key->help); /* may begin with a value, which keeps its case */
			puts(".");
		}
		puts(".El");
	}
}

static void put_rows(const struct help_row *rows, const char *before)
{
	puts(".Bl -tag -width Ds");
	for (; rows->name; rows++) {
		fputs(".It ", stdout);
		put_text(before);
		put_text(rows->name);
		putchar('\n');
		put_phrase(rows->text, "");
	}
	puts(".El");
}

/* Returns 0, or -errno of writing. */
static int put_head(void)
{
	int r;

	fputs(".\\\" Made by tools/mkman from the option table.\n"
	      ".Dd " DATE "\n"
	      ".Dt VMM 1\n"
	      ".Os ",
	      stdout);
	r = help_version(stdout);
	puts(".Sh NAME\n"
	     ".Nm vmm\n"
	     ".Nd run one Linux virtual machine\n"
	     ".Sh SYNOPSIS\n"
	     ".Nm\n"
	     ".Fl \\-kernel Ar FILE\n"
	     ".Op Fl \\-rootfs Ar IMAGE\n"
	     ".Op Ar option ...\n"
	     ".Op Fl \\- Ar command Op Ar argument ...\n"
	     ".Nm\n"
	     ".Fl \\-check\\-host\n"
	     ".Sh DESCRIPTION\n"
	     ".Nm\n"
	     "starts a Linux kernel in a virtual machine on\n"
	     ".Pa /dev/kvm\n"
	     "and runs until the guest is done.\n"
	     "There is no daemon and no registry, and no file is left behind: the process is the\n"
	     "virtual machine, and what can be done to a process can be done to it.\n"
	     "Once it has ended its disks can be unmounted and locked at once; after SIGKILL,\n"
	     "or the end by its own jail, the kernel may need tens of milliseconds to let go.\n"
	     ".Pp\n"
	     "Standard output carries what the guest writes to its console, and nothing else.\n"
	     "Messages of\n"
	     ".Nm\n"
	     "go to standard error, each with\n"
	     ".Ql vmm:\n"
	     "before it.");
	return r;
}

static void put_terminal(void)
{
	puts(".Sh KEYS\n"
	     "When the console is a terminal, every key goes to the guest, but for those that "
	     "follow\n"
	     "the escape key.\n"
	     "It is Ctrl\\-a unless\n"
	     ".Fl \\-escape\n"
	     "chose another.");
	put_rows(help_keys, "Ctrl-a ");
	puts(".Sh SIGNALS");
	put_rows(help_signals, "");
	puts(".Pp\n"
	     "A command gets each of them and SIGWINCH instead, as often as they come, as if it "
	     "ran\n"
	     "here: what a terminal may send goes to all of its job, SIGUSR1 and SIGUSR2 to the "
	     "command\n"
	     "alone.\n"
	     "Only SIGTERM has a time limit: the second one ends the virtual machine, and so does\n"
	     ".Fl \\-grace\n"
	     "after the first.\n"
	     "SIGINT ends it at the third time without any output of the command in between.\n"
	     "Before the command has begun, any of them ends the virtual machine.\n"
	     ".Pp\n"
	     "A signal that ended the virtual machine is raised again at the end, so that the "
	     "parent\n"
	     "process sees it.");
}

static void put_files(void)
{
	puts(".Sh FILES\n"
	     ".Bl -tag -width Ds\n"
	     ".It Pa /dev/kvm\n"
	     "The kernel's virtual machine interface; the user needs permission to read and write "
	     "it,\n"
	     "often by membership of the group\n"
	     ".Ql kvm .\n"
	     ".El");
}

static void put_statuses(void)
{
	puts(".Sh EXIT STATUS\n"
	     "The member\n"
	     ".Ql reason\n"
	     "of\n"
	     ".Fl \\-result\n"
	     "tells apart what shares a number.");
	put_rows(help_statuses, "");
}

static void put_tail(void)
{
	puts(".Sh EXAMPLES\n"
	     "Whether this host can run virtual machines:\n"
	     ".Pp\n"
	     ".Dl vmm \\-\\-check\\-host\n"
	     ".Pp\n"
	     "A distribution's kernel and its initial RAM disk with a root file system, two "
	     "processors\n"
	     "and 1 GiB of memory:\n"
	     ".Pp\n"
	     ".Dl vmm \\-k vmlinuz \\-i initrd.img \\-r debian.img \\-c 2 \\-m 1G\n"
	     ".Pp\n"
	     "A test in a pipeline: at most a minute, the console in a file, the outcome in "
	     "another:\n"
	     ".Pp\n"
	     ".Dl vmm \\-k bzImage \\-i test.cpio \\-\\-timeout 60 \\-\\-serial file=log "
	     "\\-\\-result r.json\n"
	     ".Sh SEE ALSO\n"
	     ".Xr taskset 1 ,\n"
	     ".Xr timeout 1 ,\n"
	     ".Xr vmm\\-run\\-bundle 1 ,\n"
	     ".Xr vmm\\-smoke 1 ,\n"
	     ".Xr vmmctl 1 ,\n"
	     ".Xr mke2fs 8\n"
	     ".Pp\n"
	     "The kernel's documentation of its command line, admin\\-guide/kernel\\-parameters.");
}

int main(void)
{
	int r = put_head();

	put_options();
	put_lists();
	put_terminal();
	put_files();
	put_statuses();
	put_tail();
	return r == 0 && fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
