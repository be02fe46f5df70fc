/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/qmp_rig.h"

#include <errno.h>
#include <string.h>

static enum qmp_status status(void *vm)
{
	struct qmp_rig *r = vm;

	return r->status;
}

static bool stop(void *vm)
{
	struct qmp_rig *r = vm;

	r->stops++;
	return r->status != QMP_RUNNING;
}

static bool cont(void *vm)
{
	struct qmp_rig *r = vm;

	r->conts++;
	return r->status == QMP_RUNNING;
}

static void powerdown(void *vm)
{
	struct qmp_rig *r = vm;

	r->presses++;
	qmp_powerdown(&r->qmp);
}

static void end(void *vm, enum qmp_end how)
{
	struct qmp_rig *r = vm;

	r->ends |= 1 << how;
}

static pid_t cpu_thread(void *vm, unsigned cpu)
{
	(void)vm;
	return 7695 + (pid_t)cpu;
}

static struct qmp_disk disk(void *vm, unsigned i)
{
	const struct qmp_rig *r = vm;

	return (struct qmp_disk){
		.bytes = 1048576 + i,
		.allocated = 8192 + i,
		.error = i == 0 ? r->disk_error : 0,
	};
}

static bool console(void *vm, unsigned i, struct qmp_console *ret)
{
	const struct qmp_rig *r = vm;

	if (i == 0)
		*ret = (struct qmp_console){ "serial", &r->cfg.serial, "" };
	else if (i == 1)
		*ret = (struct qmp_console){ "console", &r->cfg.console, "/dev/pts/7" };
	else if (i == 2)
		*ret = (struct qmp_console){ "org.x", &r->cfg.vport[0].where, "" };
	return i < 3;
}

static int connect_console(void *vm, unsigned i, int fd)
{
	struct qmp_rig *r = vm;

	if (i != 2)
		return -ENOTSUP;
	r->connected = fd;
	return 0;
}

static json_t *report(void *vm, enum qmp_report what)
{
	(void)vm;
	return json_pack("{s:i}", "report", (int)what);
}

static int resize(void *vm, unsigned disk, uint64_t bytes, struct err *e)
{
	struct qmp_rig *r = vm;

	if (bytes % 512 != 0)
		return err_set(e, EINVAL, "not whole sectors");
	r->resized = bytes + disk;
	return 0;
}

static int set_link(void *vm, unsigned net, bool up)
{
	struct qmp_rig *r = vm;

	if (net == 1)
		return -EPIPE;
	r->link_down = !up;
	return 0;
}

static void nmi(void *vm)
{
	struct qmp_rig *r = vm;

	r->nmis++;
}

static void changed(struct qmp_session *s)
{
	struct qmp_rig *r = container_of(s->qmp, struct qmp_rig, qmp);

	r->changes++;
}

void qmp_rig_init(struct qmp_rig *r)
{
	static const struct qmp_vm_ops ops = {
		.status = status,
		.stop = stop,
		.cont = cont,
		.powerdown = powerdown,
		.end = end,
		.cpu_thread = cpu_thread,
		.disk = disk,
		.console = console,
		.connect = connect_console,
		.report = report,
		.resize = resize,
		.set_link = set_link,
		.nmi = nmi,
	};

	*r = (struct qmp_rig){ .status = QMP_RUNNING };
	r->cfg = (struct config){
		.cpus = 2,
		.memory = 268435456,
		.name = "x",
		.serial = { .kind = WHERE_STDIO },
		.console = { .kind = WHERE_PTY },
		.vport = { { .name = "org.x", .where = { .kind = WHERE_UNIX, .path = "p" } } },
		.net = { { .kind = NET_TAP, .tap = "tap0" }, { .kind = NET_PASST } },
		.n_nets = 2,
		.disk = { { .path = "disk.img", .readonly = true },
		          { .path = "/dev/d", .unsafe = true, .direct = true } },
		.n_disks = 2,
		.control = { { .path = "/p" }, { .fd = 5 } },
		.n_control = 2,
	};
	qmp_init(&r->qmp, &r->cfg, &ops, r);
	free(r->qmp.folder);
	r->qmp.folder = strdup("/f");
	r->qmp.changed = changed;
}

/* The time is all that differs from run to run. */
static void hide_times(char *text)
{
	static const char key[] = "seconds\": "; /* and "microseconds" */

	for (char *at = text; (at = strstr(at, key));) {
		size_t digits;

		at += strlen(key);
		digits = strspn(at, "0123456789");
		memmove(at + 1, at + digits, strlen(at + digits) + 1);
		*at = 'N';
	}
}

static char *take_output(struct qmp_session *s)
{
	size_t len = s->out.len;
	char *text = calloc(1, len + 1);

	if (!text)
		abort();
	if (len > 0) {
		memcpy(text, s->out.buf + s->out.head, len);
		qmp_out_consume(&s->out, len);
	}
	hide_times(text);
	return text;
}

char *qmp_rig_say(struct qmp_session *s, const char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len && qmp_session_may_feed(s);)
		at += qmp_session_feed(s, (const uint8_t *)text + at, len - at);
	return take_output(s);
}

void qmp_rig_greet(struct qmp_session *s, struct qmp_rig *r)
{
	qmp_session_init(s, &r->qmp);
	free(qmp_rig_say(s, "{\"execute\":\"qmp_capabilities\"}"));
}
