/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vsock_conn.h"

#include "vmm/num.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* At the edge: nothing has to be asked for anew while the guest gives neither buffers nor credit,
 * and a client that hangs up does not keep the loop busy. */
#define EVENTS_ALWAYS (EPOLLIN | EPOLLRDHUP | EPOLLET)

int vsock_conn_open(struct vsock_conn *c, int fd)
{
	int r;

	c->source.fd = fd;
	c->fill = 0;
	c->line_len = 0;
	r = loop_add(c->loop, &c->source, EVENTS_ALWAYS);
	if (r < 0)
		fd_close(&c->source.fd);
	return r;
}

void vsock_conn_close(struct vsock_conn *c)
{
	if (c->source.fd < 0)
		return;
	loop_del(c->loop, &c->source);
	fd_close(&c->source.fd);
	c->fill = 0;
}

static ssize_t send_some(const struct vsock_conn *c, const void *bytes, size_t len)
{
	ssize_t n;

	do
		n = send(c->source.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Keep the rest: vsock_conn_room() has said that it fits. */
static void keep(struct vsock_conn *c, const uint8_t *bytes, uint32_t len)
{
	uint32_t at = c->received % VSOCK_CONN_BUFFER;
	uint32_t first = len < VSOCK_CONN_BUFFER - at ? len : VSOCK_CONN_BUFFER - at;

	memcpy(c->buffer + at, bytes, first);
	memcpy(c->buffer, bytes + first, len - first);
	if (c->fill == 0)
		loop_mod(c->loop, &c->source, EVENTS_ALWAYS | EPOLLOUT);
	c->fill += len;
	c->received += len;
}

int vsock_conn_put(struct vsock_conn *c, struct iov_cur *data)
{
	while (data->left > 0) {
		struct iovec v;
		unsigned n;
		uint32_t len = (uint32_t)iov_take(data, data->left, &v, 1, &n);
		ssize_t sent = c->fill > 0 ? 0 : send_some(c, v.iov_base, len);

		if (sent == -EAGAIN)
			sent = 0;
		if (sent < 0)
			return (int)sent;
		c->received += (uint32_t)sent;
		c->passed += (uint32_t)sent;
		if (sent < len)
			keep(c, (const uint8_t *)v.iov_base + sent, len - (uint32_t)sent);
	}
	return 0;
}

int vsock_conn_flush(struct vsock_conn *c)
{
	while (c->fill > 0) {
		uint32_t at = c->passed % VSOCK_CONN_BUFFER;
		uint32_t len = c->fill < VSOCK_CONN_BUFFER - at ? c->fill : VSOCK_CONN_BUFFER - at;
		ssize_t n = send_some(c, c->buffer + at, len);

		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		c->fill -= (uint32_t)n;
		c->passed += (uint32_t)n;
		if (c->fill == 0)
			loop_mod(c->loop, &c->source, EVENTS_ALWAYS);
	}
	return 0;
}

/* Not recv(): one system call fewer for the jail to allow. */
static ssize_t receive(const struct vsock_conn *c, void *dst, size_t len, int flags)
{
	struct iovec v = { .iov_base = dst, .iov_len = len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(c->source.fd, &m, flags | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t vsock_conn_get(struct vsock_conn *c, struct iov_cur *room)
{
	uint32_t credit = vsock_conn_credit(c);
	struct iovec v;
	unsigned segments;
	size_t len = iov_take(room, room->left < credit ? room->left : credit, &v, 1, &segments);
	ssize_t n;

	if (len == 0)
		return -EAGAIN; /* recv() would seem to say that this is the end */
	n = receive(c, v.iov_base, len, 0);
	if (n > 0)
		c->sent += (uint32_t)n;
	return n;
}

bool vsock_conn_is_gone(const struct vsock_conn *c)
{
	return send_some(c, "", 0) == -EPIPE;
}

/* "CONNECT PORT\n", and nothing else. */
static int parse_line(const char *line, size_t len, uint32_t *ret_port)
{
	static const char word[] = "CONNECT ";
	char number[VSOCK_CONN_LINE];
	uint64_t port;

	if (len <= sizeof(word) || len > VSOCK_CONN_LINE ||
	    memcmp(line, word, sizeof(word) - 1) != 0)
		return -EPROTO;
	len -= sizeof(word); /* without the newline */
	memcpy(number, line + sizeof(word) - 1, len);
	number[len] = '\0';
	if (num_parse(number, &port) < 0 || port >= UINT32_MAX)
		return -EPROTO;
	*ret_port = (uint32_t)port;
	return 0;
}

int vsock_conn_greet(struct vsock_conn *c)
{
	while (c->line_len < VSOCK_CONN_LINE) {
		char *at = c->line + c->line_len;
		ssize_t n = receive(c, at, VSOCK_CONN_LINE - c->line_len, MSG_PEEK);
		const char *end = n > 0 ? memchr(at, '\n', (size_t)n) : NULL;

		if (n <= 0)
			return n == -EAGAIN ? 0 : n == 0 ? -EPIPE : (int)n;
		if (end)
			n = end + 1 - at;
		n = receive(c, at, (size_t)n, 0);
		if (n < 0)
			return (int)n;
		c->line_len += (unsigned)n;
		if (end)
			return parse_line(c->line, c->line_len, &c->guest_port) < 0 ? -EPROTO : 1;
	}
	return -EPROTO;
}
