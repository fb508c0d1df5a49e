/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen: all that it is in one struct view, which keys change and draw_*.c only reads.
 *
 * terminal.h   taking the terminal over and giving it back
 * keyboard.h   what was typed
 * view.c       the selected row, order and choice, what is said in the last line
 * records.c    which records are wanted: for the panes, for a capture
 * layout.h     where things are, for a screen of any size
 * draw.h       pens, bars, styles
 */
#ifndef RPMSG_TOP_SCREEN_H
#define RPMSG_TOP_SCREEN_H

#include "rpmsg-top/advice.h"
#include "rpmsg-top/events.h"
#include "rpmsg-top/keyboard.h"
#include "rpmsg-top/picks.h"
#include "rpmsg-top/prompt.h"
#include "rpmsg-top/terminal.h"

#define VIEW_ADVICE_MAX 16
#define VIEW_ALL_BUSES (-1L)

enum page { PAGE_TABLE, PAGE_DETAIL, PAGE_HELP };
enum pane { PANE_TABLE, PANE_MESSAGES, PANE_EVENTS, N_PANES };
enum dump { DUMP_BOTH, DUMP_HEX, DUMP_TEXT, N_DUMPS };

/* A list whose newest is shown last. One that is scrolled, or all when paused, stands still. */
struct tail {
	size_t scroll;      /* how many of the newest are out of sight */
	uint64_t newest_ns; /* what is newer than this is not shown */
};
#define TAIL_OPEN UINT64_MAX

struct view {
	const struct config *cfg;
	struct source *src;
	struct table *table;
	struct events *events;
	struct terminal terminal;
	struct keyboard keyboard;
	int64_t interval_ns;

	/* a file, and its time */
	bool film;
	struct source_time time;

	/* what is shown, and how */
	long bus;                       /* or VIEW_ALL_BUSES */
	enum column sort;
	bool invert;
	char filter[PROMPT_SIZE], search[PROMPT_SIZE];
	bool paused;
	int64_t hurried_ns;             /* all the same a picture of then or later is wanted; or 0 */
	size_t first_column;            /* how many are scrolled away */
	bool show[N_PANES];
	enum pane focus;
	struct tail tail[N_PANES];
	enum dump dump;

	/* the selected row; chosen: by the user, so that it is followed where it goes */
	bool chosen;
	struct row_key key;
	long at, top;                   /* its place, -1: there is no row; the first one shown */
	int longest_service, longest_address, longest_bus; /* of all rows, in columns */

	/* what covers the table */
	enum page page;
	size_t page_top;
	bool menu;                      /* of columns to sort by */
	size_t menu_at;

	struct prompt prompt;
	struct row_key key_before;      /* the selected row when it was opened */
	bool chosen_before;
	char note[256];                 /* said in the last line until then */
	bool note_bad;
	int64_t note_until;

	struct advice advice[VIEW_ADVICE_MAX]; /* the worst first */
	size_t n_advice;
	struct picks wanted, kept;      /* rows whose messages are shown; are captured */
	size_t n_tagged;

	int64_t clicked_ns;             /* for a double click */
	long clicked_row;
	bool changed;                   /* the screen is to be drawn */
	bool done;
	enum tool_exit code;
};

/* ---- view.c ---- */

/* After the rows changed: finds the selected one again, and scrolls to it. */
void view_settle(struct view *v);
/* Selects by place, as the user does; beyond the ends: the ends. */
void view_select(struct view *v, long i);
/* To the first row, and to stay there whatever row that is. */
void view_home(struct view *v);
/* NULL: there is no row. */
struct row *view_row(const struct view *v);
void view_sort(struct view *v, enum column column, bool invert);
void view_filter(struct view *v, const char *text);
/* Selects the next row that has v->search, from the selected one (itself: if same) on. */
bool view_search(struct view *v, bool down, bool same);
void view_next_bus(struct view *v);
void view_tag(struct view *v);
void view_untag_all(struct view *v);
void view_pause(struct view *v, bool on);
/* What is wrong with the buses that are shown. */
void view_advise(struct view *v);
void view_note(struct view *v, bool bad, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- records.c ---- */

/* After rows, tags or the selected row changed: which records are wanted from now on. */
void records_choose(struct view *v);
/* Reads what there is. True if anything that is shown is new. */
bool records_update(struct view *v);
/* Key w: begins a capture, or ends it. */
void records_capture(struct view *v);
bool records_captured(const struct view *v);
/* Where a pane's list begins: the index of the newest that may be shown. */
size_t records_newest(const struct view *v, enum pane pane);
/* How many a pane has from there on. */
size_t records_count(const struct view *v, enum pane pane);
void records_scroll(struct view *v, enum pane pane, long by);
void records_scroll_to(struct view *v, enum pane pane, bool oldest);

/* ---- keys.c, find_keys.c, mouse.c, time_keys.c ---- */

void keys_take(struct view *v, int key, bool pasted);
void mouse_take(struct view *v);
/* Opens a prompt; keys are find_key()'s as long as there is one. */
void find_prompt(struct view *v, enum prompt_kind kind);
void find_key(struct view *v, int key, bool pasted);
/* Goes to the next row that has the text, or says that there is none. */
void find_search(struct view *v, bool down, bool same);
/* Keys that move the time of a file; false: it is none of them. */
bool time_key(struct view *v, int key);

/* ---- draw_*.c ---- */

void draw_view(const struct view *v);

#endif
