/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qmp_block.h"

#include "vmm/jsontext.h"

#include <errno.h>
#include <stdio.h>

/* Limits of the rate, which there are none of. */
static const char *const limits[] = { "iops", "iops_rd", "iops_wr", "bps", "bps_rd", "bps_wr" };

/* The actual size is that of the opening: the main thread's filter has no row left for fstat(2). */
static json_t *show_image(const struct config_disk *d, const struct qmp_disk *now)
{
	return json_pack("{s:I, s:o, s:s, s:I, s:b}", "virtual-size", (json_int_t)now->bytes,
	                 "filename", jsontext_new(d->path), "format", "raw", "actual-size",
	                 (json_int_t)now->allocated, "dirty-flag", 0);
}

static json_t *show_inserted(const struct config_disk *d, const char *node,
                             const struct qmp_disk *now)
{
	/* What is forgotten at the end need not be flushed: a temporary file, as in QEMU. */
	json_t *shown =
	        json_pack("{s:o, s:s, s:s, s:b, s:b, s:i, s:s, s:i, s:{s:b, s:b, s:b}, s:o}",
	                  "file", jsontext_new(d->path), "node-name", node, "drv", "raw", "ro",
	                  d->readonly, "encrypted", 0, "backing_file_depth", 0, "detect_zeroes",
	                  "off", "write_threshold", 0, "cache", "no-flush", d->unsafe || d->cow,
	                  "direct", d->direct, "writeback", 1, "image", show_image(d, now));

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (json_object_set_new(shown, limits[i], json_integer(0)) < 0) {
			json_decref(shown);
			return NULL;
		}
	}
	return shown;
}

static json_t *show_disk(struct qmp_call *c, unsigned i)
{
	static const char *const io_status[] = { "ok", "failed", "nospace" };
	const struct qmp_disk now = c->qmp->ops->disk(c->qmp->vm, i);
	char device[16], node[16];

	(void)snprintf(device, sizeof(device), "vd%u", i);
	(void)snprintf(node, sizeof(node), "d%u", i);
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:s, s:o}", "device", "", "qdev", device,
	                 "io-status", io_status[(now.error != 0) + (now.error == ENOSPC)], "locked",
	                 0, "removable", 0, "type", "unknown", "inserted",
	                 show_inserted(&c->qmp->cfg->disk[i], node, &now));
}

json_t *qmp_block_query(struct qmp_call *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < c->qmp->cfg->n_disks; i++) {
		if (json_array_append_new(list, show_disk(c, i)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
