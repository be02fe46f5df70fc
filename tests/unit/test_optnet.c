/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/run.h"
#include "vmm/optnet.h"

#include <errno.h>
#include <string.h>

static struct config_net net;
static struct err err;

static void set_up(void)
{
	net = (struct config_net){ 0 };
	err.msg[0] = '\0';
}

static void tear_down(void)
{
	free(net.value);
}

START_TEST(parse_tap_takes_its_keys_in_any_order)
{
	ck_assert_int_eq(optnet_parse(&net, "queues=2,tap=tap0,mtu=9000", &err), 0);
	ck_assert_int_eq(net.kind, NET_TAP);
	ck_assert_str_eq(net.tap, "tap0");
	ck_assert_uint_eq(net.queues, 2);
	ck_assert_uint_eq(net.mtu, 9000);
	ck_assert(!net.has_mac && !net.ip);
}
END_TEST

START_TEST(parse_vhost_goes_with_taps)
{
	ck_assert_int_eq(optnet_parse(&net, "tap=tap0,vhost", &err), 0);
	ck_assert(net.vhost);
}
END_TEST

START_TEST(parse_passt_alone_is_to_be_started)
{
	ck_assert_int_eq(optnet_parse(&net, "passt", &err), 0);
	ck_assert_int_eq(net.kind, NET_PASST);
	ck_assert_ptr_null(net.socket);
	ck_assert_uint_eq(net.queues, 1);
}
END_TEST

START_TEST(parse_passt_with_a_socket_names_it)
{
	ck_assert_int_eq(optnet_parse(&net, "passt=/run/a,,b", &err), 0);
	ck_assert_str_eq(net.socket, "/run/a,b");
}
END_TEST

START_TEST(parse_mac_is_six_bytes)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0xab, 0xCD, 0xff };

	ck_assert_int_eq(optnet_parse(&net, "fd=7,mac=52:54:00:ab:CD:ff", &err), 0);
	ck_assert_int_eq(net.fd, 7);
	ck_assert(net.has_mac);
	ck_assert_mem_eq(net.mac, mac, 6);
}
END_TEST

START_TEST(parse_ports_keep_their_order)
{
	ck_assert_int_eq(optnet_parse(&net, "passt,tcp=2222:22,udp=53,tcp=::1/80:8080", &err), 0);
	ck_assert_uint_eq(net.n_ports, 3);
	ck_assert_str_eq(net.port[0].text, "2222:22");
	ck_assert(net.port[1].udp && !net.port[2].udp);
	ck_assert_str_eq(net.port[2].text, "::1/80:8080");
}
END_TEST

START_TEST(parse_more_ports_than_there_can_be_is_refused)
{
	char text[16 + 8 * (CONFIG_PORTS_MAX + 1)] = "passt";

	for (unsigned i = 0; i <= CONFIG_PORTS_MAX; i++)
		strcat(text, ",tcp=80");
	ck_assert_int_eq(optnet_parse(&net, text, &err), -E2BIG);
}
END_TEST

/* Values that are refused, and what the message has to name. */
static const struct {
	const char *value;
	int code;
	const char *names;
} refused[] = {
	{ "", EINVAL, "tap=NAME, fd=N, passt or passt=PATH" },
	{ ",tap=a", EINVAL, "next to a comma" },
	{ "tap=a,", EINVAL, "next to a comma" },
	{ "tap0", EINVAL, "unknown word 'tap0'" },
	{ "mtu=1500", EINVAL, "tap=NAME, fd=N, passt or passt=PATH" },
	{ "tap=a,fd=3", EINVAL, "one end" },
	{ "tap=a,passt", EINVAL, "one end" },
	{ "tap=a,tap=b", EINVAL, "'tap' is given twice" },
	{ "tap", EINVAL, "'tap' needs a value" },
	{ "tap=", ERANGE, "1 to 15 characters" },
	{ "tap=abcdefghijklmnop", ERANGE, "'abcdefghijklmnop'" },
	{ "tap=..", ERANGE, "'..'" },
	{ "tap=a/b", EINVAL, "'a/b'" },
	{ "tap=tap%d", EINVAL, "'tap%d'" },
	{ "tap=a b", EINVAL, "'a b'" },
	{ "fd=2", ERANGE, "'2'" },
	{ "fd=-1", ERANGE, "'-1'" },
	{ "fd=x", ERANGE, "'x'" },
	{ "fd=3,queues=2", EINVAL, "queues=" },
	{ "tap=a,queues=0", ERANGE, "'0'" },
	{ "tap=a,queues=8", ERANGE, "'8'" },
	{ "tap=a,mtu=67", ERANGE, "68 to 65535" },
	{ "tap=a,mtu=65536", ERANGE, "'65536'" },
	{ "tap=a,mac=01:00:5e:00:00:01", EINVAL, "multicast" },
	{ "tap=a,mac=ff:ff:ff:ff:ff:ff", EINVAL, "multicast" },
	{ "tap=a,mac=00:00:00:00:00:00", EINVAL, "no address" },
	{ "tap=a,mac=52:54:00:12:34", EINVAL, "'52:54:00:12:34'" },
	{ "tap=a,mac=52:54:00:12:34:567", EINVAL, "six bytes" },
	{ "tap=a,mac=52-54-00-12-34-56", EINVAL, "six bytes" },
	{ "passt=", EINVAL, "socket is empty" },
	{ "tap=a,tcp=80", EINVAL, "go with passt only" },
	{ "passt=/s,tcp=80", EINVAL, "not with passt=PATH" },
	{ "passt,tcp=0", EINVAL, "'0'" },
	{ "passt,tcp=65536", EINVAL, "'65536'" },
	{ "passt,tcp=80:", EINVAL, "'80:'" },
	{ "passt,tcp=80:0", EINVAL, "'80:0'" },
	{ "passt,tcp=/80", EINVAL, "'/80'" },
	{ "passt,tcp=127.0.0.1", EINVAL, "'127.0.0.1'" },
	{ "passt,tcp=host/80", EINVAL, "'host/80'" },
	{ "passt,udp=--help", EINVAL, "udp= is" },
	{ "passt,udp=", EINVAL, "udp= is" },
	{ "passt,vhost", EINVAL, "vhost goes with tap=NAME and fd=N only" },
	{ "passt=/s,vhost", EINVAL, "vhost goes with" },
	{ "tap=a,vhost=on", EINVAL, "'vhost'" },
	{ "tap=a,ip=", ERANGE, "0 characters" },
	{ "tap=a,ip=dhcp quiet", EINVAL, "not one word" },
};

START_TEST(parse_wrong_value_is_refused_by_name)
{
	ck_assert_int_eq(optnet_parse(&net, refused[_i].value, &err), -refused[_i].code);
	ck_assert_ptr_nonnull(strstr(err.msg, refused[_i].names));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("optnet");
	TCase *t = tcase_create("optnet");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, parse_tap_takes_its_keys_in_any_order);
	tcase_add_test(t, parse_vhost_goes_with_taps);
	tcase_add_test(t, parse_passt_alone_is_to_be_started);
	tcase_add_test(t, parse_passt_with_a_socket_names_it);
	tcase_add_test(t, parse_mac_is_six_bytes);
	tcase_add_test(t, parse_ports_keep_their_order);
	tcase_add_test(t, parse_more_ports_than_there_can_be_is_refused);
	tcase_add_loop_test(t, parse_wrong_value_is_refused_by_name, 0, ARRAY_SIZE(refused));
	suite_add_tcase(s, t);
	return run_suite(s);
}
