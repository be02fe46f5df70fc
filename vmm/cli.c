/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/cli.h"

#include "vmm/config_file.h"
#include "vmm/config_json.h"
#include "vmm/help.h"
#include "vmm/optval.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One walk over the words of the command line. */
struct walk {
	struct config *config;
	char **argv; /* ends with NULL */
	int next; /* index of the word after the current one */
	uint64_t seen; /* bit i: options[i] was given */
	bool serial; /* --serial was */
	const struct opt *print; /* --help or --version, once met */
};

/* A word that is an option: "--memory", "-m". */
struct spelling {
	const char *text;
	int len; /* bytes that are the option; the rest is its value */
};

static int unknown_option(const struct spelling *s, const char *name, struct err *e)
{
	const char *near = options_nearest(name, (size_t)(s->text + s->len - name));

	if (!near)
		return err_set(e, EINVAL, "unknown option '%.*s'; see 'vmm --help'", s->len,
		               s->text);
	return err_set(e, EINVAL, "unknown option '%.*s': did you mean '--%s'?", s->len, s->text,
	               near);
}

/* Whether a word can only be meant as an option, so that it is no value of the one before it. */
static bool is_option(const char *word)
{
	if (strncmp(word, "--", 2) == 0)
		return !word[2] || options_find(word + 2, strcspn(word + 2, "="));
	return word[0] == '-' && word[1] && !word[2] && options_find_letter(word[1]);
}

/* What an option means whose value, in brackets in the table, is left out. */
#define WITHOUT_VALUE "host"

/* The value that stands in the next word. One that may be left out begins with no dash. */
static int next_value(struct walk *w, const struct opt *o, const struct spelling *s,
                      const char **ret, struct err *e)
{
	const char *word = w->argv[w->next];

	if (o->arg[0] == '[' && (!word || word[0] == '-')) {
		*ret = WITHOUT_VALUE;
		return 0;
	}
	if (!word)
		return err_set(e, EINVAL, "option '%.*s' needs a value: %s", s->len, s->text,
		               o->arg);
	if (is_option(word))
		return err_set(e, EINVAL,
		               "option '%.*s' needs a value: %s ('%.60s' is the next option)",
		               s->len, s->text, o->arg, word);
	w->next++;
	*ret = word;
	return 0;
}

/* An option that takes no value. */
static int take_word(struct walk *w, const struct opt *o, const struct spelling *s,
                     const char *value, struct err *e)
{
	if (value)
		return err_set(e, EINVAL, "option '%.*s' takes no value", s->len, s->text);
	if (o->type != OPT_FLAG) {
		w->print = o;
		return 0;
	}
	return optval_set(w->config, o, NULL, e);
}

/* One option; @value is what stands in the same word, or NULL. */
static int take_option(struct walk *w, const struct opt *o, const struct spelling *s,
                       const char *value, struct err *e)
{
	uint64_t bit = 1ULL << (o - options);
	int r;

	if (w->seen & bit && o->repeat == 0)
		return err_set(e, EINVAL, "option '%.*s' is given twice: %s", s->len, s->text,
		               o->type == OPT_ROOT ? "use '--disk' for a further disk"
		                                   : "leave one out");
	w->seen |= bit;
	if (!o->arg)
		return take_word(w, o, s, value, e);
	w->serial |= o->field == offsetof(struct config, serial);
	if (!value) {
		r = next_value(w, o, s, &value, e);
		if (r < 0)
			return r;
	}
	r = optval_set(w->config, o, value, e);
	return r < 0 ? err_wrap(e, r, "option '%.*s'", s->len, s->text) : r;
}

/* "--name" or "--name=value". */
static int take_long(struct walk *w, const char *word, struct err *e)
{
	size_t len = strcspn(word + 2, "=");
	struct spelling s = { word, (int)len + 2 };
	const struct opt *o = options_find(word + 2, len);

	if (!o)
		return unknown_option(&s, word + 2, e);
	return take_option(w, o, &s, word[2 + len] ? word + 2 + len + 1 : NULL, e);
}

/* "-k" or "-kvalue". */
static int take_short(struct walk *w, const char *word, struct err *e)
{
	struct spelling whole = { word, (int)strcspn(word, "=") }, letter = { word, 2 };
	const struct opt *o = options_find_letter(word[1]);

	/* "-kernel", as other programs spell it, is not "-k" with the value "ernel". */
	if (!o || options_find(word + 1, (size_t)whole.len - 1))
		return unknown_option(&whole, word + 1, e);
	return take_option(w, o, &letter, word[2] ? word + 2 : NULL, e);
}

/* All that follows is the command. */
static int take_command(struct walk *w, struct err *e)
{
	struct config *c = w->config;

	c->command = w->argv + w->next;
	while (w->argv[w->next]) {
		w->next++;
		c->n_command++;
	}
	if (c->n_command == 0)
		return err_set(
		        e, EINVAL,
		        "no command after '--': leave it out, or say what the guest is to run");
	return 0;
}

static int take_next(struct walk *w, struct err *e)
{
	const char *word = w->argv[w->next++];

	if (strcmp(word, "--") == 0)
		return take_command(w, e);
	if (strncmp(word, "--", 2) == 0)
		return take_long(w, word, e);
	if (word[0] == '-' && word[1])
		return take_short(w, word, e);
	return err_set(e, EINVAL,
	               "unexpected word '%.60s': each value follows its option, as in "
	               "'--kernel FILE'",
	               word);
}

/* Read every word, or up to --help or --version. Keeps the first error. */
static int take_all(struct walk *w, struct err *e)
{
	int first = 0;

	while (w->argv[w->next] && !(w->print && first == 0)) {
		int r = take_next(w, first == 0 ? e : NULL);

		if (first == 0)
			first = r;
	}
	return first;
}

static int print_info(const struct opt *o)
{
	return o->type == OPT_HELP ? help_write(stdout) : help_version(stdout);
}

/* What was printed must have arrived. Returns 1. */
static int print_done(int r, struct err *e)
{
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	return r < 0 ? err_errno(e, -r, "cannot write to standard output") : 1;
}

/* The caller reports an error into the --result: not into a file that is something else, too. */
static int refuse(struct config *c, int r)
{
	if (config_check_files(c, NULL) < 0)
		c->result = NULL;
	return r;
}

int cli_parse(struct config *ret, int argc, char **argv, struct err *e)
{
	struct walk w = { .config = ret, .argv = argv, .next = argc > 0 ? 1 : 0 };
	int r = optval_defaults(ret, e);

	if (r == 0)
		r = take_all(&w, e);
	if (r == 0 && w.print)
		return print_done(print_info(w.print), e);
	if (r == 0 && ret->config_file)
		r = config_file_apply(ret, w.seen, ret->config_file, e);
	/* Standard output is the command's, wherever that stands. */
	if (ret->n_command > 0 && !w.serial && ret->serial.kind == WHERE_STDIO)
		ret->serial.kind = WHERE_STDERR;
	if (r == 0)
		r = config_check(ret, e);
	if (r < 0)
		return refuse(ret, r);
	if (!ret->dry_run)
		return 0;
	return print_done(config_json_write(ret, stdout), e);
}
