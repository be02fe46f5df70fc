/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/cpuid.h"

#include "tests/unit/run.h"

#include <stdlib.h>
#include <string.h>

#define SUBLEAF KVM_CPUID_FLAG_SIGNIFCANT_INDEX

static struct kvm_cpuid2 *table; /* of the running test */

static void add(uint32_t function, uint32_t index, uint32_t flags, uint32_t eax, uint32_t ebx,
                uint32_t ecx, uint32_t edx)
{
	table->entries[table->nent++] = (struct kvm_cpuid_entry2){ .function = function,
		                                                   .index = index,
		                                                   .flags = flags,
		                                                   .eax = eax,
		                                                   .ebx = ebx,
		                                                   .ecx = ecx,
		                                                   .edx = edx };
}

static uint32_t vendor_word(const char *four)
{
	uint32_t v;

	memcpy(&v, four, sizeof(v));
	return v;
}

/* A host of 64 logical processors: two levels of private caches and a shared one. */
static void setup_intel(void)
{
	table = calloc(1, sizeof(*table) + CPUID_CAPACITY * sizeof(table->entries[0]));
	ck_assert_ptr_nonnull(table);
	add(0x0, 0, 0, 0x1f, vendor_word("Genu"), vendor_word("ntel"), vendor_word("ineI"));
	add(0x1, 0, 0, 0x806f2, 0x37400800, 1U << 15, 1U << 28);
	add(0x4, 0, SUBLEAF, 0xfc004121, 0x2c0003f, 0x3f, 0);
	add(0x4, 1, SUBLEAF, 0xfc0fc163, 0x4c0003f, 0x33fff, 4);
	add(0x4, 2, SUBLEAF, 0, 0, 0, 0);
	add(0x6, 0, 0, 0x77, 2, 9, 3);
	add(0xa, 0, 0, 0x8300805, 0, 0xf, 0x8604);
	add(0xb, 0, SUBLEAF, 1, 2, 0x100, 0x37);
	add(0xb, 1, SUBLEAF, 6, 64, 0x201, 0x37);
	add(0x1f, 0, SUBLEAF, 1, 2, 0x100, 0x37);
	add(0x40000000, 0, 0, 0x40000001, vendor_word("KVMK"), vendor_word("VMKV"), 0x4d);
}

static void setup_amd(void)
{
	table = calloc(1, sizeof(*table) + CPUID_CAPACITY * sizeof(table->entries[0]));
	ck_assert_ptr_nonnull(table);
	add(0x0, 0, 0, 0x10, vendor_word("Auth"), vendor_word("cAMD"), vendor_word("enti"));
	add(0x1, 0, 0, 0xa20f10, 0x10800, 0, 0);
	add(0x80000001, 0, 0, 0, 0, 1U << 22, 0);
	add(0x80000008, 0, 0, 0x3030, 0, 0x503f, 0);
	add(0x8000001d, 0, SUBLEAF, 0x4121, 0, 0, 0);
	add(0x8000001d, 1, SUBLEAF, 0xfc163, 0, 0, 0);
	add(0x8000001e, 0, 0, 0x21, 0x110, 0, 0);
	add(0x8000001f, 0, 0, 0xf, 0, 0, 0);
}

static void teardown(void)
{
	free(table);
	table = NULL;
}

/* vCPUs, bits of their ids. */
static const struct {
	unsigned n_cpus, bits;
} shapes[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 32, 5 }, { 33, 6 }, { 64, 6 } };

START_TEST(shape_n_cpus_gives_topology_leaf)
{
	const struct kvm_cpuid_entry2 *smt, *core, *end;

	cpuid_shape(table, shapes[_i].n_cpus);
	smt = cpuid_find(table, 0xb, 0);
	core = cpuid_find(table, 0xb, 1);
	end = cpuid_find(table, 0xb, 2);

	ck_assert_uint_eq(smt->eax, 0);
	ck_assert_uint_eq(smt->ebx, 1);
	ck_assert_uint_eq(smt->ecx, 0x100);
	ck_assert_uint_eq(core->eax, shapes[_i].bits);
	ck_assert_uint_eq(core->ebx, shapes[_i].n_cpus);
	ck_assert_uint_eq(core->ecx, 0x201);
	ck_assert_uint_eq(end->ebx, 0);
	ck_assert_uint_eq(end->ecx, 2);
}
END_TEST

START_TEST(shape_n_cpus_gives_count_of_leaf_1)
{
	const struct kvm_cpuid_entry2 *e;

	cpuid_shape(table, shapes[_i].n_cpus);
	e = cpuid_find(table, 0x1, 0);

	ck_assert_uint_eq(e->ebx >> 16 & 0xff, 1U << shapes[_i].bits);
	ck_assert_uint_eq(e->ebx & 0xffff, 0x0800); /* CLFLUSH size stays */
	ck_assert_int_eq(e->edx >> 28 & 1, shapes[_i].n_cpus > 1);
}
END_TEST

START_TEST(shape_n_cpus_shares_last_cache_only)
{
	const uint32_t ids = (1U << shapes[_i].bits) - 1;
	const struct kvm_cpuid_entry2 *l1, *l3;

	cpuid_shape(table, shapes[_i].n_cpus);
	l1 = cpuid_find(table, 0x4, 0);
	l3 = cpuid_find(table, 0x4, 1);

	ck_assert_uint_eq(l1->eax, ids << 26 | 0x121);
	ck_assert_uint_eq(l3->eax, ids << 26 | ids << 14 | 0x163);
	ck_assert_uint_eq(l3->ecx, 0x33fff); /* its size stays */
}
END_TEST

START_TEST(shape_host_topology_is_gone)
{
	cpuid_shape(table, 4);

	ck_assert_ptr_null(cpuid_find(table, 0x1f, 0));
	ck_assert_ptr_null(cpuid_find(table, 0xa, 0));
	ck_assert_uint_eq(cpuid_find(table, 0x6, 0)->eax, 4); /* ARAT */
	ck_assert_uint_eq(cpuid_find(table, 0x6, 0)->ecx, 0);
	ck_assert_uint_eq(cpuid_find(table, 0x1, 0)->ecx & 1U << 15, 0); /* PDCM */
}
END_TEST

START_TEST(shape_empty_entries_are_dropped)
{
	cpuid_shape(table, 1);

	ck_assert_ptr_null(cpuid_find(table, 0x4, 2));
}
END_TEST

START_TEST(shape_old_processor_gets_no_topology_leaf)
{
	table->entries[0].eax = 0xa;

	cpuid_shape(table, 2);

	ck_assert_ptr_null(cpuid_find(table, 0xb, 0));
}
END_TEST

START_TEST(shape_full_table_does_not_grow)
{
	while (table->nent < CPUID_CAPACITY)
		add(0x80000100 + table->nent, 0, 0, 1, 0, 0, 0);
	table->entries[9].function = 0x80000099; /* leaf 0xb now has one entry to reuse */
	table->entries[8].function = 0x80000098;

	cpuid_shape(table, 2);

	ck_assert_uint_le(table->nent, CPUID_CAPACITY);
}
END_TEST

START_TEST(set_apic_id_reaches_every_leaf_that_holds_it)
{
	cpuid_shape(table, 64);
	cpuid_set_apic_id(table, 63);
	cpuid_set_apic_id(table, 62); /* the table serves one vCPU after the other */

	ck_assert_uint_eq(cpuid_find(table, 0x1, 0)->ebx >> 24, 62);
	ck_assert_uint_eq(cpuid_find(table, 0xb, 0)->edx, 62);
	ck_assert_uint_eq(cpuid_find(table, 0xb, 1)->edx, 62);
}
END_TEST

START_TEST(set_tsc_khz_adds_timing_leaf)
{
	cpuid_shape(table, 1);
	cpuid_set_tsc_khz(table, 2300000);

	ck_assert_uint_eq(cpuid_find(table, 0x40000010, 0)->eax, 2300000);
	ck_assert_uint_eq(cpuid_find(table, 0x40000010, 0)->ebx, 1000000);
	ck_assert_uint_eq(cpuid_find(table, 0x40000000, 0)->eax, 0x40000010);
}
END_TEST

START_TEST(set_tsc_khz_unknown_adds_nothing)
{
	cpuid_shape(table, 1);
	cpuid_set_tsc_khz(table, 0);

	ck_assert_ptr_null(cpuid_find(table, 0x40000010, 0));
	ck_assert_uint_eq(cpuid_find(table, 0x40000000, 0)->eax, 0x40000001);
}
END_TEST

START_TEST(shape_amd_gives_core_count)
{
	cpuid_shape(table, 6);

	ck_assert_uint_eq(cpuid_find(table, 0x80000008, 0)->ecx, 5 | 3U << 12);
	ck_assert_uint_eq(cpuid_find(table, 0x80000001, 0)->ecx, 1U << 22 | 1U << 1);
	ck_assert_uint_eq(cpuid_find(table, 0x8000001d, 0)->eax, 0x121);
	ck_assert_uint_eq(cpuid_find(table, 0x8000001d, 1)->eax, 7U << 14 | 0x163);
	ck_assert_ptr_null(cpuid_find(table, 0x8000001f, 0)); /* memory encryption */
}
END_TEST

START_TEST(set_apic_id_amd_numbers_cores)
{
	cpuid_shape(table, 6);
	cpuid_set_apic_id(table, 5);

	ck_assert_uint_eq(cpuid_find(table, 0x8000001e, 0)->eax, 5);
	ck_assert_uint_eq(cpuid_find(table, 0x8000001e, 0)->ebx, 5);
	ck_assert_uint_eq(cpuid_find(table, 0x8000001e, 0)->ecx, 0);
}
END_TEST

START_TEST(shape_amd_without_caches_hides_topoext)
{
	cpuid_find(table, 0x8000001d, 0)->eax = 0;
	cpuid_find(table, 0x8000001d, 1)->eax = 0;

	cpuid_shape(table, 6);

	ck_assert_uint_eq(cpuid_find(table, 0x80000001, 0)->ecx & 1U << 22, 0);
}
END_TEST

START_TEST(is_amd_tells_vendors_apart)
{
	ck_assert(cpuid_is_amd(table));
	table->entries[0].ebx = vendor_word("Genu");
	ck_assert(!cpuid_is_amd(table));
}
END_TEST

int main(void)
{
	const int n = sizeof(shapes) / sizeof(shapes[0]);
	Suite *s = suite_create("cpuid");
	TCase *intel = tcase_create("intel"), *amd = tcase_create("amd");

	tcase_add_checked_fixture(intel, setup_intel, teardown);
	tcase_add_loop_test(intel, shape_n_cpus_gives_topology_leaf, 0, n);
	tcase_add_loop_test(intel, shape_n_cpus_gives_count_of_leaf_1, 0, n);
	tcase_add_loop_test(intel, shape_n_cpus_shares_last_cache_only, 0, n);
	tcase_add_test(intel, shape_host_topology_is_gone);
	tcase_add_test(intel, shape_empty_entries_are_dropped);
	tcase_add_test(intel, shape_old_processor_gets_no_topology_leaf);
	tcase_add_test(intel, shape_full_table_does_not_grow);
	tcase_add_test(intel, set_apic_id_reaches_every_leaf_that_holds_it);
	tcase_add_test(intel, set_tsc_khz_adds_timing_leaf);
	tcase_add_test(intel, set_tsc_khz_unknown_adds_nothing);
	suite_add_tcase(s, intel);

	tcase_add_checked_fixture(amd, setup_amd, teardown);
	tcase_add_test(amd, shape_amd_gives_core_count);
	tcase_add_test(amd, set_apic_id_amd_numbers_cores);
	tcase_add_test(amd, shape_amd_without_caches_hides_topoext);
	tcase_add_test(amd, is_amd_tells_vendors_apart);
	suite_add_tcase(s, amd);
	return run_suite(s);
}
