/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/payload.h"

static void check_decoded(const char *text, enum payload_form form, const char *bytes, size_t len)
{
	struct payload p;
	const char *why;

	assert_int_equal(payload_decode(text, strlen(text), form, &p, &why), 0);
	assert_int_equal(p.len, len);
	assert_non_null(p.data);
	assert_memory_equal(p.data, bytes, len);
	payload_free(&p);
}

static void check_refused(const char *text, enum payload_form form, int err)
{
	struct payload p = { 0 };
	const char *why = NULL;

	assert_int_equal(payload_decode(text, strlen(text), form, &p, &why), err);
	assert_non_null(why);
	assert_null(p.data);
}

static void test_plain(void **state)
{
	(void)state;
	check_decoded("hello", PAYLOAD_PLAIN, "hello", 5);
	check_decoded("\\n", PAYLOAD_PLAIN, "\\n", 2);
	check_decoded("", PAYLOAD_PLAIN, "", 0);
}

static void test_hex(void **state)
{
	(void)state;
	check_decoded("00ff1A", PAYLOAD_HEX, "\0\xff\x1a", 3);
	check_decoded(" 01 02\t03\n", PAYLOAD_HEX, "\1\2\3", 3);
	check_decoded("de:ad", PAYLOAD_HEX, "\xde\xad", 2);
	check_decoded("", PAYLOAD_HEX, "", 0);
	check_refused("1", PAYLOAD_HEX, -EINVAL);
	check_refused("012", PAYLOAD_HEX, -EINVAL);
	check_refused("0 1", PAYLOAD_HEX, -EINVAL);
	check_refused("0x01", PAYLOAD_HEX, -EINVAL);
	check_refused("gg", PAYLOAD_HEX, -EINVAL);
}

static void test_escapes(void **state)
{
	(void)state;
	check_decoded("a\\nb\\0\\x7f\\\\", PAYLOAD_ESCAPES, "a\nb\0\x7f\\", 6);
	check_decoded("\\xFfz", PAYLOAD_ESCAPES, "\xffz", 2);
	check_refused("\\", PAYLOAD_ESCAPES, -EINVAL);
	check_refused("\\q", PAYLOAD_ESCAPES, -EINVAL);
	check_refused("\\x1", PAYLOAD_ESCAPES, -EINVAL);
	check_refused("\\x", PAYLOAD_ESCAPES, -EINVAL);
	check_refused("\\xg0", PAYLOAD_ESCAPES, -EINVAL);
}

static char *filled(size_t len)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, '7', len);
	text[len] = 0;
	return text;
}

static void test_the_longest(void **state)
{
	char *text = filled(4 * PAYLOAD_MAX + 1);

	(void)state;
	check_refused(text, PAYLOAD_HEX, -EMSGSIZE);
	text[2 * PAYLOAD_MAX + 2] = 0;
	check_refused(text, PAYLOAD_HEX, -EMSGSIZE);
	text[2 * PAYLOAD_MAX] = 0;
	memset(text, '0', 2 * PAYLOAD_MAX);
	struct payload p;
	const char *why;

	assert_int_equal(payload_decode(text, strlen(text), PAYLOAD_HEX, &p, &why), 0);
	assert_int_equal(p.len, PAYLOAD_MAX);
	payload_free(&p);
	text[PAYLOAD_MAX + 1] = 0;
	check_refused(text, PAYLOAD_PLAIN, -EMSGSIZE);
	free(text);
}

static void test_each_argument_is_a_message(void **state)
{
	const char *const args[] = { "one", "", "three" };
	struct payload_list list = { 0 };
	const char *why;
	size_t bad;

	(void)state;
	assert_int_equal(payload_list_add_args(&list, args, 3, PAYLOAD_PLAIN, &bad, &why), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.item[1].len, 0);
	assert_memory_equal(list.item[2].data, "three", 5);
	payload_list_free(&list);
	assert_int_equal(list.n, 0);
}

static void test_hex_arguments_are_one_message(void **state)
{
	const char *const args[] = { "01", "02 03", "", "ff" }, *const broken[] = { "01", "2" };
	struct payload_list list = { 0 };
	const char *why;
	size_t bad;

	(void)state;
	assert_int_equal(payload_list_add_args(&list, args, 4, PAYLOAD_HEX, &bad, &why), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.item[0].len, 4);
	assert_memory_equal(list.item[0].data, "\1\2\3\xff", 4);
	assert_int_equal(payload_list_add_args(&list, broken, 2, PAYLOAD_HEX, &bad, &why), -EINVAL);
	assert_int_equal(bad, 1);
	assert_int_equal(list.n, 1);
	payload_list_free(&list);
}

static void test_a_bad_argument_leaves_the_list(void **state)
{
	const char *const first[] = { "x" }, *const args[] = { "a", "b", "\\q", "c" };
	struct payload_list list = { 0 };
	const char *why;
	size_t bad;

	(void)state;
	assert_int_equal(payload_list_add_args(&list, first, 1, PAYLOAD_ESCAPES, &bad, &why), 0);
	assert_int_equal(payload_list_add_args(&list, args, 4, PAYLOAD_ESCAPES, &bad, &why),
			 -EINVAL);
	assert_int_equal(bad, 2);
	assert_int_equal(list.n, 1);
	assert_memory_equal(list.item[0].data, "x", 1);
	payload_list_free(&list);
}

struct text_file {
	char path[32];
};

static void write_file(struct text_file *file, const char *text, size_t len)
{
	int fd;

	strcpy(file->path, "/tmp/payload.XXXXXX");
	fd = mkstemp(file->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void test_a_whole_file(void **state)
{
	struct text_file file;
	struct payload p;
	const char *why = NULL;

	(void)state;
	write_file(&file, "a\0b\n", 4);
	assert_int_equal(payload_read_file(file.path, PAYLOAD_PLAIN, &p, &why), 0);
	assert_int_equal(p.len, 4);
	assert_memory_equal(p.data, "a\0b\n", 4);
	payload_free(&p);
	unlink(file.path);
	assert_int_equal(payload_read_file(file.path, PAYLOAD_PLAIN, &p, &why), -ENOENT);
	assert_non_null(why);
	assert_int_equal(payload_read_file("/", PAYLOAD_PLAIN, &p, &why), -EISDIR);
}

static void check_line(struct payload_lines *lines, const char *text)
{
	struct payload line;
	const char *why;

	assert_int_equal(payload_lines_next(lines, &line, &why), 1);
	assert_int_equal(line.len, strlen(text));
	assert_memory_equal(line.data, text, line.len);
}

static void test_lines(void **state)
{
	struct payload_lines *lines;
	struct text_file file;
	struct payload line;
	const char *why;

	(void)state;
	write_file(&file, "one\n\nthree", 10);
	lines = payload_lines_open(file.path, PAYLOAD_PLAIN);
	assert_non_null(lines);
	check_line(lines, "one");
	check_line(lines, "");
	assert_int_equal(payload_lines_number(lines), 2);
	check_line(lines, "three");
	assert_int_equal(payload_lines_next(lines, &line, &why), 0);
	assert_int_equal(payload_lines_next(lines, &line, &why), 0);
	payload_lines_close(lines);
	unlink(file.path);
	assert_null(payload_lines_open(file.path, PAYLOAD_PLAIN));
	assert_int_equal(errno, ENOENT);
}

static void test_many_lines_keep_their_order(void **state)
{
	struct payload_lines *lines;
	struct text_file file;
	char text[16];
	FILE *out;

	(void)state;
	write_file(&file, "", 0);
	out = fopen(file.path, "w");
	assert_non_null(out);
	for (int i = 0; i < 100000; i++)
		fprintf(out, "line %d\n", i);
	assert_int_equal(fclose(out), 0);
	lines = payload_lines_open(file.path, PAYLOAD_PLAIN);
	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "line %d", i);
		check_line(lines, text);
	}
	payload_lines_close(lines);
	unlink(file.path);
}

/* A pipe as standard input: what is there is given, and waiting never blocks. */
static void test_lines_as_they_come(void **state)
{
	struct payload_lines *lines;
	struct payload line;
	int saved = dup(STDIN_FILENO), ends[2];
	const char *why;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	lines = payload_lines_open("-", PAYLOAD_HEX);
	assert_int_equal(payload_lines_next(lines, &line, &why), -EAGAIN);
	assert_int_equal(write(ends[1], "4142\n43", 7), 7);
	check_line(lines, "AB");
	assert_int_equal(payload_lines_next(lines, &line, &why), -EAGAIN);
	assert_int_equal(write(ends[1], "44\nzz\n", 6), 6);
	check_line(lines, "CD");
	assert_int_equal(payload_lines_next(lines, &line, &why), -EINVAL);
	assert_int_equal(payload_lines_number(lines), 3);
	assert_int_equal(payload_lines_next(lines, &line, &why), -EAGAIN);
	close(ends[1]);
	assert_int_equal(payload_lines_next(lines, &line, &why), 0);
	payload_lines_close(lines);
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
}

static void check_piece(struct payload_lines *lines, const char *expected)
{
	struct payload piece;
	const char *why;

	assert_int_equal(payload_lines_next(lines, &piece, &why), 1);
	assert_int_equal(piece.len, strlen(expected));
	assert_memory_equal(piece.data, expected, piece.len);
}

/* What is there is given, and cut where it is too long. */
static void test_pieces_of_a_stream(void **state)
{
	struct payload_lines *lines;
	struct payload piece;
	int saved = dup(STDIN_FILENO), ends[2];
	const char *why;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	lines = payload_lines_open("-", PAYLOAD_PLAIN);
	payload_lines_split(lines, 4);
	assert_int_equal(payload_lines_next(lines, &piece, &why), -EAGAIN);
	assert_int_equal(write(ends[1], "ab\ncdefghi", 10), 10);
	check_piece(lines, "ab\nc");
	check_piece(lines, "defg");
	check_piece(lines, "hi");
	assert_int_equal(payload_lines_next(lines, &piece, &why), -EAGAIN);
	assert_int_equal(write(ends[1], "jklm\n", 5), 5);
	close(ends[1]);
	check_piece(lines, "jklm");
	check_piece(lines, "\n");
	assert_int_equal(payload_lines_next(lines, &piece, &why), 0);
	assert_int_equal(payload_lines_number(lines), 5);
	payload_lines_close(lines);
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
}

static void test_a_line_without_end(void **state)
{
	char *text = filled(4 * PAYLOAD_MAX + 10);
	struct payload_lines *lines;
	struct text_file file;
	struct payload line;
	const char *why = NULL;

	(void)state;
	write_file(&file, text, strlen(text));
	lines = payload_lines_open(file.path, PAYLOAD_PLAIN);
	assert_int_equal(payload_lines_next(lines, &line, &why), -EMSGSIZE);
	assert_non_null(why);
	payload_lines_close(lines);
	unlink(file.path);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_the_longest),
		cmocka_unit_test(test_each_argument_is_a_message),
		cmocka_unit_test(test_hex_arguments_are_one_message),
		cmocka_unit_test(test_a_bad_argument_leaves_the_list),
		cmocka_unit_test(test_a_whole_file),
		cmocka_unit_test(test_pieces_of_a_stream),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_many_lines_keep_their_order),
		cmocka_unit_test(test_lines_as_they_come),
		cmocka_unit_test(test_a_line_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
