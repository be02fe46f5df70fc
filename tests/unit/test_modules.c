/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/modules.h"

#include "tests/unit/boot_images.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/*
 * A kernel of version 6.1.0-test in DIR/boot, and modules in DIR/lib/modules/6.1.0-test: the
 * contents of each is its name.
 */
static char dir[] = "/tmp/vmm-modules-XXXXXX", kernel[64], tree[64];
static struct cpio c;
static struct err e;

static void shell(const char *line)
{
	ck_assert_int_eq(system(line), 0); /* NOLINT(cert-env33-c): lines of the test's own */
}

static void file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static void text(const char *path, const char *bytes)
{
	file(path, bytes, strlen(bytes));
}

static const char dep[] =
        "kernel/fs/ext4/ext4.ko: kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko\n"
        "kernel/fs/mbcache.ko:\n"
        "kernel/fs/jbd2/jbd2.ko:\n"
        "kernel/fs/not-ext4.ko:\n"
        "kernel/crypto/crc32c_generic.ko:\n"
        "kernel/crypto/crc32c-intel.ko:\n"
        "kernel/virtio/virtio_ring.ko:\n"
        "kernel/virtio/virtio.ko: kernel/virtio/virtio_ring.ko\n"
        "kernel/virtio/virtio_mmio.ko: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko\n"
        "kernel/virtio/virtio_blk.ko: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko\n"
        "kernel/virtio/virtio-rng.ko: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko\n";

/* A bzImage of which only the head is there. */
static void write_kernel(const char *version)
{
	struct bzimage *b = bzimage_new();

	b->h.kernel_version = 0x500;
	memcpy(b->bytes + 0x700, version, strlen(version) + 1);
	file(kernel, b->bytes, sizeof(b->bytes));
	free(b);
}

static void setup(void)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	snprintf(kernel, sizeof(kernel), "%s/boot/vmlinuz", dir);
	snprintf(tree, sizeof(tree), "%s/lib/modules/6.1.0-test", dir);
	shell("mkdir -p boot lib/modules/6.1.0-test");
	text("lib/modules/6.1.0-test/modules.dep", dep);
	text("lib/modules/6.1.0-test/modules.builtin", "kernel/drivers/char/virtio_console.ko\n");
	shell("cd lib/modules/6.1.0-test; for m in $(cut -d: -f1 modules.dep); do "
	      "mkdir -p ${m%/*}; printf '[%s]' ${m##*/} >$m; done");
	write_kernel("6.1.0-test (someone@somewhere) #1 SMP");
	cpio_init(&c);
}

static void teardown(void)
{
	char line[64];

	cpio_fini(&c);
	snprintf(line, sizeof(line), "rm -r %s", dir);
	shell(line);
}

static int pack(unsigned need, const char *root_fs, const char *from)
{
	return modules_pack(&(struct modules_request){ .kernel = kernel,
	                                               .dir = from,
	                                               .need = need,
	                                               .root_fs = root_fs,
	                                               .to = "m" },
	                    &c, &e);
}

/* What the archive is when it is read as text: the list of the order, which comes last. */
static const char *order(void)
{
	static char names[1000];
	const char *at;

	ck_assert_int_eq(cpio_end(&c, &e), 0);
	at = memmem(c.buf, c.len, "m/order", sizeof("m/order"));
	ck_assert_ptr_nonnull(at);
	at += sizeof("m/order");
	while (*at == '\0')
		at++;
	snprintf(names, sizeof(names), "%s", at);
	names[strcspn(names, "0")] = '\0'; /* of the next head's magic */
	return names;
}

START_TEST(modules_come_after_what_they_depend_on)
{
	ck_assert_int_eq(pack(MODULES_DISK, "ext4", NULL), 10);
	ck_assert_str_eq(order(), "virtio_ring.ko\nvirtio.ko\nvirtio_mmio.ko\nvirtio_blk.ko\n"
	                          "virtio-rng.ko\ncrc32c_generic.ko\ncrc32c-intel.ko\njbd2.ko\n"
	                          "mbcache.ko\next4.ko\n");
	ck_assert_ptr_nonnull(memmem(c.buf, c.len, "[virtio_blk.ko]", 15));
}
END_TEST

START_TEST(nothing_needed_is_nothing_packed)
{
	ck_assert_int_eq(pack(0, NULL, NULL), 0);
	ck_assert_uint_eq(c.len, 0);
}
END_TEST

START_TEST(other_root_gets_no_file_system)
{
	ck_assert_int_eq(pack(MODULES_DISK, "ext", NULL), 5);
	ck_assert_ptr_null(strstr(order(), "ext4"));
}
END_TEST

START_TEST(kernel_without_modules_gets_none)
{
	write_kernel("6.1.0-vmm-none #1");
	ck_assert_int_eq(pack(MODULES_DISK, "ext4", NULL), 0);
	ck_assert_uint_eq(c.len, 0);
}
END_TEST

START_TEST(folder_beside_the_kernel_is_found)
{
	shell("mv lib boot/");
	ck_assert_int_eq(pack(MODULES_DISK, NULL, NULL), 5);
}
END_TEST

START_TEST(folder_with_the_kernel_in_it_is_found)
{
	shell("mv lib/modules/6.1.0-test/* boot/");
	write_kernel(" no version");
	ck_assert_int_eq(pack(MODULES_DISK, NULL, NULL), 5);
}
END_TEST

START_TEST(folder_given_may_be_any_above)
{
	char above[80];

	ck_assert_int_eq(pack(MODULES_DISK, NULL, tree), 5);
	ck_assert_int_eq(pack(MODULES_DISK, NULL, dir), 5);
	snprintf(above, sizeof(above), "%s/lib/modules", dir);
	ck_assert_int_eq(pack(MODULES_DISK, NULL, above), 5);
}
END_TEST

START_TEST(folder_given_without_modules_is_refused)
{
	ck_assert_int_eq(pack(MODULES_DISK, NULL, "/proc"), -ENOENT);
	ck_assert_str_eq(e.msg,
	                 "no modules.dep in '/proc', nor in its lib/modules/6.1.0-test: give the "
	                 "folder of this kernel's modules, or '--modules none'");
}
END_TEST

START_TEST(missing_module_file_is_named)
{
	shell("rm lib/modules/6.1.0-test/kernel/virtio/virtio.ko");
	ck_assert_int_eq(pack(MODULES_DISK, NULL, NULL), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "/virtio/virtio.ko': No such file"));
}
END_TEST

/* How the warning reads that the kernel has no driver for a device, or "". */
static const char *warnings(unsigned need)
{
	static char said[1000];
	FILE *log = tmpfile();
	int err = dup(STDERR_FILENO);

	ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
	ck_assert_int_eq(pack(need, NULL, NULL), 4);
	ck_assert_int_ge(dup2(err, STDERR_FILENO), 0);
	close(err);
	said[pread(fileno(log), said, sizeof(said) - 1, 0)] = '\0';
	fclose(log);
	return said;
}

START_TEST(missing_driver_is_warned_of)
{
	ck_assert_ptr_nonnull(
	        strstr(warnings(MODULES_SHARE), "have no virtiofs, which this guest needs"));
}
END_TEST

START_TEST(driver_that_is_built_in_is_not_missing)
{
	ck_assert_str_eq(warnings(MODULES_CONSOLE), "");
}
END_TEST

/* Packers, and what their files end in. */
static const char *const packers[] = { "xz --check=crc32 --lzma2=dict=1MiB", "gzip -n",
	                               "zstd -q --rm" };

/* 100 KiB of text, and the same many times smaller: more room is needed than was guessed. */
START_TEST(compressed_modules_are_decompressed)
{
	char line[400];

	snprintf(line, sizeof(line),
	         "cd lib/modules/6.1.0-test/kernel/virtio; "
	         "{ yes text | head -c 102400; echo '[end]'; } >virtio_ring.ko; %s *.ko; "
	         "cd ../..; for m in kernel/virtio/*; do sed -i \"s|${m%%.*}|$m|g\" modules.dep; "
	         "done",
	         packers[_i]);
	shell(line);
	ck_assert_int_eq(pack(MODULES_DISK, NULL, NULL), 5);
	ck_assert_str_eq(order(), "virtio_ring.ko\nvirtio.ko\nvirtio_mmio.ko\nvirtio_blk.ko\n"
	                          "virtio-rng.ko\n");
	ck_assert_ptr_nonnull(memmem(c.buf, c.len, "[virtio-rng.ko]", 15));
	ck_assert_ptr_nonnull(memmem(c.buf, c.len, "text\ntext\n[end]", 15));
}
END_TEST

START_TEST(damaged_module_is_named)
{
	shell("cd lib/modules/6.1.0-test; sed -i s/virtio_ring.ko/virtio_ring.ko.xz/ modules.dep; "
	      "echo junk >kernel/virtio/virtio_ring.ko.xz");
	ck_assert_int_eq(pack(MODULES_DISK, NULL, NULL), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "virtio_ring.ko.xz' is damaged"));
}
END_TEST

/* Lists as no depmod writes them. */
static const struct {
	const char *dep;
	int result;
} odd[] = {
	{ "\n\n:\n", 0 },
	{ "virtio_mmio.ko:", -ENOENT }, /* the list has it, and the folder has not */
	{ "kernel/virtio/virtio.ko:    ", 0 },
	{ "kernel/virtio/virtio_mmio.ko", 1 },
	{ "kernel/virtio/virtio_mmio.ko:  kernel/virtio/virtio.ko  \n", 2 },
	{ "kernel/virtio/virtio_mmio.ko: kernel/virtio/virtio_mmio.ko\n", 1 },
	{ "virtio_mmio\nvirtio_mmio.k\n.ko\n", 0 },
};

START_TEST(odd_lists_are_survived)
{
	text("lib/modules/6.1.0-test/modules.dep", odd[_i].dep);
	ck_assert_int_eq(pack(MODULES_DISK, NULL, NULL), odd[_i].result);
}
END_TEST

START_TEST(version_of_what_is_no_kernel_is_refused)
{
	char version[65];

	ck_assert_int_eq(modules_version("/no/such", version), -EINVAL);
	text(kernel, "short");
	ck_assert_int_eq(modules_version(kernel, version), -EINVAL);
	write_kernel("../../etc #1");
	ck_assert_int_eq(modules_version(kernel, version), -EINVAL);
}
END_TEST

START_TEST(version_is_the_first_word)
{
	char version[65];

	ck_assert_int_eq(modules_version(kernel, version), 0);
	ck_assert_str_eq(version, "6.1.0-test");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("modules");
	TCase *t = tcase_create("modules");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, modules_come_after_what_they_depend_on);
	tcase_add_test(t, nothing_needed_is_nothing_packed);
	tcase_add_test(t, other_root_gets_no_file_system);
	tcase_add_test(t, kernel_without_modules_gets_none);
	tcase_add_test(t, folder_beside_the_kernel_is_found);
	tcase_add_test(t, folder_with_the_kernel_in_it_is_found);
	tcase_add_test(t, folder_given_may_be_any_above);
	tcase_add_test(t, folder_given_without_modules_is_refused);
	tcase_add_test(t, missing_module_file_is_named);
	tcase_add_test(t, missing_driver_is_warned_of);
	tcase_add_test(t, driver_that_is_built_in_is_not_missing);
	tcase_add_loop_test(t, compressed_modules_are_decompressed, 0, ARRAY_SIZE(packers));
	tcase_add_test(t, damaged_module_is_named);
	tcase_add_loop_test(t, odd_lists_are_survived, 0, ARRAY_SIZE(odd));
	tcase_add_test(t, version_of_what_is_no_kernel_is_refused);
	tcase_add_test(t, version_is_the_first_word);
	suite_add_tcase(s, t);
	return run_suite(s);
}
