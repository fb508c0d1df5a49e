/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/filter.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- what is filtered: each has a letter, its place in the alphabet ---- */

static const uint8_t hello[] = "hello";
static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04};
static const uint8_t text[] = "AT+ok and (so) on";
static const uint8_t cut[100] = {0x01, 0x02, 0x03, 0x04};
static const uint8_t named[40] = "clock-1";

static const struct {
	struct rpmsg_record record;
	const char *service;
} things[] = {
	{{.bus = "rpmsg0", .dir = RPMSG_H2R, .src = 1024, .dst = 30, .len = 5, .data = hello},
	 "echo"},
	{{.bus = "rpmsg0", .dir = RPMSG_R2H, .src = 30, .dst = 1024, .len = 4, .data = bytes},
	 "echo"},
	{{.bus = "dsp", .dir = RPMSG_H2R, .src = 0x401, .dst = 0x1234, .data = hello}, NULL},
	{{.bus = "rpmsg0", .dir = RPMSG_R2H, .src = 50, .dst = 0x35, .len = 40, .data = named},
	 "clock-1"},
	{{.bus = "rpmsg0", .dir = RPMSG_R2H, .src = 50, .dst = 0x35,
	  .type = RPMSG_RECORD_ANNOUNCE, .text = "clock-1"},
	 NULL},
	{{.bus = "rpmsg0", .dir = RPMSG_H2R, .src = RPMSG_ADDR_ANY, .dst = 30, .count = 3,
	  .type = RPMSG_RECORD_STALL, .text = "cat"},
	 "echo"},
	{{.bus = "dsp", .dir = RPMSG_H2R, .src = RPMSG_ADDR_ANY, .dst = RPMSG_ADDR_ANY,
	  .type = RPMSG_RECORD_UP, .text = ""},
	 NULL},
	{{.bus = "dsp", .dir = RPMSG_R2H, .src = 0x10035, .dst = 7, .len = 100, .count = 96,
	  .data = cut},
	 "a b"},
	{{.bus = NULL, .dir = RPMSG_H2R, .src = 7, .dst = 8, .len = 17, .data = text}, "and"},
};

/* The letters of what f lets through. */
static void letters(const struct filter *f, char *to)
{
	for (size_t i = 0; i < COUNT(things); i++) {
		const char *service = filter_needs_service(f) ? things[i].service : NULL;

		if (filter_match(f, &things[i].record, service))
			*to++ = (char)('a' + i);
	}
	*to = '\0';
}

static struct filter *parse(const char *expression, char *error, size_t size)
{
	char *arg = (char *)(uintptr_t)expression;

	return filter_parse(&arg, 1, error, size);
}

static void check(const char *expression, const char *wanted)
{
	char error[256] = "", got[COUNT(things) + 1];
	struct filter *f = parse(expression, error, sizeof(error));

	if (!f)
		fail_msg("%s: %s", expression, error);
	letters(f, got);
	if (strcmp(got, wanted) != 0)
		fail_msg("%s: '%s' instead of '%s'", expression, got, wanted);
	filter_free(f);
}

static const struct {
	const char *expression, *letters;
} matches[] = {
	{"", "abcdefghi"},
	{" \t\n", "abcdefghi"},
	/* names */
	{"name echo", "abf"},
	{"name ech", ""},
	{"name e*", "abf"},
	{"name 'echo'", "abf"},
	{"name clock-?", "de"},
	{"name [!e]*", "dehi"},
	{"name cl[a-o]ck-1", "de"},
	{"name \\echo", "abf"},
	{"name \"a b\"", "h"},
	{"name 'and'", "i"},
	{"name *", "abdefhi"},
	{"not name *", "cg"},
	{"bus dsp", "cgh"},
	{"bus rpmsg?", "abdef"},
	{"bus *", "abcdefgh"},
	/* addresses */
	{"src 1024", "a"},
	{"src 0x400", "a"},
	{"dst 0x400", "b"},
	{"addr 1024", "ab"},
	{"addr 30", "abf"},
	{"src 0x400/0xfffffc00", "ac"},
	{"src 0x401/0xfffffc00", "ac"},
	{"addr 0x35/0xffff", "deh"},
	{"addr 0x35/65535", "deh"},
	{"dst 0/0", "abcdefhi"},
	{"src 0xffffffff/0xffffffff", ""},
	{"addr 0/0", "abcdefhi"},
	/* directions */
	{"h2r", "acfgi"},
	{"r2h", "bdeh"},
	/* lengths; a message that was cut has the one that it had */
	{"len 5", "a"},
	{"len = 5", "a"},
	{"len==5", "a"},
	{"len != 5", "bcdhi"},
	{"len < 5", "bc"},
	{"len<=5", "abc"},
	{"len>5", "dhi"},
	{"len >= 0x5", "adhi"},
	{"len < 0", ""},
	{"len <= 0", "c"},
	{"len > 65535", ""},
	{"len 4-17", "abi"},
	{"len 0-0", "c"},
	/* payloads */
	{"data 0102", "bh"},
	{"data 01:02:03:04", "bh"},
	{"data 0x0102", "bh"},
	{"data 0102030405", ""},
	{"data 0102030400", ""},
	{"data 02", ""},
	{"data @1 0203", "bh"},
	{"data @0 01", "bh"},
	{"data @3 0400", ""},
	{"data @65535 00", ""},
	{"data contains 0304", "bh"},
	{"data contains 00", "d"},
	{"data \"hello\"", "a"},
	{"data contains 'and (so)'", "i"},
	{"data contains \"ll\"", "a"},
	{"data @4 'o'", "a"},
	{"data \"\"", "abcdhi"},
	{"data @4 ''", "abdhi"},
	{"data 'contains'", ""},
	{"data '@4'", ""},
	/* name service, events */
	{"ns", "d"},
	{"event", "efg"},
	{"event stall", "f"},
	{"event announce", "e"},
	{"event no-recipient", ""},
	{"not event", "abcdhi"},
	{"(event)", "efg"},
	{"event and h2r", "fg"},
	{"event or ns", "defg"},
	{"not len 0-65535", "efg"},
	/* joints; and binds tighter than or, not tighter than both */
	{"h2r and len 5", "a"},
	{"h2r && len 5", "a"},
	{"h2r&&len 5", "a"},
	{"name echo&&h2r", "af"},
	{"ns or src 7", "di"},
	{"ns || src 7", "di"},
	{"src 7||src 50", "dei"},
	{"r2h or h2r and len 5", "abdeh"},
	{"h2r and len 5 or r2h", "abdeh"},
	{"(r2h or h2r) and len 5", "a"},
	{"not h2r and len 4", "b"},
	{"not (h2r and len 5)", "bcdefghi"},
	{"! h2r", "bdeh"},
	{"!h2r", "bdeh"},
	{"!(h2r or len 4)", "deh"},
	{"not not h2r", "acfgi"},
	{"!!!h2r", "bdeh"},
	{"((((h2r))))", "acfgi"},
	{"(name e*)and(h2r)", "af"},
	{"name echo and (len > 4 or data 0102)", "ab"},
	{"not (not (h2r or ns) or event)", "acdi"},
};

static void test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(matches); i++)
		check(matches[i].expression, matches[i].letters);
}

static void test_several_arguments(void **state)
{
	static const char *const words[] = {"name",  "e*", "and", "(", "len", ">", "4",
					    "or", "data", "0102", ")"};
	char *args[COUNT(words)], error[256], got[COUNT(things) + 1];
	struct filter *f;

	(void)state;
	memcpy(args, words, sizeof(args));
	f = filter_parse(args, COUNT(words), error, sizeof(error));
	assert_non_null(f);
	letters(f, got);
	assert_string_equal(got, "ab");
	filter_free(f);
	f = filter_parse(NULL, 0, error, sizeof(error));
	assert_non_null(f);
	letters(f, got);
	assert_string_equal(got, "abcdefghi");
	filter_free(f);
}

static void check_needs(const char *expression, bool service, bool event)
{
	char error[256];
	struct filter *f = parse(expression, error, sizeof(error));

	assert_non_null(f);
	assert_int_equal(filter_needs_service(f), service);
	assert_int_equal(filter_names_event(f), event);
	filter_free(f);
}

static void test_needs(void **state)
{
	(void)state;
	check_needs("", false, false);
	check_needs("addr 7 and bus *", false, false);
	check_needs("addr 7 or not name x", true, false);
	check_needs("not event", false, true);
}

#define NO_KEYWORD(word)									\
	"'" word "' is no keyword: there are name, bus, src, dst, addr, h2r, r2h, len, data, "	\
	"ns, event (word 1)"
#define NO_KIND(word)										\
	"'" word "' is no kind of event: there are up, down, reset, announce, withdraw, "	\
	"no-recipient, no-buffer, buffer, stall, drop, refused, malformed, lost (word 2)"

static const struct {
	const char *expression, *error;
} errors[] = {
	{"foo", NO_KEYWORD("foo")},
	{"0x400", NO_KEYWORD("0x400")},
	{"'ns'", "text in quotes is no keyword (word 1)"},
	{"source 5", "'source': did you mean 'src'? (word 1)"},
	{"ns and adr 5", "'adr': did you mean 'addr'? (word 3)"},
	{"address 5", "'address': did you mean 'addr'? (word 1)"},
	{"length > 5", "'length': did you mean 'len'? (word 1)"},
	{"h>r", "'h': did you mean 'h2r'? (word 1)"},
	{"name", "'name' needs a name or GLOB, but nothing follows 'name' (word 1)"},
	{"name and ns", "'name' needs a name or GLOB, not 'and' (word 2)"},
	{"bus (ns)", "'bus' needs a name or GLOB, not '(' (word 2)"},
	{"name=echo", "'name' needs a name or GLOB, not '=echo' (word 2)"},
	{"bus != b", "'bus' needs a name or GLOB, not '!=' (word 2)"},
	{"name 'foo", "'foo: there is no second ' (word 2)"},
	{"src", "'src' needs an address, but nothing follows 'src' (word 1)"},
	{"src foo", "'src' needs an address, not 'foo' (word 2)"},
	{"ns or dst -1", "'dst' needs an address, not '-1' (word 4)"},
	{"addr ''", "'addr' needs an address, not '' (word 2)"},
	{"addr 0x", "'addr' needs an address, not '0x' (word 2)"},
	{"addr 5/", "'addr' needs an address, not '5/' (word 2)"},
	{"addr /5", "'addr' needs an address, not '/5' (word 2)"},
	{"addr 5/6/7", "'addr' needs an address, not '5/6/7' (word 2)"},
	{"addr 0x100000000", "'addr': '0x100000000' is too large (word 2)"},
	{"addr 1/0x100000000", "'addr': '0x100000000' is too large (word 2)"},
	{"src 0xffffffff", "'src': '0xffffffff' is the address ANY, which nobody has (word 2)"},
	{"src 0000000000000000000000000000000000000000000000000001",
	 "'src' needs an address, not '0000000000000000000000000000000000000000' (word 2)"},
	{"ns or len foo", "'len' needs a number, not 'foo' (word 4)"},
	{"len > foo", "'len' needs a number, not 'foo' (word 3)"},
	{"len >", "'len' needs a number, but nothing follows '>' (word 2)"},
	{"len =< 5", "'len' needs a number, not '<' (word 3)"},
	{"len > 4-5", "'len' needs a number, not '4-5' (word 3)"},
	{"len 5-4", "'len': '5-4' begins above its end (word 2)"},
	{"len 5-", "'len' needs a number, not '5-' (word 2)"},
	{"len > 65536", "'len': '65536' is too large (word 3)"},
	{"data", "'data' needs hex, or text in quotes, but nothing follows 'data' (word 1)"},
	{"data hello",
	 "'data' needs hex, or text in quotes: 'hello' is not hex: only digits 0-9 a-f and "
	 "blanks (word 2)"},
	{"data 012",
	 "'data' needs hex, or text in quotes: '012' is not hex: a byte is two digits (word 2)"},
	{"data contains",
	 "'data' needs hex, or text in quotes, but nothing follows 'contains' (word 2)"},
	{"data @4", "'data' needs hex, or text in quotes, but nothing follows '@4' (word 2)"},
	{"data @x 01", "'data' needs hex, or text in quotes, not '@x' (word 2)"},
	{"data @65536 01", "'data': '65536' is too large (word 2)"},
	{"event foo", NO_KIND("foo")},
	{"event 'stall'", "text in quotes is no kind of event (word 2)"},
	{"event dropped", "'dropped': did you mean 'drop'? (word 2)"},
	{"event ns", NO_KIND("ns")},
	{"ns h2r", "'h2r': 'and' or 'or' was expected (word 2)"},
	{"src 0x400 dst 0x401", "'dst': 'and' or 'or' was expected (word 3)"},
	{"src 5 & dst 6", "'&': 'and' or 'or' was expected (word 3)"},
	{"ns 'and' h2r", "'and': 'and' or 'or' was expected (word 2)"},
	{"ns and", "nothing follows 'and' (word 2)"},
	{"not", "nothing follows 'not' (word 1)"},
	{"and ns", "'and': a term was expected (word 1)"},
	{"ns or or h2r", "'or': a term was expected (word 3)"},
	{"()", "')': a term was expected (word 2)"},
	{"(ns", "no ')' for this '(' (word 1)"},
	{"ns and (h2r or (len 5)", "no ')' for this '(' (word 3)"},
	{"(ns h2r)", "'h2r': 'and', 'or' or ')' was expected (word 3)"},
	{"ns)", "')' without a '(' (word 2)"},
	{"ns !", "'!': 'and' or 'or' was expected (word 2)"},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		char error[256] = "";

		if (parse(errors[i].expression, error, sizeof(error)))
			fail_msg("'%s' was taken", errors[i].expression);
		if (strcmp(error, errors[i].error) != 0)
			fail_msg("'%s':\n%s\ninstead of\n%s", errors[i].expression, error,
				 errors[i].error);
	}
}

/* ---- sizes ---- */

static char *repeat(const char *piece, size_t n, const char *end)
{
	size_t len = strlen(piece);
	char *all = malloc(n * len + strlen(end) + 1);

	assert_non_null(all);
	for (size_t i = 0; i < n; i++)
		memcpy(all + i * len, piece, len);
	strcpy(all + n * len, end);
	return all;
}

static void check_size(const char *piece, size_t n, const char *end, const char *wanted)
{
	char error[256] = "", *all = repeat(piece, n, end);
	struct filter *f = parse(all, error, sizeof(error));

	assert_string_equal(error, wanted);
	assert_int_equal(f != NULL, !*wanted);
	filter_free(f);
	free(all);
}

static void test_sizes(void **state)
{
	(void)state;
	check_size("(", 100000, "", "more than 100 '(' within each other (word 101)");
	check_size("(", 100, "ns", "no ')' for this '(' (word 100)");
	check_size("not ", 100000, "ns", "");
	check_size("ns and ", FILTER_TERMS_MAX - 1, "ns", "");
	check_size("ns or ", FILTER_TERMS_MAX, "ns", "more than 4096 terms (word 8193)");
	check_size("x", 100000, "", NO_KEYWORD("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	check_size("((ns) or ", 99, "ns", "no ')' for this '(' (word 491)");
}

static void test_deep(void **state)
{
	char *all = repeat("(not ", FILTER_DEPTH_MAX, "h2r");
	char *close = repeat(")", FILTER_DEPTH_MAX, "");
	char expression[1024];

	(void)state;
	snprintf(expression, sizeof(expression), "%s%s", all, close);
	check(expression, "acfgi");
	free(all);
	free(close);
}

/* An error that does not fit is cut. */
static void test_small_error(void **state)
{
	char error[8];

	(void)state;
	assert_null(parse("foo", error, sizeof(error)));
	assert_string_equal(error, "'foo' i");
}

/* ---- chance ---- */

static uint32_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525U + 1013904223U;
	return (seed >> 8) % n;
}

/* A random expression as text, and whether it holds for each thing, worked out as it is made. */
struct made {
	char text[2048];
	bool holds[COUNT(things)];
	int level; /* 0: or, 1: and, 2: not, 3: a term or in parentheses */
};

static const char *const leaves[] = {"h2r", "ns", "event", "len>4", "addr 30", "src 7", "bus dsp"};

static bool leaf_holds(size_t leaf, const struct rpmsg_record *m)
{
	bool message = m->type == RPMSG_RECORD_MESSAGE;

	switch (leaf) {
	case 0: return m->dir == RPMSG_H2R;
	case 1: return message && m->dst == 0x35;
	case 2: return !message;
	case 3: return message && m->len > 4;
	case 4: return m->src == 30 || m->dst == 30;
	case 5: return m->src == 7;
	default: return m->bus && !strcmp(m->bus, "dsp");
	}
}

static void make_leaf(struct made *to)
{
	size_t leaf = chance(COUNT(leaves));

	strcpy(to->text, leaves[leaf]);
	to->level = 3;
	for (size_t i = 0; i < COUNT(things); i++)
		to->holds[i] = leaf_holds(leaf, &things[i].record);
}

/* In parentheses where the grammar needs them, and sometimes where it does not. */
static void wrap(struct made *m, int level)
{
	char inner[sizeof(m->text)];

	if (m->level >= level && chance(4))
		return;
	strcpy(inner, m->text);
	snprintf(m->text, sizeof(m->text), "(%.2000s)", inner);
	m->level = 3;
}

static void make(struct made *to, unsigned depth)
{
	unsigned what = depth ? chance(4) : 0;
	struct made *a, *b;

	if (!what) {
		make_leaf(to);
		return;
	}
	a = malloc(sizeof(*a));
	b = malloc(sizeof(*b));
	assert_true(a && b);
	make(a, depth - 1);
	make(b, depth - 1);
	to->level = what == 1 ? 0 : what == 2 ? 1 : 2;
	wrap(a, to->level);
	wrap(b, to->level);
	if (what == 3)
		snprintf(to->text, sizeof(to->text), "not %.2000s", a->text);
	else
		snprintf(to->text, sizeof(to->text), "%.1000s %s %.1000s", a->text,
			 what == 1 ? "or" : "and", b->text);
	for (size_t i = 0; i < COUNT(things); i++)
		to->holds[i] = what == 1 ? a->holds[i] || b->holds[i] :
			       what == 2 ? a->holds[i] && b->holds[i] : !a->holds[i];
	free(a);
	free(b);
}

static void test_logic(void **state)
{
	(void)state;
	seed = 1;
	for (int n = 0; n < 20000; n++) {
		char wanted[COUNT(things) + 1], *end = wanted;
		struct made made;

		make(&made, 5);
		for (size_t i = 0; i < COUNT(things); i++)
			if (made.holds[i])
				*end++ = (char)('a' + i);
		*end = '\0';
		check(made.text, wanted);
	}
}

static const char *const pieces[] = {
	"name ", "bus ", "src ", "dst ", "addr ", "h2r ", "r2h ", "len", "data ", "ns ", "event ",
	"and ", "or ", "not ", "&&", "||", "!", "(", ")", "<", ">", "=", " 5 ", "0x400", "/0xff",
	"0102 ", "@", "contains ", "\"", "'", "stall ", "foo", "*", "[", "\\", " ", "&", "-",
	"\x80",
};

static void test_random(void **state)
{
	char error[256], got[COUNT(things) + 1], expression[256];
	unsigned taken = 0, refused = 0;
	struct filter *f;

	(void)state;
	seed = 2;
	for (int n = 0; n < 100000; n++) {
		expression[0] = '\0';
		for (uint32_t i = chance(12) + 1; i; i--)
			strcat(expression, pieces[chance(COUNT(pieces))]);
		error[0] = '\0';
		f = parse(expression, error, sizeof(error));
		if (!f && !*error)
			fail_msg("'%s': no error is told", expression);
		if (f)
			letters(f, got);
		taken += f != NULL;
		refused += f == NULL;
		filter_free(f);
	}
	assert_true(taken > 1000 && refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_several_arguments),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_small_error),
		cmocka_unit_test(test_logic),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
