/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/control.h"

#include "vmm/control_socket.h"
#include "vmm/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK    2048 /* bytes taken from a client by one system call */
#define PER_TURN 32 /* commands of one client before the others have their turn */
#define ACCEPTS  16 /* connections before the same */

/*
 * A connection. Never freed before the end, since an event that the loop has fetched already may
 * still name it; used for another connection instead, which such an event does no harm to.
 */
struct control_client {
	struct loop_source source; /* fd -1: unused */
	struct control *control;
	struct control_client *next; /* in control.used or .unused */
	struct qmp_session session;
	size_t pos, len; /* of the bytes in @buf that are not done with */
	bool serving; /* its turn is now */
	bool held; /* not watched: its turn comes after the rest */
	bool eof; /* the client has said everything */
	uint8_t buf[CHUNK];
};

static void watch_listeners(struct control *c)
{
	bool deaf = c->full || c->resting;

	if (c->deaf == deaf)
		return;
	c->deaf = deaf;
	for (unsigned i = 0; i < c->n_listeners; i++)
		loop_mod(c->loop, &c->listener[i].source, deaf ? 0 : EPOLLIN);
}

static void close_client(struct control_client *k)
{
	struct control *c = k->control;
	struct control_client **at;

	for (at = &c->used; *at != k;)
		at = &(*at)->next;
	*at = k->next;
	k->next = c->unused;
	c->unused = k;
	c->n_clients--;
	loop_del(c->loop, &k->source);
	fd_close(&k->source.fd);
	qmp_session_fini(&k->session);
	c->full = false;
	watch_listeners(c);
}

/* Send what there is to send. Returns 0, or -errno: -EAGAIN = the client has to read first. */
static int flush(struct control_client *k)
{
	struct qmp_out *out = &k->session.out;

	while (out->len > 0) {
		ssize_t n = send(k->source.fd, out->buf + out->head, out->len,
		                 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			qmp_out_consume(out, (size_t)n);
	}
	return 0;
}

/* Descriptors that came along. */
static void take_fds(struct control_client *k, struct msghdr *msg)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR(msg, m)) {
		const unsigned char *data = CMSG_DATA(m);
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		qmp_session_drop_fds(&k->session); /* as QEMU: they came with what has failed */
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
			qmp_session_add_fd(&k->session, fd);
		}
	}
}

/* Returns bytes taken; 0 = end; -errno: -EAGAIN = nothing there. */
static ssize_t receive(struct control_client *k)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(QMP_SESSION_FDS * sizeof(int))];
	} fds;
	struct iovec iov = { .iov_base = k->buf, .iov_len = sizeof(k->buf) };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = fds.buf,
		              .msg_controllen = sizeof(fds.buf) };
	ssize_t n = recvmsg(k->source.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	take_fds(k, &msg);
	k->pos = 0;
	k->len = (size_t)n;
	return n;
}

/* Looks at the budget after each command, as one of them may take long. */
static void feed(struct control_client *k)
{
	struct control *c = k->control;

	for (unsigned i = 0; i < PER_TURN && k->pos < k->len && !c->resting; i++) {
		if (!qmp_session_may_feed(&k->session))
			return;
		k->pos += qmp_session_feed(&k->session, k->buf + k->pos, k->len - k->pos);
		c->resting = !budget_spend(&c->budget);
	}
}

enum next { NEXT_INPUT, NEXT_OUTPUT, NEXT_SOON, NEXT_CHANGE, NEXT_CLOSE };

/* One turn of a client: answers go out, commands come in. Returns what it waits for then. */
static enum next serve(struct control_client *k)
{
	struct qmp_session *s = &k->session;
	ssize_t n;
	int r;

	if (k->pos == k->len && !k->eof && qmp_session_may_feed(s)) {
		n = receive(k);
		if (n < 0 && n != -EAGAIN && n != -EINTR)
			return NEXT_CLOSE;
		k->eof = n == 0;
	}
	feed(k);
	r = flush(k);
	if (r == -EAGAIN)
		return s->out.overflow ? NEXT_CLOSE : NEXT_OUTPUT;
	if (r < 0)
		qmp_session_mute(s);
	if (s->ended)
		return NEXT_CLOSE;
	if (s->wait != QMP_WAIT_NOT)
		return NEXT_CHANGE;
	if (k->pos < k->len)
		return NEXT_SOON;
	return k->eof ? NEXT_CLOSE : NEXT_INPUT;
}

/* Whether a client has closed its end. An event may be that of an earlier connection. */
static bool has_gone(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0;
}

/* --- within the budget --- */

/* After budget_begin() and what there was to do. */
static void end_work(struct control *c)
{
	if (budget_spend(&c->budget) && !c->resting)
		return;
	c->resting = true;
	counter_add(&c->rests, 1);
	watch_listeners(c);
	timer_arm_ms(&c->rested, budget_rest_ms(&c->budget));
}

/* Out of the loop altogether: a client that has gone would be told of without end. */
static void hold(struct control_client *k)
{
	k->held = true;
	loop_del(k->control->loop, &k->source);
}

static void rest_is_over(void *arg)
{
	struct control *c = arg;
	struct control_client *next;

	c->resting = false;
	for (struct control_client *k = c->used; k; k = next) {
		next = k->next;
		if (k->held && loop_add(c->loop, &k->source, EPOLLIN | EPOLLOUT) < 0)
			close_client(k);
		k->held = false;
	}
	watch_listeners(c); /* behind the clients, some of which may have gone */
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	static const uint32_t watched[] = {
		[NEXT_INPUT] = EPOLLIN,
		[NEXT_OUTPUT] = EPOLLOUT,
		[NEXT_SOON] = EPOLLIN | EPOLLOUT,
		[NEXT_CHANGE] = 0,
	};
	struct control_client *k = container_of(source, struct control_client, source);
	enum next next;

	if (source->fd < 0 || k->held)
		return;
	if (k->control->resting) {
		hold(k);
		return;
	}
	budget_begin(&k->control->budget);
	if (events & (EPOLLHUP | EPOLLERR) && has_gone(source->fd))
		qmp_session_mute(&k->session); /* though it may have left a last wish */
	k->serving = true;
	next = serve(k);
	k->serving = false;
	if (next == NEXT_CLOSE)
		close_client(k);
	else
		loop_mod(k->control->loop, &k->source, watched[next]);
	end_work(k->control);
}

/* Let the loop come back to this client. */
static void session_changed(struct qmp_session *s)
{
	struct control_client *k = container_of(s, struct control_client, session);

	if (k->serving || k->held)
		return;
	if (s->ended && s->out.overflow) {
		log_warn("control: a client that does not read was disconnected");
		close_client(k);
	} else {
		loop_mod(k->control->loop, &k->source, EPOLLOUT);
	}
}

static struct control_client *new_client(struct control *c)
{
	struct control_client *k = c->unused;

	if (!k)
		return calloc(1, sizeof(*k));
	c->unused = k->next;
	return k;
}

/* Serve a connection. @fd is taken over. */
static int add_client(struct control *c, int fd)
{
	struct control_client *k = new_client(c);
	int r;

	if (!k) {
		close(fd);
		return -ENOMEM;
	}
	k->source = (struct loop_source){ .fd = fd, .ready = client_ready };
	k->control = c;
	k->pos = k->len = 0;
	k->eof = k->serving = k->held = false;
	k->next = c->used;
	c->used = k;
	c->n_clients++;
	qmp_session_init(&k->session, c->qmp);
	r = loop_add(c->loop, &k->source, EPOLLIN | EPOLLOUT);
	if (r < 0)
		close_client(k);
	return r;
}

static void refuse(int fd, const char *why)
{
	char line[160];
	int len = snprintf(line, sizeof(line),
	                   "{\"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}}\r\n", why);

	(void)send(fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void accept_one(struct control *c, int fd)
{
	if (!c->qmp->cfg->control_shared && !control_socket_is_friend(fd, c->uid, c->apart))
		refuse(fd, "only the user of this VM and root may command it");
	else if (c->n_clients == CONTROL_CLIENTS_MAX)
		refuse(fd, "this VM has too many clients");
	else
		(void)add_client(c, fd);
}

static void listener_ready(struct loop_source *source, uint32_t events)
{
	struct control *c = container_of(source, struct control_listener, source)->control;

	(void)events;
	if (c->resting) /* the event was fetched before */
		return;
	budget_begin(&c->budget);
	for (unsigned i = 0; i < ACCEPTS; i++) {
		int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			c->full = true;
			watch_listeners(c);
		}
		if (fd < 0)
			break;
		accept_one(c, fd);
	}
	end_work(c);
}

static int add_listener(struct control *c, int fd, struct err *e)
{
	struct control_listener *l = &c->listener[c->n_listeners++];
	int r;

	*l = (struct control_listener){ .source = { .fd = fd, .ready = listener_ready },
		                        .control = c };
	r = loop_add(c->loop, &l->source, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "cannot watch a control socket") : 0;
}

static int add_inherited(struct control *c, int fd, struct err *e)
{
	bool listens = false;
	int r = control_socket_inherit(fd, c->qmp->cfg->control_shared, &listens, e);

	if (r < 0)
		return r;
	if (listens)
		return add_listener(c, fd, e);
	r = add_client(c, fd);
	return r < 0 ? err_errno(e, -r, "cannot serve --control fd=%d", fd) : 0;
}

int control_create(struct control *c, struct qmp *qmp, struct loop *loop,
                   const struct caretaker *caretaker, struct err *e)
{
	int r = 0;

	*c = (struct control){ .qmp = qmp, .loop = loop, .uid = geteuid() };
	c->rested.source.fd = -1;
	qmp->changed = session_changed;
	if (qmp->cfg->n_control == 0)
		return 0;
	json_object_seed(0); /* opens a file at the first object otherwise */
	budget_init(&c->budget);
	r = timer_init(&c->rested, loop, rest_is_over, c, e);
	for (unsigned i = 0; i < qmp->cfg->n_control && r == 0; i++) {
		const struct config_control *cfg = &qmp->cfg->control[i];
		int fd;

		if (!cfg->path) {
			r = add_inherited(c, cfg->fd, e);
			continue;
		}
		fd = control_socket_listen(cfg->path, qmp->cfg->control_shared, e);
		if (fd < 0)
			return fd;
		caretaker_owns_path(caretaker, i, cfg->path);
		r = add_listener(c, fd, e);
	}
	return r;
}

void control_destroy(struct control *c)
{
	while (c->used) {
		(void)flush(c->used);
		close_client(c->used);
	}
	while (c->unused) {
		struct control_client *k = c->unused;

		c->unused = k->next;
		free(k);
	}
	for (unsigned i = 0; i < c->n_listeners; i++)
		fd_close(&c->listener[i].source.fd);
	if (c->loop)
		timer_fini(&c->rested);
	*c = (struct control){ 0 };
}
