/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpmsg-top/terminal.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <rpmsg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "common/run.h"
#include "rpmsg-top/keyboard.h"
#include "rpmsg-top/signals.h"

#define ESCAPE_DELAY_MS 50
#define SAID_MAX 65536u /* of stderr is kept */

static struct {
	SCREEN *screen;
	WINDOW *keys; /* a pad: reading a key from it draws nothing */
	bool hidden;  /* it is given back, for the time being or for good */
	FILE *input;  /* stdin, or the controlling terminal if that is a file */
	const char *paste_on, *paste_off;
	struct signals_undo undo;
	int said[2];  /* the pipe in stderr's place; -1: stderr is no terminal */
	char text[SAID_MAX];
	size_t len;
} t = {.said = {-1, -1}, .undo.stderr_fd = -1};

/* ---- what there is ---- */

static const char *term_name(void)
{
	const char *name = getenv("TERM");

	return name && *name ? name : "(not set)";
}

static enum tool_exit check(void)
{
	int err;

	if (setupterm(NULL, STDOUT_FILENO, &err) != OK) {
		tool_error("TERM=%s: the terminal is unknown, or cannot show a screen: use --batch",
			   term_name());
		return TOOL_FAIL;
	}
	err = !cursor_address || !clear_screen;
	del_curterm(cur_term);
	if (!err)
		return TOOL_OK;
	tool_error("TERM=%s: the terminal cannot show a screen: use --batch", term_name());
	return TOOL_FAIL;
}

/* Keys come from the terminal, also where standard input is a file. */
static enum tool_exit open_input(void)
{
	if (isatty(STDIN_FILENO))
		t.input = stdin;
	else
		t.input = fopen("/dev/tty", "re");
	if (t.input)
		return TOOL_OK;
	tool_error("no terminal for keys: /dev/tty: %s", strerror(errno));
	return TOOL_FAIL;
}

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR");

	return !(no_color && *no_color) && has_colors();
}

/* ---- stderr ---- */

static void take_stderr(void)
{
	if (!isatty(STDERR_FILENO) || pipe2(t.said, O_CLOEXEC | O_NONBLOCK))
		return;
	t.undo.stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (t.undo.stderr_fd >= 0)
		dup2(t.said[1], STDERR_FILENO);
}

static void return_stderr(void)
{
	if (t.undo.stderr_fd < 0)
		return;
	dup2(t.undo.stderr_fd, STDERR_FILENO);
	close(t.undo.stderr_fd);
	t.undo.stderr_fd = -1;
}

/* Reads what there is; of more than is kept the oldest goes. How much is new. */
static size_t hear(void)
{
	char some[4096];
	size_t n = 0;
	ssize_t got;

	while (t.said[0] >= 0 && (got = read(t.said[0], some, sizeof(some))) > 0) {
		size_t add = (size_t)got;
		size_t over = t.len + add > SAID_MAX ? t.len + add - SAID_MAX : 0;

		memmove(t.text, t.text + over, t.len - over);
		t.len -= over;
		memcpy(t.text + t.len, some, add);
		t.len += add;
		n += add;
	}
	return n;
}

bool terminal_said(char *line, size_t size)
{
	size_t end, begin;

	if (!hear())
		return false;
	end = t.len;
	while (end && t.text[end - 1] == '\n')
		end--;
	begin = end;
	while (begin && t.text[begin - 1] != '\n')
		begin--;
	format_printable(line, size, t.text + begin, end - begin);
	return *line;
}

/* ---- giving it back, also from a signal handler ---- */

static int undo_byte(int c)
{
	if (t.undo.len < sizeof(t.undo.bytes))
		t.undo.bytes[t.undo.len++] = (char)c;
	return c;
}

static void undo_add(const char *capability)
{
	if (capability && capability != (char *)-1)
		tputs(capability, 1, undo_byte);
}

/* The bytes that endwin() would write, more or less: what the terminal does not know it ignores. */
static void prepare_undo(bool mouse)
{
	t.undo.len = 0;
	if (mouse)
		undo_add("\033[?1006l\033[?1000l");
	undo_add(t.paste_off);
	undo_add(orig_pair);
	undo_add(exit_attribute_mode);
	undo_add(keypad_local);
	undo_add(cursor_normal);
	undo_add(exit_ca_mode);
	undo_add("\r\n");
}

static void paste_mode(bool on)
{
	const char *bytes = on ? t.paste_on : t.paste_off;

	if (bytes)
		(void)!write(STDOUT_FILENO, bytes, strlen(bytes));
}

/* A paste is told from keys where the terminal is known to tell, or is of a family that does. */
static void find_paste_mode(void)
{
	static const char *const family[] = {"screen", "xterm", "rxvt", "tmux"};
	char *on = tigetstr("BE"), *off = tigetstr("BD");

	t.paste_on = t.paste_off = NULL;
	if (on && on != (char *)-1 && off && off != (char *)-1) {
		t.paste_on = on;
		t.paste_off = off;
	}
	for (size_t i = 0; !t.paste_on && i < sizeof(family) / sizeof(*family); i++)
		if (strncmp(term_name(), family[i], strlen(family[i])) == 0) {
			t.paste_on = "\033[?2004h";
			t.paste_off = "\033[?2004l";
		}
}

/* ---- taking it over ---- */

/* ^C and ^Z stay signals; ^S, ^Q, ^V and ^O are keys, so that a paste cannot freeze the screen. */
static void set_modes(void)
{
	struct termios modes;
	int fd = fileno(t.input);

	cbreak();
	noecho();
	nonl();
	if (tcgetattr(fd, &modes))
		return;
	modes.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
	modes.c_lflag &= ~(tcflag_t)IEXTEN;
	tcsetattr(fd, TCSANOW, &modes);
	def_prog_mode();
}

static void set_size(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || !ws.ws_row || !ws.ws_col)
		return;
	if (ws.ws_row != LINES || ws.ws_col != COLS)
		resizeterm(ws.ws_row, ws.ws_col);
}

static bool set_mouse(const struct config *cfg)
{
	if (cfg->no_mouse)
		return false;
	mouseinterval(0);
	return mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL) != 0;
}

static bool start_curses(void)
{
	if (!getenv("ESCDELAY"))
		set_escdelay(ESCAPE_DELAY_MS);
	t.screen = newterm(NULL, stdout, t.input);
	if (!t.screen)
		return false;
	t.keys = newpad(1, 1);
	if (!t.keys)
		return false;
	set_modes();
	set_size();
	curs_set(0);
	keypad(t.keys, TRUE);
	nodelay(t.keys, TRUE);
	define_key("\033[200~", KEYBOARD_PASTE_BEGIN);
	define_key("\033[201~", KEYBOARD_PASTE_END);
	return true;
}

static void use_what_there_is(const struct config *cfg, struct terminal *terminal)
{
	terminal->color = wants_color() && start_color() == OK && use_default_colors() == OK;
	terminal->mouse = set_mouse(cfg);
	terminal->utf8 = !cfg->ascii && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	terminal->keys_fd = fileno(t.input);
	terminal->wake_fd = signals_fd();
	terminal->said_fd = t.said[0];
	find_paste_mode();
	prepare_undo(terminal->mouse);
	signals_arm(&t.undo);
	paste_mode(true);
}

enum tool_exit terminal_open(const struct config *cfg, struct terminal *terminal)
{
	enum tool_exit code = check();
	int err;

	if (code == TOOL_OK)
		code = open_input();
	if (code != TOOL_OK)
		return code;
	setlocale(LC_CTYPE, "");
	t.undo.fd = STDOUT_FILENO;
	err = tcgetattr(fileno(t.input), &t.undo.modes) ? -errno : signals_install();
	if (err) {
		tool_error("terminal: %s", rpmsg_strerror(err));
		return TOOL_FAIL;
	}
	if (!start_curses()) {
		terminal_close();
		tool_error("TERM=%s: the terminal cannot show a screen: use --batch", term_name());
		return TOOL_FAIL;
	}
	take_stderr();
	use_what_there_is(cfg, terminal);
	return TOOL_OK;
}

/* Without a screen besides the one that was there what follows goes below the picture. */
static void hide(void)
{
	t.hidden = true;
	paste_mode(false);
	endwin();
	if (!exit_ca_mode)
		(void)!write(STDOUT_FILENO, "\n", 1);
	signals_arm(NULL);
}

/* The modes of a terminal that others have by now are theirs. */
static void leave(void)
{
	if (t.hidden)
		return;
	if (!signals_in_background(t.undo.fd)) {
		hide();
		return;
	}
	(void)!write(t.undo.fd, t.undo.bytes, t.undo.len);
	signals_arm(NULL);
}

void terminal_close(void)
{
	if (t.screen) {
		leave();
		if (t.keys)
			delwin(t.keys);
		delscreen(t.screen);
	}
	t.hidden = false;
	t.screen = NULL;
	t.keys = NULL;
	return_stderr();
	hear();
	if (t.len)
		(void)!write(STDERR_FILENO, t.text, t.len);
	t.len = 0;
	for (int i = 0; i < 2; i++) {
		if (t.said[i] >= 0)
			close(t.said[i]);
		t.said[i] = -1;
	}
	signals_remove();
	if (t.input && t.input != stdin)
		fclose(t.input);
	t.input = NULL;
}

/* ---- while it is ours ---- */

static void show(void)
{
	t.hidden = false;
	set_size();
	signals_arm(&t.undo);
	clearok(curscr, TRUE);
	refresh();
	paste_mode(true);
}

void terminal_stop(void)
{
	hide();
	signals_stop_self();
	signals_take(); /* to continue is among them */
	if (!run_stopped()) /* a job that is killed is not in the foreground again */
		show();
}

bool terminal_attend(void)
{
	unsigned asked = signals_take();

	if (asked & SIGNALS_STOP) {
		terminal_stop();
	} else if (asked & SIGNALS_CONTINUE) { /* whoever stopped us has changed its modes */
		hide();
		show();
	} else if (asked & SIGNALS_RESIZE) {
		set_size();
		clearok(curscr, TRUE);
	}
	return asked != 0;
}

void terminal_repaint(void)
{
	clearok(curscr, TRUE);
}

int terminal_getch(void)
{
	return wgetch(t.keys);
}
