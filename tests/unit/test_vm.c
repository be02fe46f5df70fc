/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vm.h"

#include "tests/unit/run.h"
#include "vmm/num.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

/* KVM's side, which the linker puts in the place of ioctl(): it takes memory as KVM does. */

#define PAGES_MAX 0x7fffffffULL /* of one slot: KVM_MEM_MAX_NR_PAGES */
#define SLOTS_MAX 8

static struct kvm_userspace_memory_region taken[SLOTS_MAX];
static unsigned n_taken;

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	const struct kvm_userspace_memory_region *slot;
	va_list ap;

	(void)fd;
	va_start(ap, request);
	slot = va_arg(ap, const struct kvm_userspace_memory_region *);
	va_end(ap);
	if (request != KVM_SET_USER_MEMORY_REGION || n_taken == SLOTS_MAX ||
	    slot->memory_size / 4096 > PAGES_MAX) {
		errno = EINVAL;
		return -1;
	}
	taken[n_taken++] = *slot;
	return 0;
}

static struct vm vm;
static struct err err;

static void set_up(void)
{
	vm = (struct vm){ .kvm_fd = -1, .fd = -1 };
	n_taken = 0;
}

/* RAM of which only the addresses count. */
static struct gmem ram(uint64_t base, uint64_t size)
{
	return (struct gmem){
		.region = { { .base = GPA(base), .size = size, .host = (uint8_t *)TiB } },
		.n_regions = 1,
	};
}

START_TEST(add_ram_gives_kvm_one_piece)
{
	const struct gmem mem = ram(0, 64 * MiB);

	ck_assert_int_eq(vm_add_ram(&vm, &mem, &err), 0);

	ck_assert_uint_eq(n_taken, 1);
	ck_assert_uint_eq(taken[0].guest_phys_addr, 0);
	ck_assert_uint_eq(taken[0].memory_size, 64 * MiB);
}
END_TEST

START_TEST(add_ram_of_more_than_a_slot_takes_several)
{
	const struct gmem mem = ram(4 * GiB, 9 * TiB);
	uint64_t at = 0;

	ck_assert_int_eq(vm_add_ram(&vm, &mem, &err), 0);

	for (unsigned i = 0; i < n_taken; i++) {
		ck_assert_uint_eq(taken[i].slot, i);
		ck_assert_uint_eq(taken[i].guest_phys_addr, 4 * GiB + at);
		ck_assert_uint_eq(taken[i].userspace_addr, TiB + at);
		at += taken[i].memory_size;
	}
	ck_assert_uint_eq(at, 9 * TiB);
	ck_assert_uint_eq(vm.n_memslots, n_taken);
}
END_TEST

START_TEST(add_ram_that_kvm_refuses_names_the_remedy)
{
	const struct gmem mem = ram(4 * GiB, 16 * TiB);

	n_taken = SLOTS_MAX - 1; /* one is taken, the next is refused */

	ck_assert_int_eq(vm_add_ram(&vm, &mem, &err), -EINVAL);

	ck_assert_ptr_nonnull(strstr(err.msg, "give --memory less"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vm");
	TCase *t = tcase_create("vm");

	tcase_add_checked_fixture(t, set_up, NULL);
	tcase_add_test(t, add_ram_gives_kvm_one_piece);
	tcase_add_test(t, add_ram_of_more_than_a_slot_takes_several);
	tcase_add_test(t, add_ram_that_kvm_refuses_names_the_remedy);
	suite_add_tcase(s, t);
	return run_suite(s);
}
