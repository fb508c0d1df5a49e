/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/pcap_packet.h"

#include <string.h>

#include "common/pcap.h"

#define PREFIX_SIZE 24u
#define HEADER_SIZE 16u
#define NAME_END 12u
#define DIR_AT 19u
#define TEXT_MAX 255u
#define EVENT_SIZE 24u /* of an event's body, before the text */

typedef uint8_t prefix_bytes[PREFIX_SIZE];

/* clang-format off */
static const prefix_bytes message_prefix = {
	0x00, 0x0c, 0x00, 0x08, 'r', 'p', 'm', 's', 'g', 0, 0, 0, /* dissector name */
	0x00, 0x23, 0x00, 0x04, 0, 0, 0, RPMSG_H2R,               /* direction */
	0x00, 0x00, 0x00, 0x00,                                   /* end of tags */
};
static const prefix_bytes event_prefix = {
	0x00, 0x0c, 0x00, 0x08, 'r', 'p', 'm', 's', 'g', 'e', 'v', 0,
	0x00, 0x23, 0x00, 0x04, 0, 0, 0, RPMSG_H2R,
	0x00, 0x00, 0x00, 0x00,
};
/* clang-format on */

/* ---- little-endian ---- */

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	*p++ = (uint8_t)v;
	*p++ = (uint8_t)(v >> 8);
	return p;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, (uint16_t)v), (uint16_t)(v >> 16));
}

static uint8_t *put64(uint8_t *p, uint64_t v)
{
	return put32(put32(p, (uint32_t)v), (uint32_t)(v >> 32));
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* ---- building ---- */

static uint8_t *put_front(uint8_t *p, const prefix_bytes prefix, const struct rpmsg_record *record)
{
	memcpy(p, prefix, PREFIX_SIZE);
	p[DIR_AT] = (uint8_t)record->dir;
	p = put32(p + PREFIX_SIZE, record->src);
	return put32(p, record->dst);
}

static size_t build_message(const struct rpmsg_record *message, uint8_t *packet)
{
	uint8_t *p = put_front(packet, message_prefix, message);
	size_t n = pcap_captured(message);

	p = put32(p, message->reserved);
	p = put16(p, message->len);
	p = put16(p, message->flags);
	if (n)
		memcpy(p, message->data, n);
	return PREFIX_SIZE + HEADER_SIZE + n;
}

static size_t text_length(const struct rpmsg_record *event)
{
	return event->text ? strnlen(event->text, TEXT_MAX) : 0;
}

static size_t build_event(const struct rpmsg_record *event, uint8_t *packet)
{
	uint8_t *p = put_front(packet, event_prefix, event);
	size_t n = text_length(event);

	p = put32(p, 0);
	p = put16(p, (uint16_t)(EVENT_SIZE + n));
	p = put16(p, (uint16_t)event->type);
	p = put32(p, event->value);
	p = put32(p, 0);
	p = put64(p, event->count);
	p = put64(p, event->duration_ns);
	if (n)
		memcpy(p, event->text, n);
	return PREFIX_SIZE + HEADER_SIZE + EVENT_SIZE + n;
}

size_t pcap_packet_build(const struct rpmsg_record *record, uint8_t *packet)
{
	if (record->type == RPMSG_RECORD_MESSAGE)
		return build_message(record, packet);
	return build_event(record, packet);
}

size_t pcap_packet_length(const struct rpmsg_record *record)
{
	if (record->type == RPMSG_RECORD_MESSAGE)
		return PREFIX_SIZE + HEADER_SIZE + record->len;
	return PREFIX_SIZE + HEADER_SIZE + EVENT_SIZE + text_length(record);
}

/* ---- reading ---- */

/* What is wrong with the prefix, or NULL. */
static const char *check_prefix(const uint8_t *packet, size_t captured, bool *event)
{
	prefix_bytes tags;

	if (captured < PREFIX_SIZE)
		return "is too short for its tags";
	memcpy(tags, packet, PREFIX_SIZE);
	tags[DIR_AT] = RPMSG_H2R;
	*event = !memcmp(tags, event_prefix, PREFIX_SIZE);
	if ((*event || !memcmp(tags, message_prefix, PREFIX_SIZE)) && packet[DIR_AT] <= RPMSG_R2H)
		return NULL;
	if (memcmp(tags, message_prefix, NAME_END) && memcmp(tags, event_prefix, NAME_END))
		return "is not for the dissector rpmsg";
	return packet[DIR_AT] > RPMSG_R2H ? "has no valid direction" :
					    "has other tags than an rpmsg capture";
}

static void read_message(const uint8_t *header, size_t captured, struct rpmsg_record *record,
			 uint8_t *spare)
{
	record->reserved = get32(header + 8);
	record->len = get16(header + 12);
	record->flags = get16(header + 14);
	record->data = header + HEADER_SIZE;
	if (captured == record->len)
		return;
	record->count = record->len - captured;
	memcpy(spare, record->data, captured);
	memset(spare + captured, 0, record->count);
	record->data = spare;
}

static const char *read_event(const uint8_t *header, size_t captured, struct rpmsg_record *record,
			      char *text)
{
	const uint8_t *body = header + HEADER_SIZE;

	if (captured < EVENT_SIZE)
		return "is an event without all of its members";
	record->type = (enum rpmsg_record_type)get16(header + 14);
	if (record->type == RPMSG_RECORD_MESSAGE)
		return "is an event of kind 0";
	record->value = get32(body);
	record->count = get64(body + 8);
	record->duration_ns = get64(body + 16);
	for (size_t i = EVENT_SIZE; i < captured; i++)
		*text++ = body[i] >= 0x20 && body[i] < 0x7f ? (char)body[i] : '.';
	*text = '\0';
	return NULL;
}

const char *pcap_packet_read(const uint8_t *packet, size_t captured, size_t length,
			     struct rpmsg_record *record, void *spare)
{
	const uint8_t *header = packet + PREFIX_SIZE;
	bool event;
	const char *fault = check_prefix(packet, captured, &event);

	if (fault)
		return fault;
	if (captured < PREFIX_SIZE + HEADER_SIZE)
		return "is too short for an rpmsg header";
	if (length != PREFIX_SIZE + HEADER_SIZE + get16(header + 12) || captured > length)
		return "has another length than its rpmsg header says";
	*record = (struct rpmsg_record){
		.dir = (enum rpmsg_direction)packet[DIR_AT],
		.src = get32(header),
		.dst = get32(header + 4),
	};
	captured -= PREFIX_SIZE + HEADER_SIZE;
	if (!event) {
		read_message(header, captured, record, spare);
		return NULL;
	}
	record->text = spare;
	return read_event(header, captured, record, spare);
}
