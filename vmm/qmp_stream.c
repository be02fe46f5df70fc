/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_stream.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ROOM_FIRST 256 /* bytes; most commands fit */

/* What one byte brought about. */
enum step {
	STEP_ON, /* taken */
	STEP_AGAIN, /* ended a word: look at the same byte once more */
	STEP_DONE, /* taken, and the value is complete */
	STEP_DONE_BEFORE, /* not taken: the value was complete before it */
	STEP_STRAY, /* not JSON */
	STEP_LARGE,
	STEP_NO_MEMORY,
};

void qmp_stream_fini(struct qmp_stream *s)
{
	free(s->text);
	*s = (struct qmp_stream){ 0 };
}

/* A plain copy instead of realloc(), whose mremap() the jail does not know. */
static enum step grow(struct qmp_stream *s)
{
	size_t room = s->room ? 2 * s->room : ROOM_FIRST;
	char *text = malloc(room);

	if (!text)
		return STEP_NO_MEMORY;
	if (s->len)
		memcpy(text, s->text, s->len);
	free(s->text);
	s->text = text;
	s->room = room;
	return STEP_ON;
}

static enum step put(struct qmp_stream *s, char c)
{
	enum step r = STEP_ON;

	if (s->len == QMP_STREAM_MAX)
		return STEP_LARGE;
	if (s->len == s->room)
		r = grow(s);
	if (r == STEP_ON)
		s->text[s->len++] = c;
	return r;
}

static bool is_outside(const struct qmp_stream *s)
{
	return s->braces <= 0 && s->brackets <= 0;
}

/* The token in hand is complete. */
static enum step end_token(struct qmp_stream *s)
{
	s->state = QMP_STREAM_BETWEEN;
	s->token = s->len;
	if (s->braces < 0 || s->brackets < 0 || is_outside(s))
		return STEP_DONE;
	return s->braces + s->brackets > QMP_STREAM_DEPTH ? STEP_LARGE : STEP_ON;
}

static enum step punctuation(struct qmp_stream *s, char c)
{
	enum step r = put(s, c);

	s->braces += (c == '{') - (c == '}');
	s->brackets += (c == '[') - (c == ']');
	return r == STEP_ON ? end_token(s) : r;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_punctuation(char c)
{
	return c != '\0' && strchr("{}[]:,", c);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("+-.", c));
}

static enum step between(struct qmp_stream *s, char c)
{
	s->token = s->len;
	if (is_space(c))
		return s->len ? put(s, ' ') : STEP_ON;
	if (is_punctuation(c))
		return punctuation(s, c);
	if (is_word(c)) {
		s->state = QMP_STREAM_WORD;
		return put(s, c);
	}
	if (c == '"' || c == '\'') {
		s->state = QMP_STREAM_STRING;
		s->quote = c;
		return put(s, '"');
	}
	return STEP_STRAY;
}

static enum step word(struct qmp_stream *s, char c)
{
	if (is_word(c))
		return put(s, c);
	return end_token(s) == STEP_DONE ? STEP_DONE_BEFORE : STEP_AGAIN;
}

/* Bytes that no string has: control characters, and two that UTF-8 never uses. */
static bool breaks_string(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte < 0x20 || byte >= 0xfe;
}

static enum step string(struct qmp_stream *s, char c)
{
	enum step r;

	if (breaks_string(c))
		return STEP_STRAY;
	if (c == s->quote) {
		r = put(s, '"');
		return r == STEP_ON ? end_token(s) : r;
	}
	if (c == '\\') {
		s->state = QMP_STREAM_ESCAPE;
		return STEP_ON;
	}
	if (c == '"') { /* of a string in single quotes */
		r = put(s, '\\');
		if (r != STEP_ON)
			return r;
	}
	return put(s, c);
}

static enum step escape(struct qmp_stream *s, char c)
{
	enum step r = STEP_ON;

	if (breaks_string(c))
		return STEP_STRAY;
	s->state = QMP_STREAM_STRING;
	if (c != '\'')
		r = put(s, '\\');
	return r == STEP_ON ? put(s, c) : r;
}

static enum step lost(struct qmp_stream *s, char c)
{
	bool hope = is_punctuation(c) || (breaks_string(c) && c != '\t');

	if (!hope)
		return STEP_ON;
	s->state = QMP_STREAM_BETWEEN;
	return is_punctuation(c) ? STEP_AGAIN : STEP_ON;
}

static enum step take(struct qmp_stream *s, char c)
{
	switch (s->state) {
	case QMP_STREAM_WORD:
		return word(s, c);
	case QMP_STREAM_STRING:
		return string(s, c);
	case QMP_STREAM_ESCAPE:
		return escape(s, c);
	case QMP_STREAM_LOST:
		return lost(s, c);
	case QMP_STREAM_BETWEEN:
		break;
	}
	return between(s, c);
}

static enum qmp_stream_result parse(struct qmp_stream *s, json_t **ret, struct err *e)
{
	const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
	json_error_t why;
	json_t *value = json_loadb(s->text, s->len, flags, &why);

	/* No command wants a number beyond 64 bits, but an id may be any. */
	if (!value && json_error_code(&why) == json_error_numeric_overflow)
		value = json_loadb(s->text, s->len, flags | JSON_DECODE_INT_AS_REAL, &why);
	qmp_stream_fini(s);
	if (!value) {
		(void)err_set(e, EINVAL, "JSON parse error, %s", why.text);
		return QMP_STREAM_ERROR;
	}
	*ret = value;
	return QMP_STREAM_VALUE;
}

static enum qmp_stream_result stray(struct qmp_stream *s, char c, struct err *e)
{
	int len = (int)(s->len - s->token);
	const char last[] = { c, '\0' };

	(void)err_set(e, EINVAL, "JSON parse error, stray '%.*s%s'", len > 60 ? 60 : len,
	              len ? s->text + s->token : "", c ? last : "\\0");
	qmp_stream_fini(s);
	/* The byte itself may be the one that calls us back. */
	s->state = breaks_string(c) ? QMP_STREAM_BETWEEN : QMP_STREAM_LOST;
	return QMP_STREAM_ERROR;
}

static enum qmp_stream_result give_up(struct qmp_stream *s, enum step step, struct err *e)
{
	if (step == STEP_NO_MEMORY)
		(void)err_set(e, ENOMEM, "no memory for the command");
	else
		(void)err_set(e, E2BIG,
		              "JSON parse error, a command has at most %d bytes and %d levels",
		              QMP_STREAM_MAX, QMP_STREAM_DEPTH);
	qmp_stream_fini(s);
	return QMP_STREAM_END;
}

enum qmp_stream_result qmp_stream_next(struct qmp_stream *s, const uint8_t *buf, size_t len,
                                       size_t *ret_used, json_t **ret, struct err *e)
{
	for (size_t i = 0; i < len;) {
		enum step step = take(s, (char)buf[i]);

		i += step != STEP_AGAIN && step != STEP_DONE_BEFORE;
		*ret_used = i;
		switch (step) {
		case STEP_ON:
		case STEP_AGAIN:
			break;
		case STEP_DONE:
		case STEP_DONE_BEFORE:
			return parse(s, ret, e);
		case STEP_STRAY:
			return stray(s, (char)buf[i - 1], e);
		case STEP_LARGE:
		case STEP_NO_MEMORY:
			return give_up(s, step, e);
		}
	}
	*ret_used = len;
	return QMP_STREAM_MORE;
}
