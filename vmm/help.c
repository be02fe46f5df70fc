/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/help.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define WIDTH  79 /* columns of a line */
#define COLUMN 26 /* where the text of an option begins */
#define ROW    16 /* columns for the name in a table */

const struct help_row help_statuses[] = {
	{ "0", "the guest powered off or rebooted" },
	{ "0-255", "the command's own, or 128+n if signal n ended it in the guest" },
	{ "0-255", "the byte that the guest wrote to the exit port 0xf4" },
	{ "0", "--expect was shown" },
	{ "1", "--fail-on was shown, or --expect was not" },
	{ "124", "the VM was ended by --timeout or --idle-timeout" },
	{ "125", "failure of vmm, its configuration or KVM; a message says why" },
	{ "126", "the command could not be executed in the guest" },
	{ "127", "the command was not found in the guest" },
	{ "255", "the guest panicked, or its processor could not go on" },
	{ "77", "--check-host: an ordinary kernel cannot run here" },
	{ "128+n", "as the shell shows it: vmm was ended by signal n" },
	{ NULL, NULL },
};

const struct help_row help_keys[] = {
	{ "x", "end the VM at once" },
	{ "h", "list these keys" },
	{ "Ctrl-a", "send one Ctrl-a to the guest" },
	{ NULL, NULL },
};

const struct help_row help_signals[] = {
	{ "SIGTERM", "press the power button; end at the second, or after --grace" },
	{ "SIGINT", "the same; on a terminal Ctrl-c belongs to the guest" },
	{ "SIGHUP", "the same" },
	{ "SIGQUIT", "end the VM at once" },
	{ "SIGUSR1", "the same; SIGUSR2 too" },
	{ NULL, NULL },
};

const struct help_list help_lists[] = {
	{ "--disk, and of --rootfs with an image", OPT_DISK, 0 },
	{ "--rootfs with a directory", OPT_ROOT, 1 },
	{ "--net", OPT_NET, 0 },
	{ "--share", OPT_SHARE, 0 },
	{ "--vhost-user", OPT_VHOST_USER, 0 },
	{ "--vsock", OPT_VSOCK, 0 },
	{ "--serial, --console and --port", OPT_WHERE, 0 },
	{ "--console-log", OPT_CONSOLE_LOG, 0 },
	{ NULL, OPT_N_TYPES, 0 },
};

/* Add a phrase to @notes, cut if there were ever too many. */
static PRINTF_LIKE(2, 3) void note(char notes[HELP_NOTES_MAX], const char *fmt, ...)
{
	size_t len = strlen(notes);
	va_list ap;

	if (len)
		len += (size_t)snprintf(notes + len, HELP_NOTES_MAX - len, ", ");
	if (len >= HELP_NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(notes + len, HELP_NOTES_MAX - len, fmt, ap);
	va_end(ap);
}

void help_notes(const struct opt *o, char ret[HELP_NOTES_MAX])
{
	char least[OPTIONS_NUMBER_MAX], most[OPTIONS_NUMBER_MAX];

	ret[0] = '\0';
	if (o->alias)
		note(ret, "also --%s", o->alias);
	if (o->repeat)
		note(ret, "may be repeated");
	if (options_is_number(o)) {
		options_number(o, o->min, least);
		options_number(o, o->max, most);
		note(ret, "%s to %s", least, most);
	}
	if (o->def)
		note(ret, "default %s", o->def);
}

void help_form(const struct optlist_key *key, char ret[HELP_FORM_MAX])
{
	static const char between[][3] = {
		[OPTLIST_BARE] = "",
		[OPTLIST_VALUE] = "=",
		[OPTLIST_EITHER] = "[=",
	};

	snprintf(ret, HELP_FORM_MAX, "%s%s%s%s", key->name, between[key->takes], key->arg,
	         key->takes == OPTLIST_EITHER ? "]" : "");
}

/* Write @text from column @at on, in lines of WIDTH that begin at @indent. Returns the column. */
static int put_wrapped(FILE *out, const char *text, int at, int indent)
{
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (at > indent && at + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		}
		if (at > indent)
			at += fprintf(out, " ");
		at += fprintf(out, "%.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	return at;
}

static void put_option(FILE *out, const struct opt *o)
{
	char notes[HELP_NOTES_MAX], bracketed[HELP_NOTES_MAX + 2];
	int at = o->letter ? fprintf(out, "  -%c, --%s", o->letter, o->name)
	                   : fprintf(out, "      --%s", o->name);

	if (o->arg)
		at += fprintf(out, " %s", o->arg);
	if (at + 2 > COLUMN)
		fprintf(out, "\n%*s", COLUMN, "");
	else
		fprintf(out, "%*s", COLUMN - at, "");
	at = put_wrapped(out, o->help, COLUMN, COLUMN);
	help_notes(o, notes);
	snprintf(bracketed, sizeof(bracketed), "(%s)", notes);
	if (notes[0])
		put_wrapped(out, bracketed, at, COLUMN);
	fputc('\n', out);
}

static void put_row(FILE *out, const char *before, const char *name, const char *text)
{
	fprintf(out, "  %s%-*s%s\n", before, (int)(ROW - strlen(before)), name, text);
}

static void put_rows(FILE *out, const struct help_row *rows, const char *before)
{
	for (; rows->name; rows++)
		put_row(out, before, rows->name, rows->text);
}

static void put_list(FILE *out, const struct help_list *list)
{
	unsigned n = 0;
	const struct optlist_key *key = optval_keys(list->type, list->part, &n);
	char form[HELP_FORM_MAX];

	fprintf(out, "\nKeys of %s:\n", list->of);
	for (; n > 0; n--, key++) {
		help_form(key, form);
		put_row(out, "", form, key->help);
	}
}

/* errno: 0 before the first byte. */
static int written(FILE *out)
{
	if (!ferror(out))
		return 0;
	return errno ? -errno : -EIO;
}

int help_write(FILE *out)
{
	errno = 0;
	fputs("Usage: vmm --kernel FILE [OPTION...] [-- COMMAND [ARGUMENT...]]\n"
	      "Run one Linux virtual machine on /dev/kvm, in this process.\n",
	      out);
	for (enum opt_group g = 0; g < GROUP_N; g++) {
		fprintf(out, "\n%s:\n", options_group_names[g]);
		for (unsigned i = 0; i < options_n; i++)
			if (options[i].group == g)
				put_option(out, &options[i]);
	}
	for (const struct help_list *list = help_lists; list->of; list++)
		put_list(out, list);
	fputs("\nA value stands in the next word or after '=': --cpus 2, --cpus=2, -c 2, -c2.\n"
	      "In file names of --rootfs, --disk, --share, --vhost-user, --serial, --console,\n"
	      "--port and --vsock a comma is written twice.\n"
	      "Options and keys without a value are off unless they are given.\n"
	      "\nKeys on a terminal, with the default --escape:\n",
	      out);
	put_rows(out, help_keys, "Ctrl-a ");
	fputs("\nSignals; a command gets them instead:\n", out);
	put_rows(out, help_signals, "");
	fputs("\nExit status:\n", out);
	put_rows(out, help_statuses, "");
	fputs("\nExamples:\n  vmm -k vmlinuz -i initrd.img -r debian.img -m 512M -c 2 -a quiet\n"
	      "  vmm -k vmlinuz -i initrd.img -r debian.img,cow --cwd /src -- make check\n",
	      out);
	return written(out);
}

int help_version(FILE *out)
{
	errno = 0;
	fputs("vmm " VMM_VERSION "\n", out);
	return written(out);
}
