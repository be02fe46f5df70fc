/* SPDX-License-Identifier: Apache-2.0 */
/* The host's half of a command, against a guest that says whatever the test wants. */
#include "vmm/command.h"

#include "boot/init/manifest.h"
#include "tests/unit/run.h"
#include "vmm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

#define TURNS 16 /* of the loop: more than any test's bytes need */

static struct machine m;
static struct config cfg;
static char make[] = "make", check[] = "check";
static char *const words[] = { make, check };
static unsigned overs;
static int out[2]; /* a pipe that is standard output */
static int saved_stdout;
static struct err err;

/* --- the guest's side --- */

static struct {
	uint8_t bytes[256];
	size_t len;
} got[COMMAND_N_PORTS];
static bool here[COMMAND_N_PORTS];

static size_t guest_room(void *self)
{
	(void)self;
	return 64;
}

static void guest_input(void *self, const uint8_t *buf, size_t len)
{
	size_t port = (size_t)(uintptr_t)self;

	ck_assert_uint_le(got[port].len + len, sizeof(got[port].bytes));
	memcpy(got[port].bytes + got[port].len, buf, len);
	got[port].len += len;
}

static void guest_writable(void *self)
{
	(void)self;
}

static void guest_presence(void *self, bool is_here)
{
	here[(uintptr_t)self] = is_here;
}

static const struct chardev_ops guest_ops = { guest_room, guest_input, guest_writable,
	                                      guest_presence };

static void offer(enum command_port port, const void *bytes, size_t len)
{
	ck_assert_uint_eq(chardev_offer(&m.command.port[port], bytes, len), len);
	chardev_flush(&m.command.port[port]);
}

static void report(uint32_t kind, int32_t value, uint64_t n_out, uint64_t n_err)
{
	const struct protocol_report r = {
		.kind = kind, .value = value, .out = n_out, .err = n_err, .text = "mount /dev/vda"
	};

	offer(COMMAND_CONTROL, &r, sizeof(r));
}

/* --- rig --- */

struct clock {
	struct loop_source source;
	unsigned left;
};

static void tick(struct loop_source *s, uint32_t events)
{
	struct clock *c = container_of(s, struct clock, source);

	(void)events;
	if (--c->left == 0)
		loop_stop(&m.loop);
}

static void run(void)
{
	struct clock c = { { eventfd(1, EFD_CLOEXEC), tick }, TURNS };

	ck_assert_int_eq(loop_add(&m.loop, &c.source, EPOLLIN), 0);
	m.loop.stop = false;
	ck_assert_int_eq(loop_run(&m.loop), 0);
	loop_del(&m.loop, &c.source);
	close(c.source.fd);
}

static void count_over(void *arg)
{
	(void)arg;
	overs++;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void setup(void)
{
	const struct command_calls calls = { .over = count_over };
	const struct ending_calls ending = { .begin = nothing, .panicked = nothing };

	overs = 0;
	memset(got, 0, sizeof(got));
	cfg = (struct config){
		.command = words, .n_command = 2, .no_terminal = true, .escape = -1
	};
	m = (struct machine){ .cfg = &cfg, .command = { .control.fd = -1, .control_fd = -1 } };
	signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	saved_stdout = dup(STDOUT_FILENO);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(dup2(out[1], STDOUT_FILENO), STDOUT_FILENO);
	close(out[1]);
	ck_assert_int_eq(loop_init(&m.loop, &err), 0);
	ck_assert_int_eq(ending_init(&m.run.ending, &m.loop, &ending, &err), 0);
	ck_assert_int_eq(command_open(&m.command, &m, &calls, &err), 0);
	for (uintptr_t p = 0; p < COMMAND_N_PORTS; p++)
		chardev_attach(&m.command.port[p], &guest_ops, (void *)p);
	consoles_start(&m.consoles);
}

static void teardown(void)
{
	command_fini(&m.command);
	ending_fini(&m.run.ending);
	loop_fini(&m.loop);
	dup2(saved_stdout, STDOUT_FILENO);
	close(saved_stdout);
	close(out[0]);
}

static struct stop judged(enum stop_reason reason)
{
	struct stop stop = { .reason = reason };

	err.msg[0] = '\0';
	command_judge(&m.command, &stop, &err);
	return stop;
}

/* --- tests --- */

START_TEST(open_gives_the_guest_four_ports_with_control_last)
{
	ck_assert_uint_eq(m.ports.n, 4);
	ck_assert_str_eq(m.ports.end[0].name, PROTOCOL_STDIN);
	ck_assert_str_eq(m.ports.end[1].name, PROTOCOL_STDOUT);
	ck_assert_str_eq(m.ports.end[2].name, PROTOCOL_STDERR);
	ck_assert_str_eq(m.ports.end[3].name, PROTOCOL_CONTROL);
}
END_TEST

/* How it ended in the guest, and what becomes of it here. */
static const struct {
	uint32_t kind;
	int32_t value;
	enum stop_reason reason;
	int status;
	const char *message;
} ends[] = {
	{ PROTOCOL_EXITED, 0, STOP_EXIT, 0, "" },
	{ PROTOCOL_EXITED, 1, STOP_EXIT, 1, "" },
	{ PROTOCOL_EXITED, 255, STOP_EXIT, 255, "" },
	{ PROTOCOL_KILLED, SIGKILL, STOP_EXIT, 137, "" },
	{ PROTOCOL_NOT_EXECUTED, ENOENT, STOP_ERROR, 127,
	  "cannot execute 'make' in the guest: No such file or directory" },
	{ PROTOCOL_NOT_EXECUTED, EACCES, STOP_ERROR, 126,
	  "cannot execute 'make' in the guest: Permission denied" },
	{ PROTOCOL_FAILED, EINVAL, STOP_ERROR, STATUS_ERROR,
	  "the guest's first process cannot mount /dev/vda: Invalid argument" },
	/* A guest that lies ends with a status all the same. */
	{ PROTOCOL_EXITED, -1, STOP_EXIT, 255, "" },
	{ PROTOCOL_EXITED, 256, STOP_EXIT, 0, "" },
};

START_TEST(report_of_the_end_becomes_a_status)
{
	struct stop stop;

	report(PROTOCOL_STARTED, 0, 0, 0);
	report(ends[_i].kind, ends[_i].value, 0, 0);
	run();
	ck_assert_uint_eq(overs, 1);
	stop = judged(STOP_EXIT);
	ck_assert_int_eq(stop.reason, ends[_i].reason);
	ck_assert_int_eq(stop.status, ends[_i].status);
	ck_assert_str_eq(err.msg, ends[_i].message);
}
END_TEST

START_TEST(report_of_the_end_waits_for_the_last_byte_of_output)
{
	char text[8];

	report(PROTOCOL_STARTED, 0, 0, 0);
	report(PROTOCOL_EXITED, 0, 6, 0);
	run();
	ck_assert_uint_eq(overs, 0);
	offer(COMMAND_STDOUT, "abc", 3);
	run();
	ck_assert_uint_eq(overs, 0);
	offer(COMMAND_STDOUT, "def", 3);
	run();
	ck_assert_uint_eq(overs, 1);
	ck_assert_int_eq(read(out[0], text, sizeof(text)), 6);
	ck_assert_mem_eq(text, "abcdef", 6);
}
END_TEST

START_TEST(report_in_pieces_is_put_together)
{
	const struct protocol_report r = { .kind = PROTOCOL_EXITED, .value = 3 };

	offer(COMMAND_CONTROL, &r, 5);
	run();
	ck_assert_uint_eq(overs, 0);
	offer(COMMAND_CONTROL, (const char *)&r + 5, sizeof(r) - 5);
	run();
	ck_assert_uint_eq(overs, 1);
}
END_TEST

START_TEST(report_that_nobody_knows_changes_nothing)
{
	report(99, 0, 0, 0);
	report(0, 0, 0, 0);
	run();
	ck_assert_uint_eq(overs, 0);
	ck_assert_int_eq(m.command.state, COMMAND_WAITED_FOR);
}
END_TEST

START_TEST(report_after_the_end_is_not_heard)
{
	report(PROTOCOL_EXITED, 3, 0, 0);
	report(PROTOCOL_EXITED, 4, 0, 0);
	run();
	ck_assert_uint_eq(overs, 1);
	ck_assert_int_eq(judged(STOP_EXIT).status, 3);
}
END_TEST

START_TEST(reader_that_has_gone_is_told_to_the_guest_and_not_waited_for)
{
	close(out[0]);
	here[COMMAND_STDOUT] = true;
	offer(COMMAND_STDOUT, "abc", 3);
	run();
	ck_assert(!here[COMMAND_STDOUT]);
	ck_assert_int_eq(ending_get(&m.run.ending).reason, STOP_NONE);
	report(PROTOCOL_KILLED, SIGPIPE, 3, 0);
	run();
	ck_assert_uint_eq(overs, 1);
	ck_assert_int_eq(judged(STOP_EXIT).status, 128 + SIGPIPE);
	out[0] = dup(STDERR_FILENO); /* for teardown() */
}
END_TEST

START_TEST(output_that_the_guest_closes_ends_for_its_reader_behind_the_last_byte)
{
	char text[8];

	report(PROTOCOL_STARTED, 0, 0, 0);
	offer(COMMAND_STDOUT, "abc", 3);
	chardev_guest_open(&m.command.port[COMMAND_STDOUT], false);
	chardev_guest_open(&m.command.port[COMMAND_STDERR], false);
	ck_assert_int_eq(read(out[0], text, sizeof(text)), 3);
	ck_assert_int_eq(read(out[0], text, sizeof(text)), 0);
	ck_assert_int_ge(fcntl(STDERR_FILENO, F_GETFD), 0); /* for what we have to say */
	report(PROTOCOL_EXITED, 3, 3, 0);
	run();
	ck_assert_uint_eq(overs, 1);
}
END_TEST

START_TEST(signal_is_passed_on_while_the_command_runs)
{
	const struct protocol_order want = { PROTOCOL_SIGNAL, { SIGTERM, 0 } };

	ck_assert(!command_signal(&m.command, SIGINT));
	report(PROTOCOL_STARTED, 0, 0, 0);
	run();
	ck_assert(command_signal(&m.command, SIGTERM));
	run();
	ck_assert_uint_eq(got[COMMAND_CONTROL].len, sizeof(want));
	ck_assert_mem_eq(got[COMMAND_CONTROL].bytes, &want, sizeof(want));
	report(PROTOCOL_EXITED, 0, 0, 0);
	run();
	ck_assert(!command_signal(&m.command, SIGTERM));
}
END_TEST

/* The VM's end, and what it means before the command was started. */
static const struct {
	enum stop_reason reason, judged;
	const char *message;
} early[] = {
	{ STOP_POWEROFF, STOP_ERROR, "the guest powered off before it started the command" },
	{ STOP_REBOOT, STOP_ERROR, "the guest rebooted before it started the command" },
	{ STOP_PANIC, STOP_PANIC, "" },
	{ STOP_TIMEOUT, STOP_TIMEOUT, "" },
	{ STOP_SIGNAL, STOP_SIGNAL, "" },
	{ STOP_EXIT, STOP_EXIT, "" },
};

START_TEST(end_before_the_command_is_a_failure)
{
	ck_assert_int_eq(judged(early[_i].reason).reason, early[_i].judged);
	ck_assert_str_eq(err.msg, early[_i].message);
}
END_TEST

/* Whether the kernel was given modules, how the VM ended, and whether they are spoken of. */
static const struct {
	bool bare;
	enum stop_reason reason;
	bool named;
} endings[] = {
	{ true, STOP_PANIC, true },
	{ true, STOP_TIMEOUT, true },
	{ true, STOP_SIGNAL, false },
	{ false, STOP_PANIC, false },
};

START_TEST(end_before_the_command_names_the_modules_that_were_not_there)
{
	int said[2], saved = dup(STDERR_FILENO);
	char text[256] = "";

	ck_assert_int_eq(pipe2(said, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_eq(dup2(said[1], STDERR_FILENO), STDERR_FILENO);
	m.command.bare = endings[_i].bare;
	ck_assert_int_eq(judged(endings[_i].reason).reason, endings[_i].reason);
	ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)!read(said[0], text, sizeof(text) - 1);
	ck_assert(!!strstr(text, "'--modules DIR'") == endings[_i].named);
}
END_TEST

START_TEST(end_while_the_command_runs_is_the_guest_s_own)
{
	report(PROTOCOL_STARTED, 0, 0, 0);
	run();
	ck_assert_int_eq(judged(STOP_POWEROFF).reason, STOP_POWEROFF);
}
END_TEST

START_TEST(times_count_from_the_start_of_the_process)
{
	struct result_times t = { .begin_ns = 1 }; /* so long ago that all is later */

	command_times(&m.command, &t);
	ck_assert_int_eq(t.command_start_ns, 0);
	report(PROTOCOL_STARTED, 2500, 0, 0);
	report(PROTOCOL_EXITED, 0, 0, 0);
	run();
	command_times(&m.command, &t);
	ck_assert_int_eq(t.command_start_ns - t.init_ns, 2500 * 1000);
	ck_assert_int_ge(t.command_end_ns, t.command_start_ns);
}
END_TEST

/* --- archive --- */

/* Bytes of a file in an archive; its size in *@ret_len. */
static const char *file_in(const struct cpio *c, const char *name, size_t *ret_len)
{
	const char *at = memmem(c->buf, c->len, name, strlen(name) + 1);
	char size[9] = "";

	ck_assert_ptr_nonnull(at);
	memcpy(size, at - 110 + 54, 8); /* newc: c_filesize */
	*ret_len = strtoul(size, NULL, 16);
	at += strlen(name) + 1;
	return (const char *)c->buf + (size_t)(at - (const char *)c->buf + 3) / 4 * 4;
}

START_TEST(archive_is_read_back_by_the_first_process)
{
	static struct manifest manifest;
	const struct command_window window = { 99, 33 };
	const char *bytes;
	struct cpio c;
	size_t len;

	cfg = (struct config){ .command = words,
		               .n_command = 2,
		               .env = { "A=1", "B=2", "A=3" },
		               .n_env = 3,
		               .cwd = "/src",
		               .guest_user = "joe",
		               .name = "vm1",
		               .has_root = true,
		               .disk[0].readonly = true };
	setenv("TERM", "vt220", 1);
	cpio_init(&c);
	ck_assert_int_eq(command_archive_write(&c, &cfg, &window, &err), 0);
	bytes = file_in(&c, PROTOCOL_CONFIG, &len);
	ck_assert_int_eq(manifest_parse(&manifest, bytes, len), 0);
	ck_assert_uint_eq(manifest.n_args, 2);
	ck_assert_str_eq(manifest.arg[1], "check");
	ck_assert_str_eq(manifest_env(&manifest, "A="), "3");
	ck_assert_str_eq(manifest_env(&manifest, "TERM="), "vt220");
	ck_assert_str_eq(manifest.cwd, "/src");
	ck_assert_str_eq(manifest.user, "joe");
	ck_assert_str_eq(manifest.hostname, "vm1");
	ck_assert_str_eq(manifest.root, "/dev/vda");
	ck_assert(manifest.root_readonly && manifest.terminal);
	ck_assert_uint_eq(manifest.cols, 99);
	ck_assert_uint_eq(manifest.rows, 33);
	cpio_fini(&c);
}
END_TEST

START_TEST(archive_of_a_command_that_is_too_long_is_refused)
{
	char *word = malloc(PROTOCOL_CONFIG_MAX);
	char *const list[] = { make, word };
	struct cpio c;

	memset(word, 'x', PROTOCOL_CONFIG_MAX - 1);
	word[PROTOCOL_CONFIG_MAX - 1] = '\0';
	cfg = (struct config){ .command = list, .n_command = 2 };
	cpio_init(&c);
	ck_assert_int_eq(command_archive_write(&c, &cfg, NULL, &err), -E2BIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "4096 words and 192 KiB"));
	cpio_fini(&c);
	free(word);
}
END_TEST

static Suite *command_suite(void)
{
	Suite *s = suite_create("command");
	TCase *t = tcase_create("guest");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, open_gives_the_guest_four_ports_with_control_last);
	tcase_add_loop_test(t, report_of_the_end_becomes_a_status, 0, ARRAY_SIZE(ends));
	tcase_add_test(t, report_of_the_end_waits_for_the_last_byte_of_output);
	tcase_add_test(t, report_in_pieces_is_put_together);
	tcase_add_test(t, report_that_nobody_knows_changes_nothing);
	tcase_add_test(t, report_after_the_end_is_not_heard);
	tcase_add_test(t, reader_that_has_gone_is_told_to_the_guest_and_not_waited_for);
	tcase_add_test(t, output_that_the_guest_closes_ends_for_its_reader_behind_the_last_byte);
	tcase_add_test(t, signal_is_passed_on_while_the_command_runs);
	tcase_add_loop_test(t, end_before_the_command_is_a_failure, 0, ARRAY_SIZE(early));
	tcase_add_loop_test(t, end_before_the_command_names_the_modules_that_were_not_there, 0,
	                    ARRAY_SIZE(endings));
	tcase_add_test(t, end_while_the_command_runs_is_the_guest_s_own);
	tcase_add_test(t, times_count_from_the_start_of_the_process);
	suite_add_tcase(s, t);

	t = tcase_create("archive");
	tcase_add_test(t, archive_is_read_back_by_the_first_process);
	tcase_add_test(t, archive_of_a_command_that_is_too_long_is_refused);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(command_suite());
}
