/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/endpoint.h"

#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct endpoint ep;
static int fds[2];
static char dir[] = "/tmp/vmm-endpoint-XXXXXX";
static char path[64];

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	ep = (struct endpoint){ .fd = -1 };
	fds[0] = fds[1] = -1;
	(void)signal(SIGPIPE, SIG_IGN);
}

static void tear_down(void)
{
	endpoint_close(&ep);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	(void)unlink(path);
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

START_TEST(inherit_pipe_leaves_its_flags_alone)
{
	ck_assert_int_eq(pipe(fds), 0);

	endpoint_inherit(&ep, fds[1], O_WRONLY);

	ck_assert_int_eq(ep.kind, ENDPOINT_NONBLOCK);
	ck_assert_int_ne(ep.fd, fds[1]);
	ck_assert_int_eq(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(ep.fd, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

START_TEST(inherit_terminal_leaves_its_flags_alone)
{
	ck_assert_int_eq(openpty(&fds[0], &fds[1], NULL, NULL, NULL), 0);

	endpoint_inherit(&ep, fds[1], O_RDONLY);

	ck_assert_int_eq(ep.kind, ENDPOINT_NONBLOCK);
	ck_assert_int_eq(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

/* Opening /dev/ptmx again would make another terminal. */
START_TEST(inherit_pty_master_is_not_opened_again)
{
	ck_assert_int_eq(openpty(&fds[0], &fds[1], NULL, NULL, NULL), 0);

	endpoint_inherit(&ep, fds[0], O_RDONLY);

	ck_assert_int_eq(ep.kind, ENDPOINT_CAREFUL);
	ck_assert_int_eq(ep.fd, fds[0]);
	ck_assert(!endpoint_is_terminal(fds[0]));
	ck_assert(endpoint_is_terminal(fds[1]));
}
END_TEST

/* Opening the write end of a pipe for reading would work, and take what is meant for others. */
START_TEST(inherit_wrong_direction_is_not_opened_again)
{
	uint8_t byte;

	ck_assert_int_eq(pipe(fds), 0);

	endpoint_inherit(&ep, fds[1], O_RDONLY);

	ck_assert_int_eq(ep.kind, ENDPOINT_CAREFUL);
	ck_assert_int_eq(endpoint_read(&ep, &byte, 1), -EBADF);
}
END_TEST

START_TEST(inherit_pipe_without_reader_reports_it_at_write)
{
	ck_assert_int_eq(pipe(fds), 0);
	fd_close(&fds[0]);

	endpoint_inherit(&ep, fds[1], O_WRONLY);

	ck_assert_int_eq(endpoint_write(&ep, "x", 1), -EPIPE);
}
END_TEST

START_TEST(inherit_closed_descriptor_gives_none)
{
	ck_assert_int_eq(pipe(fds), 0);
	close(fds[1]);

	endpoint_inherit(&ep, fds[1], O_WRONLY);
	fds[1] = -1;

	ck_assert_int_eq(ep.kind, ENDPOINT_NONE);
}
END_TEST

START_TEST(close_inherited_descriptor_leaves_it_open)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	endpoint_inherit(&ep, fds[1], O_WRONLY);

	endpoint_close(&ep);

	ck_assert_int_ge(fcntl(fds[1], F_GETFD), 0);
}
END_TEST

START_TEST(read_empty_socket_does_not_block)
{
	uint8_t byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	endpoint_inherit(&ep, fds[0], O_RDONLY);

	ck_assert_int_eq(ep.kind, ENDPOINT_SOCKET);
	ck_assert_int_eq(endpoint_read(&ep, &byte, 1), -EAGAIN);
}
END_TEST

START_TEST(write_full_pipe_does_not_block)
{
	static const uint8_t zeros[65536];
	ssize_t r;

	ck_assert_int_eq(pipe(fds), 0);
	endpoint_inherit(&ep, fds[1], O_WRONLY);
	while ((r = endpoint_write(&ep, zeros, sizeof(zeros))) > 0)
		;

	ck_assert_int_eq(r, -EAGAIN);
}
END_TEST

START_TEST(write_careful_pipe_is_at_most_what_a_ready_pipe_takes)
{
	static const uint8_t zeros[65536];

	ck_assert_int_eq(pipe(fds), 0);
	ep = (struct endpoint){ .kind = ENDPOINT_CAREFUL, .fd = fds[1], .chunk = 4096 };

	ck_assert_int_eq(endpoint_write(&ep, zeros, sizeof(zeros)), 4096);
	ep.kind = ENDPOINT_NONE;
}
END_TEST

START_TEST(write_full_device_says_so)
{
	ck_assert_int_eq(endpoint_create(&ep, "/dev/full", NULL), 0);

	ck_assert_int_eq(endpoint_write(&ep, "x", 1), -ENOSPC);
}
END_TEST

START_TEST(create_file_empties_it_when_it_begins)
{
	struct stat st;

	ck_assert_int_eq(endpoint_create(&ep, path, NULL), 0);
	outfile_begin(&ep.file, ep.fd);
	ck_assert_int_eq(endpoint_write(&ep, "x", 1), 1);
	endpoint_close(&ep);

	ck_assert_int_eq(endpoint_create(&ep, path, NULL), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 1);
	outfile_begin(&ep.file, ep.fd);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert_int_eq(ep.kind, ENDPOINT_PLAIN);
}
END_TEST

START_TEST(create_fifo_without_reader_names_remedy)
{
	struct err e = { 0 };

	ck_assert_int_eq(mkfifo(path, 0600), 0);

	ck_assert_int_eq(endpoint_create(&ep, path, &e), -ENXIO);
	ck_assert_ptr_nonnull(strstr(e.msg, "start the reader first"));
	ck_assert_int_eq(ep.kind, ENDPOINT_NONE);
}
END_TEST

START_TEST(create_directory_names_it)
{
	struct err e = { 0 };

	ck_assert_int_eq(endpoint_create(&ep, dir, &e), -EISDIR);
	ck_assert_ptr_nonnull(strstr(e.msg, dir));
}
END_TEST

START_TEST(reserve_stdio_fills_closed_descriptors)
{
	int saved = dup(STDIN_FILENO);
	int probe;

	close(STDIN_FILENO);
	ck_assert_int_eq(endpoint_reserve_stdio(NULL), 0);

	probe = dup(saved);
	ck_assert_int_gt(probe, STDERR_FILENO);
	close(probe);
	ck_assert_int_eq(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("endpoint");
	TCase *tc = tcase_create("endpoint");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, inherit_pipe_leaves_its_flags_alone);
	tcase_add_test(tc, inherit_terminal_leaves_its_flags_alone);
	tcase_add_test(tc, inherit_pty_master_is_not_opened_again);
	tcase_add_test(tc, inherit_wrong_direction_is_not_opened_again);
	tcase_add_test(tc, inherit_pipe_without_reader_reports_it_at_write);
	tcase_add_test(tc, inherit_closed_descriptor_gives_none);
	tcase_add_test(tc, close_inherited_descriptor_leaves_it_open);
	tcase_add_test(tc, read_empty_socket_does_not_block);
	tcase_add_test(tc, write_full_pipe_does_not_block);
	tcase_add_test(tc, write_careful_pipe_is_at_most_what_a_ready_pipe_takes);
	tcase_add_test(tc, write_full_device_says_so);
	tcase_add_test(tc, create_file_empties_it_when_it_begins);
	tcase_add_test(tc, create_fifo_without_reader_names_remedy);
	tcase_add_test(tc, create_directory_names_it);
	tcase_add_test(tc, reserve_stdio_fills_closed_descriptors);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
