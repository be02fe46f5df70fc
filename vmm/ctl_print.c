/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ctl_print.h"

#include <stdio.h>
#include <stdlib.h>

/* A value inside others: "inserted.ro: false". A line for each that holds no others. */
static void print_flat(const char *path, json_t *value)
{
	char *text;
	char inner[512];
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_object(value)) {
		json_object_foreach(value, key, member)
		{
			(void)snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", key);
			print_flat(inner, member);
		}
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, member)
		{
			(void)snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
			print_flat(inner, member);
		}
	} else if (json_is_string(value)) {
		printf("%s%s%s\n", path, *path ? ": " : "", json_string_value(value));
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY);
		printf("%s%s%s\n", path, *path ? ": " : "", text ? text : "?");
		free(text);
	}
}

/* A list is a paragraph for each of its members, or a line if that has only a name. */
static void print_list(json_t *list)
{
	json_t *member;
	size_t i;

	json_array_foreach(list, i, member)
	{
		const json_t *name = json_object_get(member, "name");

		if (json_object_size(member) == 1 && name) {
			puts(json_string_value(name));
			continue;
		}
		if (i > 0)
			putchar('\n');
		print_flat("", member);
	}
}

void ctl_print_value(json_t *value, bool json)
{
	if (json) {
		(void)json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_INDENT(2));
		putchar('\n');
	} else if (json_is_string(value)) {
		fputs(json_string_value(value), stdout);
	} else if (json_is_array(value)) {
		print_list(value);
	} else {
		print_flat("", value);
	}
}

/* 2024-02-03T04:05:06.789012Z SHUTDOWN guest=true reason=guest-shutdown */
void ctl_print_event(json_t *event, bool json)
{
	json_t *data = json_object_get(event, "data"), *when = json_object_get(event, "timestamp");
	const char *key;
	json_t *value;

	if (json) {
		(void)json_dumpf(event, stdout, 0);
		putchar('\n');
		return;
	}
	printf("%lld.%06lld %s", (long long)json_integer_value(json_object_get(when, "seconds")),
	       (long long)json_integer_value(json_object_get(when, "microseconds")),
	       json_string_value(json_object_get(event, "event")));
	json_object_foreach(data, key, value)
	{
		char *text = json_dumps(value, JSON_ENCODE_ANY);

		printf(" %s=%s", key, text ? text : "?");
		free(text);
	}
	putchar('\n');
}
