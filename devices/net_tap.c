/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/net_tap.h"

#include "devices/vhost_net.h"
#include "vmm/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define BIT(n) (1ULL << (n))

/* What the kernel does with frames that it gets from us, with every tap that has a vnet header. */
#define HOST_FEATURES                                                                              \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |      \
	 BIT(VIRTIO_NET_F_HOST_ECN))

/* What we can have it do with frames that it gives us. */
static const struct {
	unsigned feature; /* VIRTIO_NET_F_* */
	unsigned flag; /* TUN_F_* */
} offloads[] = {
	{ VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
	{ VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
	{ VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
	{ VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN },
};

/* --- run time --- */

static ssize_t tap_receive(struct net_backend *b, unsigned pair, struct iovec *v, unsigned n,
                           size_t room)
{
	char spill; /* a frame that reaches it was longer than the room for it */
	ssize_t len;

	v[n] = (struct iovec){ .iov_base = &spill, .iov_len = sizeof(spill) };
	do
		len = readv(b->fd[pair], v, (int)n + 1);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	return (size_t)len > room ? -EMSGSIZE : len;
}

static int tap_send(struct net_backend *b, unsigned pair, const struct iovec *v, unsigned n,
                    size_t len)
{
	ssize_t r;

	(void)len; /* the kernel takes a frame as a whole */
	do
		r = writev(b->fd[pair], v, (int)n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static unsigned tun_flags(uint64_t features)
{
	unsigned flags = 0;

	/* Without checksums there is no segmentation, whatever the guest says. */
	if (!(features & BIT(VIRTIO_NET_F_GUEST_CSUM)))
		return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(offloads); i++)
		if (features & BIT(offloads[i].feature))
			flags |= offloads[i].flag;
	return flags;
}

static int tap_offload(struct net_backend *b, uint64_t features)
{
	for (unsigned i = 0; i < b->n_pairs; i++)
		/* A pair that is not in use has no interface to set it on, and needs none. */
		if (ioctl(b->fd[i], TUNSETOFFLOAD, (unsigned long)tun_flags(features)) < 0 &&
		    errno != EBADFD)
			return -errno;
	return 0;
}

/* Frames of a flow are given to any queue that is attached, so no other may be. */
static int tap_use_pairs(struct net_backend *b, unsigned n)
{
	for (unsigned i = 0; i < b->n_pairs && b->n_pairs > 1; i++) {
		struct ifreq ifr = { .ifr_flags = i < n ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

		/* EINVAL: it is so already. */
		if (ioctl(b->fd[i], TUNSETQUEUE, &ifr) < 0 && errno != EINVAL)
			return -errno;
	}
	return 0;
}

static void tap_close(struct net_backend *b)
{
	for (unsigned i = 0; i < b->n_pairs; i++) {
		vhost_free(b->vhost[i]);
		fd_close(&b->fd[i]);
	}
	free(b);
}

static const struct net_backend_ops tap_ops = {
	.receive = tap_receive,
	.send = tap_send,
	.offload = tap_offload,
	.use_pairs = tap_use_pairs,
	.close = tap_close,
};

/* --- set-up --- */

static struct net_backend *new_tap(unsigned pairs)
{
	struct net_backend *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->ops = &tap_ops;
	b->n_pairs = pairs;
	for (unsigned i = 0; i < NET_PAIRS_MAX; i++)
		b->fd[i] = -1;
	return b;
}

/* Bring an open tap into the state that the card works with, and see what it can do. */
static int prepare(struct net_backend *b, unsigned pair, struct err *e)
{
	int size = NET_HEADER;

	if (ioctl(b->fd[pair], TUNSETVNETHDRSZ, &size) < 0)
		return err_errno(e, errno, "%s refuses frame headers of %d bytes", b->name, size);
	for (unsigned i = 0; i < ARRAY_SIZE(offloads); i++)
		if (ioctl(b->fd[pair], TUNSETOFFLOAD,
		          (unsigned long)(TUN_F_CSUM | offloads[i].flag)) == 0)
			b->features |= BIT(offloads[i].feature);
	if (ioctl(b->fd[pair], TUNSETOFFLOAD, 0UL) < 0)
		return err_errno(e, errno, "%s refuses offloads (TUNSETOFFLOAD)", b->name);
	b->features |= HOST_FEATURES;
	return 0;
}

static int open_tun(struct err *e)
{
	int fd = open(NET_TAP_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_set(e, ENOENT,
		               NET_TAP_PATH
		               " is missing: 'modprobe tun', or pass the device into this "
		               "container");
	if (errno == EACCES || errno == EPERM)
		return err_set(e, EACCES,
		               NET_TAP_PATH " is not permitted: 'chmod 666 " NET_TAP_PATH
		                            "' is safe, or have the tap opened by "
		                            "another program and give fd=N");
	return err_errno(e, errno, "cannot open " NET_TAP_PATH);
}

/* The name of an interface as the kernel takes it. */
static struct ifreq request(const char *name)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return ifr;
}

/* Which driver an existing interface has, "tap" for ours. Returns false if that cannot be told. */
static bool kind_of(int sock, const char *name, char ret[ETHTOOL_BUSINFO_LEN])
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = request(name);

	ifr.ifr_data = (char *)&info;
	if (ioctl(sock, SIOCETHTOOL, &ifr) < 0)
		return false;
	/* A tap is of the driver "tun", on the bus "tap". */
	snprintf(ret, ETHTOOL_BUSINFO_LEN, "%s",
	         strcmp(info.driver, "tun") == 0 ? info.bus_info : info.driver);
	return true;
}

/* The kernel refuses to attach: find out why. */
static int attach_refused(int sock, const char *name, unsigned pairs, int code, struct err *e)
{
	char kind[ETHTOOL_BUSINFO_LEN] = "";

	if (code == EBUSY)
		return err_set(e, code,
		               "tap '%s' is in use by another process: a tap has one user, unless "
		               "it has several queues",
		               name);
	if (code == EPERM)
		return err_set(e, code,
		               "tap '%s' is not permitted: have root make it for this user: 'ip "
		               "tuntap add dev %s mode tap user $(id -un)'",
		               name, name);
	if (code == EINVAL && (!kind_of(sock, name, kind) || strcmp(kind, "tap") != 0))
		return err_set(e, code,
		               "interface '%s' is not a tap%s%s: give the name of one, or a new "
		               "one to have it made",
		               name, *kind ? " but a " : "", kind);
	if (code == EINVAL && pairs > 1)
		return err_set(e, code,
		               "tap '%s' does not have several queues: make it with 'ip tuntap add "
		               "dev %s mode tap multi_queue', or leave queues= out",
		               name, name);
	return err_errno(e, code, "cannot attach to tap '%s' (TUNSETIFF)", name);
}

static int attach(int fd, int sock, const char *name, unsigned pairs, struct err *e)
{
	const int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct ifreq ifr = request(name);

	ifr.ifr_flags = (short)(pairs > 1 ? flags | IFF_MULTI_QUEUE : flags);
	if (ioctl(fd, TUNSETIFF, &ifr) == 0)
		return 0;
	if (errno == EINVAL && pairs == 1) {
		/* Perhaps it was made with several queues, of which one is enough. */
		ifr.ifr_flags = (short)(flags | IFF_MULTI_QUEUE);
		if (ioctl(fd, TUNSETIFF, &ifr) == 0)
			return 0;
		if (errno != EBUSY)
			errno = EINVAL;
	}
	return attach_refused(sock, name, pairs, errno, e);
}

/* A tap that did not exist: nobody else knows of it. */
static int bring_up(int sock, const char *name, struct err *e)
{
	struct ifreq ifr = request(name);

	if (ioctl(sock, SIOCGIFFLAGS, &ifr) == 0) {
		ifr.ifr_flags |= IFF_UP;
		if (ioctl(sock, SIOCSIFFLAGS, &ifr) == 0)
			return 0;
	}
	return err_errno(e, errno, "cannot bring the new tap '%s' up", name);
}

/* What an interface of our network namespace has; 0: not known. */
static unsigned mtu_of(int sock, const char *name)
{
	struct ifreq ifr = request(name);

	if (ioctl(sock, SIOCGIFMTU, &ifr) < 0 || ifr.ifr_mtu < NET_MTU_MIN)
		return 0;
	return ifr.ifr_mtu < NET_MTU_MAX ? (unsigned)ifr.ifr_mtu : NET_MTU_MAX;
}

static int open_pairs(struct net_backend *b, int sock, const char *name, struct err *e)
{
	bool is_new = if_nametoindex(name) == 0;
	int r = 0;

	for (unsigned i = 0; i < b->n_pairs && r == 0; i++) {
		r = b->fd[i] = open_tun(e);
		if (r >= 0)
			r = attach(b->fd[i], sock, name, b->n_pairs, e);
		if (r == 0)
			r = prepare(b, i, e);
	}
	if (r == 0 && is_new)
		r = bring_up(sock, name, e);
	b->mtu = mtu_of(sock, name);
	return r;
}

int net_tap_open(struct net_backend **ret, const char *name, unsigned pairs, struct err *e)
{
	CLEANUP_FD int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct net_backend *b;
	int r;

	if (sock < 0)
		return err_errno(e, errno, "cannot make a socket to ask for tap '%s'", name);
	b = new_tap(pairs);
	if (!b)
		return err_errno(e, ENOMEM, "cannot open tap '%s'", name);
	snprintf(b->name, sizeof(b->name), "tap '%s'", name);
	r = open_pairs(b, sock, name, e);
	if (r < 0) {
		tap_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

/* Whether a descriptor is what the card can work with. */
static int judge(int fd, struct ifreq *ret, struct err *e)
{
	if (fcntl(fd, F_GETFD) < 0)
		return err_set(e, EBADF, "descriptor %d is not open: the caller has to open it",
		               fd);
	if (ioctl(fd, TUNGETIFF, ret) < 0)
		return err_set(e, EINVAL, "descriptor %d is not a tap or macvtap", fd);
	if (!(ret->ifr_flags & IFF_TAP))
		return err_set(e, EINVAL,
		               "descriptor %d is interface '%.15s' in tun mode: it has to be a tap",
		               fd, ret->ifr_name);
	if (!(ret->ifr_flags & IFF_VNET_HDR) || !(ret->ifr_flags & IFF_NO_PI))
		return err_set(e, EINVAL,
		               "descriptor %d is tap '%.15s' opened without IFF_VNET_HDR and "
		               "IFF_NO_PI",
		               fd, ret->ifr_name);
	return 0;
}

/* Whether the tap is the interface that has its name here: it may be of another namespace. */
static bool is_here(int sock, int fd, const char *name)
{
	struct ifreq there = { 0 }, here = request(name);

	return ioctl(fd, SIOCGIFHWADDR, &there) == 0 && ioctl(sock, SIOCGIFHWADDR, &here) == 0 &&
	       memcmp(there.ifr_hwaddr.sa_data, here.ifr_hwaddr.sa_data, ETH_ALEN) == 0;
}

int net_tap_adopt(struct net_backend **ret, int fd, struct err *e)
{
	CLEANUP_FD int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* none: no MTU */
	struct ifreq ifr = { 0 };
	int r = judge(fd, &ifr, e);
	struct net_backend *b;

	if (r < 0)
		return r;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return err_errno(e, errno, "descriptor %d cannot be made non-blocking", fd);
	b = new_tap(1);
	if (!b)
		return err_errno(e, ENOMEM, "cannot use descriptor %d", fd);
	snprintf(b->name, sizeof(b->name), "tap '%.15s'", ifr.ifr_name);
	b->fd[0] = fd;
	r = prepare(b, 0, e);
	if (r < 0) {
		b->fd[0] = -1; /* the caller's */
		tap_close(b);
		return r;
	}
	if (is_here(sock, fd, ifr.ifr_name))
		b->mtu = mtu_of(sock, ifr.ifr_name);
	*ret = b;
	return 0;
}

int net_tap_use_vhost(struct net_backend *b, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < b->n_pairs && r == 0; i++)
		r = vhost_net_open(&b->vhost[i], b->fd[i], e);
	return r;
}
