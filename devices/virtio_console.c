/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_console.h"

#include "vmm/timer.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <string.h>

/* Queues: virtio 1.2 section 5.3.2. "Receive" is the driver's word. */
#define QUEUE_CONTROL_RECEIVE  2
#define QUEUE_CONTROL_TRANSMIT 3

/* Work of one turn of the loop. */
#define TURN_REQUESTS 64
#define TURN_BYTES    65536

/* How long a driver has to look for its buffer by itself, before it is interrupted. */
#define LOOK_MS 1

/* Control messages that a port owes to the driver, in the order in which they go. */
enum {
	DUE_ADD = 1 << 0,
	DUE_CONSOLE = 1 << 1,
	DUE_NAME = 1 << 2,
	DUE_RESIZE = 1 << 3,
	DUE_OPEN = 1 << 4,
};

struct console_window {
	uint16_t cols, rows; /* 0: not known */
};

/* [role: on_dev] */
struct console_port {
	struct virtio_console *console;
	struct chardev *host;
	const char *name; /* NULL: a console */
	uint32_t id;
	uint16_t receive, transmit; /* queues */
	struct virtq_chain in, out;
	bool has_in; /* @in is lent for input */
	bool has_out; /* @out is on its way to the host, which has no room for the rest */
	bool starved; /* the host was told that there is no room */
	bool ready; /* the driver has set the port up */
	bool open; /* somebody in the guest reads it */
	bool closing; /* nobody in the guest does any more; the host is told behind the output */
	uint8_t due; /* DUE_* */
	struct console_window window;
};

struct virtio_console {
	struct virtio_dev base;
	struct virtio_dev_ops ops; /* console_ops with the queues that the ports need */
	struct virtio_console_config config;
	struct console_port port[VIRTIO_CONSOLE_PORTS_MAX];
	unsigned n_ports;
	struct timer late; /* only with a loop */
	uint32_t owed; /* [role: on_dev] ports, by their bits, whose output may want an interrupt */
};

static struct virtio_console *of(struct virtio_dev *d)
{
	return container_of(d, struct virtio_console, base);
}

/* --- output --- */

/* Hand the buffer under way to the host. Returns whether it is finished. */
static bool pass_on(struct console_port *p, size_t *budget)
{
	while (p->out.out.left > 0) {
		struct iov_cur ahead = p->out.out;
		struct iovec v;
		unsigned n;
		size_t len =
		        iov_take(&ahead, ahead.left < *budget ? ahead.left : *budget, &v, 1, &n);
		size_t taken = len > 0 ? chardev_offer(p->host, v.iov_base, len) : 0;

		if (taken == 0)
			return false;
		(void)iov_take(&p->out.out, taken, &v, 1, &n);
		*budget -= taken;
	}
	return true;
}

/* Returns 1 when there is more to do in another turn, 0, or -errno. */
static int serve_output(struct console_port *p, struct virtq *q)
{
	size_t budget = TURN_BYTES;

	for (unsigned n = 0; n < TURN_REQUESTS; n++) {
		int r = p->has_out ? 1 : virtq_next(q, &p->out);

		if (r <= 0)
			return r;
		p->has_out = !pass_on(p, &budget);
		if (p->has_out)
			return budget ==
			       0; /* else the host says when it has room: host_writable() */
		virtq_push(q, p->out.head, 0);
	}
	return 1;
}

/*
 * Linux waits for its buffer by looking, and an interrupt that tells it what it has seen costs more
 * exits than the text. So it gets the time to look, unless half of the queue has come back: a
 * driver that does not look may be waiting for just that.
 */
static void signal_output(struct console_port *p)
{
	struct virtio_console *c = p->console;
	struct virtq *q = &c->base.queue[p->transmit].ring;
	uint16_t given_back = virtq_unsignalled(q);

	if (!c->base.loop || given_back >= q->size / 2) {
		virtio_dev_signal(&c->base, p->transmit);
	} else if (given_back > 0) {
		if (c->owed == 0)
			timer_arm_ms(&c->late, LOOK_MS);
		c->owed |= 1U << p->id;
	}
}

static void signal_late(void *arg)
{
	struct virtio_console *c = arg;

	for (unsigned i = 0; i < c->n_ports; i++)
		if (c->owed >> i & 1)
			virtio_dev_signal(&c->base, c->port[i].transmit);
	c->owed = 0;
}

static int kick_output(struct console_port *p)
{
	struct virtio_dev *d = &p->console->base;
	int r = serve_output(p, &d->queue[p->transmit].ring);

	chardev_flush(p->host);
	if (r == 0 && !p->has_out && p->closing) {
		p->closing = false;
		chardev_guest_open(p->host, false);
	}
	signal_output(p);
	if (r > 0)
		virtio_dev_again(d, p->transmit);
	return r < 0 ? r : 0;
}

static void host_writable(void *self)
{
	struct console_port *p = self;

	if (p->has_out)
		virtio_dev_again(&p->console->base, p->transmit);
}

/* --- input --- */

/* Borrow a buffer for input if there is none. Returns the room in it. */
static size_t borrow(struct console_port *p)
{
	struct virtio_dev *d = &p->console->base;
	struct virtq *q = &d->queue[p->receive].ring;
	int r = 1;

	for (unsigned n = 0; !p->has_in && r > 0 && n < TURN_REQUESTS; n++) {
		r = virtq_next(q, &p->in);
		p->has_in = r > 0 && p->in.in.left > 0;
		if (r > 0 && !p->has_in)
			virtq_push(q, p->in.head, 0); /* nothing can be put in there */
	}
	if (r < 0)
		virtio_dev_fail(d, r, "a queue for input cannot be served");
	return p->has_in ? p->in.in.left : 0;
}

static size_t host_room(void *self)
{
	struct console_port *p = self;
	size_t room = p->open ? borrow(p) : 0;

	p->starved = room == 0;
	return room;
}

static void host_input(void *self, const uint8_t *buf, size_t len)
{
	struct console_port *p = self;
	struct virtio_dev *d = &p->console->base;
	int r = p->has_in ? iov_write(&p->in.in, buf, len) : -ENODATA;

	if (r < 0)
		return; /* host_room() said so */
	virtq_push(&d->queue[p->receive].ring, p->in.head, (uint32_t)len);
	p->has_in = false;
	virtio_dev_signal(d, p->receive);
}

static void feed(struct console_port *p)
{
	if (p->starved && p->open)
		chardev_input_ready(p->host);
}

/* --- control --- */

static struct console_window look(const struct console_port *p)
{
	struct console_window w = { 0 };

	if (p->name || !chardev_window(p->host, &w.cols, &w.rows))
		return (struct console_window){ 0 };
	return w;
}

/*
 * Make the message for the lowest bit of @due. Returns its bytes.
 *
 * Of the size the columns go first, as the specification has it (1.2, section 5.3.6.2). Linux read
 * them the other way round up to 6.14; distributions have the correction in older kernels, too.
 */
static size_t compose(const struct console_port *p, unsigned due,
                      uint8_t ret[sizeof(struct virtio_console_control) + VIRTIO_CONSOLE_NAME_MAX])
{
	struct virtio_console_control head = { .id = p->id, .value = 1 };
	const uint16_t size[] = { p->window.cols, p->window.rows };
	const void *tail = NULL;
	size_t len = 0;

	if (due & DUE_ADD) {
		head.event = VIRTIO_CONSOLE_PORT_ADD;
	} else if (due & DUE_CONSOLE) {
		head.event = VIRTIO_CONSOLE_CONSOLE_PORT;
	} else if (due & DUE_NAME) {
		head.event = VIRTIO_CONSOLE_PORT_NAME;
		tail = p->name;
		len = strnlen(p->name, VIRTIO_CONSOLE_NAME_MAX);
	} else if (due & DUE_RESIZE) {
		head.event = VIRTIO_CONSOLE_RESIZE;
		tail = size;
		len = sizeof(size);
	} else {
		head.event = VIRTIO_CONSOLE_PORT_OPEN;
		head.value = chardev_is_connected(p->host);
	}
	memcpy(ret, &head, sizeof(head));
	if (len > 0)
		memcpy(ret + sizeof(head), tail, len);
	return sizeof(head) + len;
}

/* Send what a port owes. Returns 1, 0 when the driver has to lend buffers first, or -errno. */
static int send_due(struct console_port *p, struct virtq *q)
{
	uint8_t text[sizeof(struct virtio_console_control) + VIRTIO_CONSOLE_NAME_MAX];
	struct virtq_chain c;

	while (p->due) {
		unsigned due = p->due & -(unsigned)p->due;
		size_t len = compose(p, due, text);
		int r = virtq_next(q, &c);

		if (r <= 0)
			return r;
		if (iov_write(&c.in, text, len) < 0) {
			virtio_dev_fail(&p->console->base, -EPROTO,
			                "a buffer for control messages is too small");
			return -EPROTO;
		}
		virtq_push(q, c.head, (uint32_t)len);
		p->due &= (uint8_t)~due;
	}
	return 1;
}

static int kick_control(struct virtio_console *c)
{
	int r = 1;

	for (unsigned i = 0; i < c->n_ports && r > 0; i++)
		r = send_due(&c->port[i], &c->base.queue[QUEUE_CONTROL_RECEIVE].ring);
	virtio_dev_signal(&c->base, QUEUE_CONTROL_RECEIVE);
	return r < 0 ? r : 0;
}

static void tell(struct console_port *p, unsigned due)
{
	if (!p->ready)
		return;
	p->due |= (uint8_t)due;
	virtio_dev_kick(&p->console->base, QUEUE_CONTROL_RECEIVE);
}

static void host_presence(void *self, bool here)
{
	(void)here; /* compose() asks */
	tell(self, DUE_OPEN);
}

static void port_is_ready(struct console_port *p)
{
	p->ready = true;
	p->due |= p->name ? DUE_NAME : DUE_CONSOLE;
	p->due |= DUE_OPEN;
	if (p->window.cols > 0 && virtio_dev_has(&p->console->base, VIRTIO_CONSOLE_F_SIZE))
		p->due |= DUE_RESIZE;
}

/* The driver said something that no driver says. */
static void refuse(struct virtio_console *c, const char *why)
{
	if (log_limit_pass(&c->base.complaints, NULL))
		log_warn("%s: control message ignored: %s", c->base.label, why);
}

static void hear_of_port(struct virtio_console *c, const struct virtio_console_control *m)
{
	struct console_port *p;

	if (m->id >= c->n_ports) {
		refuse(c, "no such port");
		return;
	}
	p = &c->port[m->id];
	if (m->event == VIRTIO_CONSOLE_PORT_OPEN) {
		p->closing = p->name && p->open && m->value == 0;
		p->open = m->value != 0;
		if (p->name && p->open)
			chardev_guest_open(p->host, true);
		feed(p);
		/* What the driver wrote before lies in another queue. */
		virtio_dev_kick(&c->base, p->transmit);
	} else if (m->value != 0) {
		port_is_ready(p);
	} else {
		refuse(c, "the driver cannot set a port up");
	}
}

static void hear(struct virtio_console *c, const struct virtio_console_control *m)
{
	switch (m->event) {
	case VIRTIO_CONSOLE_DEVICE_READY:
		for (unsigned i = 0; m->value != 0 && i < c->n_ports; i++)
			c->port[i].due |= DUE_ADD;
		return;
	case VIRTIO_CONSOLE_PORT_READY:
	case VIRTIO_CONSOLE_PORT_OPEN:
		hear_of_port(c, m);
		return;
	default:
		refuse(c, "unknown event");
	}
}

/* What the driver has to say, and our answers. */
static int kick_driver_control(struct virtio_console *c)
{
	struct virtio_dev *d = &c->base;
	struct virtq *q = &d->queue[QUEUE_CONTROL_TRANSMIT].ring;
	struct virtio_console_control m;
	struct virtq_chain chain;
	int r = 1;

	for (unsigned n = 0; n < TURN_REQUESTS; n++) {
		r = virtq_next(q, &chain);
		if (r <= 0)
			break;
		if (iov_read(&chain.out, &m, sizeof(m)) == 0)
			hear(c, &m);
		else
			refuse(c, "too short");
		virtq_push(q, chain.head, 0);
	}
	virtio_dev_signal(d, QUEUE_CONTROL_TRANSMIT);
	if (r > 0)
		virtio_dev_again(d, QUEUE_CONTROL_TRANSMIT);
	virtio_dev_kick(d, QUEUE_CONTROL_RECEIVE);
	return r < 0 ? r : 0;
}

/* --- device --- */

static int console_kick(struct virtio_dev *d, uint16_t qi)
{
	struct virtio_console *c = of(d);
	struct console_port *p = &c->port[qi < 2 ? 0 : qi / 2 - 1];

	if (qi == QUEUE_CONTROL_RECEIVE)
		return kick_control(c);
	if (qi == QUEUE_CONTROL_TRANSMIT)
		return kick_driver_control(c);
	if (qi == p->transmit)
		return kick_output(p);
	feed(p);
	return 0;
}

static int console_activate(struct virtio_dev *d)
{
	struct virtio_console *c = of(d);

	/* With control messages the driver says itself when it is ready for input. */
	c->port[0].open = !c->port[0].name && !virtio_dev_has(d, VIRTIO_CONSOLE_F_MULTIPORT);
	return 0;
}

/* The buffers belong to rings that are no more. */
static void console_reset(struct virtio_dev *d)
{
	struct virtio_console *c = of(d);

	for (unsigned i = 0; i < c->n_ports; i++) {
		struct console_port *p = &c->port[i];

		p->has_in = p->has_out = false;
		p->ready = p->open = p->closing = false;
		p->due = 0;
	}
}

static const struct virtio_dev_ops console_ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.queue_max = 64,
	.config_size = offsetof(struct virtio_console_config, emerg_wr),
	.activate = console_activate,
	.kick = console_kick,
	.reset = console_reset,
};

static const struct chardev_ops host_ops = {
	.room = host_room,
	.input = host_input,
	.writable = host_writable,
	.presence = host_presence,
};

static void add_port(struct virtio_console *c, const struct virtio_console_end *end)
{
	uint32_t id = c->n_ports++;
	struct console_port *p = &c->port[id];

	p->console = c;
	p->host = end->host;
	p->name = end->name;
	p->id = id;
	p->receive = (uint16_t)(id == 0 ? 0 : 2 * (id + 1));
	p->transmit = p->receive + 1;
	p->starved = true;
	p->window = look(p);
	chardev_attach(end->host, &host_ops, p);
}

int virtio_console_new(struct virtio_console **ret, const struct virtio_console_end *end,
                       unsigned n, struct loop *loop, struct err *e)
{
	struct virtio_console *c = calloc(1, sizeof(*c));
	uint64_t features = 1ULL << VIRTIO_CONSOLE_F_MULTIPORT;
	int r;

	assert(n >= 1 && n <= VIRTIO_CONSOLE_PORTS_MAX);
	if (!c)
		return err_errno(e, ENOMEM, "cannot make the console device");
	c->late.source.fd = -1;
	for (unsigned i = 0; i < n; i++)
		add_port(c, &end[i]);
	c->config = (struct virtio_console_config){
		.cols = c->port[0].window.cols,
		.rows = c->port[0].window.rows,
		.max_nr_ports = n,
	};
	if (c->config.cols > 0)
		features |= 1ULL << VIRTIO_CONSOLE_F_SIZE;
	c->ops = console_ops;
	c->ops.n_queues = (uint16_t)(2 * (n + 1));
	r = virtio_dev_init(&c->base, &c->ops, "console", features, &c->config, loop, e);
	if (r == 0 && loop)
		r = timer_init(&c->late, loop, signal_late, c, e);
	if (r < 0) {
		virtio_console_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void virtio_console_free(struct virtio_console *c)
{
	if (!c)
		return;
	virtio_dev_fini(&c->base);
	timer_fini(&c->late);
	free(c);
}

struct virtio_dev *virtio_console_dev(struct virtio_console *c)
{
	return &c->base;
}

static void change_config(struct virtio_dev *d, void *arg)
{
	const struct console_window *w = arg;
	struct virtio_console *c = of(d);

	c->config.cols = w->cols;
	c->config.rows = w->rows;
}

void virtio_console_resized(struct virtio_console *c)
{
	for (unsigned i = 0; i < c->n_ports; i++) {
		struct console_port *p = &c->port[i];
		struct console_window w = look(p);

		if (w.cols == 0 || (w.cols == p->window.cols && w.rows == p->window.rows))
			continue;
		p->window = w;
		if (i == 0)
			virtio_dev_config_changed(&c->base, change_config, &w);
		if (virtio_dev_has(&c->base, VIRTIO_CONSOLE_F_SIZE))
			tell(p, DUE_RESIZE);
	}
}
