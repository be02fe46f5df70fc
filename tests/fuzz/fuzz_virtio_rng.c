/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio_rng.h"

#include "tests/fuzz/driver.h"

/*
 * The entropy device under buffers of all sizes and both directions. Input: one byte of flags, then
 * steps of two bytes: kind and length.
 */
#define STEPS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t readable[1024];
	struct driver_input in = { data, size };
	struct virtio_rng *rng;
	struct driver d;
	uint64_t count;

	if (virtio_rng_new(&rng, NULL, NULL) < 0)
		abort();
	driver_start(&d, virtio_rng_dev(rng), 0, driver_byte(&in) & 1);
	for (unsigned i = 0; i < STEPS && in.left > 0; i++) {
		uint8_t kind = driver_byte(&in);
		uint32_t len = driver_byte(&in) * 4U;

		driver_offer(&d, 0, kind & 1 ? readable : NULL, len, len * (kind >> 1) / 128);
		while (read(d.dev->queue[0].kick.fd, &count, sizeof(count)) == sizeof(count))
			virtio_dev_kick(d.dev, 0);
		assert(d.ram->queue[0].used.idx == d.ram->queue[0].avail[1]);
		assert(virtio_dev_status(d.dev) == 0);
	}
	driver_stop(&d);
	virtio_rng_free(rng);
	return 0;
}
