/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/result.h"

#include "vmm/jsontext.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_US 1000
#define NS_PER_S  1000000000

/* Judge a descriptor that somebody else opened. */
static int check_fd(int fd, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return err_errno(e, errno, "cannot use 'fd=%d' for the result", fd);
	if ((flags & O_ACCMODE) == O_RDONLY || flags & O_PATH)
		return err_set(e, EINVAL,
		               "cannot write the result to 'fd=%d': it is not open for writing",
		               fd);
	return 0;
}

/* The C library reads the time zone, and jansson its seed, from a file when first used: in the jail
 * there is none. Our keys are known, so any seed will do. */
static void prepare(void)
{
	tzset();
	json_object_seed(1);
}

int result_open(struct result *r, const char *path, int fd, struct err *e)
{
	int ret = 0;

	*r = (struct result){ .fd = -1, .status_fd = -1, .path = path };
	if (!path && fd < 0)
		return 0;
	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
		if (fd < 0)
			return err_errno(e, errno, "cannot open the result file '%.120s'", path);
	} else {
		ret = check_fd(fd, e);
	}
	if (ret == 0) {
		r->fd = fd;
		prepare();
		r->status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	}
	return ret;
}

static json_t *make_start(int64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm utc;
	char date[40] = "", text[56];

	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof(text), "%s.%06dZ", date, (int)(ns % NS_PER_S / NS_PER_US));
	return jsontext_new(text);
}

/*
 * The functions of jansson used below take references over even when they fail, and fail on NULL,
 * so that one check at the end is enough.
 */

static json_t *make_times(const struct result_times *t)
{
	const struct {
		const char *name;
		int64_t ns;
	} command[] = {
		{ "init_us", t->init_ns },
		{ "command_start_us", t->command_start_ns },
		{ "command_end_us", t->command_end_ns },
	};
	json_t *times = json_object();
	int r = json_object_set_new(times, "start", make_start(t->start_ns));

	if (t->guest_start_ns)
		r |= json_object_set_new(times, "guest_start_us",
		                         json_integer(t->guest_start_ns / NS_PER_US));
	if (t->first_output_ns)
		r |= json_object_set_new(times, "first_output_us",
		                         json_integer(t->first_output_ns / NS_PER_US));
	r |= json_object_set_new(times, "end_us", json_integer(t->end_ns / NS_PER_US));
	for (unsigned i = 0; i < ARRAY_SIZE(command); i++)
		if (command[i].ns)
			r |= json_object_set_new(times, command[i].name,
			                         json_integer(command[i].ns / NS_PER_US));
	if (r == 0)
		return times;
	json_decref(times);
	return NULL;
}

static json_t *make_match(const struct result_report *report)
{
	json_t *match = json_object();
	int r = json_object_set_new(match, "pattern", jsontext_new(report->pattern));

	r |= json_object_set_new(match, "line", jsontext_new(report->line));
	if (r == 0)
		return match;
	json_decref(match);
	return NULL;
}

/* The most memory that the process has had, in KiB; 0 if nobody says. */
static unsigned long peak_memory(int status_fd)
{
	static const char key[] = "VmHWM:";
	char text[4096];
	ssize_t n = status_fd >= 0 ? read(status_fd, text, sizeof(text) - 1) : 0;
	const char *at;

	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, key);
	return at ? strtoul(at + sizeof(key) - 1, NULL, 10) : 0;
}

static json_t *make_object(const struct result_report *report, unsigned long peak_kib)
{
	const struct stop *s = &report->stop;
	json_t *object = json_object();
	int r = json_object_set_new(object, "reason", jsontext_new(stop_reason_names[s->reason]));

	r |= json_object_set_new(object, "status", json_integer(s->status));
	if (s->reason == STOP_SIGNAL)
		r |= json_object_set_new(object, "signal", json_integer(s->signal));
	if (report->message)
		r |= json_object_set_new(object, "message", jsontext_new(report->message));
	if (report->pattern)
		r |= json_object_set_new(object, "match", make_match(report));
	if (peak_kib)
		r |= json_object_set_new(object, "peak_memory_kib",
		                         json_integer((json_int_t)peak_kib));
	if (report->exits)
		r |= json_object_set_new(object, "exits", report->exits);
	r |= json_object_set_new(object, "times", make_times(&report->times));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

/* The whole line, with its newline, or NULL without memory. */
static char *make_line(const struct result_report *report, unsigned long peak_kib)
{
	json_t *object = make_object(report, peak_kib);
	CLEANUP_FREE char *text = json_dumps(object, 0);
	char *line = NULL;

	json_decref(object);
	if (!text || asprintf(&line, "%s\n", text) < 0)
		return NULL;
	return line;
}

/* Write everything, in one call where the file takes it: a reader then sees all or nothing. */
static int write_all(int fd, const char *s, size_t len)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	while (len) {
		ssize_t n = write(fd, s, len);

		if (n == 0)
			return -EIO;
		if (n > 0) {
			s += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* The pipe is non-blocking for whoever gave it to us. */
			if (poll(&room, 1, -1) < 0 && errno != EINTR)
				return -errno;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Empty is better than half. Only a file of ours: a descriptor may stand in the middle of one. */
static void take_back(int fd)
{
	if (ftruncate(fd, 0) < 0)
		errno = 0; /* a pipe or a device: its reader has the exit status */
}

/* Standard streams stay open, for the message. */
static int close_fd(int fd)
{
	return fd <= STDERR_FILENO || close(fd) == 0 ? 0 : -errno;
}

static int write_failed(const char *path, int fd, int code, struct err *e)
{
	if (path)
		return err_errno(e, code,
		                 "cannot write the result to '%.120s', give --result another place",
		                 path);
	return err_errno(e, code, "cannot write the result to 'fd=%d'", fd);
}

int result_write(struct result *r, const struct result_report *report, struct err *e)
{
	CLEANUP_FREE char *line = NULL;
	int ret, closed, fd = fd_take(&r->fd);

	if (fd < 0)
		return 0;
	line = make_line(report, peak_memory(r->status_fd));
	fd_close(&r->status_fd);
	ret = line ? write_all(fd, line, strlen(line)) : -ENOMEM;
	if (ret < 0 && r->path)
		take_back(fd);
	closed = close_fd(fd);
	if (ret == 0)
		ret = closed;
	return ret < 0 ? write_failed(r->path, fd, -ret, e) : 0;
}

void result_fini(struct result *r)
{
	fd_close(&r->fd);
	fd_close(&r->status_fd);
}
