/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/net.h"
#include "devices/net_tap.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

START_TEST(mac_of_a_name_stays_the_same)
{
	uint8_t a[6], b[6];

	net_mac("vm-1", 0, a);
	net_mac("vm-1", 0, b);
	ck_assert_mem_eq(a, b, 6);
}
END_TEST

START_TEST(mac_is_local_and_of_one_card)
{
	uint8_t mac[6];

	net_mac("vm-1", (unsigned)_i, mac);
	ck_assert_uint_eq(mac[0] & 3, 2);
}
END_TEST

START_TEST(mac_differs_by_name_and_number)
{
	uint8_t a[6], b[6], c[6];

	net_mac("vm-1", 0, a);
	net_mac("vm-2", 0, b);
	net_mac("vm-1", 1, c);
	ck_assert_mem_ne(a, b, 6);
	ck_assert_mem_ne(a, c, 6);
	ck_assert_mem_ne(b, c, 6);
}
END_TEST

START_TEST(adopt_of_what_is_no_tap_is_refused_by_number)
{
	struct net_backend *b = NULL;
	struct err e = { 0 };
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(net_tap_adopt(&b, fd, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "is not a tap or macvtap"));
	ck_assert_int_eq(close(fd), 0); /* it is still ours */
}
END_TEST

START_TEST(adopt_of_a_closed_descriptor_is_refused)
{
	struct net_backend *b = NULL;
	struct err e = { 0 };

	ck_assert_int_eq(net_tap_adopt(&b, 987, &e), -EBADF);
	ck_assert_str_eq(e.msg, "descriptor 987 is not open: the caller has to open it");
}
END_TEST

START_TEST(new_without_its_socket_is_refused)
{
	struct config_net cfg = { .kind = NET_PASST, .socket = "/tmp/vmm-no-such-socket" };
	struct virtio_net *n = NULL;
	struct err e = { 0 };

	ck_assert_int_eq(net_new(&n, &cfg, "vm", 0, NULL, &e), -ENOENT);
	ck_assert_ptr_null(n);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net");
	TCase *t = tcase_create("net");

	tcase_add_test(t, mac_of_a_name_stays_the_same);
	tcase_add_loop_test(t, mac_is_local_and_of_one_card, 0, 16);
	tcase_add_test(t, mac_differs_by_name_and_number);
	tcase_add_test(t, adopt_of_what_is_no_tap_is_refused_by_number);
	tcase_add_test(t, adopt_of_a_closed_descriptor_is_refused);
	tcase_add_test(t, new_without_its_socket_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
