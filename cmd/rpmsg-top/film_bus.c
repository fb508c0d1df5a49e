/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/film_bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/services.h"
#include "common/stats_json.h"
#include "rpmsg-top/film_place.h"

#define NS_PER_S UINT64_C(1000000000)
/*
 * Of messages to nobody not each is told by a record of its own; the sum comes a second
 * later. So long the address is taken for one that nobody has.
 */
#define NOBODY_NS (2 * NS_PER_S)
/* No record tells that a reader reads again; by then its messages would have been dropped. */
#define STALL_NS (20 * NS_PER_S)

enum { HOST, REMOTE, SIDES };

struct side {
	struct rpmsg_stats stats;
	bool told;               /* it tells of the link itself */
	bool up;
	uint32_t generation;
	uint64_t features;
	uint32_t mtu_tx;
	uint64_t full_since_ns;  /* 0: not full */
};

struct film_bus {
	char name[RPMSG_BUS_NAME_SIZE];
	struct places *places;
	struct side side[SIDES];
	uint64_t first_ns, lost, rowless;
	char refused[160];
};

struct film_bus *film_bus_new(const char *name)
{
	struct film_bus *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	strncpy(b->name, name, sizeof(b->name) - 1);
	b->places = places_new(FILM_ADDRESSES_MAX);
	if (b->places)
		return b;
	free(b);
	return NULL;
}

void film_bus_free(struct film_bus *b)
{
	if (!b)
		return;
	places_free(b->places);
	free(b);
}

void film_bus_restart(struct film_bus *b)
{
	places_clear(b->places);
	memset(b->side, 0, sizeof(b->side));
	b->first_ns = b->lost = b->rowless = 0;
	b->refused[0] = '\0';
}

const char *film_bus_name(const struct film_bus *b)
{
	return b->name;
}

uint64_t film_bus_lost(const struct film_bus *b)
{
	return b->lost;
}

uint64_t film_bus_rowless(const struct film_bus *b)
{
	return b->rowless;
}

const char *film_bus_refused(const struct film_bus *b)
{
	return b->refused;
}

static int sender(const struct rpmsg_record *m)
{
	return m->dir == RPMSG_H2R ? HOST : REMOTE;
}

/* ---- counting ---- */

static unsigned size_class(unsigned len)
{
	return len ? 32 - (unsigned)__builtin_clz(len) : 0;
}

static void count(struct rpmsg_flow *flow, unsigned len, uint64_t now)
{
	flow->messages++;
	flow->bytes += len;
	flow->sizes[size_class(len)]++;
	flow->last_ns = now;
}

static void uncount(struct rpmsg_flow *flow, unsigned len)
{
	if (!flow->sizes[size_class(len)])
		return;
	flow->sizes[size_class(len)]--;
	flow->messages--;
	flow->bytes -= len;
	if (!flow->messages)
		flow->last_ns = 0;
}

/* The last to have happened is the first, as in the library's. */
static void count_stray(struct rpmsg_stats *stats, const struct rpmsg_record *m, uint64_t bytes)
{
	struct rpmsg_stray s = {.src = m->src, .dst = m->dst};
	uint32_t i = 0;

	while (i < stats->n_strays &&
	       (stats->stray[i].src != m->src || stats->stray[i].dst != m->dst))
		i++;
	if (i < stats->n_strays) {
		s = stats->stray[i];
	} else if (stats->n_strays < RPMSG_STRAYS) {
		stats->n_strays++;
	} else {
		i--;
		stats->strays_forgotten = true;
	}
	memmove(&stats->stray[1], &stats->stray[0], i * sizeof(s));
	s.messages++;
	s.bytes += bytes;
	s.last_ns = m->time_ns;
	stats->stray[0] = s;
}

/* ---- messages ---- */

/* The row of an address, made if need be; NULL: ANY, too many, or no memory and *err. */
static struct place *take_place(struct film_bus *b, int side, uint32_t addr, int *err)
{
	struct place *p = NULL;

	if (addr == RPMSG_ADDR_ANY)
		return NULL;
	if (!*err)
		*err = places_get(b->places, side, addr, &p);
	if (*err == -ENOSPC)
		*err = 0;
	return p;
}

static bool is_nobodys(struct place *p, uint64_t now)
{
	if (p->nobodys && now - p->nobodys_ns > NOBODY_NS) {
		p->nobodys = false;
		p->untold = 0;
	}
	return p->nobodys;
}

static void meet(struct place *p, uint32_t other)
{
	if (p->st.dst == RPMSG_ADDR_ANY)
		p->st.dst = other;
}

static void put_sent(struct place *from, const struct rpmsg_record *m)
{
	from->nobodys = false;
	from->stalled_ns = 0;
	from->st.queued = 0;
	count(&from->st.counts.tx, m->len, m->time_ns);
	meet(from, m->dst);
}

static void put_received(struct film_bus *b, struct place *to, const struct rpmsg_record *m)
{
	if (is_nobodys(to, m->time_ns)) {
		to->untold++;
		count_stray(&b->side[!sender(m)].stats, m, m->len);
		return;
	}
	count(&to->st.counts.rx, m->len, m->time_ns);
	meet(to, m->src);
	to->heard |= to->offered;
}

static int put_message(struct film_bus *b, const struct rpmsg_record *m)
{
	int s = sender(m), err = 0;
	struct place *from = NULL, *to = NULL;

	if (m->dst != RPMSG_NS_ADDR) {
		take_place(b, s, m->src, &err);
		to = take_place(b, !s, m->dst, &err);
		from = places_find(b->places, s, m->src); /* the second may have moved it */
		b->rowless += (!from && m->src != RPMSG_ADDR_ANY) ||
			      (!to && m->dst != RPMSG_ADDR_ANY);
	}
	if (err)
		return err;
	if (from && to)
		places_join(b->places, &from, &to);
	if (from)
		put_sent(from, m);
	if (to)
		put_received(b, to, m);
	count(&b->side[s].stats.counts.tx, m->len, m->time_ns);
	count(&b->side[!s].stats.counts.rx, m->len, m->time_ns);
	for (int i = 0; i < SIDES; i++)
		if (!b->side[i].told)
			b->side[i].up = true;
	return 0;
}

/* ---- name service ---- */

static int put_announcement(struct film_bus *b, const struct rpmsg_record *m)
{
	struct announcement a;

	if (!announcement_read(m, &a) || a.addr == RPMSG_ADDR_ANY)
		return 0;
	if (a.withdrawn) {
		places_withdraw(b->places, sender(m), a.addr, a.name);
		return 0;
	}
	return places_offer(b->places, sender(m), a.addr, a.name,
			    m->type == RPMSG_RECORD_ANNOUNCE ? m->dst : RPMSG_ADDR_ANY);
}

/* ---- the link ---- */

static uint64_t features_of(const char *text)
{
	static const uint64_t known[] = {
		RPMSG_F_NS, RPMSG_F_INDIRECT, RPMSG_F_EVENT_IDX, RPMSG_F_VERSION_1,
	};
	uint64_t features = 0;
	char word[64];

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t n;

		stats_features(known[i], word, sizeof(word));
		n = strlen(word);
		for (const char *at = text; *at; at += strspn(at, " ,")) {
			if (strcspn(at, " ,") == n && !strncmp(at, word, n))
				features |= known[i];
			at += strcspn(at, " ,");
		}
	}
	return features;
}

/* "VERSION_1 NS, 496 bytes" */
static uint32_t mtu_of(const char *text)
{
	const char *comma = strrchr(text, ',');
	unsigned n;
	int end = 0;

	if (sscanf(comma ? comma + 1 : text, " %5u bytes%n", &n, &end) != 1 || !end)
		return 0;
	return n;
}

static void full_ends(struct side *side, uint64_t now)
{
	if (side->full_since_ns && now > side->full_since_ns)
		side->stats.tx_ring.full_ns += now - side->full_since_ns;
	side->full_since_ns = 0;
}

static void link_changed(struct side *side, const struct rpmsg_record *m)
{
	side->up = m->type == RPMSG_RECORD_UP;
	side->generation = m->value;
	full_ends(side, m->time_ns);
	if (!side->up)
		return;
	side->features = features_of(m->text);
	side->mtu_tx = mtu_of(m->text);
}

/* What one side tells holds for the other too, unless that tells itself. */
static void put_link(struct film_bus *b, const struct rpmsg_record *m)
{
	struct side *own = &b->side[sender(m)], *other = &b->side[!sender(m)];

	own->told = true;
	link_changed(own, m);
	if (!other->told)
		link_changed(other, m);
	if (m->type == RPMSG_RECORD_DOWN)
		places_unlink(b->places);
}

/* ---- other events ---- */

/* How many an event stands for: "and N more" of those that came too fast have no addresses. */
static uint64_t times(const struct rpmsg_record *m)
{
	return m->src == RPMSG_ADDR_ANY && m->dst == RPMSG_ADDR_ANY && m->count ? m->count : 1;
}

static void put_no_recipient(struct film_bus *b, const struct rpmsg_record *m)
{
	struct rpmsg_stats *stats = &b->side[!sender(m)].stats;
	struct place *to = places_find(b->places, !sender(m), m->dst);
	unsigned len = m->count <= UINT16_MAX ? (unsigned)m->count : 0;

	if (m->dst == RPMSG_ADDR_ANY) {
		stats->no_recipient += times(m);
		return;
	}
	stats->no_recipient++;
	if (to && to->untold) {
		to->untold--;
	} else {
		count_stray(stats, m, len);
		if (to)
			uncount(&to->st.counts.rx, len);
	}
	if (!to)
		return;
	to->nobodys = true;
	to->nobodys_ns = m->time_ns;
}

/* Whether a send that found none waited or failed is not told. */
static void put_no_buffer(struct film_bus *b, const struct rpmsg_record *m)
{
	struct side *side = &b->side[sender(m)];
	struct place *from = places_find(b->places, sender(m), m->src);

	side->full_since_ns = m->time_ns;
	side->stats.tx_ring.full++;
	side->stats.counts.errors[RPMSG_ERROR_NO_BUFFER]++;
	if (from)
		from->st.counts.errors[RPMSG_ERROR_NO_BUFFER]++;
	strncpy(side->stats.tx_ring.holder, m->text, sizeof(side->stats.tx_ring.holder) - 1);
}

/* The first send of a shortage has been counted, but not of those that are summed up. */
static void put_buffer(struct film_bus *b, const struct rpmsg_record *m)
{
	struct side *side = &b->side[sender(m)];
	uint64_t counted = side->full_since_ns ? 1 : 0;

	if (m->count > counted)
		side->stats.counts.errors[RPMSG_ERROR_NO_BUFFER] += m->count - counted;
	side->stats.tx_ring.full += !counted;
	side->stats.tx_ring.full_ns += m->duration_ns;
	side->full_since_ns = 0;
}

static int put_not_read(struct film_bus *b, const struct rpmsg_record *m)
{
	int s = !sender(m), err = 0;
	struct place *p = take_place(b, s, m->dst, &err);

	if (m->type == RPMSG_RECORD_DROP)
		b->side[s].stats.counts.dropped += m->count;
	if (!p)
		return err;
	p->st.holder_kind = RPMSG_HOLDER_CLIENT;
	p->st.holder_pid = (int)m->value;
	strncpy(p->st.holder, m->text, sizeof(p->st.holder) - 1);
	if (m->type == RPMSG_RECORD_DROP) {
		p->st.counts.dropped += m->count;
		p->stalled_ns = 0;
		p->st.queued = 0;
	} else {
		p->stalled_ns = m->time_ns;
		p->st.queued = (uint32_t)m->count;
	}
	return 0;
}

/* Whoever tells of the link has found it; if both do, the side that was to read it. */
static struct side *finder(struct film_bus *b, const struct rpmsg_record *m)
{
	if (b->side[HOST].told != b->side[REMOTE].told)
		return &b->side[b->side[REMOTE].told ? REMOTE : HOST];
	return &b->side[!sender(m)];
}

static void put_malformed(struct film_bus *b, const struct rpmsg_record *m)
{
	finder(b, m)->stats.malformed += times(m);
	if (!m->count)
		snprintf(b->refused, sizeof(b->refused), "%s", m->text);
}

static int put_event(struct film_bus *b, const struct rpmsg_record *m)
{
	switch (m->type) {
	case RPMSG_RECORD_UP:
	case RPMSG_RECORD_DOWN:
		put_link(b, m);
		return 0;
	case RPMSG_RECORD_RESET:
	case RPMSG_RECORD_MALFORMED:
		put_malformed(b, m);
		return 0;
	case RPMSG_RECORD_NO_RECIPIENT:
		put_no_recipient(b, m);
		return 0;
	case RPMSG_RECORD_NO_BUFFER:
		put_no_buffer(b, m);
		return 0;
	case RPMSG_RECORD_BUFFER:
		put_buffer(b, m);
		return 0;
	case RPMSG_RECORD_STALL:
	case RPMSG_RECORD_DROP:
		return put_not_read(b, m);
	case RPMSG_RECORD_REFUSED:
		b->side[!sender(m)].stats.ns_refused += times(m);
		return 0;
	case RPMSG_RECORD_LOST:
		b->lost += m->count;
		return 0;
	default: /* name service, or of a later version */
		return 0;
	}
}

int film_bus_put(struct film_bus *b, const struct rpmsg_record *m)
{
	int err;

	if (!b->first_ns)
		b->first_ns = m->time_ns;
	err = m->type == RPMSG_RECORD_MESSAGE ? put_message(b, m) : put_event(b, m);
	return err ? err : put_announcement(b, m);
}

/* ---- pictures ---- */

static int picture_endpoint(struct snapshot_side *to, const struct place *p, uint64_t now)
{
	struct rpmsg_endpoint_stats *st;

	if (!place_is_seen(p))
		return 0;
	st = snapshot_add_endpoint(to);
	if (!st)
		return -ENOMEM;
	*st = p->st;
	if (!p->stalled_ns || now - p->stalled_ns > STALL_NS)
		st->queued = 0;
	else
		st->queued_ns = now - p->stalled_ns;
	return 0;
}

static struct rpmsg_channel_status *picture_channel(struct snapshot_side *to, const struct place *p)
{
	struct rpmsg_channel_status *st = snapshot_add_channel(to);

	if (!st)
		return NULL;
	st->size = sizeof(*st);
	memcpy(st->info.name, p->st.channel.name, sizeof(st->info.name));
	st->info.src = p->st.addr;
	st->info.dst = p->st.dst;
	st->origin = p->by_hand ? RPMSG_CHANNEL_STATIC : RPMSG_CHANNEL_SERVICE;
	st->announced = !p->by_hand;
	st->peer_seen = p->heard;
	st->counts = p->st.counts;
	st->tx = st->counts.tx.messages;
	st->rx = st->counts.rx.messages;
	return st;
}

/* Whoever has it on the other side, if anybody, is not known by name. */
static int picture_learned(struct snapshot_side *to, const struct place *p)
{
	struct rpmsg_channel_status *st = picture_channel(to, p);

	if (!st)
		return -ENOMEM;
	st->info.src = p->user;
	st->info.dst = p->st.addr;
	st->origin = RPMSG_CHANNEL_LEARNED;
	st->announced = st->peer_seen = false;
	st->holder_kind = p->user == RPMSG_ADDR_ANY ? RPMSG_HOLDER_NONE : RPMSG_HOLDER_CLIENT;
	st->counts = (struct rpmsg_counts){.tx = p->st.counts.rx, .rx = p->st.counts.tx};
	st->tx = st->counts.tx.messages;
	st->rx = st->counts.rx.messages;
	return 0;
}

static int picture_place(struct snapshot *picture, const struct place *p, uint64_t now)
{
	struct snapshot_side *own = &picture->side[p->side], *other = &picture->side[!p->side];
	int err = picture_endpoint(own, p, now);

	if (err || !p->offered)
		return err;
	if (!picture_channel(own, p))
		return -ENOMEM;
	return p->by_hand ? 0 : picture_learned(other, p);
}

static void picture_link(const struct film_bus *b, int s, struct rpmsg_bus_info *info)
{
	const struct side *side = &b->side[s];

	*info = (struct rpmsg_bus_info){
		.size = sizeof(*info),
		.side = s == HOST ? RPMSG_SIDE_HOST : RPMSG_SIDE_REMOTE,
		.up = side->up,
		.both_sides = true,
		.generation = side->generation,
		.features = side->features,
		.mtu_tx = side->mtu_tx,
		.mtu_rx = b->side[!s].mtu_tx,
		.tx = side->stats.counts.tx.messages,
		.rx = side->stats.counts.rx.messages,
		.no_recipient = side->stats.no_recipient,
		.malformed = side->stats.malformed,
		.ns_refused = side->stats.ns_refused,
	};
	memcpy(info->name, b->name, sizeof(info->name));
}

static void picture_side(const struct film_bus *b, int s, uint64_t now, struct snapshot_side *to)
{
	const struct side *side = &b->side[s];

	to->served = true;
	picture_link(b, s, &to->info);
	to->stats = side->stats;
	to->stats.size = sizeof(to->stats);
	to->stats.time_ns = now;
	to->stats.since_ns = b->first_ns;
	to->stats.n_channels = (uint32_t)to->n_channels;
	to->stats.n_endpoints = (uint32_t)to->n_endpoints;
	if (side->full_since_ns && now > side->full_since_ns)
		to->stats.tx_ring.full_ns += now - side->full_since_ns;
}

int film_bus_picture(const struct film_bus *b, uint64_t now, struct snapshot *picture)
{
	const struct place *p = NULL;
	int err;

	memcpy(picture->bus, b->name, sizeof(picture->bus));
	picture->time_ns = picture->clock_ns = now;
	for (int s = 0; s < SIDES; s++)
		picture->side[s].n_channels = picture->side[s].n_endpoints = 0;
	while ((p = places_next(b->places, p))) {
		err = picture_place(picture, p, now);
		if (err)
			return err;
	}
	for (int s = 0; s < SIDES; s++)
		picture_side(b, s, now, &picture->side[s]);
	return 0;
}
