/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of random length and content that anybody can make again from the seed.
 *
 * messages generate SEED MAX [COUNT]: as lines of hex; without COUNT until SIGTERM,
 *     and then up to the next number that check prints
 * messages check SEED MAX [NUMBER PID]: reads a listener's --out log, and ends with 1
 *     at the first line that is not the next message; prints how many there were now and
 *     then and at the end; at message NUMBER it stops process PID
 */
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_EVERY 10000

struct source {
	uint64_t state;
	size_t max;
};

struct message {
	size_t len;
	uint8_t data[65536];
};

/* splitmix64 */
static uint64_t next_word(struct source *src)
{
	uint64_t z = src->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void next_message(struct source *src, struct message *m)
{
	m->len = next_word(src) % (src->max + 1);
	for (size_t i = 0; i < m->len; i += sizeof(uint64_t)) {
		uint64_t word = next_word(src);

		memcpy(m->data + i, &word, m->len - i < sizeof(word) ? m->len - i : sizeof(word));
	}
}

static size_t put_hex(char *text, const struct message *m)
{
	static const char digit[] = "0123456789ABCDEF";

	for (size_t i = 0; i < m->len; i++) {
		*text++ = digit[m->data[i] >> 4];
		*text++ = digit[m->data[i] & 15];
	}
	return 2 * m->len;
}

static volatile sig_atomic_t ended;

static void end(int sig)
{
	ended = sig;
}

static void generate(struct source *src, uint64_t count)
{
	static struct message m;
	static char line[2 * sizeof(m.data) + 1];

	signal(SIGTERM, end);
	for (uint64_t i = 0; i < count && !(ended && i % REPORT_EVERY == 0); i++) {
		size_t len;

		next_message(src, &m);
		len = put_hex(line, &m);
		line[len++] = '\n';
		if (fwrite(line, 1, len, stdout) != len)
			err(1, "standard output");
	}
	if (fflush(stdout))
		err(1, "standard output");
}

static void compare(struct source *src, uint64_t number, const char *line, size_t len)
{
	static struct message m;
	static char want[2 * sizeof(m.data)];
	const char *got = memchr(line, '#', len);
	size_t want_len;

	if (!got || line[len - 1] != '\n')
		errx(1, "line %llu is none of --out log: %s", (unsigned long long)number, line);
	len -= (size_t)(++got - line) + 1;
	next_message(src, &m);
	want_len = put_hex(want, &m);
	if (len != want_len || memcmp(got, want, len))
		errx(1, "message %llu should be %.*s and is %.*s", (unsigned long long)number,
		     (int)want_len, want, (int)len, got);
}

static void check(struct source *src, uint64_t stop_at, pid_t pid)
{
	uint64_t number = 0;
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	while ((len = getline(&line, &room, stdin)) > 0) {
		compare(src, ++number, line, (size_t)len);
		if (number == stop_at && kill(pid, SIGSTOP))
			err(1, "kill %d", (int)pid);
		if (number % REPORT_EVERY)
			continue;
		printf("%llu\n", (unsigned long long)number);
		fflush(stdout);
	}
	free(line);
	if (ferror(stdin))
		err(1, "standard input");
	printf("%llu messages, all as they should be\n", (unsigned long long)number);
}

int main(int argc, char **argv)
{
	struct source src;

	if (argc < 4)
		errx(64, "usage: messages generate SEED MAX [COUNT] | "
			 "messages check SEED MAX [NUMBER PID]");
	src.state = strtoull(argv[2], NULL, 0);
	src.max = strtoul(argv[3], NULL, 0);
	if (src.max > sizeof(((struct message *)0)->data))
		errx(64, "MAX is too big");
	if (!strcmp(argv[1], "generate"))
		generate(&src, argc > 4 ? strtoull(argv[4], NULL, 0) : UINT64_MAX);
	else if (argc > 5)
		check(&src, strtoull(argv[4], NULL, 0), atoi(argv[5]));
	else
		check(&src, 0, 0);
	return 0;
}
