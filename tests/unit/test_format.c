/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/format.h"

static const struct format_message message = {
	.time_ns = UINT64_C(1700000000123456789),
	.bus = "rpmsg0",
	.dir = RPMSG_H2R,
	.service = "echo",
	.src = 0x400,
	.dst = 30,
	.data = "he\nlo",
	.len = 5,
};

/* A pipe instead of a file, so that lines are flushed one by one. */
struct sink {
	struct format fmt;
	int read_end;
	char text[4096];
};

static void open_sink(struct sink *sink, enum format_out out, enum format_time time)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	sink->read_end = ends[0];
	sink->fmt = (struct format){ .file = fdopen(ends[1], "w"), .out = out, .time = time };
	assert_non_null(sink->fmt.file);
	format_init(&sink->fmt);
}

/* What was printed since the last time: only what a reader of the pipe can see. */
static const char *printed(struct sink *sink)
{
	ssize_t n = read(sink->read_end, sink->text, sizeof(sink->text) - 1);

	assert_true(n >= 0);
	sink->text[n] = 0;
	return sink->text;
}

static void close_sink(struct sink *sink)
{
	fclose(sink->fmt.file);
	close(sink->read_end);
}

static void check_message(enum format_out out, const struct format_message *msg, const char *text)
{
	struct sink sink;

	open_sink(&sink, out, FORMAT_TIME_ABSOLUTE);
	assert_int_equal(format_message(&sink.fmt, msg), 0);
	assert_string_equal(printed(&sink), text);
	close_sink(&sink);
}

static void test_forms(void **state)
{
	(void)state;
	check_message(FORMAT_TEXT, &message,
		      "(1700000000.123456) rpmsg0 h>r echo 0x400>0x1e [5] he.lo\n");
	check_message(FORMAT_HEX, &message,
		      "(1700000000.123456) rpmsg0 h>r echo 0x400>0x1e [5] 68650a6c6f\n");
	check_message(FORMAT_RAW, &message, "he\nlo");
	check_message(FORMAT_LOG, &message,
		      "(1700000000.123456789) rpmsg0 h>r 0x400>0x1e#68650A6C6F\n");
	check_message(FORMAT_JSON, &message,
		      "{\"type\":\"msg\",\"ts\":\"1700000000.123456789\",\"bus\":\"rpmsg0\","
		      "\"dir\":"
		      "\"h>r\",\"service\":\"echo\",\"src\":1024,\"dst\":30,\"len\":5,\"data\":"
		      "\"68650a6c6f\",\"text\":\"he\\nlo\"}\n");
}

static void test_unknown(void **state)
{
	struct format_message msg = message;

	(void)state;
	msg.dir = RPMSG_R2H;
	msg.service = NULL;
	msg.src = RPMSG_ADDR_ANY;
	msg.dst = 0xfffffffe;
	msg.data = "";
	msg.len = 0;
	check_message(FORMAT_TEXT, &msg, "(1700000000.123456) rpmsg0 r>h - ?>0xfffffffe [0] \n");
	check_message(FORMAT_LOG, &msg, "(1700000000.123456789) rpmsg0 r>h ?>0xfffffffe#\n");
	check_message(FORMAT_JSON, &msg,
		      "{\"type\":\"msg\",\"ts\":\"1700000000.123456789\",\"bus\":\"rpmsg0\","
		      "\"dir\":"
		      "\"r>h\",\"service\":null,\"src\":null,\"dst\":4294967294,\"len\":0,\"data\":"
		      "\"\",\"text\":\"\"}\n");
}

static bool has_text(const void *data, size_t len)
{
	struct format_message msg = message;
	struct sink sink;
	bool has;

	msg.data = data;
	msg.len = len;
	open_sink(&sink, FORMAT_JSON, FORMAT_TIME_NONE);
	assert_int_equal(format_message(&sink.fmt, &msg), 0);
	has = strstr(printed(&sink), "\"text\":") != NULL;
	close_sink(&sink);
	return has;
}

static void test_json_text_only_if_utf8(void **state)
{
	(void)state;
	assert_true(has_text("plain", 5));
	assert_true(has_text("nul\0inside", 10));
	assert_true(has_text("\xc3\xa9", 2));
	assert_true(has_text("\xe2\x82\xac", 3));
	assert_true(has_text("\xf0\x9f\x98\x80", 4));
	assert_false(has_text("\xff", 1));
	assert_false(has_text("\x80", 1));
	assert_false(has_text("\xc3", 1));
	assert_false(has_text("\xc0\x80", 2));         /* too long a form */
	assert_false(has_text("\xe0\x80\x80", 3));     /* too long a form */
	assert_false(has_text("\xed\xa0\x80", 3));     /* surrogate */
	assert_false(has_text("\xf4\x90\x80\x80", 4)); /* above the last code point */
	assert_false(has_text("\xe2\x82", 2));
}

static void test_a_name_cannot_break_the_line(void **state)
{
	struct format_message msg = message;

	(void)state;
	msg.service = "a\nb\033[31m\xff";
	check_message(FORMAT_TEXT, &msg,
		      "(1700000000.123456) rpmsg0 h>r a.b.[31m. 0x400>0x1e [5] he.lo\n");
	check_message(FORMAT_JSON, &msg,
		      "{\"type\":\"msg\",\"ts\":\"1700000000.123456789\",\"bus\":\"rpmsg0\","
		      "\"dir\":"
		      "\"h>r\",\"service\":\"a.b.[31m.\",\"src\":1024,\"dst\":30,\"len\":5,"
		      "\"data\":"
		      "\"68650a6c6f\",\"text\":\"he\\nlo\"}\n");
}

static void check_times(enum format_time time, const char *first, const char *second)
{
	struct format_message msg = message;
	struct sink sink;

	open_sink(&sink, FORMAT_TEXT, time);
	assert_int_equal(format_message(&sink.fmt, &msg), 0);
	assert_string_equal(printed(&sink), first);
	msg.time_ns += 1500000000;
	assert_int_equal(format_message(&sink.fmt, &msg), 0);
	assert_string_equal(printed(&sink), second);
	close_sink(&sink);
}

#define REST "rpmsg0 h>r echo 0x400>0x1e [5] he.lo\n"

static void test_times(void **state)
{
	(void)state;
	check_times(FORMAT_TIME_NONE, REST, REST);
	check_times(FORMAT_TIME_ZERO, "(0.000000) " REST, "(1.500000) " REST);
	check_times(FORMAT_TIME_DELTA, "(0.000000) " REST, "(1.500000) " REST);
	setenv("TZ", "UTC", 1);
	check_times(FORMAT_TIME_DATE, "(2023-11-14 22:13:20.123456) " REST,
		    "(2023-11-14 22:13:21.623456) " REST);
}

static void test_events(void **state)
{
	struct format_event event = { .time_ns = message.time_ns, .bus = "rpmsg0",
				      .type = "announce", .service = "echo",
				      .src = RPMSG_ADDR_ANY, .dst = 0x401 };
	struct sink sink;

	(void)state;
	open_sink(&sink, FORMAT_TEXT, FORMAT_TIME_NONE);
	assert_int_equal(format_event(&sink.fmt, &event), 0);
	assert_string_equal(printed(&sink), "rpmsg0 announce echo ?>0x401\n");
	sink.fmt.out = FORMAT_JSON;
	assert_int_equal(format_event(&sink.fmt, &event), 0);
	assert_string_equal(printed(&sink),
			    "{\"type\":\"announce\",\"ts\":\"1700000000.123456789\","
			    "\"bus\":\"rpmsg0\",\"service\":\"echo\",\"src\":null,\"dst\":1025}\n");
	event = (struct format_event){ .time_ns = 1, .bus = "b", .type = "lost", .count = 7 };
	assert_int_equal(format_event(&sink.fmt, &event), 0);
	assert_string_equal(printed(&sink),
			    "{\"type\":\"lost\",\"ts\":\"0.000000001\",\"bus\":\"b\","
			    "\"count\":7}\n");
	sink.fmt.out = FORMAT_RAW;
	assert_int_equal(format_event(&sink.fmt, &event), 0);
	fputs("end", sink.fmt.file);
	fflush(sink.fmt.file);
	assert_string_equal(printed(&sink), "end");
	close_sink(&sink);
}

static void check_recorded(const struct rpmsg_record *event, const char *service, const char *text,
			   const char *json)
{
	struct sink sink;

	open_sink(&sink, FORMAT_TEXT, FORMAT_TIME_NONE);
	assert_int_equal(format_recorded_event(&sink.fmt, event, service), 0);
	assert_string_equal(printed(&sink), text);
	sink.fmt.out = FORMAT_HEX;
	assert_int_equal(format_recorded_event(&sink.fmt, event, service), 0);
	assert_string_equal(printed(&sink), text);
	sink.fmt.out = FORMAT_LOG;
	assert_int_equal(format_recorded_event(&sink.fmt, event, service), 0);
	assert_memory_equal(printed(&sink), "# (1.500000000) ", 16);
	assert_string_equal(sink.text + 16, text);
	sink.fmt.out = FORMAT_JSON;
	assert_int_equal(format_recorded_event(&sink.fmt, event, service), 0);
	assert_string_equal(printed(&sink), json);
	sink.fmt.out = FORMAT_RAW;
	assert_int_equal(format_recorded_event(&sink.fmt, event, service), 0);
	fputs("end", sink.fmt.file);
	fflush(sink.fmt.file);
	assert_string_equal(printed(&sink), "end");
	close_sink(&sink);
}

#define ANY RPMSG_ADDR_ANY
#define AT .time_ns = 1500000000, .bus = "b"
#define JSON(type) "{\"type\":\"" type "\",\"ts\":\"1.500000000\",\"bus\":\"b\","
#define EVENT(kind) JSON("event") "\"event\":\"" kind "\","

static void test_recorded_events(void **state)
{
	static const struct {
		struct rpmsg_record event;
		const char *service, *text, *json;
	} cases[] = {
		{{AT, .type = RPMSG_RECORD_UP, .src = ANY, .dst = ANY, .value = 3, .text = "NS, 496"},
		 NULL, "b h>r - ?>? up generation 3: NS, 496\n",
		 JSON("up") "\"dir\":\"h>r\",\"src\":null,\"dst\":null,\"value\":3,"
		 "\"text\":\"NS, 496\"}\n"},
		{{AT, .type = RPMSG_RECORD_DOWN, .dir = RPMSG_R2H, .src = ANY, .dst = ANY, .text = ""},
		 NULL, "b r>h - ?>? down generation 0\n",
		 JSON("down") "\"dir\":\"r>h\",\"src\":null,\"dst\":null}\n"},
		{{AT, .type = RPMSG_RECORD_RESET, .src = ANY, .dst = ANY, .text = "index 9 of 8"},
		 NULL, "b h>r - ?>? reset index 9 of 8\n",
		 EVENT("reset") "\"dir\":\"h>r\",\"src\":null,\"dst\":null,"
		 "\"text\":\"index 9 of 8\"}\n"},
		{{AT, .type = RPMSG_RECORD_ANNOUNCE, .src = 50, .dst = ANY, .text = "echo"},
		 "echo", "b h>r echo 0x32>? announce\n",
		 JSON("announce") "\"dir\":\"h>r\",\"service\":\"echo\",\"src\":50,\"dst\":null}\n"},
		{{AT, .type = RPMSG_RECORD_ANNOUNCE, .src = 50, .dst = ANY, .value = 1, .text = "echo"},
		 "echo", "b h>r echo 0x32>? announce (known already)\n",
		 JSON("announce") "\"dir\":\"h>r\",\"service\":\"echo\",\"src\":50,\"dst\":null,"
		 "\"value\":1}\n"},
		{{AT, .type = RPMSG_RECORD_WITHDRAW, .src = 50, .dst = ANY, .text = "echo"},
		 "echo", "b h>r echo 0x32>? withdraw\n",
		 JSON("withdraw") "\"dir\":\"h>r\",\"service\":\"echo\",\"src\":50,\"dst\":null}\n"},
		{{AT, .type = RPMSG_RECORD_NO_RECIPIENT, .src = 1, .dst = 30, .count = 12, .text = ""},
		 NULL, "b h>r - 0x1>0x1e no-recipient 12 bytes\n",
		 EVENT("no-recipient") "\"dir\":\"h>r\",\"src\":1,\"dst\":30,\"count\":12}\n"},
		{{AT, .type = RPMSG_RECORD_NO_BUFFER, .src = 1, .dst = 50, .text = "cat (7)"},
		 "echo", "b h>r echo 0x1>0x32 no-buffer cat (7)\n",
		 EVENT("no-buffer") "\"dir\":\"h>r\",\"service\":\"echo\",\"src\":1,\"dst\":50,"
		 "\"text\":\"cat (7)\"}\n"},
		{{AT, .type = RPMSG_RECORD_BUFFER, .src = ANY, .dst = ANY, .count = 7,
		  .duration_ns = 1000000001, .text = ""},
		 NULL, "b h>r - ?>? buffer 7 sends waited or failed, 1.000000 s\n",
		 EVENT("buffer") "\"dir\":\"h>r\",\"src\":null,\"dst\":null,\"count\":7,"
		 "\"duration\":\"1.000000001\"}\n"},
		{{AT, .type = RPMSG_RECORD_STALL, .src = ANY, .dst = 50, .value = 77, .count = 3,
		  .text = "cat"},
		 NULL, "b h>r - ?>0x32 stall pid 77, 3 waiting: cat\n",
		 EVENT("stall") "\"dir\":\"h>r\",\"src\":null,\"dst\":50,\"value\":77,\"count\":3,"
		 "\"text\":\"cat\"}\n"},
		{{AT, .type = RPMSG_RECORD_DROP, .src = ANY, .dst = 50, .value = 77, .count = 3,
		  .duration_ns = 5, .text = "cat"},
		 NULL, "b h>r - ?>0x32 drop pid 77, 3 dropped, 0.000000 s: cat\n",
		 EVENT("drop") "\"dir\":\"h>r\",\"src\":null,\"dst\":50,\"value\":77,\"count\":3,"
		 "\"duration\":\"0.000000005\",\"text\":\"cat\"}\n"},
		{{AT, .type = RPMSG_RECORD_REFUSED, .src = 50, .dst = 53, .text = "empty name"},
		 NULL, "b h>r - 0x32>0x35 refused empty name\n",
		 EVENT("refused") "\"dir\":\"h>r\",\"src\":50,\"dst\":53,\"text\":\"empty name\"}\n"},
		{{AT, .type = RPMSG_RECORD_MALFORMED, .src = ANY, .dst = ANY, .text = "length 9"},
		 NULL, "b h>r - ?>? malformed length 9\n",
		 EVENT("malformed") "\"dir\":\"h>r\",\"src\":null,\"dst\":null,"
		 "\"text\":\"length 9\"}\n"},
		{{AT, .type = RPMSG_RECORD_LOST, .src = ANY, .dst = ANY, .count = 5, .text = ""},
		 NULL, "b h>r - ?>? lost 5 messages\n",
		 JSON("lost") "\"dir\":\"h>r\",\"src\":null,\"dst\":null,\"count\":5}\n"},
		{{AT, .type = RPMSG_RECORD_LOST, .src = ANY, .dst = ANY, .count = 5, .text = "lines"},
		 NULL, "b h>r - ?>? lost 5 lines\n",
		 JSON("lost") "\"dir\":\"h>r\",\"src\":null,\"dst\":null,\"count\":5,"
		 "\"text\":\"lines\"}\n"},
		{{AT, .type = (enum rpmsg_record_type)99, .src = 1, .dst = 2, .value = 3, .count = 4,
		  .text = "new"},
		 NULL, "b h>r - 0x1>0x2 event 99 value 3, 4 counted: new\n",
		 EVENT("event 99") "\"dir\":\"h>r\",\"src\":1,\"dst\":2,\"value\":3,\"count\":4,"
		 "\"text\":\"new\"}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_recorded(&cases[i].event, cases[i].service, cases[i].text, cases[i].json);
}

/* Only what is there is printed, and nobody can take it for a whole message. */
static void test_a_cut_message(void **state)
{
	struct format_message msg = message;

	(void)state;
	msg.len = 100;
	msg.missing = 97;
	check_message(FORMAT_TEXT, &msg,
		      "(1700000000.123456) rpmsg0 h>r echo 0x400>0x1e [100 cut to 3] he.\n");
	check_message(FORMAT_HEX, &msg,
		      "(1700000000.123456) rpmsg0 h>r echo 0x400>0x1e [100 cut to 3] 68650a\n");
	check_message(FORMAT_RAW, &msg, "he\n");
	check_message(FORMAT_LOG, &msg,
		      "# (1700000000.123456789) rpmsg0 h>r 0x400>0x1e [100 cut to 3] #68650A\n");
	check_message(FORMAT_JSON, &msg,
		      "{\"type\":\"msg\",\"ts\":\"1700000000.123456789\",\"bus\":\"rpmsg0\","
		      "\"dir\":\"h>r\",\"service\":\"echo\",\"src\":1024,\"dst\":30,\"len\":100,"
		      "\"captured\":3,\"data\":\"68650a\",\"text\":\"he\\n\"}\n");
}

/* Messages do not go through json-c. */
static void test_json_is_as_others_write_it(void **state)
{
	struct format_message msg = message;
	struct json_object *text;
	const char *other, *own;
	struct sink sink;
	char bytes[130];

	(void)state;
	for (unsigned i = 0; i < 128; i++)
		bytes[i] = (char)i;
	memcpy(bytes + 128, "\xc3\xa9", 2);
	msg.data = bytes;
	msg.len = sizeof(bytes);
	open_sink(&sink, FORMAT_JSON, FORMAT_TIME_NONE);
	assert_int_equal(format_message(&sink.fmt, &msg), 0);
	own = strstr(printed(&sink), "\"text\":");
	text = json_object_new_string_len(bytes, sizeof(bytes));
	other = json_object_to_json_string_ext(text, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE);
	assert_non_null(own);
	assert_memory_equal(own + 7, other, strlen(other));
	assert_string_equal(own + 7 + strlen(other), "}\n");
	json_object_put(text);
	close_sink(&sink);
}

/* The largest payload, of what takes most room in each form. */
static void test_the_longest_lines(void **state)
{
	static char payload[65535], line[600000];
	struct format_message msg = message;
	struct format fmt = { .time = FORMAT_TIME_DATE };

	(void)state;
	memset(payload, 1, sizeof(payload));
	msg.data = payload;
	msg.len = sizeof(payload);
	for (fmt.out = FORMAT_TEXT; fmt.out <= FORMAT_LOG; fmt.out++) {
		fmt.file = tmpfile();
		assert_non_null(fmt.file);
		format_init(&fmt);
		assert_int_equal(format_message(&fmt, &msg), 0);
		rewind(fmt.file);
		assert_in_range(fread(line, 1, sizeof(line), fmt.file), 65535, sizeof(line) - 1);
		fclose(fmt.file);
	}
	msg.len++;
	assert_int_equal(format_message(&fmt, &msg), -EMSGSIZE);
}

static void test_a_reader_that_went_away(void **state)
{
	struct sink sink;

	(void)state;
	open_sink(&sink, FORMAT_TEXT, FORMAT_TIME_NONE);
	close(sink.read_end);
	assert_int_equal(format_message(&sink.fmt, &message), -EPIPE);
	fclose(sink.fmt.file);
}

static void test_a_file_is_not_flushed_a_line(void **state)
{
	struct format fmt = { .file = tmpfile(), .time = FORMAT_TIME_NONE };

	(void)state;
	assert_non_null(fmt.file);
	format_init(&fmt);
	assert_int_equal(format_message(&fmt, &message), 0);
	assert_int_equal(lseek(fileno(fmt.file), 0, SEEK_CUR), 0);
	fclose(fmt.file);
}

/* Prints the message on a terminal of so many columns. */
static void on_terminal(unsigned short columns, char *text, size_t size)
{
	struct winsize ws = { .ws_row = 24, .ws_col = columns };
	struct format fmt = { .time = FORMAT_TIME_NONE };
	int master, slave;
	ssize_t n;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, &ws), 0);
	fmt.file = fdopen(slave, "w");
	format_init(&fmt);
	assert_int_equal(format_message(&fmt, &message), 0);
	n = read(master, text, size - 1);
	assert_true(n > 0);
	text[n] = 0;
	fclose(fmt.file);
	close(master);
}

static void test_terminal(void **state)
{
	char text[256];

	(void)state;
	setenv("NO_COLOR", "1", 1);
	on_terminal(20, text, sizeof(text));
	assert_string_equal(text, "rpmsg0 h>r echo 0x40\r\n");
	on_terminal(200, text, sizeof(text));
	assert_string_equal(text, "rpmsg0 h>r echo 0x400>0x1e [5] he.lo\r\n");
	unsetenv("NO_COLOR");
	on_terminal(20, text, sizeof(text));
	assert_string_equal(text, "\033[36mrpmsg0 h>r echo 0x40\033[0m\r\n");
}

static void test_parse(void **state)
{
	enum format_out out;
	enum format_time time;

	(void)state;
	assert_int_equal(format_parse_out("log", &out), 0);
	assert_int_equal(out, FORMAT_LOG);
	assert_int_equal(format_parse_out("", &out), -EINVAL);
	assert_int_equal(format_parse_out("texts", &out), -EINVAL);
	assert_int_equal(format_parse_time("A", &time), 0);
	assert_int_equal(time, FORMAT_TIME_DATE);
	assert_int_equal(format_parse_time("", &time), -EINVAL);
	assert_int_equal(format_parse_time("ad", &time), -EINVAL);
	assert_int_equal(format_parse_time("x", &time), -EINVAL);
}

static void test_now_never_goes_back(void **state)
{
	uint64_t last = format_now_ns(), now;

	(void)state;
	for (int i = 0; i < 1000; i++, last = now) {
		now = format_now_ns();
		assert_true(now >= last);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_json_text_only_if_utf8),
		cmocka_unit_test(test_a_name_cannot_break_the_line),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_recorded_events),
		cmocka_unit_test(test_a_cut_message),
		cmocka_unit_test(test_json_is_as_others_write_it),
		cmocka_unit_test(test_the_longest_lines),
		cmocka_unit_test(test_a_reader_that_went_away),
		cmocka_unit_test(test_a_file_is_not_flushed_a_line),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_now_never_goes_back),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
