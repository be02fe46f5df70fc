/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the JSON schema of --config to standard output: made of the option table, so that it
 * cannot differ from the program. For editors, and for programs that make such files.
 */
#include "vmm/optval.h"

#include <jansson.h>
#include <stdio.h>

/* {"type": [@types...]} */
static json_t *type_of(const char *const *types)
{
	json_t *list = json_array();

	for (; *types; types++)
		json_array_append_new(list, json_string(*types));
	return json_pack("{s:o}", "type", list);
}

/* Null is the same as leaving the thing out. */
static json_t *nullable(json_t *schema)
{
	json_array_append_new(json_object_get(schema, "type"), json_string("null"));
	json_array_append_new(json_object_get(schema, "enum"), json_null());
	return schema;
}

#define TYPE(...) type_of((const char *const[]){ __VA_ARGS__, NULL })

/* One key of a comma list. */
static json_t *key_schema(const struct optlist_key *key)
{
	json_t *schema = key->takes == OPTLIST_BARE    ? TYPE("boolean")
	                 : key->takes == OPTLIST_VALUE ? TYPE("string", "integer")
	                                               : TYPE("string", "integer", "boolean");

	if (key->repeat)
		schema = json_pack("{s:[s,s,s], s:o}", "type", "string", "integer", "array",
		                   "items", schema);
	nullable(schema);
	if (key->help)
		json_object_set_new(schema, "description", json_string(key->help));
	return schema;
}

/* What is a comma list on the command line is an object here, or the same text. */
static json_t *list_schema(enum opt_type type)
{
	json_t *schema = TYPE("string", "object"), *keys = json_object();
	const struct optlist_key *key;
	unsigned n;

	for (unsigned part = 0; (key = optval_keys(type, part, &n)); part++)
		for (; n > 0; n--, key++)
			json_object_set_new(keys, key->name, key_schema(key));
	json_object_set_new(schema, "properties", keys);
	json_object_set_new(schema, "additionalProperties", json_false());
	return schema;
}

static json_t *word_schema(const struct opt *o)
{
	json_t *list = json_array();

	for (const char *const *word = o->words; *word; word++)
		json_array_append_new(list, json_string(*word));
	return json_pack("{s:o}", "enum", list);
}

/* A range, in the unit of the file. */
static json_t *number_schema(const struct opt *o, const char *type, double unit)
{
	json_t *schema = TYPE(type);

	json_object_set_new(schema, "minimum", json_real((double)o->min / unit));
	json_object_set_new(schema, "maximum", json_real((double)o->max / unit));
	return schema;
}

static json_t *value_schema(const struct opt *o)
{
	unsigned n;

	switch (o->type) {
	case OPT_FLAG:
		return TYPE("boolean");
	case OPT_UINT:
		return number_schema(o, "integer", 1);
	case OPT_SECONDS:
		return number_schema(o, "number", 1000);
	case OPT_SIZE:
		return TYPE("string", "integer");
	case OPT_WORD:
		return word_schema(o);
	case OPT_VPORT: /* {NAME: WHERE} */
		return json_pack("{s:[s,s], s:i, s:o}", "type", "string", "object", "maxProperties",
		                 1, "additionalProperties", list_schema(OPT_WHERE));
	default:
		return optval_keys(o->type, 0, &n) ? list_schema(o->type) : TYPE("string");
	}
}

static json_t *option_schema(const struct opt *o)
{
	json_t *schema = value_schema(o);

	if (o->repeat)
		schema = json_pack("{s:[s], s:o, s:i}", "type", "array", "items", schema,
		                   "maxItems", (int)o->repeat);
	nullable(schema);
	json_object_set_new(schema, "description",
	                    o->more ? json_sprintf("%s. %s", o->help, o->more)
	                            : json_string(o->help));
	return schema;
}

int main(void)
{
	json_t *options_schema = json_object(), *all;
	int r;

	for (unsigned i = 0; i < options_n; i++)
		if (options[i].group != GROUP_OTHER)
			json_object_set_new(options_schema, options[i].name,
			                    option_schema(&options[i]));
	json_object_set_new(options_schema, "command",
	                    json_pack("{s:s, s:{s:s}, s:s}", "type", "array", "items", "type",
	                              "string", "description",
	                              "what the guest runs: the words after '--'"));
	all = json_pack("{s:s, s:s, s:s, s:o, s:b}", "$schema",
	                "https://json-schema.org/draft/2020-12/schema", "title", "vmm --config",
	                "type", "object", "properties", options_schema, "additionalProperties", 0);
	r = all ? json_dumpf(all, stdout, JSON_INDENT(1)) : -1;
	putchar('\n');
	json_decref(all);
	return r == 0 && fflush(stdout) == 0 ? 0 : 1;
}
