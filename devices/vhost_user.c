/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vhost_user.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Spec: vhost-user.rst, "Front-end message types". */
enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
};

#define BIT(n) (1ULL << (n))

#define F_PROTOCOL_FEATURES BIT(30) /* among the virtio features */
#define PROTOCOL_MQ         BIT(0)
#define PROTOCOL_REPLY_ACK  BIT(3)
#define PROTOCOL_CONFIG     BIT(9)

#define FLAG_VERSION    1U
#define FLAG_VERSION_OF 3U /* mask */
#define FLAG_REPLY      (1U << 2)
#define FLAG_NEED_REPLY (1U << 3)

/* What whoever walks the rings has to agree on. */
#define RING_FEATURES                                                                              \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))

#define WAIT_SECONDS 5 /* for an answer: a back-end that is alive needs less than a millisecond */
#define VRINGS_MAX   16

struct message_head {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* bytes of payload that follow */
};
ABI_SIZE(struct message_head, 12);

struct vring_state {
	uint32_t index;
	uint32_t num;
};
ABI_SIZE(struct vring_state, 8);

struct vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc; /* addresses of this process, as those of the memory table */
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};
ABI_SIZE(struct vring_addr, 40);

struct memory_region {
	uint64_t base; /* guest physical address */
	uint64_t size;
	uint64_t host; /* address of this process */
	uint64_t offset; /* in the descriptor that comes with it */
};
ABI_SIZE(struct memory_region, 32);

struct memory_table {
	uint32_t n;
	uint32_t padding;
	struct memory_region region[GMEM_REGIONS_MAX];
};
ABI_SIZE(struct memory_table, 8 + 32 * GMEM_REGIONS_MAX);

struct config_space {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t bytes[VHOST_USER_CONFIG_MAX];
};
ABI_SIZE(struct config_space, 12 + VHOST_USER_CONFIG_MAX);

/* What a back-end can. */
struct offer {
	uint64_t features, protocol, queues;
};

struct vhost_user {
	struct vhost base;
	struct loop_source socket;
	int failure; /* -errno: gone, or has broken the rules: never spoken to again */
	bool watched;
	bool acks; /* PROTOCOL_REPLY_ACK */
	struct vhost_fds fds[VRINGS_MAX];
	const uint16_t *used_idx[VRINGS_MAX]; /* of rings that were handed over */
};

static struct vhost_user *of(struct vhost *v)
{
	return container_of(v, struct vhost_user, base);
}

/* Have no more to do with it. The end of the connection makes it let go of guest RAM. */
static int give_up(struct vhost_user *u, int r)
{
	if (u->failure == 0)
		(void)shutdown(u->socket.fd, SHUT_RDWR);
	u->failure = r == -EAGAIN ? -ETIMEDOUT : r;
	return u->failure;
}

static int send_message(struct vhost_user *u, uint32_t request, uint32_t flags, const void *payload,
                        uint32_t size, const int *fds, unsigned n_fds)
{
	struct message_head head = { request, FLAG_VERSION | flags, size };
	struct iovec v[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)payload, size } };
	union {
		char bytes[CMSG_SPACE(GMEM_REGIONS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = size > 0 ? 2 : 1 };
	ssize_t n;

	if (n_fds > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
			                          .cmsg_type = SCM_RIGHTS,
			                          .cmsg_len = CMSG_LEN(n_fds * sizeof(int)) };
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	if (u->failure < 0)
		return u->failure;
	n = sendmsg(u->socket.fd, &m, MSG_NOSIGNAL);
	if (n < 0)
		return give_up(u, -errno);
	/* It takes no more than it has room for when it does not read: after the time limit. */
	return (size_t)n == sizeof(head) + size ? 0 : give_up(u, -ETIMEDOUT);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Receive all of @len bytes. Descriptors that come with them are not taken. */
static int receive(struct vhost_user *u, void *to, size_t len, int64_t until)
{
	uint8_t *at = to;

	while (len > 0) {
		struct iovec v = { at, len };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
		ssize_t n = recvmsg(u->socket.fd, &m, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return give_up(u, n < 0 ? -errno : -EPIPE);
		at += n;
		len -= (size_t)n;
		if (len > 0 && now() > until) /* one byte at a time is no answer either */
			return give_up(u, -ETIMEDOUT);
	}
	return 0;
}

/* Receive the answer to @request, which has @size bytes. */
static int receive_reply(struct vhost_user *u, uint32_t request, void *payload, uint32_t size)
{
	int64_t until = now() + WAIT_SECONDS;
	struct message_head head;
	int r = receive(u, &head, sizeof(head), until);

	if (r < 0)
		return r;
	if (head.request != request || head.size != size || !(head.flags & FLAG_REPLY) ||
	    (head.flags & FLAG_VERSION_OF) != FLAG_VERSION)
		return give_up(u, -EPROTO);
	return receive(u, payload, size, until);
}

/* Ask for @size bytes. What is asked about is in @payload, too. */
static int get(struct vhost_user *u, uint32_t request, void *payload, uint32_t ask, uint32_t size)
{
	int r = send_message(u, request, 0, payload, ask, NULL, 0);

	return r < 0 ? r : receive_reply(u, request, payload, size);
}

/* Tell, and wait until it was heard, if the back-end can say so. */
static int set(struct vhost_user *u, uint32_t request, const void *payload, uint32_t size,
               const int *fds, unsigned n_fds)
{
	uint64_t refused = 0;
	int r = send_message(u, request, u->acks ? FLAG_NEED_REPLY : 0, payload, size, fds, n_fds);

	if (r == 0 && u->acks)
		r = receive_reply(u, request, &refused, sizeof(refused));
	return r == 0 && refused ? give_up(u, -EIO) : r;
}

static int set_owner(struct vhost *v)
{
	return set(of(v), SET_OWNER, NULL, 0, NULL, 0);
}

static int set_mem_table(struct vhost *v, const struct gmem *mem)
{
	struct memory_table table = { .n = mem->n_regions };
	int fds[GMEM_REGIONS_MAX];

	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct gmem_region *r = &mem->region[i];

		if (r->fd < 0)
			return -EINVAL;
		table.region[i] = (struct memory_region){ .base = r->base.a,
			                                  .size = r->size,
			                                  .host = (uintptr_t)r->host };
		fds[i] = r->fd;
	}
	return set(of(v), SET_MEM_TABLE, &table,
	           (uint32_t)(offsetof(struct memory_table, region) +
	                      mem->n_regions * sizeof(struct memory_region)),
	           fds, mem->n_regions);
}

/* They are sent when the ring is handed over: back-ends start with the kick, and forget both when
 * they stop. */
static int set_vring_fds(struct vhost *v, unsigned i, const struct vhost_fds *fds)
{
	of(v)->fds[i] = *fds;
	return 0;
}

static int set_features(struct vhost *v, uint64_t features)
{
	features |= F_PROTOCOL_FEATURES;
	return set(of(v), SET_FEATURES, &features, sizeof(features), NULL, 0);
}

static int set_fd(struct vhost_user *u, uint32_t request, uint64_t i, int fd)
{
	return set(u, request, &i, sizeof(i), &fd, 1);
}

static int set_vring(struct vhost *v, unsigned i, const struct vhost_vring *ring)
{
	struct vhost_user *u = of(v);
	const struct vring_state num = { i, ring->size }, base = { i, ring->next };
	const struct vring_addr addr = { .index = i,
		                         .desc = (uintptr_t)ring->desc,
		                         .used = (uintptr_t)ring->used,
		                         .avail = (uintptr_t)ring->avail };

	/* After a failure nothing more is said, and each returns it. */
	(void)set(u, SET_VRING_NUM, &num, sizeof(num), NULL, 0);
	(void)set(u, SET_VRING_BASE, &base, sizeof(base), NULL, 0);
	(void)set(u, SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	(void)set_fd(u, SET_VRING_ERR, i, u->fds[i].err);
	(void)set_fd(u, SET_VRING_CALL, i, u->fds[i].call);
	u->used_idx[i] = &((const struct vring_used *)ring->used)->idx;
	return set_fd(u, SET_VRING_KICK, i, u->fds[i].kick);
}

static int enable(struct vhost *v, unsigned i, bool on)
{
	const struct vring_state state = { i, on };
	int r = set(of(v), SET_VRING_ENABLE, &state, sizeof(state), NULL, 0);

	/* The dead need not be stopped. */
	return on ? r : 0;
}

static int get_vring_base(struct vhost *v, unsigned i, uint16_t *ret_next)
{
	struct vhost_user *u = of(v);
	struct vring_state state = { .index = i };
	int r = get(u, GET_VRING_BASE, &state, sizeof(state), sizeof(state));

	/* The dead left off, as far as anybody knows, where they last gave something back. */
	if (r < 0 && u->used_idx[i]) {
		*ret_next = __atomic_load_n(u->used_idx[i], __ATOMIC_ACQUIRE);
		return 0;
	}
	*ret_next = (uint16_t)state.num;
	return r;
}

static void close_user(struct vhost *v)
{
	struct vhost_user *u = of(v);

	if (u->watched)
		loop_del(v->dev->loop, &u->socket);
	fd_close(&u->socket.fd);
	free(u);
}

static const struct vhost_ops user_ops = {
	.set_owner = set_owner,
	.set_mem_table = set_mem_table,
	.set_vring_fds = set_vring_fds,
	.set_features = set_features,
	.set_vring = set_vring,
	.enable = enable,
	.get_vring_base = get_vring_base,
	.close = close_user,
};

/* What both sides can. Returns 0, also for what judge() refuses, or -errno. */
static int negotiate(struct vhost_user *u, const struct vhost_user_setup *s, struct offer *ret)
{
	uint64_t taken;

	(void)get(u, GET_FEATURES, &ret->features, 0, sizeof(ret->features));
	if (ret->features & F_PROTOCOL_FEATURES)
		(void)get(u, GET_PROTOCOL_FEATURES, &ret->protocol, 0, sizeof(ret->protocol));
	taken = ret->protocol & (PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG);
	(void)set(u, SET_PROTOCOL_FEATURES, &taken, sizeof(taken), NULL, 0);
	u->acks = taken & PROTOCOL_REPLY_ACK;
	if (taken & PROTOCOL_MQ)
		(void)get(u, GET_QUEUE_NUM, &ret->queues, 0, sizeof(ret->queues));
	u->base.judged = ~0ULL;
	u->base.features = ret->features & (RING_FEATURES | s->features);
	return u->failure;
}

/* Whether that is enough. */
static int judge(const struct vhost_user_setup *s, const struct offer *o, struct err *e)
{
	if (!(o->features & F_PROTOCOL_FEATURES) || !(o->features & BIT(VIRTIO_F_VERSION_1)))
		return err_set(e, EOPNOTSUPP,
		               "the back-end is too old: it knows no virtio 1, or no protocol "
		               "features");
	if (s->config_size > 0 && !(o->protocol & PROTOCOL_CONFIG))
		return err_set(e, EOPNOTSUPP,
		               "the back-end does not tell its config space: is it one for this "
		               "kind of device?");
	if (o->queues < s->n_vrings)
		return err_set(e, EOPNOTSUPP, "the back-end has %ju queues, not %u",
		               (uintmax_t)o->queues, s->n_vrings);
	return 0;
}

static int read_config(struct vhost_user *u, void *to, size_t size)
{
	struct config_space space = { .size = (uint32_t)size };
	uint32_t len = (uint32_t)(offsetof(struct config_space, bytes) + size);
	int r = get(u, GET_CONFIG, &space, len, len);

	if (r == 0)
		memcpy(to, space.bytes, size);
	return r;
}

/* Waits for it have an end. */
static int limit_waits(int fd)
{
	const struct timeval wait = { .tv_sec = WAIT_SECONDS };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	return 0;
}

static int open_user(struct vhost_user *u, const struct vhost_user_setup *s, void *config,
                     struct err *e)
{
	struct offer offer = { .queues = s->n_vrings };
	int r = limit_waits(s->fd);

	if (r == 0)
		r = negotiate(u, s, &offer);
	if (r == 0) {
		r = judge(s, &offer, e);
		if (r < 0)
			return r;
	}
	if (r == 0 && s->config_size > 0)
		r = read_config(u, config, s->config_size);
	return r == 0 ? 0 : err_errno(e, -r, "cannot negotiate with the back-end");
}

int vhost_user_open(struct vhost **ret, const struct vhost_user_setup *s, void *config,
                    struct err *e)
{
	struct vhost_user *u = calloc(1, sizeof(*u));
	int r;

	assert(s->n_vrings <= VRINGS_MAX && s->config_size <= VHOST_USER_CONFIG_MAX);
	if (!u) {
		close(s->fd);
		return err_errno(e, ENOMEM, "cannot use a back-end");
	}
	vhost_init(&u->base, &user_ops, "vhost-user", s->n_vrings);
	u->socket.fd = s->fd;
	r = open_user(u, s, config, e);
	if (r < 0)
		close_user(&u->base);
	else
		*ret = &u->base;
	return r;
}

/* The back-end has closed its end, or died. It sends nothing that was not asked for. */
static void socket_ready(struct loop_source *s, uint32_t events)
{
	struct vhost_user *u = container_of(s, struct vhost_user, socket);
	struct virtio_dev *d = u->base.dev;

	(void)events;
	loop_del(d->loop, s);
	u->watched = false;
	log_warn("%s: its back-end has gone", d->label);
	(void)give_up(u, -EPIPE);
	vhost_stop(&u->base);
	for (uint16_t qi = 0; qi < d->ops->n_queues; qi++) {
		int r = d->queue[qi].ring.desc ? virtq_settle(&d->queue[qi].ring) : 0;

		if (r < 0)
			virtio_dev_fail(d, r, "its back-end left a queue in disorder");
		virtio_dev_again(d, qi);
	}
}

int vhost_user_watch(struct vhost *v, struct err *e)
{
	struct vhost_user *u = of(v);
	int r;

	u->socket.ready = socket_ready;
	r = loop_add(v->dev->loop, &u->socket, 0); /* the end comes unasked */
	if (r < 0)
		return err_errno(e, -r, "%s: cannot watch its back-end", v->dev->label);
	u->watched = true;
	return 0;
}
