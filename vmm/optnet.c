/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/optnet.h"

#include "vmm/num.h"
#include "vmm/optfd.h"
#include "vmm/optlist.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define TAP_NAME_MAX 15 /* IFNAMSIZ without its terminator */
#define QUEUES_MAX   7
#define MTU_MIN      68
#define MTU_MAX      65535
#define PORT_MAX     65535
#define IP_MAX       128 /* characters of the ip= word */

enum {
	KEY_TAP,
	KEY_FD,
	KEY_PASST,
	KEY_MAC,
	KEY_MTU,
	KEY_QUEUES,
	KEY_IP,
	KEY_TCP,
	KEY_UDP,
	KEY_VHOST
};

static const struct optlist_key keys[] = {
	[KEY_TAP] = { .name = "tap",
	              .takes = OPTLIST_VALUE,
	              .arg = "NAME",
	              .help = "tap interface, made if there is none and the caller may" },
	[KEY_FD] = { .name = "fd",
	             .takes = OPTLIST_VALUE,
	             .arg = "N",
	             .help = "inherited descriptor of a tap or macvtap" },
	[KEY_PASST] = { .name = "passt",
	                .takes = OPTLIST_EITHER,
	                .arg = "PATH",
	                .help = "passt, started for it or listening at PATH" },
	[KEY_MAC] = { .name = "mac",
	              .takes = OPTLIST_VALUE,
	              .arg = "MAC",
	              .help = "address (default: by --name, or random)" },
	[KEY_MTU] = { .name = "mtu",
	              .takes = OPTLIST_VALUE,
	              .arg = "N",
	              .help = "68 to 65535 (default: the tap's; 65520 if passt is started)" },
	[KEY_QUEUES] = { .name = "queues",
	                 .takes = OPTLIST_VALUE,
	                 .arg = "N",
	                 .help = "queues of the tap to use, 1 to 7 (default 1)" },
	[KEY_IP] = { .name = "ip",
	             .takes = OPTLIST_VALUE,
	             .arg = "TEXT",
	             .help = "word for the kernel, as ip=dhcp (default: none)" },
	[KEY_TCP] = { .name = "tcp",
	              .takes = OPTLIST_VALUE,
	              .repeat = true,
	              .arg = "PORT",
	              .help = "forward [ADDRESS/]HOST[:GUEST] (default: any address, HOST)" },
	[KEY_UDP] = { .name = "udp",
	              .takes = OPTLIST_VALUE,
	              .repeat = true,
	              .arg = "PORT",
	              .help = "the same of UDP" },
	[KEY_VHOST] = { .name = "vhost",
	                .takes = OPTLIST_BARE,
	                .help = "the host's kernel moves the frames of tap= or fd=" },
};

#define GIVEN(seen, key) (((seen) >> (key)) & 1)

/* The name of an interface as the kernel has it; '%' would ask it to choose a number. */
static int parse_tap(struct config_net *n, const char *value, struct err *e)
{
	size_t len = strlen(value);

	for (const char *s = value; *s; s++)
		if (!isgraph((unsigned char)*s) || strchr("/:%", *s))
			return err_set(e, EINVAL, "'%.60s' is not the name of an interface", value);
	if (len == 0 || len > TAP_NAME_MAX || strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return err_set(e, ERANGE,
		               "the name of a tap has 1 to %d characters, unlike '%.60s'",
		               TAP_NAME_MAX, value);
	n->tap = value;
	return 0;
}

static int parse_number(const char *key, const char *value, uint64_t min, uint64_t max,
                        unsigned *ret, struct err *e)
{
	uint64_t number;

	if (num_parse(value, &number) < 0 || number < min || number > max)
		return err_set(e, ERANGE, "%s= is a number from %ju to %ju, unlike '%.60s'", key,
		               (uintmax_t)min, (uintmax_t)max, value);
	*ret = (unsigned)number;
	return 0;
}

static int parse_fd(struct config_net *n, const char *value, struct err *e)
{
	unsigned fd = 0;

	if (optfd_parse(value, STDERR_FILENO + 1, &n->fd) == 0)
		return 0;
	return parse_number("fd", value, STDERR_FILENO + 1, INT_MAX, &fd, e);
}

static int parse_mac(struct config_net *n, const char *value, struct err *e)
{
	static const char form[] = "xx:xx:xx:xx:xx:xx";
	const char *s = value;
	uint8_t any = 0;

	for (size_t i = 0; form[i]; i++, s++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)*s) : *s != form[i])
			break;
	if (s != value + strlen(form) || *s)
		return err_set(e, EINVAL,
		               "mac= is six bytes like 52:54:00:12:34:56, unlike '%.60s'", value);
	for (unsigned i = 0; i < sizeof(n->mac); i++) {
		n->mac[i] = (uint8_t)strtoul(value + 3UL * i, NULL, 16);
		any |= n->mac[i];
	}
	if (n->mac[0] & 1)
		return err_set(e, EINVAL,
		               "mac=%s is a multicast address: the first byte has to be even",
		               value);
	if (any == 0)
		return err_set(e, EINVAL, "mac=%s is no address", value);
	n->has_mac = true;
	return 0;
}

/* Step over a port number. */
static bool skip_port(const char **s)
{
	unsigned port = 0;

	if (!isdigit((unsigned char)**s))
		return false;
	while (isdigit((unsigned char)**s) && port <= PORT_MAX)
		port = port * 10 + (unsigned)(*(*s)++ - '0');
	return port > 0 && port <= PORT_MAX;
}

/* [ADDRESS/]HOST[:GUEST]. Only what decides how passt reads its command line is judged here. */
static int parse_port(struct config_net *n, bool udp, const char *value, struct err *e)
{
	const char *slash = strchr(value, '/'), *s = value;

	if (n->n_ports == CONFIG_PORTS_MAX)
		return err_set(e, E2BIG, "a network card has at most %d forwarded ports",
		               CONFIG_PORTS_MAX);
	if (slash && slash > value) {
		while (isxdigit((unsigned char)*s) || *s == '.' || *s == ':')
			s++;
		s = s == slash ? slash + 1 : slash;
	}
	if (!skip_port(&s) || (*s == ':' && (s++, !skip_port(&s))) || *s)
		return err_set(e, EINVAL,
		               "%s= is [ADDRESS/]HOST[:GUEST] with ports from 1 to %d, unlike "
		               "'%.60s'",
		               udp ? "udp" : "tcp", PORT_MAX, value);
	n->port[n->n_ports++] = (struct config_port){ .text = value, .udp = udp };
	return 0;
}

/* Anything that is one word of the kernel's. */
static int parse_ip(struct config_net *n, const char *value, struct err *e)
{
	size_t len = strlen(value);

	for (const char *s = value; *s; s++)
		if (!isgraph((unsigned char)*s) || *s == '"')
			return err_set(e, EINVAL, "ip=%.60s is not one word", value);
	if (len == 0 || len > IP_MAX)
		return err_set(e, ERANGE, "ip= has %zu characters, not 1 to %d", len, IP_MAX);
	n->ip = value;
	return 0;
}

static int parse_item(struct config_net *n, int key, const char *value, struct err *e)
{
	switch (key) {
	case KEY_TAP:
		n->kind = NET_TAP;
		return parse_tap(n, value, e);
	case KEY_FD:
		n->kind = NET_FD;
		return parse_fd(n, value, e);
	case KEY_PASST:
		n->kind = NET_PASST;
		n->socket = value;
		return value && !*value ? err_set(e, EINVAL, "the name of passt's socket is empty")
		                        : 0;
	case KEY_MAC:
		return parse_mac(n, value, e);
	case KEY_MTU:
		return parse_number("mtu", value, MTU_MIN, MTU_MAX, &n->mtu, e);
	case KEY_QUEUES:
		return parse_number("queues", value, 1, QUEUES_MAX, &n->queues, e);
	case KEY_IP:
		return parse_ip(n, value, e);
	case KEY_VHOST:
		n->vhost = true;
		return 0;
	default:
		return parse_port(n, key == KEY_UDP, value, e);
	}
}

/* Which keys go together. */
static int check(const struct config_net *n, unsigned seen, struct err *e)
{
	if (GIVEN(seen, KEY_TAP) + GIVEN(seen, KEY_FD) + GIVEN(seen, KEY_PASST) != 1)
		return err_set(e, EINVAL,
		               "a network card has one end at the host: tap=NAME, fd=N, passt or "
		               "passt=PATH");
	if (n->kind != NET_TAP && n->queues > 1)
		return err_set(e, EINVAL, "queues= goes with tap=NAME only");
	if (n->vhost && n->kind == NET_PASST)
		return err_set(e, EINVAL,
		               "vhost goes with tap=NAME and fd=N only: passt is no tap of the "
		               "kernel's");
	if (n->n_ports > 0 && (n->kind != NET_PASST || n->socket))
		return err_set(e, EINVAL,
		               "tcp= and udp= go with passt only, and not with passt=PATH, which "
		               "has its own ports");
	return 0;
}

static int parse(struct config_net *n, struct err *e)
{
	unsigned seen = 0;
	char *rest = *n->value ? n->value : NULL, *item;

	while ((item = optlist_next(&rest))) {
		const char *value = NULL;
		int r = optlist_find(keys, ARRAY_SIZE(keys), &seen, item, &value, e);

		if (r >= 0)
			r = parse_item(n, r, value, e);
		if (r < 0)
			return r;
	}
	return check(n, seen, e);
}

int optnet_parse(struct config_net *ret, const char *value, struct err *e)
{
	struct config_net n = { .value = strdup(value), .queues = 1 };
	int r = n.value ? parse(&n, e) : err_set(e, ENOMEM, "no memory for its value");

	if (r < 0) {
		free(n.value);
		return r;
	}
	*ret = n;
	return 0;
}

const struct optlist_key *optnet_keys(unsigned *ret_n)
{
	*ret_n = ARRAY_SIZE(keys);
	return keys;
}
