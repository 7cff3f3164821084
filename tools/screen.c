/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/screen.c - the terminal of memsan slabtop: draws a screen again and again, reads single keys. */
#include "config.h"

#include "tools/tools.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The terminal is left as it was found, also when a signal ends the program.  So the signal handlers only set a flag,
 * and poll returns. */
static struct termios found;
static bool has_keys;              /* standard input is a terminal, and memsan is in its foreground */
static volatile sig_atomic_t stop; /* the signal that ends the program; 0: none yet */

static void on_signal(int sig)
{
	if (sig != SIGWINCH && sig != SIGCONT)
		stop = sig;
}

static void take_keys(void)
{
	struct termios t = found;

	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(0, TCSADRAIN, &t);
}

void screen_start(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT };
	struct sigaction act = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &act, NULL);
	/* in the background, the settings of the terminal belong to another program */
	has_keys = isatty(0) && tcgetpgrp(0) == getpgrp() && tcgetattr(0, &found) == 0;
	if (has_keys)
		take_keys();
}

void screen_end(void)
{
	if (has_keys)
		tcsetattr(0, TCSADRAIN, &found);
	has_keys = false;
	if (stop) {
		signal(stop, SIG_DFL);
		fflush(stdout);
		raise(stop);
	}
}

void screen_draw(const char *text)
{
	struct winsize w = { .ws_row = 0 };
	size_t rows, columns;

	if (ioctl(1, TIOCGWINSZ, &w) != 0)
		w.ws_row = 0;
	rows = w.ws_row ? w.ws_row : 24;
	columns = w.ws_col ? w.ws_col : 80;
	printf("\033[H\033[J");
	for (size_t row = 0; row < rows && *text; row++) {
		size_t len = strcspn(text, "\n");

		/* no newline behind the last line, so that nothing scrolls */
		printf("%s%.*s", row ? "\n" : "", (int)(len < columns ? len : columns), text);
		text += len + (text[len] == '\n');
	}
	fflush(stdout);
}

int screen_key(double seconds)
{
	struct pollfd p = { .fd = has_keys ? 0 : -1, .events = POLLIN };
	unsigned char key;
	int n;

	if (stop)
		return SCREEN_END;
	n = poll(&p, 1, (int)(seconds * 1000));
	if (stop)
		return SCREEN_END;
	if (n < 0 && errno == EINTR && has_keys)
		take_keys(); /* a shell may have stopped and continued memsan, and set its own mode */
	if (n <= 0)
		return 0;
	/* a terminal that is gone sends no more keys */
	return read(0, &key, 1) == 1 ? key : SCREEN_END;
}
