/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_change.h"

#include "vmm/num.h"

#include <errno.h>
#include <string.h>

/* The number in a name such as "vd3". Returns -1 if it is none below @n. */
static int index_of(const char *name, const char *kind, unsigned n)
{
	const size_t len = strlen(kind);
	uint64_t i;

	if (strncmp(name, kind, len) != 0 || num_parse(name + len, &i) < 0 || i >= n)
		return -1;
	return (int)i;
}

/* A disk by what query-block calls it: "qdev" or "node-name". */
static int find_disk(const struct qmp_call *c, const char *device, const char *node)
{
	const unsigned n = c->qmp->cfg->n_disks;

	if (node[0])
		return index_of(node, "d", n);
	return index_of(device, "vd", n);
}

json_t *qmp_change_disk_size(struct qmp_call *c)
{
	const char *device = qmp_call_text(c, "device"), *node = qmp_call_text(c, "node-name");
	int64_t bytes = qmp_call_number(c, "size", -1);
	struct err e = { 0 };
	int disk;

	device = device ? device : "";
	node = node ? node : "";
	disk = find_disk(c, device, node);
	if (disk < 0)
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "Cannot find device='%.60s' nor node-name='%.60s'", device,
		                     node);
	if (bytes < 0)
		return qmp_call_fail(c, QMP_GENERIC_ERROR, "Parameter 'size' expects a >0 size");
	if (c->qmp->ops->resize(c->qmp->vm, (unsigned)disk, (uint64_t)bytes, &e) < 0)
		return qmp_call_fail(c, QMP_GENERIC_ERROR, "%s", e.msg);
	return json_object();
}

json_t *qmp_change_link(struct qmp_call *c)
{
	const char *name = qmp_call_text(c, "name");
	int net = index_of(name, "net", c->qmp->cfg->n_nets);
	bool up = json_is_true(json_object_get(c->args, "up"));

	if (net < 0)
		return qmp_call_fail(c, QMP_DEVICE_NOT_FOUND, "Device '%.60s' not found", name);
	if (c->qmp->ops->set_link(c->qmp->vm, (unsigned)net, up) < 0)
		return qmp_call_fail(c, QMP_GENERIC_ERROR,
		                     "Device '%.60s': the host's end has gone", name);
	return json_object();
}

json_t *qmp_change_nmi(struct qmp_call *c)
{
	c->qmp->ops->nmi(c->qmp->vm);
	return json_object();
}

json_t *qmp_change_screendump(struct qmp_call *c)
{
	return qmp_call_fail(c, QMP_GENERIC_ERROR,
	                     "There is no screen: this machine has no display device");
}
