/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/resource_table.h"

/* Words of a table with a carveout at 0x18 and a rpmsg device at 0x50. */
enum {
	VERSION, NUM, RESERVED0, RESERVED1, OFFSET0, OFFSET1,
	CARVEOUT, CARVEOUT_DA, CARVEOUT_PA, CARVEOUT_LEN, CARVEOUT_NAME = 12,
	VDEV = 20, ID, NOTIFY_ID, FEATURES, DRIVER_FEATURES, CONFIG_LEN, STATUS,
	VRING0, ALIGN0, NUM0, NOTIFY0, PA0,
	VRING1, ALIGN1, NUM1, NOTIFY1, PA1,
	N_WORDS,
};

#define TABLE_SIZE (N_WORDS * sizeof(uint32_t))

struct image {
	uint32_t word[N_WORDS];
};

static struct image good(void)
{
	struct image t = { .word = {
		[VERSION] = 1, [NUM] = 2, [OFFSET0] = 0x18, [OFFSET1] = 0x50,
		[CARVEOUT_DA] = 0x10000000, [CARVEOUT_LEN] = 0x40000,
		[VDEV] = 3, [ID] = 7, [FEATURES] = 1, [STATUS] = 0x0207,
		[VRING0] = 0x4000, [ALIGN0] = 0x1000, [NUM0] = 256, [NOTIFY0] = 1,
		[VRING1] = 0x8000, [ALIGN1] = 0x1000, [NUM1] = 256, [NOTIFY1] = 2,
	} };

	for (size_t i = 0; i < N_WORDS; i++)
		t.word[i] = htole32(t.word[i]);
	memcpy(&t.word[CARVEOUT_NAME], "vdev0buffer", 12);
	return t;
}

static struct image with(size_t at, uint32_t value)
{
	struct image t = good();

	t.word[at] = htole32(value);
	return t;
}

/* ---- findings ---- */

struct findings {
	unsigned n;
	char text[1024];
};

static void collect(void *arg, const char *text)
{
	struct findings *f = arg;
	size_t at = strlen(f->text);

	assert_true(*text);
	f->n++;
	snprintf(f->text + at, sizeof(f->text) - at, "%s%s", at ? "; " : "", text);
}

static struct findings check(const struct image *t, bool in_use)
{
	char why[RESOURCE_WHY_SIZE] = "";
	struct findings f = { 0, "" };
	struct resource_table table;
	unsigned n;

	assert_int_equal(resource_table_parse(t->word, TABLE_SIZE, &table, why), 0);
	assert_string_equal(why, "");
	n = resource_table_check(&table, in_use, collect, &f);
	assert_int_equal(n, f.n);
	return f;
}

/* The table with one word changed has this one finding, "" for none. */
static void expect(size_t at, uint32_t value, const char *finding)
{
	struct image t = with(at, value);
	struct findings f = check(&t, true);

	if (*finding && strncmp(f.text, finding, strlen(finding)))
		fail_msg("word %zu = 0x%x: \"%s\" and not \"%s...\"", at, value, f.text, finding);
	if (*finding)
		assert_null(strchr(f.text, ';'));
	else
		assert_string_equal(f.text, "");
}

static void test_good(void **state)
{
	char why[RESOURCE_WHY_SIZE], text[160];
	struct resource_table table;
	struct image t = good();

	(void)state;
	assert_int_equal(resource_table_parse(t.word, TABLE_SIZE, &table, why), 0);
	assert_int_equal(table.n_vdev, 1);
	assert_int_equal(table.n_carveout, 1);
	assert_string_equal(table.carveout[0].name, "vdev0buffer");
	assert_int_equal(table.carveout[0].len, 0x40000);
	assert_int_equal(table.vdev[0].n_vring, 2);
	assert_int_equal(table.vdev[0].status, 7);
	assert_int_equal(table.vdev[0].vring[1].da, 0x8000);
	assert_int_equal(table.vdev[0].vring[1].notify_id, 2);
	assert_string_equal(check(&t, true).text, "");
	resource_table_describe(&table, text, sizeof(text));
	assert_string_equal(text, "rpmsg device (id 7) with name service, 2 vrings of 256, "
				  "alignment 0x1000, buffers of 512 bytes");
}

static void test_device(void **state)
{
	struct image t = good();

	(void)state;
	expect(ID, 3, "virtio device id is 3: rpmsg's is 7");
	expect(FEATURES, 0, "features 0x0 lack bit 0");
	expect(FEATURES, 0x10000001, ""); /* the transport's bits */
	expect(FEATURES, 5, "features 0x5: bits 0x4 mean nothing to Linux");
	expect(STATUS, 0x0107, "the rpmsg device has 1 vrings: Linux wants 2");
	expect(STATUS, 0x5a0207, "virtio device 0: reserved bytes are 0x5a, not zero");
	expect(STATUS, 0x0203, "status 0x3: no driver is ready");
	expect(STATUS, 0x0287, "status 0x87: the driver has given the device up");
	expect(STATUS, 0x0247, "status 0x47: the firmware asks for a reset");
	t = with(STATUS, 0x0200);
	assert_string_equal(check(&t, false).text, "");
	t = with(VDEV, 2);
	assert_string_equal(check(&t, true).text, "no virtio device: Linux makes no rpmsg bus");
}

static void test_vrings(void **state)
{
	(void)state;
	expect(NOTIFY1, 1, "both vrings have notify id 1");
	expect(VRING1, 0x5000, "vring 1 at 0x5000 overlaps vring 0 at 0x4000");
	expect(VRING1, 0x6806, "vring 1: device address 0x6806 is not aligned to 0x1000");
	expect(VRING1, 0xfffff000, "vring 1: 0xfffff000 and 10246 bytes of vring end beyond 32 bits");
	expect(VRING1, 0x7000, ""); /* 10246 bytes from 0x4000 end at 0x6806 */
	expect(VRING0, 0xa000, "vring 1 at 0x8000 overlaps vring 0 at 0xa000");
	expect(VRING0, 0xb000, "");
	expect(VRING1, RESOURCE_ANY, "");
	expect(VRING1, 0, "");
	expect(NUM1, 128, "vring 0 has 256 buffers and vring 1 128");
	expect(ALIGN1, 0, "vring 1: alignment is 0");
	expect(ALIGN1, 2, "vring 1: alignment is 2, no power of two from 4");
	expect(ALIGN1, 4095, "vring 1: alignment is 4095, no power of two from 4");
	expect(ALIGN1, 16, "");
}

static void test_numbers_of_buffers(void **state)
{
	static const struct {
		uint32_t num;
		const char *finding;
	} one[] = {
		{ 0, "vring 0: number of buffers is 0; vring 1: number of buffers is 0" },
		{ 100, "vring 0: number of buffers is 100, no power of two; "
		       "vring 1: number of buffers is 100, no power of two" },
		{ 65536, "vring 0: number of buffers is 65536, more than 32768; "
			 "vring 1: number of buffers is 65536, more than 32768" },
		{ 1, "" },
		{ 256, "" },
		{ 512, "" }, /* Linux takes 256 buffers of it */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(one) / sizeof(*one); i++) {
		struct image t = with(NUM0, one[i].num);

		t.word[NUM1] = t.word[NUM0];
		t.word[VRING1] = htole32(0x100000);
		assert_string_equal(check(&t, true).text, one[i].finding);
	}
}

static void test_carveouts(void **state)
{
	struct image t = with(CARVEOUT_LEN, 0x2000);

	(void)state;
	expect(CARVEOUT_LEN, 0x3fe00, "carveout vdev0buffer has 0x3fe00 bytes, 0x40000 are needed");
	memcpy(&t.word[CARVEOUT_NAME], "vdev0vring1", 12);
	t.word[CARVEOUT_DA] = htole32(0x8000);
	assert_string_equal(check(&t, true).text,
			    "carveout vdev0vring1 has 0x2000 bytes, 0x2806 are needed");
	t.word[CARVEOUT_LEN] = htole32(0x3000);
	assert_string_equal(check(&t, true).text, "");
	t.word[CARVEOUT_DA] = htole32(0x9000);
	assert_string_equal(check(&t, true).text,
			    "carveout vdev0vring1 begins at 0x9000, its vring at 0x8000");
}

/* ---- tables that are none ---- */

static void refuse(const void *table, size_t len, const char *wanted)
{
	char why[RESOURCE_WHY_SIZE] = "";
	struct resource_table out;

	assert_int_equal(resource_table_parse(table, len, &out, why), -EINVAL);
	assert_string_equal(why, wanted);
}

static void test_refused(void **state)
{
	struct image t = with(VERSION, 2);

	(void)state;
	refuse(t.word, TABLE_SIZE, "version is 2, not 1: no resource table");
	t = with(RESERVED1, 5);
	refuse(t.word, TABLE_SIZE, "reserved words are 0x0 0x5, not zero");
	t = with(NUM, 0xffffffff);
	refuse(t.word, TABLE_SIZE, "4294967295 entries do not fit into 148 bytes");
	t = with(OFFSET1, 0x14);
	refuse(t.word, TABLE_SIZE, "entry 1: offset 0x14 is outside 0x18..0x94");
	t = with(OFFSET1, 0x91);
	refuse(t.word, TABLE_SIZE, "entry 1: offset 0x91 is outside 0x18..0x94");
	t = with(OFFSET1, 0xffffffff);
	refuse(t.word, TABLE_SIZE, "entry 1: offset 0xffffffff is outside 0x18..0x94");
	t = with(CONFIG_LEN, 1);
	refuse(t.word, TABLE_SIZE,
	       "entry 1, a virtio device, is cut off: it has 64 bytes and needs 65");
	t = with(CONFIG_LEN, 0xffffffff);
	refuse(t.word, TABLE_SIZE,
	       "entry 1, a virtio device, is cut off: it has 64 bytes and needs 4294967359");
	t = good();
	refuse(t.word, 15, "15 bytes are less than a table's head of 16");
	t = with(OFFSET0, 0x60);
	refuse(t.word, TABLE_SIZE, "entry 0, a carveout, is cut off: it has 48 bytes and needs 52");
}

static void test_too_many(void **state)
{
	uint32_t table[4 + 40 + 7] = { htole32(1), htole32(40) };
	char why[RESOURCE_WHY_SIZE];
	struct resource_table out;

	(void)state;
	for (size_t i = 0; i < 40; i++)
		table[4 + i] = htole32(44 * 4);
	table[44] = htole32(3);
	table[45] = htole32(7);
	assert_int_equal(resource_table_parse(table, sizeof(table), &out, why), -EINVAL);
	assert_string_equal(why, "entry 8: more than 8 virtio devices");
}

/* ---- firmware ---- */

#define NAMES "\0.shstrtab\0.resource_table"
#define NAMES_SIZE (sizeof(NAMES))

struct firmware32 {
	Elf32_Ehdr head;
	Elf32_Shdr section[3];
	char names[NAMES_SIZE];
	uint8_t table[TABLE_SIZE];
};
struct firmware64 {
	Elf64_Ehdr head;
	Elf64_Shdr section[3];
	char names[NAMES_SIZE];
	uint8_t table[TABLE_SIZE];
};

static void fill_ident(unsigned char *ident, unsigned char class)
{
	memcpy(ident, ELFMAG, SELFMAG);
	ident[EI_CLASS] = class;
	ident[EI_DATA] = ELFDATA2LSB;
}

/* These are written in the machine's order: the tests' machines are little-endian. */
#define FILL(fw, class)                                                                            \
	do {                                                                                       \
		struct image in_it = good();                                                       \
                                                                                                   \
		fill_ident((fw)->head.e_ident, class);                                             \
		(fw)->head.e_shoff = offsetof(__typeof__(*(fw)), section);                         \
		(fw)->head.e_shentsize = sizeof((fw)->section[0]);                                 \
		(fw)->head.e_shnum = 3;                                                            \
		(fw)->head.e_shstrndx = 1;                                                         \
		(fw)->section[1].sh_name = 1;                                                      \
		(fw)->section[1].sh_type = SHT_STRTAB;                                             \
		(fw)->section[1].sh_offset = offsetof(__typeof__(*(fw)), names);                   \
		(fw)->section[1].sh_size = NAMES_SIZE;                                             \
		(fw)->section[2].sh_name = 11;                                                     \
		(fw)->section[2].sh_type = SHT_PROGBITS;                                           \
		(fw)->section[2].sh_offset = offsetof(__typeof__(*(fw)), table);                   \
		(fw)->section[2].sh_size = TABLE_SIZE;                                             \
		memcpy((fw)->names, NAMES, NAMES_SIZE);                                            \
		memcpy((fw)->table, in_it.word, TABLE_SIZE);                                       \
	} while (0)

static int find(const void *image, size_t size, size_t *at, size_t *len, char *why)
{
	const void *table;
	int err = resource_table_find(image, size, &table, len, why);

	*at = err ? 0 : (size_t)((const char *)table - (const char *)image);
	return err;
}

static void test_find(void **state)
{
	struct firmware32 narrow = { 0 };
	struct firmware64 wide = { 0 };
	struct image raw = good();
	char why[RESOURCE_WHY_SIZE];
	size_t at, len;

	(void)state;
	FILL(&narrow, ELFCLASS32);
	assert_int_equal(find(&narrow, sizeof(narrow), &at, &len, why), 0);
	assert_int_equal(at, offsetof(struct firmware32, table));
	assert_int_equal(len, TABLE_SIZE);
	FILL(&wide, ELFCLASS64);
	assert_int_equal(find(&wide, sizeof(wide), &at, &len, why), 0);
	assert_int_equal(at, offsetof(struct firmware64, table));
	assert_int_equal(len, TABLE_SIZE);
	assert_int_equal(find(raw.word, TABLE_SIZE, &at, &len, why), 0);
	assert_int_equal(at, 0);
	assert_int_equal(len, TABLE_SIZE);
	assert_int_equal(find("", 0, &at, &len, why), 0);
	assert_int_equal(len, 0);
}

static void refuse_firmware(const struct firmware32 *fw, int wanted, const char *wanted_why)
{
	char why[RESOURCE_WHY_SIZE] = "";
	size_t at, len;

	assert_int_equal(find(fw, sizeof(*fw), &at, &len, why), wanted);
	assert_string_equal(why, wanted_why);
}

static void test_damaged_firmware(void **state)
{
	struct firmware32 fw, whole = { 0 };

	(void)state;
	FILL(&whole, ELFCLASS32);
	fw = whole;
	fw.names[12] = 'R';
	refuse_firmware(&fw, -ENOENT, "the firmware has no section .resource_table");
	fw = whole;
	fw.head.e_shnum = 0;
	refuse_firmware(&fw, -ENOENT, "the firmware has no section .resource_table");
	fw = whole;
	fw.section[2].sh_size = 0x7fffffff;
	refuse_firmware(&fw, -EINVAL, "damaged ELF file: .resource_table is outside of it");
	fw = whole;
	fw.section[2].sh_offset = 0xffffffff;
	refuse_firmware(&fw, -EINVAL, "damaged ELF file: .resource_table is outside of it");
	fw = whole;
	fw.section[2].sh_type = SHT_NOBITS;
	refuse_firmware(&fw, -EINVAL, "damaged ELF file: .resource_table takes no room in the file");
	fw = whole;
	fw.section[1].sh_offset = sizeof(fw);
	refuse_firmware(&fw, -EINVAL, "damaged ELF file: the names of its sections are outside of it");
	fw = whole;
	fw.head.e_shstrndx = 3;
	refuse_firmware(&fw, -EINVAL,
			"damaged ELF file: the section of names is none of its sections");
	fw = whole;
	fw.head.e_shoff = 0xfffffff0;
	refuse_firmware(&fw, -EINVAL, "damaged ELF file: its section headers are outside of it");
	fw = whole;
	fw.head.e_shentsize = 20;
	refuse_firmware(&fw, -EINVAL, "damaged ELF file: section headers of a strange size");
	fw = whole;
	fw.head.e_ident[EI_DATA] = ELFDATA2MSB;
	refuse_firmware(&fw, -EINVAL, "damaged ELF file: it is not little-endian");
	fw = whole;
	fw.head.e_ident[EI_CLASS] = 0;
	refuse_firmware(&fw, -EINVAL, "damaged ELF file: it is neither of 32 nor of 64 bits");
}

/* ---- text ---- */

static const char printed[] =
	"Entry 0 is of type trace\n"
	"  Device Address 0x1\n  Length 0x2 Bytes\n  Reserved (should be zero) [0]\n  Name t\n\n"
	"Entry 1 is of type carveout\n"
	"  Device Address 0x10000000\n  Physical Address 0x0\n  Length 0x40000 Bytes\n"
	"  Flags 0x0\n  Reserved (should be zero) [0]\n  Name vdev0buffer\n\n"
	"Unknown resource type found: 130 [hdr: 0000000012345678]\n"
	"Entry 3 is of type vdev\n"
	"  ID 7\n  Notify ID -1\n  Device features 0x1\n  Guest features 0x1\n"
	"  Config length 0x0\n  Status 0x7\n  Number of vrings 2\n"
	"  Reserved (should be zero) [1][2]\n\n"
	"  Vring 0\n    Device Address 0x4000\n    Alignment 4096\n    Number of buffers 256\n"
	"    Notify ID 1\n    Physical Address 0x0\n\n"
	"  Vring 1\n    Device Address 0xffffffff\n    Alignment 4096\n    Number of buffers 64\n"
	"    Notify ID -2147483648\n    Physical Address 0x0\n\n";

static void test_text(void **state)
{
	char why[RESOURCE_WHY_SIZE] = "";
	struct resource_table t;

	(void)state;
	assert_int_equal(resource_table_parse_text(printed, strlen(printed), &t, why), 0);
	assert_int_equal(t.n_carveout, 1);
	assert_string_equal(t.carveout[0].name, "vdev0buffer");
	assert_int_equal(t.carveout[0].da, 0x10000000);
	assert_int_equal(t.carveout[0].len, 0x40000);
	assert_int_equal(t.n_vdev, 1);
	assert_int_equal(t.vdev[0].id, 7);
	assert_int_equal(t.vdev[0].notify_id, RESOURCE_ANY);
	assert_int_equal(t.vdev[0].status, 7);
	assert_int_equal(t.vdev[0].reserved, 0x201);
	assert_int_equal(t.vdev[0].vring[0].da, 0x4000);
	assert_int_equal(t.vdev[0].vring[1].da, RESOURCE_ANY);
	assert_int_equal(t.vdev[0].vring[1].num, 64);
	assert_int_equal(t.vdev[0].vring[1].notify_id, 0x80000000);
	assert_int_equal(resource_table_parse_text("No resource table found\n", 24, &t, why),
			 -ENOENT);
	assert_string_equal(why, "the firmware has none");
}

static void refuse_text(const char *text, const char *wanted)
{
	char why[RESOURCE_WHY_SIZE] = "";
	struct resource_table t;

	assert_int_equal(resource_table_parse_text(text, strlen(text), &t, why), -EINVAL);
	assert_string_equal(why, wanted);
}

static void test_damaged_text(void **state)
{
	(void)state;
	refuse_text("", "line 0: this is no resource table");
	refuse_text("Vring 0\n", "line 1: a vring that belongs nowhere");
	refuse_text("Entry 0 is of type vdev\n  ID 4294967296\n",
		    "line 2: not a number of this field: 4294967296");
	refuse_text("Entry 0 is of type vdev\n  Status 0x100\n",
		    "line 2: not a number of this field: 0x100");
	refuse_text("Entry 0 is of type vdev\n  ID\t7\n", "line 2: a vdev ends without 'ID'");
	refuse_text("Entry 0 is of type carveout\n Length 0x1 Bytes\n",
		    "line 2: a carveout ends without 'Device Address'");
}

/* ---- anything ---- */

static void ignore(void *arg, const char *text)
{
	(void)arg;
	assert_true(strlen(text) < 256);
}

/* Whatever the bytes are: 0 or an error that says why, and nothing beyond them is read. */
static void digest(const uint8_t *bytes, size_t len, bool text)
{
	char why[RESOURCE_WHY_SIZE] = "", words[160];
	struct resource_table table;
	uint8_t *copy = malloc(len ? len : 1);
	const void *at;
	size_t n;
	int err;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	if (text) {
		err = resource_table_parse_text((char *)copy, len, &table, why);
	} else {
		err = resource_table_find(copy, len, &at, &n, why);
		if (!err)
			err = resource_table_parse(at, n, &table, why);
	}
	assert_true(err == 0 || err == -EINVAL || err == -ENOENT);
	assert_int_equal(err != 0, why[0] != 0);
	if (!err) {
		resource_table_check(&table, true, ignore, NULL);
		resource_table_describe(&table, words, sizeof(words));
	}
	free(copy);
}

static void mutate(const void *bytes, size_t len, bool text)
{
	static const uint8_t value[] = { 0, 1, 2, 0x7f, 0x80, 0xff, '\n', ' ', '9', '-' };
	uint8_t *copy = malloc(len);
	unsigned seed = 1;

	assert_non_null(copy);
	for (size_t cut = 0; cut <= len; cut++)
		digest(bytes, cut, text);
	memcpy(copy, bytes, len);
	for (size_t i = 0; i < len; i++) {
		uint8_t was = copy[i];

		for (size_t j = 0; j < sizeof(value); j++) {
			copy[i] = value[j];
			digest(copy, len, text);
		}
		copy[i] = was;
	}
	for (unsigned round = 0; round < 20000; round++) {
		memcpy(copy, bytes, len);
		for (unsigned i = 0; i < 1 + round % 6; i++)
			copy[(size_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		digest(copy, len, text);
	}
	free(copy);
}

static void test_mutated(void **state)
{
	struct firmware32 narrow = { 0 };
	struct firmware64 wide = { 0 };
	struct image table = good();

	(void)state;
	FILL(&narrow, ELFCLASS32);
	FILL(&wide, ELFCLASS64);
	mutate(table.word, TABLE_SIZE, false);
	mutate(&narrow, sizeof(narrow), false);
	mutate(&wide, sizeof(wide), false);
	mutate(printed, strlen(printed), true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_vrings),
		cmocka_unit_test(test_numbers_of_buffers),
		cmocka_unit_test(test_carveouts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_damaged_firmware),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_damaged_text),
		cmocka_unit_test(test_mutated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
