/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/guest.h"

/*
 * RAM is where the memory map says and nowhere else: mib=N of it. Only what the page tables map (8
 * GiB) is touched.
 */

#define MAPPED (8ULL << 30)

static volatile uint64_t *word(uint64_t addr)
{
	return (volatile uint64_t *)(uintptr_t)addr;
}

/* Whether the word at an address keeps what is written to it. */
static bool is_ram(uint64_t addr)
{
	const uint64_t was = *word(addr), pattern = addr ^ 0x5aa5c33c0ff0a55a;
	bool kept;

	*word(addr) = pattern;
	kept = *word(addr) == pattern;
	*word(addr) = was;
	return kept;
}

int main(void)
{
	uint64_t ram = 0, end = 0;
	struct range r;

	for (unsigned n = 0; memory_map(n, &r); n++) {
		put(r.ram ? "ram      " : "reserved ");
		put_hex(r.base);
		put(" ");
		put_hex(r.size);
		put("\n");
		CHECK(r.base >= end); /* sorted, no overlap */
		end = r.base + r.size;
		if (!r.ram)
			continue;
		ram += r.size;
		CHECK(end <= MAPPED);
		/* The first page holds what the kernel is still to read; not its last word. */
		CHECK(is_ram(r.base));
		CHECK(is_ram(end - 8));
		/* Past the end of RAM nothing answers; below 1 MiB RAM goes on unlisted. */
		if (end > 0x100000 && end + 8 <= MAPPED)
			CHECK(!is_ram(end));
	}
	put_dec(ram >> 20);
	put(" MiB\n");
	/* What is reserved below 1 MiB counts as a MiB at most. */
	CHECK(ram >> 20 == arg_num("mib", 0) || (ram >> 20) + 1 == arg_num("mib", 0));
	return 0;
}
