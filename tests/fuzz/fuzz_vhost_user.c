/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vhost_user.h"

#include <assert.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that a back-end says, from the first question on; then it is gone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t config[VHOST_USER_CONFIG_MAX];
	const struct vhost_vring ring = { .size = 8 };
	struct vhost_user_setup s = { .n_vrings = 2, .config_size = 60 };
	struct vhost *v;
	uint16_t next;
	int pair[2];

	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	s.fd = pair[0];
	assert(send(pair[1], data, size, 0) == (ssize_t)size);
	shutdown(pair[1], SHUT_WR);
	if (vhost_user_open(&v, &s, config, NULL) == 0) {
		static const struct vring_used {
			uint16_t flags, idx;
		} used;
		struct vhost_vring mine = ring;

		assert((v->features & ~(1ULL << 32 | 3ULL << 28)) == 0);
		mine.used = (void *)(uintptr_t)&used;
		if (v->ops->set_owner(v) == 0 && v->ops->set_features(v, v->features) == 0)
			(void)v->ops->set_vring(v, 0, &mine);
		(void)v->ops->enable(v, 0, false);
		(void)v->ops->get_vring_base(v, 0, &next);
		v->ops->close(v);
	}
	close(pair[1]);
	return 0;
}
