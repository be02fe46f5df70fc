/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/patterns.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum op {
	OP_BYTE, /* the byte @arg */
	OP_ANY, /* any byte but the newline */
	OP_CLASS, /* a byte of class @arg */
	OP_JUMP, /* go on at @to */
	OP_SPLIT, /* go on here and at @to */
	OP_BEGIN, /* only at the beginning of a line */
	OP_END, /* only at its end */
	OP_MATCH, /* pattern @arg has matched */
};

#define GROUPS_MAX 16 /* brackets inside each other */
#define REPEAT_MAX 255 /* RE_DUP_MAX */
#define UNBOUNDED  (REPEAT_MAX + 1)

struct compiler {
	struct patterns *p;
	const char *text, *at;
	struct err *e;
};

static bool has(const uint8_t *set, uint8_t c)
{
	return set[c / 8] >> c % 8 & 1;
}

static void set_bit(uint8_t *set, uint8_t c)
{
	set[c / 8] = (uint8_t)(set[c / 8] | 1 << c % 8);
}

static int fail(const struct compiler *c, const char *what)
{
	return err_set(c->e, EINVAL, "'%.80s' is no pattern: %s at character %zu", c->text, what,
	               (size_t)(c->at - c->text) + 1);
}

/* Make room for @n instructions at @at, whose jumps are relative and so move with them. */
static int insert(struct compiler *c, unsigned at, unsigned n)
{
	struct patterns *p = c->p;

	if (p->n_insts + n > PATTERN_INSTS)
		return err_set(c->e, E2BIG, "'%.80s': patterns are too large together", c->text);
	memmove(&p->inst[at + n], &p->inst[at], (p->n_insts - at) * sizeof(p->inst[0]));
	p->n_insts += n;
	return 0;
}

static int emit(struct compiler *c, enum op op, uint8_t arg, int to)
{
	unsigned at = c->p->n_insts;
	int r = insert(c, at, 1);

	if (r == 0)
		c->p->inst[at] = (struct pattern_inst){ (uint8_t)op, arg, (int16_t)to };
	return r;
}

static int emit_split(struct compiler *c, unsigned at, int to)
{
	int r = insert(c, at, 1);

	if (r == 0)
		c->p->inst[at] = (struct pattern_inst){ .op = OP_SPLIT, .to = (int16_t)to };
	return r;
}

/* The @len instructions at @from once more, at the end. */
static int copy(struct compiler *c, unsigned from, unsigned len)
{
	unsigned at = c->p->n_insts;
	int r = insert(c, at, len);

	if (r == 0)
		memcpy(&c->p->inst[at], &c->p->inst[from], len * sizeof(c->p->inst[0]));
	return r;
}

/* What was compiled from @from on, @min to @max times. */
static int repeat(struct compiler *c, unsigned from, unsigned min, unsigned max)
{
	unsigned len = c->p->n_insts - from;
	int r = 0;

	if (max == UNBOUNDED && min == 0) {
		r = emit_split(c, from, (int)len + 2);
		return r == 0 ? emit(c, OP_JUMP, 0, -(int)len - 1) : r;
	}
	for (unsigned i = 1; i < min && r == 0; i++)
		r = copy(c, from, len);
	if (max == UNBOUNDED)
		return r == 0 ? emit(c, OP_SPLIT, 0, -(int)len) : r;
	for (unsigned i = min ? min : 1; i < max && r == 0; i++) {
		r = emit_split(c, c->p->n_insts, (int)len + 1);
		if (r == 0)
			r = copy(c, from, len);
	}
	return r == 0 && min == 0 ? emit_split(c, from, (int)len + 1) : r;
}

/* Digits; REPEAT_MAX + 1 and above are one too many. */
static unsigned parse_count(struct compiler *c)
{
	unsigned n = 0;

	for (; isdigit((unsigned char)*c->at); c->at++)
		n = n > REPEAT_MAX ? n : n * 10 + (unsigned)(*c->at - '0');
	return n;
}

/* {N}, {N,} or {N,M}, behind its bracket. */
static int parse_braces(struct compiler *c, unsigned *ret_min, unsigned *ret_max)
{
	bool digits = isdigit((unsigned char)*c->at);
	unsigned min = parse_count(c), max = min;

	if (*c->at == ',') {
		c->at++;
		max = isdigit((unsigned char)*c->at) ? parse_count(c) : UNBOUNDED;
	}
	if (!digits || *c->at++ != '}' || min > REPEAT_MAX || max < min || max == 0 ||
	    (max > REPEAT_MAX && c->at[-2] != ','))
		return fail(c, "braces that are not {N}, {N,} or {N,M} with numbers up to 255");
	*ret_min = min;
	*ret_max = max;
	return 0;
}

/* Whatever repetitions follow what was compiled from @from on. */
static int parse_repeats(struct compiler *c, unsigned from)
{
	int r = 0;

	while (r == 0 && *c->at && strchr("*+?{", *c->at)) {
		char kind = *c->at++;
		unsigned min = kind == '+', max = kind == '?' ? 1 : UNBOUNDED;

		if (kind == '{')
			r = parse_braces(c, &min, &max);
		if (r == 0)
			r = repeat(c, from, min, max);
	}
	return r;
}

/* The name in "[:NAME:]", behind the first colon. */
static int parse_class_name(struct compiler *c, uint8_t *class)
{
	static const struct {
		char name[8];
		int (*holds)(int c);
	} classes[] = {
		{ "alnum:]", isalnum }, { "alpha:]", isalpha }, { "blank:]", isblank },
		{ "cntrl:]", iscntrl }, { "digit:]", isdigit }, { "graph:]", isgraph },
		{ "lower:]", islower }, { "print:]", isprint }, { "punct:]", ispunct },
		{ "space:]", isspace }, { "upper:]", isupper }, { "xdigit:", isxdigit },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		size_t len = strlen(classes[i].name);

		if (strncmp(c->at, classes[i].name, len) != 0)
			continue;
		c->at += len;
		if (classes[i].holds == isxdigit && *c->at++ != ']')
			break;
		for (int byte = 0; byte < 128; byte++)
			if (classes[i].holds(byte))
				set_bit(class, (uint8_t)byte);
		return 0;
	}
	return fail(c, "an unknown class of characters");
}

/* A byte, a range or a class in brackets. */
static int parse_bracket_item(struct compiler *c, uint8_t *class)
{
	uint8_t low = (uint8_t)*c->at++, high = low;

	if (low == '[' && *c->at == ':') {
		c->at++;
		return parse_class_name(c, class);
	}
	if (low == '[' && (*c->at == '.' || *c->at == '='))
		return fail(c, "a collating symbol, which is not supported,");
	if (c->at[0] == '-' && c->at[1] && c->at[1] != ']') {
		high = (uint8_t)c->at[1];
		c->at += 2;
	}
	if (high < low)
		return fail(c, "a range that ends before it begins");
	for (unsigned byte = low; byte <= high; byte++)
		set_bit(class, (uint8_t)byte);
	return 0;
}

/* [...], behind its first bracket. */
static int parse_bracket(struct compiler *c)
{
	struct patterns *p = c->p;
	bool other = *c->at == '^';
	const char *first = c->at += other;
	uint8_t *class;
	int r = 0;

	if (p->n_classes == PATTERN_CLASSES)
		return err_set(c->e, E2BIG, "'%.80s': too many brackets together", c->text);
	class = p->class[p->n_classes];
	memset(class, 0, sizeof(p->class[0]));
	while (r == 0 && *c->at && (*c->at != ']' || c->at == first))
		r = parse_bracket_item(c, class);
	if (r < 0)
		return r;
	if (*c->at++ != ']')
		return fail(c, "a [ without its ]");
	for (unsigned i = 0; other && i < sizeof(p->class[0]); i++)
		class[i] = (uint8_t) ~class[i];
	return emit(c, OP_CLASS, (uint8_t)p->n_classes++, 0);
}

static int parse_alternatives(struct compiler *c, unsigned depth);

static int parse_group(struct compiler *c, unsigned depth)
{
	int r = depth == GROUPS_MAX ? fail(c, "too many ( inside each other")
	                            : parse_alternatives(c, depth + 1);

	if (r == 0 && *c->at++ != ')')
		r = fail(c, "a ( without its )");
	return r;
}

/* One character, class, group or anchor. */
static int parse_atom(struct compiler *c, unsigned depth)
{
	char byte = *c->at++;

	switch (byte) {
	case '(':
		return parse_group(c, depth);
	case '[':
		return parse_bracket(c);
	case '.':
		return emit(c, OP_ANY, 0, 0);
	case '^':
		return emit(c, OP_BEGIN, 0, 0);
	case '$':
		return emit(c, OP_END, 0, 0);
	case '*':
	case '+':
	case '?':
	case '{':
		return fail(c, "a repetition of nothing, or one that wants a \\ before it,");
	case '\\':
		byte = *c->at++;
		if (!ispunct((unsigned char)byte))
			return fail(c, "a \\ that is not before a punctuation character");
		FALLTHROUGH;
	default:
		return emit(c, OP_BYTE, (uint8_t)byte, 0);
	}
}

static int parse_branch(struct compiler *c, unsigned depth)
{
	int r = 0;

	while (r == 0 && *c->at && *c->at != '|' && (*c->at != ')' || depth == 0)) {
		unsigned from = c->p->n_insts;

		if (*c->at == ')')
			return fail(c, "a ) without its (");
		r = parse_atom(c, depth);
		if (r == 0)
			r = parse_repeats(c, from);
	}
	return r;
}

/* Branches: each but the last ends with a jump, which holds the place of the one before until the
 * end is known. */
static int parse_alternatives(struct compiler *c, unsigned depth)
{
	struct patterns *p = c->p;
	unsigned last = 0; /* no jump is the first instruction */

	for (;;) {
		unsigned branch = p->n_insts;
		int r = parse_branch(c, depth);

		if (r < 0)
			return r;
		if (*c->at != '|')
			break;
		c->at++;
		r = emit_split(c, branch, (int)(p->n_insts - branch) + 2);
		if (r == 0)
			r = emit(c, OP_JUMP, 0, (int)last);
		if (r < 0)
			return r;
		last = p->n_insts - 1;
	}
	while (last) {
		unsigned before = (unsigned)p->inst[last].to;

		p->inst[last].to = (int16_t)(p->n_insts - last);
		last = before;
	}
	return 0;
}

static void put(struct pattern_threads *t, unsigned pc)
{
	unsigned place = t->place[pc];

	if (place < t->n && t->pc[place] == pc)
		return;
	t->place[pc] = (uint16_t)t->n;
	t->pc[t->n++] = (uint16_t)pc;
}

/* Add what can be reached without a byte from the threads from @from on. Returns the matches. */
static uint32_t follow(const struct patterns *p, struct pattern_threads *t, unsigned from,
                       bool begin, bool end)
{
	uint32_t matched = 0;

	for (unsigned i = from; i < t->n; i++) {
		unsigned pc = t->pc[i];
		const struct pattern_inst *inst = &p->inst[pc];

		if (inst->op == OP_MATCH)
			matched |= UINT32_C(1) << inst->arg;
		if (inst->op == OP_JUMP || inst->op == OP_SPLIT)
			put(t, pc + (unsigned)inst->to);
		if (inst->op == OP_SPLIT || (inst->op == OP_BEGIN && begin) ||
		    (inst->op == OP_END && end))
			put(t, pc + 1);
	}
	return matched;
}

static uint32_t start(const struct patterns *p, struct pattern_threads *t, bool end)
{
	unsigned from = t->n;

	for (unsigned i = 0; i < p->n; i++)
		put(t, p->start[i]);
	return follow(p, t, end ? 0 : from, !p->in_line, end);
}

static bool takes(const struct patterns *p, const struct pattern_inst *inst, uint8_t c)
{
	switch (inst->op) {
	case OP_BYTE:
		return inst->arg == c;
	case OP_ANY:
		return true;
	case OP_CLASS:
		return has(p->class[inst->arg], c);
	default:
		return false;
	}
}

/* With which bytes a match can begin: most bytes of most texts need no further look. */
static void note_first(struct patterns *p)
{
	const struct pattern_threads *t = &p->threads[0];

	memset(p->first, 0, sizeof(p->first));
	for (unsigned i = 0; i < t->n; i++)
		for (unsigned c = 0; c < 256; c++)
			if (takes(p, &p->inst[t->pc[i]], (uint8_t)c))
				set_bit(p->first, (uint8_t)c);
}

/* Whether every line would match. */
static bool matches_nothing(struct patterns *p)
{
	struct pattern_threads *t = &p->threads[1];
	uint32_t matched;

	t->n = 0;
	p->in_line = true;
	matched = start(p, t, true);
	t = &p->threads[0];
	t->n = 0;
	p->in_line = false;
	matched |= start(p, t, false);
	return matched != 0;
}

int patterns_add(struct patterns *p, const char *text, struct err *e)
{
	struct compiler c = { .p = p, .text = text, .at = text, .e = e };
	int r;

	if (p->n == PATTERN_MAX)
		return err_set(e, E2BIG, "more than %u patterns", PATTERN_MAX);
	p->start[p->n] = (uint16_t)p->n_insts;
	r = parse_alternatives(&c, 0);
	if (r == 0)
		r = emit(&c, OP_MATCH, (uint8_t)p->n, 0);
	if (r < 0)
		return r;
	p->n++;
	if (matches_nothing(p))
		return err_set(e, EINVAL, "'%.80s' matches any line, an empty one too", text);
	note_first(p);
	p->threads[0].n = 0;
	return (int)p->n - 1;
}

uint32_t patterns_step(struct patterns *p, uint8_t c)
{
	struct pattern_threads *now = &p->threads[p->current];
	struct pattern_threads *next = &p->threads[1 - p->current];

	if (c == '\n') {
		uint32_t matched = start(p, now, true);

		now->n = 0;
		p->in_line = false;
		return matched;
	}
	if (has(p->first, c))
		(void)start(p, now, false);
	p->in_line = true;
	if (now->n == 0)
		return 0;
	next->n = 0;
	for (unsigned i = 0; i < now->n; i++)
		if (takes(p, &p->inst[now->pc[i]], c))
			put(next, now->pc[i] + 1U);
	now->n = 0;
	p->current = 1 - p->current;
	return follow(p, next, 0, false, false);
}
