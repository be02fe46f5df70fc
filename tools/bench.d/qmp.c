/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ask a VM for its status over and over, one question at a time, and print what one round trip
 * takes: the median, in nanoseconds.
 *
 * usage: qmp SOCKET ROUNDS
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Send a line, unless it is NULL, and read one. */
static void ask(int fd, const char *line)
{
	char answer[4096];
	size_t len = 0;

	if (line && write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		err(1, "cannot ask");
	do {
		ssize_t n = read(fd, answer + len, sizeof(answer) - len);

		if (n <= 0)
			errx(1, "the VM has closed the connection");
		len += (size_t)n;
	} while (answer[len - 1] != '\n');
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	int64_t *took = calloc(rounds, sizeof(*took));

	if (rounds == 0 || !took || strlen(argv[1]) >= sizeof(addr.sun_path))
		errx(1, "usage: qmp SOCKET ROUNDS");
	strcpy(addr.sun_path, argv[1]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		err(1, "cannot connect to %s", argv[1]);
	ask(fd, NULL);
	ask(fd, "{\"execute\": \"qmp_capabilities\"}\n");
	for (size_t i = 0; i < rounds; i++) {
		took[i] = now_ns();
		ask(fd, "{\"execute\": \"query-status\"}\n");
		took[i] = now_ns() - took[i];
	}
	qsort(took, rounds, sizeof(*took), compare);
	printf("%lld\n", (long long)took[rounds / 2]);
	return 0;
}
