/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_report.h"

#include "vmm/config_json.h"
#include "vmm/log.h"
#include "vmm/optval.h"

#include <string.h>

static json_t *report(const struct qmp_call *c, enum qmp_report what)
{
	return c->qmp->ops->report(c->qmp->vm, what);
}

json_t *qmp_report_blockstats(struct qmp_call *c)
{
	return report(c, QMP_REPORT_DISKS);
}

json_t *qmp_report_metrics(struct qmp_call *c)
{
	return report(c, QMP_REPORT_METRICS);
}

json_t *qmp_report_jail(struct qmp_call *c)
{
	return report(c, QMP_REPORT_JAIL);
}

json_t *qmp_report_config(struct qmp_call *c)
{
	return config_json_make(c->qmp->cfg);
}

/* What it is, after what was asked for. */
json_t *qmp_report_log_level(struct qmp_call *c)
{
	static const char name[] = "log-level";
	const char *const *words = options_find(name, sizeof(name) - 1)->words;
	const char *wanted = qmp_call_text(c, "level");
	unsigned level = log_level_now();

	if (wanted) {
		for (level = 0; words[level] && strcmp(words[level], wanted) != 0;)
			level++;
		if (!words[level])
			return qmp_call_fail(c, QMP_GENERIC_ERROR,
			                     "Parameter 'level' does not accept value '%.60s'",
			                     wanted);
		log_set_level(level);
	}
	return json_pack("{s:s}", "level", words[level]);
}

/* The keys of an option's value. */
static json_t *show_keys(const struct opt *o)
{
	static const char *const types[] = {
		[OPTLIST_BARE] = "boolean",
		[OPTLIST_VALUE] = "string",
		[OPTLIST_EITHER] = "string",
	};
	json_t *list = json_array();
	const struct optlist_key *key;
	unsigned n;
	int r = 0;

	for (unsigned part = 0; r == 0 && (key = optval_keys(o->type, part, &n)); part++)
		for (; n > 0 && r == 0; n--, key++)
			r = json_array_append_new(list, json_pack("{s:s, s:s}", "name", key->name,
			                                          "type", types[key->takes]));
	if (r == 0)
		return list;
	json_decref(list);
	return NULL;
}

/* The options of our command line, not QEMU's; in its shape. */
json_t *qmp_report_options(struct qmp_call *c)
{
	const char *wanted = qmp_call_text(c, "option");
	json_t *list = json_array();

	if (wanted && !options_find(wanted, strlen(wanted))) {
		json_decref(list);
		return qmp_call_fail(c, QMP_GENERIC_ERROR, "invalid option name: %.60s", wanted);
	}
	for (unsigned i = 0; list && i < options_n; i++) {
		const struct opt *o = &options[i];

		if (wanted && o != options_find(wanted, strlen(wanted)))
			continue;
		if (json_array_append_new(list, json_pack("{s:s, s:o}", "option", o->name,
		                                          "parameters", show_keys(o))) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
