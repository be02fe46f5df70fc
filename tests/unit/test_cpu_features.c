/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/cpu_features.h"

#include "arch/x86_64/cpuid.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <string.h>

#define SUBLEAF KVM_CPUID_FLAG_SIGNIFCANT_INDEX
#define BIT(n)  (1U << (n))

/* Leaf 1 ECX. */
#define VMX   BIT(5)
#define FMA   BIT(12)
#define PDCM  BIT(15)
#define DEADL BIT(24)
#define AES   BIT(25)
#define XSAVE BIT(26)
#define AVX   BIT(28)
#define HYPER BIT(31)

static struct kvm_cpuid2 *table; /* of the running test */
static struct err err;

static void add(uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx, uint32_t ecx,
                uint32_t edx)
{
	table->entries[table->nent++] = (struct kvm_cpuid_entry2){ .function = function,
		                                                   .index = index,
		                                                   .flags = SUBLEAF,
		                                                   .eax = eax,
		                                                   .ebx = ebx,
		                                                   .ecx = ecx,
		                                                   .edx = edx };
}

/* A host with AVX-512, AMX without permission (no XCR0 bits 17, 18), protection keys and VMX. */
static void setup(void)
{
	table = calloc(1, sizeof(*table) + CPUID_CAPACITY * sizeof(table->entries[0]));
	ck_assert_ptr_nonnull(table);
	add(0x0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69); /* GenuineIntel */
	add(0x1, 0, 0, 0, VMX | FMA | PDCM | AES | XSAVE | AVX,
	    BIT(5) | BIT(6) | BIT(9) | BIT(23) /* msr, pae, apic, mmx */);
	add(0x7, 0, 2, BIT(2) | BIT(5) | BIT(16) | BIT(30) /* sgx, avx2, avx512f, avx512bw */,
	    BIT(3) | BIT(5) | BIT(7) /* pku, waitpkg, shstk */,
	    BIT(24) | BIT(26) | BIT(29) /* amx_tile, spec_ctrl, arch_capabilities */);
	add(0xd, 0, 0x2e7, 0xa88, 0xa88, 0);
	add(0xd, 1, 0xf, 0x240, 0x1800, 0);
	add(0xd, 2, 0x100, 0x240, 0, 0);
	add(0xd, 5, 0x40, 0x440, 0, 0);
	add(0xd, 9, 8, 0xa80, 0, 0);
	add(0xd, 11, 0x10, 0, 1, 0);
	add(0x40000001, 0, BIT(0) | BIT(3) | BIT(6), 0, 0, 0);
	add(0x80000001, 0, 0, 0, 0, BIT(23) | BIT(29) /* mmx again, lm */);
	memset(&err, 0, sizeof(err));
}

static void teardown(void)
{
	free(table);
	table = NULL;
}

static struct kvm_cpuid_entry2 *leaf(uint32_t function, uint32_t index)
{
	return cpuid_find(table, function, index);
}

START_TEST(apply_no_words_keeps_host_but_for_defaults)
{
	ck_assert_int_eq(cpu_features_apply(table, NULL, false, &err), 0);

	ck_assert_uint_eq(leaf(1, 0)->ecx, FMA | AES | XSAVE | AVX | HYPER);
	ck_assert_uint_eq(leaf(7, 0)->ebx, BIT(5) | BIT(16) | BIT(30)); /* no sgx */
	ck_assert_uint_eq(leaf(7, 0)->ecx, BIT(3) | BIT(7)); /* no waitpkg */
	ck_assert_uint_eq(leaf(0xd, 0)->eax, 0x2e7);
}
END_TEST

START_TEST(apply_host_word_is_the_default)
{
	ck_assert_int_eq(cpu_features_apply(table, "host", false, &err), 0);

	ck_assert_uint_eq(leaf(1, 0)->ecx, FMA | AES | XSAVE | AVX | HYPER);
}
END_TEST

START_TEST(apply_deadline_timer_is_added)
{
	ck_assert_int_eq(cpu_features_apply(table, "host", true, &err), 0);

	ck_assert_uint_ne(leaf(1, 0)->ecx & DEADL, 0);
}
END_TEST

START_TEST(apply_unpermitted_amx_is_hidden)
{
	ck_assert_int_eq(cpu_features_apply(table, "host", false, &err), 0);

	ck_assert_uint_eq(leaf(7, 0)->edx, BIT(26) | BIT(29));
}
END_TEST

START_TEST(apply_minus_xsave_takes_all_states)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,-xsave", false, &err), 0);

	ck_assert_uint_eq(leaf(1, 0)->ecx, AES | HYPER);
	ck_assert_uint_eq(leaf(7, 0)->ebx, 0);
	ck_assert_uint_eq(leaf(7, 0)->ecx, 0); /* pku and shstk too */
	ck_assert_uint_eq(leaf(0xd, 0)->eax, 0);
	ck_assert_uint_eq(leaf(0xd, 1)->eax, 0);
	ck_assert_uint_eq(leaf(0xd, 2)->eax, 0);
	ck_assert_uint_eq(leaf(0xd, 11)->eax, 0);
}
END_TEST

START_TEST(apply_minus_avx512f_leaves_avx)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,-avx512f", false, &err), 0);

	ck_assert_uint_eq(leaf(7, 0)->ebx, BIT(5));
	ck_assert_uint_eq(leaf(0xd, 0)->eax, 0x207);
	ck_assert_uint_eq(leaf(0xd, 2)->eax, 0x100);
	ck_assert_uint_eq(leaf(0xd, 5)->eax, 0);
	ck_assert_uint_eq(leaf(0xd, 9)->eax, 8);
}
END_TEST

START_TEST(apply_minus_avx_takes_its_successors)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,-avx", false, &err), 0);

	ck_assert_uint_eq(leaf(1, 0)->ecx, AES | XSAVE | HYPER);
	ck_assert_uint_eq(leaf(7, 0)->ebx, 0);
	ck_assert_uint_eq(leaf(0xd, 0)->eax, 0x203);
}
END_TEST

START_TEST(apply_minus_xsaves_takes_shadow_stacks)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,-xsaves", false, &err), 0);

	ck_assert_uint_eq(leaf(7, 0)->ecx, BIT(3));
	ck_assert_uint_eq(leaf(0xd, 1)->ecx, 0);
	ck_assert_uint_eq(leaf(0xd, 11)->eax, 0);
	ck_assert_uint_eq(leaf(0xd, 0)->eax, 0x2e7);
}
END_TEST

START_TEST(apply_plus_adds_what_is_off_by_default)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,+vmx,+waitpkg", false, &err), 0);

	ck_assert_uint_ne(leaf(1, 0)->ecx & VMX, 0);
	ck_assert_uint_ne(leaf(7, 0)->ecx & BIT(5), 0);
}
END_TEST

START_TEST(apply_last_word_wins)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,-aes,+aes,+vmx,-vmx", false, &err), 0);

	ck_assert_uint_eq(leaf(1, 0)->ecx & (AES | VMX), AES);
}
END_TEST

START_TEST(apply_name_of_two_bits_removes_both)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,-kvmclock", false, &err), 0);

	ck_assert_uint_eq(leaf(0x40000001, 0)->eax, BIT(6));
}
END_TEST

START_TEST(apply_dash_and_underscore_are_alike)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,-kvm-pv-eoi", false, &err), 0);

	ck_assert_uint_eq(leaf(0x40000001, 0)->eax, BIT(0) | BIT(3));
}
END_TEST

START_TEST(apply_minus_absent_feature_is_fine)
{
	ck_assert_int_eq(cpu_features_apply(table, "host,-svm", false, &err), 0);
}
END_TEST

START_TEST(apply_amd_repeats_and_made_up_bits_follow)
{
	leaf(0, 0)->ebx = 0x68747541; /* AuthenticAMD */
	leaf(0, 0)->edx = 0x69746e65;
	leaf(0, 0)->ecx = 0x444d4163;

	ck_assert_int_eq(cpu_features_apply(table, "host,-mmx", false, &err), 0);

	ck_assert_uint_eq(leaf(0x80000001, 0)->edx, BIT(29));
	ck_assert_uint_eq(leaf(7, 0)->edx & BIT(29), 0); /* arch_capabilities */
}
END_TEST

/* A value that is refused, and the word that the message must have. */
static const struct {
	const char *spec, *word;
} bad[] = {
	{ "", "host" },
	{ "qemu64", "host" },
	{ "hosts", "host" },
	{ "host,", "''" },
	{ "host,avx", "'avx'" },
	{ "host,-", "'-'" },
	{ "host,-nonsense", "'nonsense'" },
	{ "host,-.", "'.'" },
	{ "host,-av", "'av'" },
	{ "host,-avxx", "'avxx'" },
	{ "host,-aes,,+avx", "''" },
	{ "host,+svm", "'svm'" },
	{ "host,+sgx", "'sgx'" },
	{ "host,-lm", "'lm'" },
	{ "host,-apic", "'apic'" },
};

START_TEST(apply_bad_word_is_named)
{
	ck_assert_int_eq(cpu_features_apply(table, bad[_i].spec, false, &err), -EINVAL);

	ck_assert_ptr_nonnull(strstr(err.msg, bad[_i].word));
}
END_TEST

START_TEST(apply_huge_word_is_cut_in_the_message)
{
	char spec[4096] = "host,-";

	memset(spec + 6, 'x', sizeof(spec) - 7);
	spec[sizeof(spec) - 1] = '\0';

	ck_assert_int_eq(cpu_features_apply(table, spec, false, &err), -EINVAL);
}
END_TEST

START_TEST(apply_empty_table_does_nothing)
{
	table->nent = 0;

	ck_assert_int_eq(cpu_features_apply(table, "host,-xsave", true, &err), 0);
	ck_assert_uint_eq(table->nent, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cpu_features");
	TCase *t = tcase_create("apply");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, apply_no_words_keeps_host_but_for_defaults);
	tcase_add_test(t, apply_host_word_is_the_default);
	tcase_add_test(t, apply_deadline_timer_is_added);
	tcase_add_test(t, apply_unpermitted_amx_is_hidden);
	tcase_add_test(t, apply_minus_xsave_takes_all_states);
	tcase_add_test(t, apply_minus_avx512f_leaves_avx);
	tcase_add_test(t, apply_minus_avx_takes_its_successors);
	tcase_add_test(t, apply_minus_xsaves_takes_shadow_stacks);
	tcase_add_test(t, apply_plus_adds_what_is_off_by_default);
	tcase_add_test(t, apply_last_word_wins);
	tcase_add_test(t, apply_name_of_two_bits_removes_both);
	tcase_add_test(t, apply_dash_and_underscore_are_alike);
	tcase_add_test(t, apply_minus_absent_feature_is_fine);
	tcase_add_test(t, apply_amd_repeats_and_made_up_bits_follow);
	tcase_add_loop_test(t, apply_bad_word_is_named, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, apply_huge_word_is_cut_in_the_message);
	tcase_add_test(t, apply_empty_table_does_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
