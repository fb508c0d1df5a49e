/* SPDX-License-Identifier: BSD-2-Clause */
/* Where in a firmware image the resource table is. */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "resource_table.h"

#define SECTION ".resource_table"

/* Of a section header, 32 or 64 bit. */
struct section {
	uint32_t name, type;
	uint64_t offset, size;
};

struct image {
	const uint8_t *data;
	size_t size;
	bool wide; /* 64 bit */
	uint64_t sections; /* offset of the headers */
	uint32_t n, names; /* how many, and which holds their names */
	char *why;
};

static int bad(const struct image *image, const char *what)
{
	snprintf(image->why, RESOURCE_WHY_SIZE, "damaged ELF file: %s", what);
	return -EINVAL;
}

static bool within(const struct image *image, uint64_t offset, uint64_t size)
{
	return offset <= image->size && size <= image->size - offset;
}

static size_t header_size(const struct image *image)
{
	return image->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}

static void read_head32(struct image *image, uint32_t *entry_size)
{
	Elf32_Ehdr head;

	memcpy(&head, image->data, sizeof(head));
	image->sections = le32toh(head.e_shoff);
	image->n = le16toh(head.e_shnum);
	image->names = le16toh(head.e_shstrndx);
	*entry_size = le16toh(head.e_shentsize);
}

static void read_head64(struct image *image, uint32_t *entry_size)
{
	Elf64_Ehdr head;

	memcpy(&head, image->data, sizeof(head));
	image->sections = le64toh(head.e_shoff);
	image->n = le16toh(head.e_shnum);
	image->names = le16toh(head.e_shstrndx);
	*entry_size = le16toh(head.e_shentsize);
}

static int read_head(struct image *image)
{
	uint32_t entry_size;

	if (image->size < EI_NIDENT || image->data[EI_DATA] != ELFDATA2LSB)
		return bad(image, "it is not little-endian");
	if (image->data[EI_CLASS] != ELFCLASS32 && image->data[EI_CLASS] != ELFCLASS64)
		return bad(image, "it is neither of 32 nor of 64 bits");
	image->wide = image->data[EI_CLASS] == ELFCLASS64;
	if (image->size < (image->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return bad(image, "its header is cut off");
	if (image->wide)
		read_head64(image, &entry_size);
	else
		read_head32(image, &entry_size);
	if (!image->n)
		return 0;
	if (entry_size != header_size(image))
		return bad(image, "section headers of a strange size");
	if (!within(image, image->sections, (uint64_t)image->n * header_size(image)))
		return bad(image, "its section headers are outside of it");
	if (image->names >= image->n)
		return bad(image, "the section of names is none of its sections");
	return 0;
}

static struct section read_section(const struct image *image, uint32_t i)
{
	const uint8_t *at = image->data + image->sections + (size_t)i * header_size(image);
	Elf64_Shdr wide;
	Elf32_Shdr narrow;

	if (image->wide) {
		memcpy(&wide, at, sizeof(wide));
		return (struct section){ le32toh(wide.sh_name), le32toh(wide.sh_type),
					 le64toh(wide.sh_offset), le64toh(wide.sh_size) };
	}
	memcpy(&narrow, at, sizeof(narrow));
	return (struct section){ le32toh(narrow.sh_name), le32toh(narrow.sh_type),
				 le32toh(narrow.sh_offset), le32toh(narrow.sh_size) };
}

static bool is_called(const struct image *image, const struct section *names, uint32_t at)
{
	if (names->size < sizeof(SECTION) || at > names->size - sizeof(SECTION))
		return false;
	return !memcmp(image->data + names->offset + at, SECTION, sizeof(SECTION));
}

static int find_section(const struct image *image, struct section *found)
{
	struct section names = { 0 };

	if (image->n)
		names = read_section(image, image->names);
	if (!within(image, names.offset, names.size))
		return bad(image, "the names of its sections are outside of it");
	for (uint32_t i = 0; i < image->n; i++) {
		*found = read_section(image, i);
		if (!is_called(image, &names, found->name))
			continue;
		if (found->type == SHT_NOBITS)
			return bad(image, SECTION " takes no room in the file");
		if (!within(image, found->offset, found->size))
			return bad(image, SECTION " is outside of it");
		return 0;
	}
	snprintf(image->why, RESOURCE_WHY_SIZE, "the firmware has no section " SECTION);
	return -ENOENT;
}

int resource_table_find(const void *data, size_t size, const void **table, size_t *len,
			char why[RESOURCE_WHY_SIZE])
{
	struct image image = { .data = data, .size = size, .why = why };
	struct section found;
	int err;

	*table = data;
	*len = size;
	if (size < SELFMAG || memcmp(data, ELFMAG, SELFMAG))
		return 0;
	err = read_head(&image);
	if (!err)
		err = find_section(&image, &found);
	if (err)
		return err;
	*table = image.data + found.offset;
	*len = (size_t)found.size;
	return 0;
}
