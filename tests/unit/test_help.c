/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/help.h"
#include "vmm/stop.h"

#include <string.h>

#define COLUMNS 80 /* of the narrowest terminal that people use */

static char *text;
static size_t text_len;

static void setup(void)
{
	FILE *out = open_memstream(&text, &text_len);

	ck_assert_int_eq(help_write(out), 0);
	fclose(out);
}

static void teardown(void)
{
	free(text);
}

START_TEST(write_every_line_fits_a_terminal)
{
	for (const char *s = text; *s; s += strcspn(s, "\n") + 1)
		ck_assert_uint_lt(strcspn(s, "\n"), COLUMNS);
}
END_TEST

START_TEST(write_has_no_blank_at_the_end_of_a_line)
{
	ck_assert_ptr_null(strstr(text, " \n"));
	ck_assert_ptr_null(strstr(text, "\n\n\n"));
}
END_TEST

START_TEST(write_names_each_option_and_its_default)
{
	const struct opt *o = &options[_i];
	char name[40], notes[HELP_NOTES_MAX];

	snprintf(name, sizeof(name), "--%s", o->name);
	help_notes(o, notes);
	ck_assert_ptr_nonnull(strstr(text, name));
	ck_assert(!o->def || strstr(notes, o->def));
}
END_TEST

/* Where --help says of a key what its table does, in a list of the option's; NULL: nowhere. Two of
 * its lists may have a key of the same name. */
static const char *text_of(const struct opt *o, const struct optlist_key *key)
{
	char heading[40], form[HELP_FORM_MAX], row[HELP_FORM_MAX + 8];
	const char *list = text, *found;

	snprintf(heading, sizeof(heading), "--%s", o->name);
	help_form(key, form);
	snprintf(row, sizeof(row), "\n  %s ", form);
	while ((list = strstr(list, "\nKeys of "))) {
		const char *rows = strchr(++list, '\n'), *end = strstr(list, "\n\n");
		const char *names = strstr(list, heading);

		found = strstr(rows, row);
		if (!names || names > rows || !found || found > end)
			continue;
		found += strlen(row) + strspn(found + strlen(row), " ");
		if (key->help && strncmp(found, key->help, strlen(key->help)) == 0)
			return found;
	}
	return NULL;
}

START_TEST(write_says_what_each_key_is)
{
	const struct opt *o = &options[_i];
	const struct optlist_key *key;
	unsigned n;

	for (unsigned part = 0; (key = optval_keys(o->type, part, &n)); part++)
		for (; n > 0; n--, key++) {
			/* Where fd= is all there is, the name of the value says so. */
			ck_assert(key->help ? text_of(o, key) != NULL
			                    : strstr(o->arg, "fd=N") != NULL);
			ck_assert_int_eq(key->takes == OPTLIST_BARE, key->arg[0] == '\0');
		}
}
END_TEST

static const int statuses[] = { STATUS_TIMEOUT, STATUS_ERROR, STATUS_PANIC };

START_TEST(write_ends_with_statuses_and_an_example)
{
	const char *heading = strstr(text, "\nExit status:\n");
	char row[16];

	snprintf(row, sizeof(row), "\n  %d  ", statuses[_i]);
	ck_assert_ptr_nonnull(heading);
	ck_assert_ptr_nonnull(strstr(heading, row));
	ck_assert_ptr_nonnull(strstr(heading, "\nExamples:\n  vmm -k "));
}
END_TEST

START_TEST(write_to_a_full_disk_is_an_error)
{
	FILE *full = fopen("/dev/full", "w");

	setvbuf(full, NULL, _IONBF, 0);
	ck_assert_int_lt(help_write(full), 0);
	ck_assert_int_lt(help_version(full), 0);
	fclose(full);
}
END_TEST

START_TEST(version_is_one_line)
{
	char *line = NULL;
	size_t len;
	FILE *out = open_memstream(&line, &len);

	ck_assert_int_eq(help_version(out), 0);
	fclose(out);
	ck_assert_int_eq(strncmp(line, "vmm ", 4), 0);
	ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
	free(line);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("help");
	TCase *t = tcase_create("help");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, write_every_line_fits_a_terminal);
	tcase_add_test(t, write_has_no_blank_at_the_end_of_a_line);
	tcase_add_loop_test(t, write_names_each_option_and_its_default, 0, (int)options_n);
	tcase_add_loop_test(t, write_says_what_each_key_is, 0, (int)options_n);
	tcase_add_loop_test(t, write_ends_with_statuses_and_an_example, 0, ARRAY_SIZE(statuses));
	tcase_add_test(t, write_to_a_full_disk_is_an_error);
	tcase_add_test(t, version_is_one_line);
	suite_add_tcase(s, t);
	return run_suite(s);
}
