/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/net_ctrl.h"
#include "tests/unit/run.h"

#include <string.h>

#define COMMAND(text, kind_)                                                                       \
	{                                                                                          \
		.bytes = (text), .len = sizeof(text) - 1, .kind = (kind_)                          \
	}

static const struct {
	const char *bytes;
	size_t len;
	enum net_ctrl_kind kind;
} commands[] = {
	COMMAND("", NET_CTRL_REFUSED),
	COMMAND("\0", NET_CTRL_REFUSED),
	COMMAND("\0\0", NET_CTRL_REFUSED),
	COMMAND("\0\0\1", NET_CTRL_NOTHING), /* promiscuous */
	COMMAND("\0\5\0", NET_CTRL_NOTHING), /* no broadcast: off */
	COMMAND("\0\6\0", NET_CTRL_REFUSED),
	COMMAND("\0\0\1\1", NET_CTRL_REFUSED),
	COMMAND("\1\0\0\0\0\0\0\0\0\0", NET_CTRL_NOTHING), /* both tables empty */
	COMMAND("\1\0\1\0\0\0abcdef\2\0\0\0abcdefghijkl", NET_CTRL_NOTHING),
	COMMAND("\1\0\1\0\0\0abcdef\2\0\0\0abcdefghijk", NET_CTRL_REFUSED), /* short */
	COMMAND("\1\0\1\0\0\0abcdef\0\0\0\0x", NET_CTRL_REFUSED), /* long */
	COMMAND("\1\0\377\377\377\377\0\0\0\0", NET_CTRL_REFUSED),
	COMMAND("\1\0\0\0\0\0", NET_CTRL_REFUSED), /* one table */
	COMMAND("\1\1\2\0\0\0\0\1", NET_CTRL_MAC),
	COMMAND("\1\1\3\0\0\0\0\1", NET_CTRL_REFUSED), /* multicast */
	COMMAND("\1\1\2\0\0\0\0", NET_CTRL_REFUSED),
	COMMAND("\1\2\2\0\0\0\0\1", NET_CTRL_REFUSED),
	COMMAND("\2\0\1\0", NET_CTRL_REFUSED), /* VLANs are not filtered */
	COMMAND("\4\0\1\0", NET_CTRL_PAIRS),
	COMMAND("\4\0\0\0", NET_CTRL_REFUSED),
	COMMAND("\4\1\1\0", NET_CTRL_REFUSED),
	COMMAND("\5\0\0\0\0\0\0\0\0\0", NET_CTRL_OFFLOADS),
	COMMAND("\5\0\0\0\0\0\0\0\0", NET_CTRL_REFUSED),
	COMMAND("\7\0\0", NET_CTRL_REFUSED),
};

START_TEST(parse_command_is_judged)
{
	char bytes[64] = "";
	struct iovec v = { bytes, commands[_i].len };
	struct iov_cur c = { .v = &v, .n = 1, .left = commands[_i].len };
	struct net_ctrl got;

	memcpy(bytes, commands[_i].bytes, commands[_i].len);
	net_ctrl_parse(&got, &c);
	ck_assert_int_eq(got.kind, commands[_i].kind);
}
END_TEST

/* The parts of a command say nothing about its buffers. */
START_TEST(parse_command_in_bytes_is_read)
{
	char bytes[] = "\4\0\2\1";
	struct iovec v[] = { { bytes, 1 }, { bytes + 1, 1 }, { bytes + 2, 1 }, { bytes + 3, 1 } };
	struct iov_cur c = { .v = v, .n = 4, .left = 4 };
	struct net_ctrl got;

	net_ctrl_parse(&got, &c);
	ck_assert_int_eq(got.kind, NET_CTRL_PAIRS);
	ck_assert_uint_eq(got.pairs, 0x102);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net_ctrl");
	TCase *t = tcase_create("net_ctrl");

	tcase_add_loop_test(t, parse_command_is_judged, 0, ARRAY_SIZE(commands));
	tcase_add_test(t, parse_command_in_bytes_is_read);
	suite_add_tcase(s, t);
	return run_suite(s);
}
