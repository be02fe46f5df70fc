/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"
#include "tests/unit/run.h"
#include "vmm/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* A vCPU's registers, which the linker puts behind ioctl(): what no KVM shows when it is asked to.
 */

#define RIP 0x1010

static bool readable; /* its registers */

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct kvm_translation *tr;
	va_list ap;
	void *arg;

	(void)fd;
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!readable) {
		errno = EIO;
		return -1;
	}
	if (request == KVM_GET_REGS)
		*(struct kvm_regs *)arg = (struct kvm_regs){ .rip = RIP, .rsp = 0x2000 };
	if (request == KVM_GET_SREGS)
		*(struct kvm_sregs *)arg = (struct kvm_sregs){ .cr0 = 0x80000011, .cr3 = 0x9000 };
	if (request == KVM_TRANSLATE) {
		tr = arg;
		tr->physical_address = tr->linear_address;
		tr->valid = 1;
	}
	return 0;
}

static char dir[] = "/tmp/vmm-test-report-XXXXXX";
static char path[64], said[4096];
static uint8_t ram[8192];
static struct gmem mem;
static struct kvm_run run;

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	ck_assert_int_eq(log_open(path, LOG_WARN, NULL), 0);
	mem = (struct gmem){ .region = { { .size = sizeof(ram), .host = ram } }, .n_regions = 1 };
	ram[RIP] = 0x0f;
	ram[RIP + 1] = 0x0b;
	readable = true;
	memset(&run, 0, sizeof(run));
}

static void tear_down(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

/* Have it reported. Returns how many lines it is. */
static unsigned report(void)
{
	unsigned lines = 0;
	FILE *f;

	arch_vcpu_report(-1, &run, &mem, 2);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	said[fread(said, 1, sizeof(said) - 1, f)] = '\0';
	(void)fclose(f);
	for (const char *s = said; (s = strchr(s, '\n')); s++)
		lines++;
	return lines;
}

START_TEST(report_of_a_refused_entry_tells_all)
{
	run.exit_reason = KVM_EXIT_FAIL_ENTRY;
	run.fail_entry.hardware_entry_failure_reason = 0x80000021;
	run.fail_entry.cpu = 3;

	ck_assert_uint_eq(report(), 9);

	ck_assert_ptr_nonnull(strstr(said, "vCPU 2: the processor refused to enter the guest"));
	ck_assert_ptr_nonnull(strstr(said, "hardware reason 0x80000021, processor 3"));
	ck_assert_ptr_nonnull(strstr(said, "rip 0x0000000000001010"));
	ck_assert_ptr_nonnull(strstr(said, "code 0f 0b 00"));
	ck_assert_ptr_nonnull(strstr(said, "cr0 0x80000011 cr3 0x9000"));
	ck_assert_ptr_nonnull(strstr(said, "registers do not fit each other"));
}
END_TEST

START_TEST(report_of_code_outside_ram_goes_on)
{
	run.exit_reason = KVM_EXIT_FAIL_ENTRY;
	mem.n_regions = 0;

	ck_assert_uint_eq(report(), 9);

	ck_assert_ptr_nonnull(strstr(said, "code not readable at rip"));
}
END_TEST

START_TEST(report_without_registers_goes_on)
{
	run.exit_reason = KVM_EXIT_FAIL_ENTRY;
	readable = false;

	ck_assert_uint_eq(report(), 4);

	ck_assert_ptr_nonnull(strstr(said, "registers cannot be read"));
	ck_assert_ptr_nonnull(strstr(said, "registers do not fit each other"));
}
END_TEST

START_TEST(report_shows_the_bytes_that_kvm_did_not_know)
{
	run.exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run.emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run.emulation_failure.ndata = 4;
	run.emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run.emulation_failure.insn_size = 2;
	run.emulation_failure.insn_bytes[0] = 0xdf;
	run.emulation_failure.insn_bytes[1] = 0x33;

	(void)report();

	ck_assert_ptr_nonnull(strstr(said, "KVM could not emulate an instruction"));
	ck_assert_ptr_nonnull(strstr(said, "code df 33\n"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("report");
	TCase *t = tcase_create("report");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, report_of_a_refused_entry_tells_all);
	tcase_add_test(t, report_of_code_outside_ram_goes_on);
	tcase_add_test(t, report_without_registers_goes_on);
	tcase_add_test(t, report_shows_the_bytes_that_kvm_did_not_know);
	suite_add_tcase(s, t);
	return run_suite(s);
}
