/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/net_stream.h"

#include "devices/iov.h"
#include "vmm/unixsock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PREFIX   4 /* bytes of a frame's length, big-endian */
#define SCRAP    2048 /* bytes thrown away at a time */
#define SEGMENTS 512 /* of a frame, in either direction */

struct net_stream {
	struct net_backend base;
	/*
	 * What comes: the prefix of the next frame is read together with the end of the frame
	 * before it, so that a frame costs one system call.
	 */
	uint8_t in_prefix[PREFIX];
	size_t in_prefix_have; /* bytes of it */
	size_t in_len; /* bytes of the frame being received; 0: none is */
	size_t in_done; /* bytes of it that have been received */
	bool in_drop; /* nobody wants it */
	/* What goes. */
	size_t out_len; /* bytes of the frame being sent, prefix included; 0: none is */
	size_t out_done; /* bytes of it that have been sent */
	bool out_drop; /* its segments are gone: the rest is sent as zeroes */
};

static struct net_stream *of(struct net_backend *b)
{
	return container_of(b, struct net_stream, base);
}

/* --- what comes --- */

/* Read into @v. Returns bytes, at least 1, or -errno; -EPIPE at the end of the stream. */
static ssize_t read_some(struct net_stream *s, struct iovec *v, unsigned n)
{
	ssize_t r;

	do
		r = readv(s->base.fd[0], v, (int)n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r > 0 ? r : -EPIPE;
}

/* The rest of the prefix, as a segment. */
static struct iovec prefix_rest(struct net_stream *s)
{
	return (struct iovec){ .iov_base = s->in_prefix + s->in_prefix_have,
		               .iov_len = PREFIX - s->in_prefix_have };
}

/* A frame is complete, and perhaps more: begin with the next one. */
static void end_frame(struct net_stream *s, size_t beyond)
{
	s->in_len = 0;
	s->in_prefix_have = beyond;
}

/* Have the length of a frame. Returns 0 or -errno. */
static int begin_frame(struct net_stream *s)
{
	uint32_t len;

	while (s->in_prefix_have < PREFIX) {
		struct iovec v = prefix_rest(s);
		ssize_t r = read_some(s, &v, 1);

		if (r < 0)
			return (int)r;
		s->in_prefix_have += (size_t)r;
	}
	memcpy(&len, s->in_prefix, sizeof(len));
	len = ntohl(len);
	/* No frame is empty, or as long as that: the peer speaks something else. */
	if (len == 0 || len > NET_FRAME_MAX)
		return -EPROTO;
	s->in_prefix_have = 0;
	s->in_len = len;
	s->in_done = 0;
	s->in_drop = false;
	return 0;
}

/* Throw away what is left of a frame. Returns 0 when it is done, or -errno. */
static int drop_frame(struct net_stream *s)
{
	char scrap[SCRAP];

	while (s->in_done < s->in_len) {
		size_t left = s->in_len - s->in_done;
		struct iovec v = { .iov_base = scrap, .iov_len = left < SCRAP ? left : SCRAP };
		ssize_t r = read_some(s, &v, 1);

		if (r < 0)
			return (int)r;
		s->in_done += (size_t)r;
	}
	end_frame(s, 0);
	return 0;
}

/* The segments of @v from byte @at on, @len bytes of them, into @dst. */
static unsigned part_of(const struct iovec *v, unsigned n, size_t at, size_t len, struct iovec *dst)
{
	unsigned n_dst = 0;

	for (unsigned i = 0; i < n && len > 0; i++) {
		size_t skip = at < v[i].iov_len ? at : v[i].iov_len;
		size_t here = v[i].iov_len - skip < len ? v[i].iov_len - skip : len;

		at -= skip;
		len -= here;
		if (here > 0)
			dst[n_dst++] = (struct iovec){ .iov_base = (char *)v[i].iov_base + skip,
				                       .iov_len = here };
	}
	return n_dst;
}

/* The header that a frame has in guest memory, and not on the socket. */
static void clear_header(const struct iovec *v, unsigned n)
{
	struct iovec part[NET_HEADER];
	unsigned n_parts = part_of(v, n, 0, NET_HEADER, part);

	for (unsigned i = 0; i < n_parts; i++)
		memset(part[i].iov_base, 0, part[i].iov_len);
}

static ssize_t stream_receive(struct net_backend *b, unsigned pair, struct iovec *v, unsigned n,
                              size_t room)
{
	struct net_stream *s = of(b);
	struct iovec part[SEGMENTS + 2];
	unsigned n_parts;
	size_t left;
	ssize_t r = 0;

	(void)pair;
	assert(n <= SEGMENTS);
	if (s->in_len == 0)
		r = begin_frame(s);
	if (r == 0 && (s->in_drop || NET_HEADER + s->in_len > room)) {
		s->in_drop = true;
		r = drop_frame(s);
		return r < 0 ? r : -EMSGSIZE;
	}
	if (r < 0)
		return r;
	left = s->in_len - s->in_done;
	n_parts = part_of(v, n, NET_HEADER + s->in_done, left, part);
	part[n_parts++] = prefix_rest(s);
	r = read_some(s, part, n_parts);
	if (r < 0)
		return r;
	if ((size_t)r < left) {
		s->in_done += (size_t)r;
		return -EAGAIN;
	}
	r -= (ssize_t)left;
	left = s->in_len;
	end_frame(s, (size_t)r);
	clear_header(v, n);
	return (ssize_t)(NET_HEADER + left);
}

/* --- what goes --- */

/* A stream in which a frame is not finished is of no more use. */
static int send_error(void)
{
	return errno == EAGAIN ? -EAGAIN : -EPIPE;
}

/* Go on sending @v, which holds all of the frame. Returns 0 when it is done, or -errno. */
static int send_rest(struct net_stream *s, const struct iovec *v, unsigned n)
{
	struct iovec part[SEGMENTS + 1];

	while (s->out_done < s->out_len) {
		unsigned n_parts = part_of(v, n, s->out_done, s->out_len - s->out_done, part);
		ssize_t r = writev(s->base.fd[0], part, (int)n_parts);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return send_error();
		s->out_done += (size_t)r;
	}
	s->out_len = 0;
	return 0;
}

/* A frame that was cut off by a reset goes on as zeroes, since its length has been sent. */
static int send_zeroes(struct net_stream *s)
{
	const uint8_t zero[SCRAP] = { 0 };
	int r = 0;

	while (s->out_done < s->out_len && r == 0) {
		size_t left = s->out_len - s->out_done, part = left < SCRAP ? left : SCRAP;
		ssize_t sent = write(s->base.fd[0], zero, part);

		if (sent >= 0)
			s->out_done += (size_t)sent;
		else if (errno != EINTR)
			r = send_error();
	}
	if (r == 0) {
		s->out_len = 0;
		s->out_drop = false;
	}
	return r;
}

static int stream_send(struct net_backend *b, unsigned pair, const struct iovec *v, unsigned n,
                       size_t len)
{
	struct net_stream *s = of(b);
	struct iovec part[SEGMENTS + 1];
	uint32_t prefix = htonl((uint32_t)(len - NET_HEADER));
	int r = 0;

	(void)pair;
	assert(n <= SEGMENTS);
	if (s->out_drop)
		r = send_zeroes(s);
	if (r < 0)
		return r;
	part[0] = (struct iovec){ .iov_base = &prefix, .iov_len = PREFIX };
	n = 1 + part_of(v, n, NET_HEADER, len - NET_HEADER, part + 1);
	if (s->out_len == 0) {
		s->out_len = PREFIX + len - NET_HEADER;
		s->out_done = 0;
	}
	return send_rest(s, part, n);
}

static void stream_forget(struct net_backend *b)
{
	struct net_stream *s = of(b);

	s->in_drop = true;
	/* Of a frame that nothing was sent of, nothing has to be sent. */
	if (s->out_done == 0)
		s->out_len = 0;
	s->out_drop = s->out_len > 0;
}

static void stream_close(struct net_backend *b)
{
	fd_close(&b->fd[0]);
	free(of(b));
}

static const struct net_backend_ops stream_ops = {
	.receive = stream_receive,
	.send = stream_send,
	.forget = stream_forget,
	.close = stream_close,
};

int net_stream_new(struct net_backend **ret, int fd, const char *name, struct err *e)
{
	struct net_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return err_errno(e, ENOMEM, "cannot use %s", name);
	s->base = (struct net_backend){ .ops = &stream_ops, .n_pairs = 1, .fd = { fd } };
	snprintf(s->base.name, sizeof(s->base.name), "%s", name);
	*ret = &s->base;
	return 0;
}

int net_stream_connect(struct net_backend **ret, const char *path, struct err *e)
{
	CLEANUP_FD int fd = unixsock_connect(path);
	int r;

	if (fd == -ENAMETOOLONG)
		return unixsock_too_long(path, e);
	if (fd < 0)
		return err_errno(e, -fd, "cannot connect to socket '%s', where passt has to listen",
		                 path);
	r = net_stream_new(ret, fd, "the socket's other end", e);
	if (r == 0)
		(void)fd_take(&fd);
	return r;
}
