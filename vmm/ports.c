/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ports.h"

#include "vmm/machine.h"

#include <errno.h>

_Static_assert(CONFIG_VPORTS_MAX == VIRTIO_CONSOLE_PORTS_MAX, "the command line knows the limit");

int ports_add(struct machine *m, const char *name, struct chardev *host, struct err *e)
{
	struct ports *p = &m->ports;

	if (p->n == VIRTIO_CONSOLE_PORTS_MAX)
		return err_set(e, ENOSPC, "a VM has at most %d ports, --console included",
		               VIRTIO_CONSOLE_PORTS_MAX);
	p->end[p->n++] = (struct virtio_console_end){ .host = host, .name = name };
	consoles_add(&m->consoles, host);
	return 0;
}

/* A reader that has gone is what the guest is told, as at a socket. */
static void on_port_failed(void *arg, int r)
{
	if (r != -EPIPE)
		run_chardev_events(arg).output_failed(arg, r);
}

static int open_one(struct machine *m, const char *name, struct chardev_setup *setup, struct err *e)
{
	struct chardev *host = &m->ports.host[m->ports.n_hosts++];
	int r;

	setup->escape = m->cfg->escape;
	setup->label = name ? name : "console";
	setup->loop = &m->loop;
	setup->caretaker = &m->caretaker;
	setup->port = name != NULL;
	setup->events = run_chardev_events(m);
	setup->tap_arg = m;
	if (name)
		setup->events.output_failed = on_port_failed;
	r = chardev_open(host, setup, e);
	if (r < 0)
		return name ? err_wrap(e, r, "--port") : r;
	return ports_add(m, name, host, e);
}

int ports_open(struct machine *m, struct err *e)
{
	const struct config *cfg = m->cfg;
	bool has_console = cfg->console.kind != WHERE_NONE;
	int r = 0;

	if (!has_console && cfg->n_vports == 0)
		return 0;
	m->ports.host = calloc(cfg->n_vports + has_console, sizeof(*m->ports.host));
	if (!m->ports.host)
		return err_errno(e, ENOMEM, "cannot make the ports");
	if (has_console)
		r = open_one(m, NULL,
		             &(struct chardev_setup){
		                     .where = &cfg->console,
		                     .path_index = MACHINE_PATH_CONSOLE,
		                     /* Without a serial port it is the kernel's console. */
		                     .tap = m->chips.has_serial ? witness_other : witness_kernel,
		             },
		             e);
	for (unsigned i = 0; i < cfg->n_vports && r == 0; i++)
		r = open_one(m, cfg->vport[i].name,
		             &(struct chardev_setup){
		                     .where = &cfg->vport[i].where,
		                     .tap = witness_other,
		                     .path_index = MACHINE_PATH_VPORT + i,
		             },
		             e);
	return r;
}

void ports_fini(struct ports *p)
{
	for (unsigned i = 0; i < p->n_hosts; i++)
		chardev_fini(&p->host[i]);
	free(p->host);
	*p = (struct ports){ 0 };
}
